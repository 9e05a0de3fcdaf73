#!/usr/bin/env bash
# Downloads the compilers of `make gpu-static` into a folder, without installing them in the system: tools.sh FOLDER
# clang and libclc are from Debian 12 (OpenCL C to PTX and to AMD's instructions); ptxas, nvdisasm and libdevice from PyPI.
# If a package cannot be downloaded, exits with 69 and prints its name.
set -euo pipefail
folder=$1
debs="clang-22 libclang-cpp22 libclang-common-22-dev libllvm22 libclc-22 libz3-4"
wheels="nvidia-cuda-nvcc==13.5.37 nvidia-cuda-nvdisasm==13.5.37 nvidia-nvvm==13.5.37"
wanted="$debs $wheels"
[ "$(cat "$folder/complete" 2>/dev/null)" = "$wanted" ] && exit 0
missing() {
    echo "gpu-static: $1; the compilers come from Debian 12 ($debs) and PyPI ($wheels)" >&2
    exit 69
}
command -v apt-get >/dev/null || missing "there is no apt-get here"
mkdir -p "$folder/deb" "$folder/root"
echo "gpu-static: fetching compilers into $folder"
for deb in $debs; do
    (cd "$folder/deb" && apt-get download -qq "$deb" 2>/dev/null) || missing "apt-get cannot download $deb (try apt-get update)"
done
for deb in "$folder"/deb/*.deb; do dpkg -x "$deb" "$folder/root"; done
rm -rf "$folder/deb"
python3 -m venv "$folder/python" || missing "python3 -m venv fails (python3-venv)"
"$folder/python/bin/python" -m pip install --quiet --disable-pip-version-check $wheels || missing "pip cannot install $wheels"
echo "$wanted" > "$folder/complete"
