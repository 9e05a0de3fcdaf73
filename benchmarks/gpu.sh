#!/usr/bin/env bash
# All checks and timings of a GPU in one command: benchmarks/gpu.sh [OUT]
#
# Runs in an unpacked bundle of `make gpu-bundle`, or in a checkout after `make build`. It needs an OpenCL driver;
# PyTorch's rows need a python3 with torch (PYTHON sets another interpreter). It prints the devices, runs verify, tune,
# ops, nets and infer in each precision that the device supports, then profile, and writes OUT/gpu.json (a list of all
# rows) and OUT/gpu.md (the tables and the output of verify). If verify fails, nothing is tuned. The default of OUT is
# ./gpu-results.
#
# DEVICE=opencl:0 (default: the first GPU)  SECONDS_A_CASE=4  NAMES="unet vnet unetr"  VOLUME="243 201 168"  SIZE=96
# QUICK=1 (one small round: fewer cases, and small defaults of the variables above)
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-gpu-results}
mkdir -p "$out"
out=$(cd "$out" && pwd)

bench=$here/medseg-bench
[ -x "$bench" ] || bench=$here/../.build/release/medseg-bench
[ -x "$bench" ] || { echo "gpu.sh: medseg-bench is missing beside $here/gpu.sh and in .build/release" >&2; exit 66; }
peer=$here/peers/bench_pytorch.py

# The loader of the bundle, unless the environment sets one.
if [ -z "${MEDSEG_OPENCL_LIBRARY:-}" ] && [ -e "$here/lib/libOpenCL.so.1" ]; then
    export MEDSEG_OPENCL_LIBRARY=$here/lib/libOpenCL.so.1
fi

# The system's C++ library fits its own C library best; the bundle's library is used if the system has none.
if [ -d "$here/lib/spare" ] && ! ldconfig -p 2>/dev/null | grep -q 'libstdc++\.so\.6'; then
    export LD_LIBRARY_PATH=$here/lib/spare${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
fi

# A container often has NVIDIA's driver but not its entry in /etc/OpenCL/vendors. A temporary folder with that entry and
# the entries of the other drivers does not need root.
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
if [ -z "${OCL_ICD_VENDORS:-}${OPENCL_VENDOR_PATH:-}" ] && ! grep -qs libnvidia-opencl /etc/OpenCL/vendors/*.icd; then
    driver=$( (ldconfig -p 2>/dev/null | awk '/libnvidia-opencl\.so\.1/ {print $NF}';
        ls /usr/lib/x86_64-linux-gnu/libnvidia-opencl.so.1 /usr/lib64/libnvidia-opencl.so.1 \
            /usr/local/nvidia/lib64/libnvidia-opencl.so.1 2>/dev/null) | head -1)
    if [ -n "$driver" ]; then
        cp /etc/OpenCL/vendors/*.icd "$temporary" 2>/dev/null
        echo "$driver" >"$temporary/medseg-nvidia.icd"
        export OCL_ICD_VENDORS=$temporary/
        echo "registered $driver for this run"
    fi
fi

cases=() products=(--names conv matmul) ops=()
if [ -n "${QUICK:-}" ]; then
    : "${NAMES:=unet}" "${VOLUME:=48 40 40}" "${SIZE:=32}" "${SECONDS_A_CASE:=1}"
    cases=(--names conv3d_layer) products=(--names conv3d_layer) ops=(--names conv_256_256_6_k3)
fi
read -ra names <<<"${NAMES:-unet vnet unetr}"
read -ra volume <<<"${VOLUME:-243 201 168}"
seconds=${SECONDS_A_CASE:-4}
size=${SIZE:-96}
rows=$temporary/rows.jsonl
: >"$rows"

"$bench" devices --peaks | tee "$out/devices.txt"
device=${DEVICE:-$(sed -nE 's/^(opencl:[0-9]+): .*, GPU, [0-9]+ compute units, .*/\1/p' "$out/devices.txt" | head -1)}
[ -n "$device" ] || {
    echo "gpu.sh: none of these is an OpenCL GPU; its driver may be missing; DEVICE=opencl:N chooses another device" >&2
    exit 69
}
grep -q "^$device:" "$out/devices.txt" || { echo "gpu.sh: there is no device $device" >&2; exit 69; }

verified=0
: >"$out/verify.txt"
check() { # OPTION…: whether verify passes; its output is kept
    echo "== verify $*" | tee -a "$out/verify.txt"
    "$bench" verify --device "$device" --quiet "$@" 2>&1 | tee -a "$out/verify.txt"
}
check "${cases[@]}" || verified=1
if [ -z "${QUICK:-}" ]; then
    for way in direct gemm "winograd 2" "winograd 4"; do
        check --names conv --force "$way" || verified=1
    done
    check --ops softmax norm reduce diceCELoss activate --force "local memory" || verified=1
fi
precisions=(fp32)
for precision in fp16 tf32 bf16; do
    check "${products[@]}" --precision $precision || {
        # A feature that the device lacks is not a failure; verify has reported it.
        tail -n 1 "$out/verify.txt" | grep -q 'does not support --precision' && continue
        verified=1
    }
    precisions+=($precision)
done

# Later runs use the results of tune, so nothing is tuned if a kernel gives wrong results.
verdict="verify passed"
[ $verified = 0 ] || verdict="verify FAILED, nothing is tuned"
echo "== tune: $verdict"
for precision in "${precisions[@]}"; do
    [ $verified = 0 ] || break
    "$bench" tune --device "$device" --precision $precision --names "${names[@]}" --size "$size"
done | tee "$out/tune.txt"

options_of() { # SUITE: the options that MedSeg's and PyTorch's benchmark share
    case $1 in
    ops) options=(--seconds "$seconds" "${ops[@]}") ;;
    nets) options=(--seconds "$seconds" --names "${names[@]}" --size "$size") ;;
    infer) options=(--seconds "$seconds" --names "${names[@]}" --size "$size" --volume "${volume[@]}") ;;
    esac
}
for suite in ops nets infer; do
    options_of $suite
    for precision in "${precisions[@]}"; do
        echo "== $suite, $precision"
        "$bench" $suite --device "$device" --precision $precision --json "${options[@]}" | tee -a "$rows"
    done
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
                options_of $suite
                "$python" "$peer" $suite --device "$kind" --precision $precision --layout $layout "${options[@]}" |
                    tee -a "$rows"
            done
        done
    done
else
    echo "no torch in $python: PyTorch's rows are left out"
fi

"$bench" compare "$rows" --json-out "$out/gpu.json" --title "$(grep "^$device:" "$out/devices.txt"); $verdict" |
    tee "$out/gpu.md"
for text in verify "${names[@]/#/profile-}"; do
    printf '\n```\n%s\n```\n' "$(cat "$out/$text.txt")"
done >>"$out/gpu.md"
echo "results: $out/gpu.json and $out/gpu.md; $verdict"
exit $verified
