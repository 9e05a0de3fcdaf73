#!/usr/bin/env bash
# Makes the files beside this script with the program of commit 222aa07, which MEDSEG names: three scans of a ball, a run
# that was killed after its checkpoint of step 40, with model folders and journal, the cache of its prepared cases, and
# the weights and the mask that the same run without a kill ends with.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# A run notes where its data and cache lie, so that they are made where every machine can have them.
work=/tmp/medseg-222aa07
rm -rf "$work" && mkdir "$work" && cd "$work"
cp "$here/config.yaml" .
python3 - <<'PYTHON'
import gzip, os, struct

SIZE = (18, 16, 14)


def header(kind, bits):
    """A NIfTI-1 header of 1.5 x 1.5 x 2 mm voxels, by its sform."""
    parts = bytearray(352)
    struct.pack_into("<i", parts, 0, 348)
    struct.pack_into("<8h", parts, 40, 3, *SIZE, 1, 1, 1, 1)
    struct.pack_into("<2h", parts, 70, kind, bits)
    struct.pack_into("<8f", parts, 76, 1, 1.5, 1.5, 2, 1, 1, 1, 1)
    struct.pack_into("<3f", parts, 108, 352, 1, 0)
    parts[123] = 2
    struct.pack_into("<2h", parts, 252, 0, 1)
    struct.pack_into("<12f", parts, 280, 1.5, 0, 0, -10, 0, 1.5, 0, -8, 0, 0, 2, 5)
    parts[344:348] = b"n+1\0"
    return bytes(parts)


for case in range(3):
    scan, label = bytearray(), bytearray()
    for k in range(SIZE[2]):
        for j in range(SIZE[1]):
            for i in range(SIZE[0]):
                inside = (i - 8 - case) ** 2 + (j - 7) ** 2 + (k - 6) ** 2 < 20
                scan += struct.pack("<h", (150 if inside else -60) + (i * 7 + j * 13 + k * 29) % 40)
                label.append(1 if inside else 0)
    for folder, kind, bits, voxels in [("imagesTr", 4, 16, scan), ("labelsTr", 2, 8, label)]:
        os.makedirs(f"data/{folder}", exist_ok=True)
        with open(f"data/{folder}/ball_{case}.nii.gz", "wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", mtime=0, filename="") as packed:
                packed.write(header(kind, bits) + bytes(voxels))
pairs = ",\n    ".join(
    f'{{"image": "./imagesTr/ball_{case}.nii.gz", "label": "./labelsTr/ball_{case}.nii.gz"}}' for case in range(3)
)
with open("data/dataset.json", "w") as file:
    file.write(f'{{\n  "name": "Balls",\n  "labels": {{"0": "background", "1": "ball"}},\n  "training": [\n    {pairs}\n  ]\n}}\n')
PYTHON
"$MEDSEG" train config.yaml --out straight --quiet --threads 1
"$MEDSEG" train config.yaml --out run --quiet --threads 1 &
# Killed, as by the system, once its second checkpoint is there.
until [ "$(($(cat run/training.csv 2>/dev/null | wc -l)))" -gt 45 ]; do sleep 0.001; done
kill -9 $!
wait || true
mkdir expected
cp straight/last/model.safetensors straight/validation.csv expected/
"$MEDSEG" predict data/imagesTr/ball_2.nii.gz --model run/model --out expected --quiet
for part in data run cache expected; do
    rm -rf "${here:?}/$part"
    cp -r "$part" "$here/"
done
rm -rf "$work"
