#!/usr/bin/env bash
# Whole networks, ours and PyTorch's in one run: benchmarks/nets.sh PEER.py [NAME…]
#
# PEER.py is a script that prints PyTorch's rows for `nets --names NAME… --layout L` with the keys of `medseg-bench
# nets --json`. PYTHON names an interpreter that has torch and monai. Rows of all programs go to standard output, the
# peer's with an allocator that keeps its pages, in both layouts; three rounds, ours and theirs in turn.
set -euo pipefail
peer=${1:?usage: benchmarks/nets.sh PEER.py [NAME…]}
shift
names=("${@:-unet}")
bench=$(dirname "$0")/../.build/release/medseg-bench
python=${PYTHON:-python3}
tuned=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
for round in 1 2 3; do
    for layout in ncdhw ndhwc; do
        GLIBC_TUNABLES=$tuned "$python" "$peer" nets --names "${names[@]}" --layout $layout 2>/dev/null
    done
    "$bench" nets --names "${names[@]}" --json
done
