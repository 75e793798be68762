#!/usr/bin/env bash
# cluster.sh start|stop DIR: a real one-node Slurm on the loopback interface, run by the current user (root), for tests.
set -euo pipefail
action=$1 dir=$2
host=$(hostname -s)
export PATH=$PATH:/usr/sbin

stop() {
    [ "$(readlink /etc/slurm/slurm.conf)" = "$dir/slurm.conf" ] || return 0  # not ours
    # Jobs outlive the daemons; a controller that is gone already is no reason to wait.
    timeout 5 scancel --quiet --full --signal=KILL --user="$(id -un)" 2>/dev/null || true
    for daemon in slurmd slurmctld slurmdbd mariadbd munged; do
        [ -s "$dir/$daemon.pid" ] || continue
        pid=$(cat "$dir/$daemon.pid")
        kill "$pid" 2>/dev/null || continue
        # slurmd may wait for its steps; the next cluster needs its port.
        for _ in $(seq 30); do kill -0 "$pid" 2>/dev/null && sleep 0.1 || break; done
        kill -KILL "$pid" 2>/dev/null || true
    done
    # Left behind, they would make every start of Snakemake wait 10 s for a controller that is gone.
    rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf /etc/slurm/slurmdbd.conf
}

if [ "$action" = stop ]; then stop; exit 0; fi

if [ -e /etc/slurm/slurm.conf ] && [ ! -L /etc/slurm/slurm.conf ]; then
    echo "this machine has a Slurm of its own (/etc/slurm/slurm.conf); run the tests elsewhere or leave out tests/slurm" >&2
    exit 1
fi

trap 'tail -n 5 "$dir"/*.log >&2; stop' ERR
mkdir -p "$dir/state" "$dir/spool"
chmod 755 "$dir"
(umask 077 && head -c 1024 /dev/urandom >"$dir/munge.key")
# Ports away from the defaults and sockets in $dir: a Slurm that lives on this machine is left alone.
cat >"$dir/slurm.conf" <<CONF
ClusterName=entromax
SlurmctldHost=$host(127.0.0.1)
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
AccountingStoragePass=$dir/munge.socket
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=0
MinJobAge=3600
KillWait=2
ReturnToService=2
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=20000 Gres=gpu:1
PartitionName=cpu Nodes=$host Default=YES MaxTime=UNLIMITED
PartitionName=gpu Nodes=$host MaxTime=UNLIMITED
CONF
# More CPUs than there are: most jobs of the tests sleep. A device file is all that Slurm asks of a GPU to schedule it.
echo "NodeName=$host Name=gpu File=/dev/zero" >"$dir/gres.conf"
# Accounting, as nearly every cluster has it: `sacct` knows what the queue has forgotten.
(umask 077 && cat >"$dir/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=16819
SlurmUser=$(id -un)
PidFile=$dir/slurmdbd.pid
LogFile=$dir/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=16820
StorageUser=slurm
StoragePass=slurm
CONF
)
# The jobstep plugin drops SLURM_CONF before it calls srun, so the configuration must stand at the default place.
mkdir -p /etc/slurm
ln -sfn "$dir/slurm.conf" /etc/slurm/slurm.conf
ln -sfn "$dir/gres.conf" /etc/slurm/gres.conf
ln -sfn "$dir/slurmdbd.conf" /etc/slurm/slurmdbd.conf
munged --force --key-file="$dir/munge.key" --socket="$dir/munge.socket" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munged.seed"
mariadb-install-db --no-defaults --user="$(id -un)" --datadir="$dir/mariadb" >"$dir/mariadb.log" 2>&1
printf "%s\n" "CREATE USER slurm@127.0.0.1 IDENTIFIED BY 'slurm';" "GRANT ALL ON *.* TO slurm@127.0.0.1;" >"$dir/users.sql"
mariadbd --no-defaults --user="$(id -un)" --datadir="$dir/mariadb" --socket="$dir/mariadb.socket" --port=16820 \
    --bind-address=127.0.0.1 --pid-file="$dir/mariadbd.pid" --init-file="$dir/users.sql" --skip-name-resolve \
    >>"$dir/mariadb.log" 2>&1 &
for _ in $(seq 300); do [ -s "$dir/mariadbd.pid" ] && break || sleep 0.1; done
slurmdbd
for _ in $(seq 300); do sacctmgr --immediate add cluster entromax >/dev/null 2>&1 && break || sleep 0.1; done
slurmctld -c
slurmd
for _ in $(seq 200); do
    [ "$(sinfo --noheader --partition cpu --format %T 2>/dev/null)" = idle ] && exit 0
    sleep 0.1
done
false
