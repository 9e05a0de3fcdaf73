#!/usr/bin/env bash
# Whole networks, ours and PyTorch's in one run: benchmarks/nets.sh PEER.py [NAME…]
#
# PEER.py is a script that prints PyTorch's rows for `nets --names NAME --layout L` with the keys of `medseg-bench
# nets --json`. PYTHON names an interpreter that has torch and monai. Rows of all programs go to standard output, the
# peer's in both layouts; three rounds (ROUNDS), ours and theirs in turn. Each network has a process of its own, so that
# its peak memory is not another's. ALLOCATORS are the peer's: `tuned` keeps its pages, `default` is glibc's own way.
set -euo pipefail
peer=${1:?usage: benchmarks/nets.sh PEER.py [NAME…]}
shift
names=("${@:-unet}")
bench=$(dirname "$0")/../.build/release/medseg-bench
python=${PYTHON:-python3}
tuned=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
for ((round = 0; round < ${ROUNDS:-3}; round++)); do
    for name in "${names[@]}"; do
        for layout in ncdhw ndhwc; do
            for allocator in ${ALLOCATORS:-tuned}; do
                [ "$allocator" = tuned ] && tunables=$tuned || tunables=
                GLIBC_TUNABLES=$tunables "$python" "$peer" nets --names "$name" --layout $layout 2>/dev/null
            done
        done
        "$bench" nets --names "$name" --json
    done
done
