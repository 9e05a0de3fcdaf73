#!/usr/bin/env bash
# Compares the steps that a spleen network needs from a checkpoint of other classes and from scratch: benchmarks/fine_tuning.sh [DEVICE]
#
# First, a small UNet is trained on every organ of phantoms. Then a UNet of two classes is trained on the spleen of other
# phantoms, from that checkpoint (init_from: everything except the head fits) and from scratch, with the same patches, for each
# of SEEDS (default: 0 1). Validation runs every 20 steps. The table gives the step of the first validation whose mean Dice over
# four cases reaches each mark. The script takes minutes on two cores.
set -euo pipefail
cd "$(dirname "$0")/.."
medseg=$(swift build -c release --show-bin-path)/medseg
device=${1:-cpu}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$medseg" data phantom --out "$work/organs" --count 8 --organs --seed 1 --quiet >"$work/log"
"$medseg" data phantom --out "$work/spleen" --count 8 --seed 2 --quiet >"$work/log"
classes=$(python3 -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["labels"]))' "$work/organs/dataset.json")

train() { # RUN DATA CLASSES key=value…
    local sets=(--set "data=$2" --set "network_def.out_channels=$3")
    for entry in "${@:4}"; do sets+=(--set "$entry"); done
    "$medseg" train benchmarks/fine_tuning.yaml --out "$work/$1" --device "$device" --quiet "${sets[@]}" >"$work/log"
}

train organs-run "$work/organs" "$classes" iterations=300 validate_every=300 validation=0
for seed in ${SEEDS:-0 1}; do
    for start in null "$work/organs-run/model"; do
        name=$([ "$start" = null ] && echo scratch || echo tuned)
        train "$name-$seed" "$work/spleen" 2 "seed=$seed" "init_from=$start"
    done
done
python3 - "$work" <<'PY'
import csv, pathlib, sys

marks = [0.5, 0.6, 0.7, 0.75]
print("| start | seed |" + "".join(f" Dice {mark} |" for mark in marks) + " best |\n|" + "---|" * (len(marks) + 3))
for name, words in [("scratch", "from scratch"), ("tuned", "from the organs' network")]:
    for run in sorted(pathlib.Path(sys.argv[1]).glob(f"{name}-*")):
        rows = [(int(row["step"]), float(row["dice"])) for row in csv.DictReader(open(run / "validation.csv"))]
        first = [next((step for step, dice in rows if dice >= mark), None) for mark in marks]
        cells = "".join(f" {step if step else 'not in ' + str(rows[-1][0])} |" for step in first)
        print(f"| {words} | {run.name.split('-')[1]} |{cells} {max(dice for _, dice in rows):.3f} |")
PY
