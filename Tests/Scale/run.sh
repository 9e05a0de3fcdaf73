#!/usr/bin/env bash
# Trains a small UNet on phantoms on 1, 2 and 4 ranks of Open MPI, MPICH and Slurm, and compares weights and tables with
# those of one process; kills a rank, and goes on with other ranks; divides a prediction. Run by `make scale-test`.
#
# More ranks run than the machine has cores. MEDSEG names another program. What cannot be installed is skipped, loudly, or
# fails: ../Needs/needs.sh.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Tests/Needs/needs.sh
medseg=${MEDSEG:-$PWD/.build/release/medseg}
work=$(mktemp -d)
slurm=$PWD/Tests/Scale/slurm.sh
trap '"$slurm" stop "$work/slurm"; rm -rf "$work"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# A test must not wait for the machine's network.
export OMPI_MCA_btl=self,vader,tcp OMPI_MCA_btl_tcp_if_include=lo HYDRA_IFACE=lo

fail() {
    echo "scale-test: $*" >&2
    exit 1
}

# The launchers that there are.
launchers=()
prepare() {
    local packages="openmpi-bin libopenmpi-dev mpich libmpich-dev slurmctld slurmd slurm-client munge" sudo=""
    [ "$(id -u)" = 0 ] || sudo=sudo
    command -v mpirun.openmpi mpirun.mpich slurmctld munge >/dev/null || {
        # shellcheck disable=SC2086
        $sudo Tests/Needs/apt.sh $packages
    } >/dev/null 2>&1 || true
    for name in openmpi mpich; do
        if command -v "mpirun.$name" "mpicc.$name" >/dev/null; then
            launchers+=("$name")
        else
            missing "mpirun.$name" "no training ran with it"
        fi
    done
    [ ${#launchers[@]} -gt 0 ] || exit 0
    make -s mpi MPI_FOLDER="$(dirname "$medseg")"
    if [ "$(id -u)" = 0 ] && command -v slurmctld slurmd munge >/dev/null && "$slurm" start "$work/slurm"; then
        export SLURM_CONF=$work/slurm/slurm.conf
        launchers+=("${launchers[@]/#/srun-}")
    else
        missing "a Slurm of this machine" "no training ran with srun, no prediction with sbatch"
    fi
}

# launch LAUNCHER RANKS ARGUMENT…: runs medseg on so many ranks.
launch() {
    local launcher=$1 ranks=$2
    shift 2
    case $launcher in
        openmpi) mpirun.openmpi --oversubscribe --bind-to none -n "$ranks" "$medseg" "$@" ;;
        mpich) mpirun.mpich -n "$ranks" "$medseg" "$@" ;;
        srun-openmpi) srun --mpi=pmix --overcommit -n "$ranks" "$medseg" "$@" ;;
        srun-mpich) srun --mpi=pmi2 --overcommit -n "$ranks" "$medseg" "$@" ;;
        srun-none) srun --mpi=none --overcommit -n "$ranks" "$medseg" "$@" ;;
    esac
}

# What a run came to: weights, and tables without the column of seconds.
result() {
    { cat "$1"/model/model.safetensors "$1"/last/model.safetensors "$1"/validation*.csv
      cut -d, -f1,3,4 "$1/training.csv"; } | sha256sum | cut -d' ' -f1
}

same() {
    [ "$(result "$2")" = "$3" ] || fail "$1 came to other weights or losses than one process"
    echo "scale-test: $1: $3"
}

# The process of a rank of a run: ranks of any launcher have their number in a variable.
process() {
    for pid in $(pgrep -x medseg); do
        tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -- "$1" || continue
        tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" |
            grep -qE "^(OMPI_COMM_WORLD_RANK|PMI_RANK|SLURM_PROCID)=$2$" && echo "$pid" && return
    done
    fail "there is no rank $2 of $1"
}

# interrupt LAUNCHER SIGNAL RUN: starts the long training on two ranks and sends a rank a signal in mid-run; all must end
# within 30 s, and not as if all were well.
interrupt() {
    local launcher=$1 signal=$2 run=$3 begun status=0
    launch "$launcher" 2 train "$work/config.yaml" "${long[@]}" --out "$run" -q >"$run.log" 2>&1 &
    local job=$!
    until [ "$(cat "$run/training.csv" 2>/dev/null | wc -l)" -gt 12 ]; do
        kill -0 "$job" || fail "$launcher ended before the signal: $(cat "$run.log")"
        sleep 0.05
    done
    kill "-$signal" "$(process "$run" 1)"
    begun=$SECONDS
    wait "$job" || status=$?
    [ "$status" != 0 ] || fail "$launcher ended with 0 after SIG$signal: $(cat "$run.log")"
    if [ "$signal" = TERM ]; then
        [ "$status" = 143 ] && grep -q "go on with: medseg train --resume $run" "$run.log" ||
            fail "$launcher ended with $status in place of 143 after SIGTERM, or does not say how to go on: $(cat "$run.log")"
    fi
    [ $((SECONDS - begun)) -le 30 ] || fail "$launcher needed $((SECONDS - begun)) s to end after SIG$signal"
    ! pgrep -f "medseg train.*$run" >/dev/null || fail "ranks of $launcher live on after SIG$signal"
    echo "scale-test: $launcher: SIG$signal of a rank ended all in $((SECONDS - begun)) s with $status"
}

