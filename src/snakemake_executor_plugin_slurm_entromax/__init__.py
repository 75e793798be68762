"""Snakemake's Slurm executor without its silent hangs: ``executor: slurm-entromax``.

Snakemake finds this package by its name. It submits with ``snakemake-executor-plugin-slurm`` (2.8.0) and replaces how
that one watches its jobs. It can go, and the profile say ``executor: slurm`` again, when the plugin

* ends a job whose state is ``CANCELLED by <uid>`` (as ``sacct`` writes it) or that Slurm has forgotten,
* keeps its jobs when several status queries in a row fail (a controller that restarts is enough), and
* does not submit a second time what still runs after Snakemake itself was killed.

``tests/slurm`` shows each of these on a real Slurm.
"""

import hashlib
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as SlurmExecutor
from snakemake_executor_plugin_slurm import ExecutorSettings, common_settings
from snakemake_executor_plugin_slurm.job_status_query import (
    is_query_tool_available,
    query_job_status,
    query_job_status_sacct,
    query_job_status_squeue,
)
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.jobs import JobExecutorInterface

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

FAILED = ("BOOT_FAIL", "CANCELLED", "DEADLINE", "FAILED", "LAUNCH_FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT")
GIVE_UP = 10
"""Answers of Slurm in a row without a job, or with it preempted, after which the job counts as lost."""
LONGEST_PAUSE = 60
"""Seconds between two looks at the queue when nothing ends."""
ORPHANS_END = 180
"""Seconds that jobs of a killed Snakemake may take to end after they were cancelled."""


class Executor(SlurmExecutor):
    """Submits like the plugin; watches, and takes care of the jobs of an earlier Snakemake, by itself."""

    run_uuid: str
    next_seconds_between_status_checks: int

    def __post_init__(self, test_mode: bool = False) -> None:
        super().__post_init__(test_mode)
        # The folder of the campaign is part of every job name: a restart finds its own jobs and no others.
        campaign, run = hashlib.sha256(os.getcwd().encode()).hexdigest()[:8], self.run_uuid.rsplit("_", 1)[-1]
        family = f"{self.workflow.executor_settings.jobname_prefix or 'snakemake'}-{campaign}"
        self.run_uuid = f"{family}-{run}"
        self._cancel_orphans(family)

    def _cancel_orphans(self, family: str) -> None:
        """End what an earlier Snakemake has left in the queue; two jobs must never write the same files.

        Raises:
            WorkflowError: the jobs do not end.
        """
        deadline = time.monotonic() + ORPHANS_END
        cancelled: set[str] = set()
        while orphans := _queued(family):
            if time.monotonic() > deadline:
                raise WorkflowError(
                    f"jobs {' '.join(sorted(orphans))} of an earlier run in this folder do not end; "
                    "`scontrol show job` says why. Run Snakemake again when they are gone."
                )
            if orphans - cancelled:
                self.logger.warning(f"Cancelling jobs that an earlier run has left: {' '.join(sorted(orphans))}")
                subprocess.run(["scancel", *orphans], check=False)
                cancelled |= orphans
            time.sleep(1)

    def run_job(self, job: JobExecutorInterface) -> None:
        """Submit a job; while the controller is away, wait: a failed ``sbatch`` would cost one of the retries."""
        while " UP" not in _output("scontrol", "ping"):
            self.logger.warning("The Slurm controller does not answer; waiting to submit.")
            time.sleep(5)
        super().run_job(job)

    async def check_active_jobs(self, active_jobs: list[SubmittedJobInfo]) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that have ended, yield the others: all of them when Slurm gives no answer."""
        states = await self._states({str(job.external_jobid) for job in active_jobs}) if active_jobs else {}
        any_ended = not active_jobs
        for job in active_jobs:
            aux: dict[str, Any] = job.aux if job.aux is not None else {}
            state = None if states is None else states.get(str(job.external_jobid), "GONE").split()[0]
            aux["absent"] = aux.get("absent", 0) + 1 if state in ("GONE", "PREEMPTED") else 0
            if state == "COMPLETED":
                self.report_job_success(job)
                if not self.workflow.executor_settings.keep_successful_logs:
                    Path(aux["slurm_logfile"]).unlink(missing_ok=True)
            elif state in FAILED or aux["absent"] >= GIVE_UP:
                message = f"Slurm job {job.external_jobid} has ended: {state}. "
                self.report_job_error(job, msg=message, aux_logs=[str(aux.get("slurm_logfile"))])
            else:
                yield job
                continue
            any_ended = True
        first = self.workflow.executor_settings.init_seconds_before_status_checks
        later = min(self.next_seconds_between_status_checks + first, LONGEST_PAUSE)
        self.next_seconds_between_status_checks = first if any_ended or states is None else later

    async def _states(self, jobs: set[str]) -> dict[str, str] | None:
        """Return the states of the jobs; what the queue has forgotten is looked up in the accounting, if there is one.

        Returns:
            State by job id; None when Slurm gives no answer.
        """
        states, _ = await query_job_status(query_job_status_squeue(self.run_uuid), self.logger)
        if states is None:
            self.logger.warning("The Slurm controller does not answer; its jobs are kept and asked for again.")
        elif not jobs <= states.keys() and is_query_tool_available("sacct"):
            accounted, _ = await query_job_status(query_job_status_sacct(self.run_uuid), self.logger)
            states = (accounted or {}) | states
        return states


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _queued(family: str) -> set[str]:
    """Return the ids of this user's waiting or running jobs whose name begins with ``family``."""
    rows = (line.split("|", 1) for line in _output("squeue", "--me", "--noheader", "--format=%i|%j").splitlines())
    return {job for job, name in rows if name.startswith(f"{family}-")}
