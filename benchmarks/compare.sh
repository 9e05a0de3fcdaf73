#!/usr/bin/env bash
# Times MedSeg, PyTorch and OpenVINO in turn, so that changes of the machine's speed affect all: benchmarks/compare.sh [WHAT…]
#
# WHAT is `ops`, or a network: unet, vnet, unetr; without it, all of these. The first line of the output describes the
# machine. Then follow the rows, MedSeg's after the peers', and after a full run with all of PyTorch's rows a last line
# that marks it as full. A peer that is missing or fails is reported on standard error, and its rows are missing.
# Variables:
#   PYTHON           an interpreter with torch and monai (python3)
#   OPENVINO_PYTHON  an interpreter with openvino and numpy (PYTHON)
#   PEER             the script that prints PyTorch's rows (benchmarks/peers/bench_pytorch.py)
#   ROUNDS           the number of repetitions (3)
#   PRECISIONS       the precisions of the networks (fp32 bf16); ops are timed in fp32
#   ALLOCATORS       PyTorch's allocators: `tuned` keeps its pages and is faster, glibc's `default` uses less memory (both; for
#                    ops, `tuned`)
#   OPS              the names of the ops (all)
#   SECONDS_A_CASE   the maximum time of a case (4)
#   THREADS          the threads of every process (the output of nproc; hyper-threads may slow each other)
# PyTorch runs in both memory layouts. Every process runs on the CPU.
set -euo pipefail
full=false
[ $# -gt 0 ] || {
    set -- unet vnet unetr ops
    [ -n "${PEER:-}${ROUNDS:-}${PRECISIONS:-}${ALLOCATORS:-}${OPS:-}${SECONDS_A_CASE:-}" ] || full=true
}
root=$(cd "$(dirname "$0")/.." && pwd)
bench=$root/.build/release/medseg-bench
python=${PYTHON:-python3}
openvino=${OPENVINO_PYTHON:-$python}
peer=${PEER:-$root/benchmarks/peers/bench_pytorch.py}
seconds=${SECONDS_A_CASE:-4}
threads=${THREADS:-$(nproc)}
read -ra ops <<< "${OPS:-}"
read -ra precisions <<< "${PRECISIONS:-fp32 bf16}"
tuned=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

has() { # INTERPRETER MODULES WHAT VARIABLE
    "$1" -c "import $2" 2> /dev/null && return
    echo "without $3: $1 has no $2; set $4" >&2
    return 1
}
has_torch=true has_openvino=true
has "$python" torch,monai "PyTorch's rows" PYTHON || has_torch=false full=false
has "$openvino" openvino,numpy "OpenVINO's rows" OPENVINO_PYTHON || has_openvino=false

torch() { # SUITE NAMES PRECISION ALLOCATORS
    local layout allocator
    for layout in ncdhw ndhwc; do
        for allocator in $4; do
            GLIBC_TUNABLES=$([ "$allocator" = default ] || echo $tuned) "$python" "$peer" $1 --device cpu \
                --precision "$3" --layout $layout --seconds "$seconds" --threads "$threads" ${2:+--names $2} || {
                echo "PyTorch failed: $1 $2, $3, $layout, $allocator; its rows are missing from there on" >&2
                full=false
            }
        done
    done
}

commit=$(git -C "$root" describe --always --dirty 2> /dev/null || echo unknown)
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2> /dev/null | head -1)
$has_torch || python=python3 # any interpreter can run the next lines
"$python" - "$commit" "$cpu" << 'PYTHON'
import datetime, importlib.metadata, json, os, sys

def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

print(json.dumps(dict(
    date=datetime.date.today().isoformat(), commit=sys.argv[1], cpu=sys.argv[2], cores=os.cpu_count(),
    load=round(os.getloadavg()[0], 2), torch=version("torch"), monai=version("monai"))), flush=True)
PYTHON
for round in $(seq "${ROUNDS:-3}"); do
    for what in "$@"; do
        echo "round $round: $what" >&2
        if [ "$what" = ops ]; then
            ! $has_torch || torch ops "${ops[*]}" fp32 "${ALLOCATORS:-tuned}"
            "$bench" ops --device cpu --threads "$threads" --seconds "$seconds" --json ${ops:+--names "${ops[@]}"}
            continue
        fi
        [ -f "$folder/$what.onnx" ] || "$bench" nets --device cpu --names "$what" --onnx "$folder"
        for precision in "${precisions[@]}"; do
            ! $has_torch || torch nets "$what" "$precision" "${ALLOCATORS:-tuned default}"
            ! $has_openvino || "$openvino" "$root/benchmarks/peers/bench_openvino.py" "$folder" "$what" \
                --precision "$precision" --seconds "$seconds" --threads "$threads" ||
                echo "OpenVINO failed: $what, $precision" >&2
            "$bench" nets --device cpu --threads "$threads" --names "$what" --precision "$precision" \
                --seconds "$seconds" --json
        done
    done
done
! $full || echo '{"full": true}'