prepare
"$medseg" data phantom --count 6 --out "$work/data" -q >/dev/null
cat >"$work/config.yaml" <<END
data: $work/data
cache: $work/cache
validation: 0.4
network_def:
  _target_: UNet
  spatial_dims: 3
  in_channels: 1
  out_channels: 2
  channels: [4, 8, 16]
  strides: [2, 2]
  num_res_units: 1
  norm: batch
  dropout: 0.2
preprocessing:
  orientation: RAS
  pixdim: [6, 6, 8]
  intensity: {a_min: -100, a_max: 250, clip: true}
roi_size: [16, 16, 16]
augmentation: {flip: {prob: 0.5}, shift_intensity: {prob: 0.5}}
loss: {name: dice_ce}
optimizer: {learning_rate: 0.01}
accumulate: 4
iterations: 6
validate_every: 4
checkpoint_every: 3
END

# The same bits for every launcher and number of ranks.
"$medseg" train "$work/config.yaml" --out "$work/one" -q >/dev/null
expected=$(result "$work/one")
echo "scale-test: one process: $expected"
for launcher in "${launchers[@]}"; do
    for ranks in 1 2 4; do
        launch "$launcher" "$ranks" train "$work/config.yaml" --out "$work/$launcher-$ranks" -q >"$work/log" 2>&1 ||
            fail "$launcher on $ranks ranks: $(cat "$work/log")"
        same "$launcher, $ranks ranks" "$work/$launcher-$ranks" "$expected"
        [ "$ranks" = 1 ] || grep -q "rank 1: computing" "$work/log" || fail "$launcher does not say what its ranks did"
    done
done

# A rank that is killed or asked to stop ends all, and any other number of ranks goes on.
long=(--set iterations=60 --set validate_every=30 --set checkpoint_every=5)
"$medseg" train "$work/config.yaml" "${long[@]}" --out "$work/long" -q >/dev/null
expected=$(result "$work/long")
for launcher in "${launchers[@]}"; do
    interrupt "$launcher" KILL "$work/killed-$launcher"
    launch "$launcher" 4 train --resume "$work/killed-$launcher" -q >"$work/log" 2>&1 || fail "$launcher: $(cat "$work/log")"
    same "$launcher, killed on 2 ranks, resumed on 4" "$work/killed-$launcher" "$expected"
done
interrupt "${launchers[0]}" TERM "$work/stopped"
"$medseg" train --resume "$work/stopped" -q >/dev/null
same "${launchers[0]}, stopped on 2 ranks, resumed on 1" "$work/stopped" "$expected"

# What cannot work is refused by name.
refused() {
    local status=$1 words=$2 found=0
    shift 2
    launch "$@" --out "$work/refused" -q >"$work/log" 2>&1 || found=$?
    [ "$found" = "$status" ] && grep -q -- "$words" "$work/log" && [ ! -e "$work/refused/config.json" ] ||
        fail "$1 on $2 ranks ended with $found in place of $status, or without '$words': $(cat "$work/log")"
    echo "scale-test: refused: $(grep -m1 -- "$words" "$work/log")"
}
refused 64 "1 or 2 or 4" "${launchers[0]}" 3 train "$work/config.yaml"
if [ -n "${SLURM_CONF:-}" ]; then refused 64 "--mpi=pmix" srun-none 2 train "$work/config.yaml"; fi

# A prediction in parts, of which one is lost and run again, leaves the report of one process.
predict=(predict "$work/data/imagesTr" --model "$work/one/model" --report -q)
"$medseg" "${predict[@]}" --out "$work/whole" >"$work/log" 2>&1 || fail "$(cat "$work/log")"
launch "${launchers[0]}" 3 "${predict[@]}" --out "$work/parts" --shard auto >"$work/log" 2>&1 || fail "$(cat "$work/log")"
rm "$(find "$work/parts" -name '*_mask.nii.gz' | head -1)"
"$medseg" "${predict[@]}" --out "$work/parts" --collect >"$work/log" 2>&1 && fail "a part that is lost was not missed"
grep -q "1 of 6 scans are not finished" "$work/log" || fail "the lost scan is not named: $(cat "$work/log")"
for part in 0/2 1/2; do "$medseg" "${predict[@]}" --out "$work/parts" --shard $part; done >"$work/log" 2>&1
grep -q "2 are finished already" "$work/log" && grep -q "3 are finished already" "$work/log" ||
    fail "scans were segmented twice: $(cat "$work/log")"
"$medseg" "${predict[@]}" --out "$work/parts" --collect >/dev/null
cmp "$work/whole/report.csv" "$work/parts/report.csv" || fail "the joined report is not that of one process"
for mask in "$work"/whole/*_mask.nii.gz; do cmp "$mask" "$work/parts/$(basename "$mask")" || fail "$mask differs"; done
if [ -n "${SLURM_CONF:-}" ]; then
    printf '#!/bin/sh\nexec "$@"\n' >"$work/task.sh"
    sbatch -Q --wait --array=0-3 -o /dev/null "$work/task.sh" "$medseg" "${predict[@]}" --out "$work/array" --shard auto
    "$medseg" "${predict[@]}" --out "$work/array" --collect >/dev/null
    cmp "$work/whole/report.csv" "$work/array/report.csv" || fail "the array's report is not that of one process"
fi
echo "scale-test: ok, $SECONDS s"
