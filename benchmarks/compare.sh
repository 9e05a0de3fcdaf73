#!/usr/bin/env bash
# Ours and PyTorch's in turn, for a comparison that outlives the machine's moods: benchmarks/compare.sh PEER.py [WHAT…]
#
# WHAT is `ops`, or a network: unet, vnet, unetr; without it, all of these. PEER.py prints PyTorch's rows for `ops` and
# `nets --names NAME`, each with `--layout L`, with the keys of `medseg-bench … --json`. PYTHON names an interpreter
# that has torch and monai, ROUNDS how often all is repeated. PyTorch runs in both memory layouts; ALLOCATORS are its
# `tuned` one, which keeps its pages and is faster, and glibc's `default`, which takes less memory. The first line written describes the machine; then follow the rows, ours after theirs.
set -euo pipefail
peer=${1:?usage: benchmarks/compare.sh PEER.py [ops|unet|vnet|unetr…]}
shift
[ $# -gt 0 ] || set -- unet vnet unetr ops
root=$(cd "$(dirname "$0")/.." && pwd)
bench=$root/.build/release/medseg-bench
python=${PYTHON:-python3}
tuned=glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456
commit=$(git -C "$root" describe --always --dirty 2>/dev/null || echo unknown)
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -1)
"$python" - "$commit" "$cpu" <<'PYTHON'
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
        suite=(nets --names "$what")
        [ "$what" != ops ] || suite=(ops)
        echo "round $round: $what" >&2
        for layout in ncdhw ndhwc; do
            for allocator in ${ALLOCATORS:-tuned}; do
                [ "$allocator" = tuned ] && tunables=$tuned || tunables=
                GLIBC_TUNABLES=$tunables "$python" "$peer" "${suite[@]}" --layout $layout
            done
        done
        "$bench" "${suite[@]}" --json
    done
done
