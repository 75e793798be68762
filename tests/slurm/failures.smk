"""Jobs that fail at their first attempt, each in another way, and a few that must get what they ask for."""

RULES = ["out_of_time", "out_of_memory", "cancelled", "fails", "gpu", "mpi"]


rule all:
    input:
        expand("{rule}.done", rule=RULES),


rule out_of_time:
    output:
        "out_of_time.done",
    resources:
        runtime=lambda wildcards, attempt: attempt,
    shell:
        "echo {resources.runtime} >> out_of_time.attempts;"
        "[ {resources.runtime} -gt 1 ] || sleep 600; touch {output}"


rule out_of_memory:
    output:
        "out_of_memory.done",
    resources:
        mem_mb=lambda wildcards, attempt: 500 * attempt**2,
    shell:
        "echo {resources.mem_mb} >> out_of_memory.attempts;"
        "python3 -c 'import time; memory = bytearray(600_000_000); time.sleep(20)'; touch {output}"


rule cancelled:
    output:
        "cancelled.done",
    resources:
        number=lambda wildcards, attempt: attempt,
    shell:
        "echo {resources.number} >> cancelled.attempts;"
        "[ {resources.number} -gt 1 ] || sleep 600; touch {output}"


rule fails:
    output:
        "fails.done",
    resources:
        number=lambda wildcards, attempt: attempt,
    shell:
        "echo {resources.number} >> fails.attempts; [ {resources.number} -gt 1 ]; touch {output}"


rule gpu:
    output:
        "gpu.done",
    resources:
        gpu=1,
        slurm_partition="gpu",
    shell:
        "echo $CUDA_VISIBLE_DEVICES > {output}"


rule mpi:
    output:
        "mpi.done",
    resources:
        mpi="srun",
        tasks=2,
    shell:
        "{resources.mpi} -n {resources.tasks} sh -c 'echo $SLURM_PROCID of $SLURM_NTASKS' > {output}"
