#!/usr/bin/env bash
# Checks MedSeg's files with the programs that read them, and its numbers against MONAI's: benchmarks/peers/check.sh
#
# Scans go to SimpleITK and back, weights to MONAI's load_state_dict, bundles to `python -m monai.bundle run`, ONNX to
# onnxruntime, a training run as for BraTS to MONAI, trainings by plans and their folds to nnU-Net, and captures of
# Tests/Golden/capture.py to `medseg-bench replay`. No other part of MedSeg needs Python. PYTHON sets an interpreter with
# the packages of requirements.txt. Without it, one is installed, once, in MEDSEG_PEERS (by default under TMPDIR); that
# folder must be new, empty or created by this script. If pip cannot install the packages, the check reports that it was
# skipped and succeeds. DEVICES sets the devices for replays and the BraTS run (default: cpu), CAPTURES the networks that
# are captured (default: all; unetr_12_layers and vnet take minutes). NNUNET=skip leaves out the part with nnU-Net, which
# trains.
set -euo pipefail
cd "$(dirname "$0")/../.."
source Tests/Needs/needs.sh
programs=$(swift build -c release --show-bin-path)
[ -x "$programs/medseg" ] && [ -x "$programs/medseg-bench" ] || {
    echo "peers: $programs lacks medseg or medseg-bench; run make build first" >&2
    exit 66
}

if [ -n "${PYTHON:-}" ]; then
    python=$PYTHON
else
    place=$(realpath -m "${MEDSEG_PEERS:-${TMPDIR:-/tmp}/medseg-peers-$(id -u)}")
    python=$place/bin/python
    wanted=benchmarks/peers/requirements.txt
    if ! cmp -s "$wanted" "$place/installed.txt"; then
        # Every requirements.txt that was copied there contains the name of this script.
        if [ -n "$(ls -A "$place" 2>/dev/null)" ] && ! grep -qs peers/check.sh "$place/installed.txt"; then
            echo "peers: $place contains files of others, which would be lost; set MEDSEG_PEERS to a new or" \
                "an empty folder, or PYTHON to an interpreter with the packages of $wanted" >&2
            exit 73
        fi
        mkdir -p "$(dirname "$place")"
        new=$(mktemp -d "$place.XXXXXX")
        trap 'rm -rf "$new"' EXIT
        # An environment can be moved if its programs are called as modules.
        if python3 -m venv "$new" &&
            timeout 900 "$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-cache-dir \
                --retries 1 -r "$wanted" &&
            cp "$wanted" "$new/installed.txt"; then
            rm -rf "$place"
            mv "$new" "$place"
        else
            missing "PyTorch, MONAI, onnxruntime or nnU-Net of PyPI" "peers checked nothing"
            exit 0
        fi
    fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" benchmarks/peers/exchange.py "$programs/medseg" "$work/exchange"
rm -rf "$work/exchange"
"$python" benchmarks/peers/scans.py "$programs/medseg" "$work/scans"
rm -rf "$work/scans"
# shellcheck disable=SC2086
"$python" benchmarks/peers/brats.py "$programs/medseg" "$work/brats" ${DEVICES:-cpu}
rm -rf "$work/brats"
if [ "${NNUNET:-}" != skip ]; then
    "$python" benchmarks/peers/nnunet.py "$programs/medseg" "$work/nnunet" >"$work/nnunet.txt" 2>&1 || {
        tail -n 40 "$work/nnunet.txt"
        exit 1
    }
    grep -E "masks differ|postprocessing:|nnU-Net: ok" "$work/nnunet.txt"
    rm -rf "$work/nnunet"
fi
# One network at a time: VNet's captures take more than half a gigabyte.
for name in ${CAPTURES:-dynunet segresnet segresnetds segresnetds2 vista3d basicunet attentionunet unetr_perceptron swinunetr dints unetr_12_layers vnet}; do
    "$python" Tests/Golden/capture.py "$work" "$name"
    for device in ${DEVICES:-cpu}; do
        "$programs/medseg-bench" replay "$work"/*.safetensors --device "$device" >"$work/replay.txt" || {
            grep -E "FAILED|cannot|is missing" "$work/replay.txt"
            exit 1
        }
        echo "$name on $device: $(tail -n 1 "$work/replay.txt")"
    done
    rm "$work"/*.safetensors
done
echo "peers: ok"
