#!/usr/bin/env bash
# Takes MedSeg as those do who build on it: a Swift package by `import MedSeg`, programs in C and C++ by libmedseg, and
# Python by the wheel; and holds all masks to those of `medseg predict`. `make library-test` builds what it needs.
set -euo pipefail
cd "$(dirname "$0")"
source ../Needs/needs.sh
root=$(cd ../.. && pwd)
build=$root/.build
medseg=${MEDSEG:-$build/release/medseg}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "library: a Swift package that imports MedSeg"
examples=$build/examples
swift build --package-path "$root/examples/swift" --scratch-path "$examples" | tail -1
fetched=$(ls "$examples/checkouts")
if grep -qE 'hummingbird|nio' <<<"$fetched"; then
    echo "the examples fetched the HTTP stack: $fetched" >&2
    exit 1
fi
run=$examples/debug
"$run/train-own" "$work/own"
"$run/train-on-arrays" "$work/arrays" | tail -1
"$run/own-network"
"$run/own-loss"
model=$work/own/unet

echo "library: C and C++"
"$medseg" data phantom --out "$work/data" --count 1 --quiet >/dev/null
scan=$(find "$work/data" -path '*imagesTr*' -name '*.nii.gz' | sort | head -1)
"$run/predict" "$model" "$scan" "$work/swift_mask.nii.gz" | tail -1
"$medseg" predict "$scan" --model "$model" --device cpu --out "$work/program" --format nii.gz --quiet >/dev/null
expected=$(ls "$work"/program/*_mask.nii.gz)
"$run/measure" "$expected" "$work/swift_mask.nii.gz" | grep -F 'Dice 1.0,'
flags=(-O2 -Wall -Wextra -Werror "-I$build/libmedseg/include" "-L$build/libmedseg/lib" "-Wl,-rpath,$build/libmedseg/lib")
gcc -std=c11 "${flags[@]}" -I/usr/include/nifti "$root/examples/c/segment.c" -lmedseg -lniftiio -lznz -lz -lm -o "$work/segment"
"$work/segment" "$model" "$scan" "$work/c_mask.nii.gz" cpu 2>/dev/null
g++ -std=c++17 "${flags[@]}" "$root/examples/c/phantom.cc" -lmedseg -o "$work/phantom"
"$work/phantom" "$model" "$work/phantom_mask.nii" >/dev/null
"$medseg" info "$work/phantom_mask.nii" >/dev/null

# Nothing but the header's functions is visible.
strays=$(nm -D --defined-only --extern-only "$build/libmedseg/lib/libmedseg.so.0" | awk '{print $3}' | grep -vE '^(medseg_[a-z_]+@@MEDSEG_0|MEDSEG_0.*)$' || true)
[ -z "$strays" ] || { echo "libmedseg shows other symbols: $strays" >&2; exit 1; }

if [ "${VALGRIND:-}" = 1 ]; then
    command -v valgrind >/dev/null || { missing valgrind "memory of the C library was NOT checked"; exit 0; }
    # Valgrind knows no AVX-512.
    MEDSEG_ISA=avx2 valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite \
        --errors-for-leak-kinds=definite "$work/segment" "$model" "$scan" "$work/valgrind_mask.nii.gz" cpu
fi

echo "library: Python"
venv=${MEDSEG_LIBRARY_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/medseg/library-tests}
python3 -m venv "$venv"
if ! "$venv/bin/pip" install -q --disable-pip-version-check pytest numpy nibabel; then
    missing "pytest, numpy or nibabel" "the Python package was NOT tested"
    exit 0
fi
"$venv/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$build"/wheel/medseg-*manylinux*.whl
export MEDSEG_TEST_MODEL=$model MEDSEG_TEST_SCAN=$scan MEDSEG_TEST_MASK=$expected MEDSEG_TEST_C_MASK=$work/c_mask.nii.gz
export MEDSEG_TEST_PROGRAM=$medseg MEDSEG_TEST_SHARED=$root/../shared
"$venv/bin/python" -m pytest -q -p no:cacheprovider "$root/bindings/python/tests" "$@"
