#!/usr/bin/env bash
# Everything a GPU should be asked, in one command: benchmarks/gpu.sh [OUT]
#
# Beside an unpacked bundle of `make gpu-bundle`, or in a checkout after `make build`. Needs an OpenCL driver; PyTorch's
# rows need a python3 with torch (PYTHON names another). Prints the device, then runs verify, tune, ops, nets, infer and
# profile, and leaves OUT/gpu.json (a list of every row) and OUT/gpu.md (the tables). OUT is ./gpu-results if not given.
#
# DEVICE=opencl:0  SECONDS_A_CASE=4  NAMES="unet vnet unetr"  VOLUME="243 201 168"  SIZE=96  QUICK=1 (one small round)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-gpu-results}
mkdir -p "$out"
out=$(cd "$out" && pwd)

bench=$here/medseg-bench
[ -x "$bench" ] || bench=$here/../.build/release/medseg-bench
[ -x "$bench" ] || { echo "gpu.sh: there is no medseg-bench beside $here/gpu.sh or in .build/release" >&2; exit 66; }
peer=$here/peers/bench_pytorch.py

# The loader of the bundle, unless the environment names one.
if [ -z "${MEDSEG_OPENCL_LIBRARY:-}" ] && [ -e "$here/lib/libOpenCL.so.1" ]; then
    export MEDSEG_OPENCL_LIBRARY=$here/lib/libOpenCL.so.1
fi

# The system's C++ library fits its own C library best; the bundle's serves where there is none.
if [ -d "$here/lib/spare" ] && ! ldconfig -p 2>/dev/null | grep -q 'libstdc++\.so\.6'; then
    export LD_LIBRARY_PATH=$here/lib/spare${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

# A container often has NVIDIA's driver but not its line in /etc/OpenCL/vendors; a folder of our own needs no root.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
if [ -z "${OCL_ICD_VENDORS:-}" ] && ! ls /etc/OpenCL/vendors/*.icd >/dev/null 2>&1; then
    driver=$( (ldconfig -p 2>/dev/null | awk '/libnvidia-opencl\.so\.1/ {print $NF}';
        ls /usr/lib/x86_64-linux-gnu/libnvidia-opencl.so.1 /usr/lib64/libnvidia-opencl.so.1 \
            /usr/local/nvidia/lib64/libnvidia-opencl.so.1 2>/dev/null) | head -1)
    if [ -n "$driver" ]; then
        echo "$driver" >"$temporary/nvidia.icd"
        export OCL_ICD_VENDORS=$temporary/
        echo "registered $driver for this run"
    fi
fi

device=${DEVICE:-opencl:0}
read -ra names <<<"${NAMES:-unet vnet unetr}"
read -ra volume <<<"${VOLUME:-243 201 168}"
seconds=${SECONDS_A_CASE:-4}
size=${SIZE:-96}
rows=$temporary/rows.jsonl
: >"$rows"

"$bench" devices --peaks | tee "$out/devices.txt"
grep -q "^$device:" "$out/devices.txt" || { echo "gpu.sh: $device is not there" >&2; exit 69; }

echo "== verify"
"$bench" verify --device "$device" --quiet ${QUICK:+--names conv3d_layer} | tee "$out/verify.txt"
verified=$?
if [ -z "${QUICK:-}" ]; then
    for way in direct gemm "winograd 2" "winograd 4"; do
        echo "== verify --force '$way'"
        "$bench" verify --device "$device" --quiet --names conv --force "$way" | tee -a "$out/verify.txt" || verified=1
    done
    echo "== verify --force 'local memory'"
    "$bench" verify --device "$device" --quiet --ops softmax norm reduce diceCELoss activate --force "local memory" |
        tee -a "$out/verify.txt" || verified=1
    echo "== verify --precision fp16"
    "$bench" verify --device "$device" --quiet --names conv --precision fp16 | tee -a "$out/verify.txt" || verified=1
fi
echo "== tune"
"$bench" tune --device "$device" --names "${names[@]}" --size "$size" | tee "$out/tune.txt"
for suite in ops nets infer; do
    echo "== $suite"
    case $suite in
    ops) options=(--seconds "$seconds" ${QUICK:+--names conv_256_256_6_k3}) ;;
    nets) options=(--seconds "$seconds" --names "${names[@]}" --size "$size") ;;
    infer) options=(--names "${names[@]}" --size "$size" --volume "${volume[@]}") ;;
    esac
    "$bench" $suite --device "$device" --json "${options[@]}" | tee -a "$rows"
done
echo "== profile"
for name in "${names[@]}"; do
    "$bench" profile --device "$device" --names "$name" --size "$size" --trace "$out/$name-trace.json" |
        tee "$out/profile-$name.txt"
done

python=${PYTHON:-python3}
if "$python" -c 'import torch' 2>/dev/null; then
    echo "== PyTorch"
    kind=$("$python" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
    for precision in fp32 tf32 bf16; do
        [ "$kind" = cpu ] && [ $precision = tf32 ] && continue
        for layout in ncdhw ndhwc; do
            for suite in ops nets infer; do
                [ $suite = ops ] || "$python" -c 'import monai' 2>/dev/null || continue
                options=(--names "${names[@]}")
                [ $suite = ops ] && options=(${QUICK:+--names conv_256_256_6_k3})
                [ -n "${QUICK:-}" ] && [ $suite != ops ] && continue
                "$python" "$peer" $suite --device "$kind" --precision $precision --layout $layout \
                    --seconds "$seconds" "${options[@]}" | tee -a "$rows"
            done
        done
    done
else
    echo "no torch in $python: PyTorch's rows are left out"
fi

"$bench" compare "$rows" --json-out "$out/gpu.json" --title "$(grep "^$device:" "$out/devices.txt")" |
    tee "$out/gpu.md"
{
    for name in "${names[@]}"; do printf '\n```\n%s\n```\n' "$(cat "$out/profile-$name.txt")"; done
} >>"$out/gpu.md"
echo "results: $out/gpu.json and $out/gpu.md"
exit $verified
