#!/usr/bin/env bash
# A Slurm of this machine alone, for tests: slurm.sh start FOLDER, then SLURM_CONF=FOLDER/slurm.conf; slurm.sh stop FOLDER.
# Needs slurmctld, slurmd and munge, and root. A start that fails says why and ends with 1.
set -euo pipefail
folder=$2
conf=$folder/slurm.conf

start() {
    mkdir -p "$folder"/{state,spool} /run/munge
    [ -s /etc/munge/munge.key ] || dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
    chown munge: /etc/munge/munge.key /run/munge
    chmod 400 /etc/munge/munge.key
    chmod 755 /run/munge
    munge -n >/dev/null 2>&1 || su -s /bin/sh munge -c munged
    cat >"$conf" <<END
ClusterName=scale
SlurmctldHost=$(hostname)(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
NodeName=$(hostname) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES OverSubscribe=FORCE:8 State=UP
END
    slurmctld -f "$conf"
    sleep 1
    slurmd -f "$conf"
    for _ in $(seq 60); do
        SLURM_CONF=$conf sinfo -h -o %T 2>/dev/null | grep -q idle && return
        sleep 0.5
    done
    echo "slurm.sh: the node does not become idle; see $folder/slurmctld.log and slurmd.log" >&2
    return 1
}

stop() {
    for name in slurmd slurmctld; do
        [ ! -s "$folder/$name.pid" ] || kill "$(cat "$folder/$name.pid")" || true
    done
}

"$1"
