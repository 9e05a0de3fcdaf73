#!/usr/bin/env bash
# Compares the steps that a spleen network needs from a checkpoint of another number of classes and from scratch:
# benchmarks/fine_tuning.sh [DEVICE]
#
# A UNet is trained for 1500 steps on 24 phantoms: on all six organs (7 classes), or on the five organs without the spleen
# (6 classes), where the spleen is background. Then a UNet of two classes is trained for 300 steps on the spleen of 2 other
# phantoms: from scratch, or from one of these networks (init_from: everything except the head fits). Every 10 steps the mean
# Dice over 6 further phantoms is measured.
#
# The learning rate of each start is chosen in the same way, from the same four: the one with the highest mean Dice over all
# validations (the area under the curve) on phantoms that are used for nothing else. The table has the runs of SEEDS (default:
# 0 1 2), each on phantoms of its own, and gives the step of the first validation that reaches each mark. A run that does not
# reach a mark counts as 300 steps, and its mean is then marked with ≥.
set -euo pipefail
cd "$(dirname "$0")/.."
medseg=${MEDSEG:-$(swift build -c release --show-bin-path)/medseg}
device=${1:-cpu}
threads=${THREADS:-1}
work=${WORK:-$(mktemp -d)}
[ -n "${WORK:-}" ] || trap 'rm -rf "$work"' EXIT

phantoms() { # FOLDER COUNT SEED [--organs]
    [ -d "$work/$1" ] || "$medseg" data phantom --out "$work/$1" --count "$2" --seed "$3" "${@:4}" --quiet >"$work/log"
}
train() { # RUN DATA CLASSES key=value…
    [ -d "$work/$1/model" ] && return
    local sets=(--set "data=$work/$2" --set "network_def.out_channels=$3")
    for entry in "${@:4}"; do sets+=(--set "$entry"); done
    "$medseg" train benchmarks/fine_tuning.yaml --out "$work/$1" --device "$device" --threads "$threads" --quiet --force \
        "${sets[@]}" >"$work/log"
}
start() { # START
    [ "$1" = scratch ] && echo null || echo "$work/$1/model"
}

phantoms organs 24 1000 --organs
names=$(python3 -c '
import json, sys
labels = json.load(open(sys.argv[1]))["labels"]
print(",".join(f"{name}: {number}" for number, name in labels.items() if number != "0" and name != "spleen"))
' "$work/organs/dataset.json")
long=(iterations=1500 validate_every=1500 validation=0 schedule.name=polynomial schedule.power=0.9)
train seven organs 7 "${long[@]}"
train six organs 6 "${long[@]}" "labels={$names}"

starts="scratch seven six"
rates="0.0005 0.001 0.002 0.004"
phantoms tuning 8 2000
for start in $starts; do
    for rate in $rates; do
        train "tuning-$start-$rate" tuning 2 "init_from=$(start "$start")" "optimizer.learning_rate=$rate" seed=0
    done
done
best() { # START
    python3 - "$work" "$1" $rates <<'PY'
import csv, sys

work, start, *rates = sys.argv[1:]
def area(rate):
    rows = [float(row["dice"]) for row in csv.DictReader(open(f"{work}/tuning-{start}-{rate}/validation.csv"))]
    return sum(rows) / len(rows)
print(max(rates, key=area))
PY
}
for seed in ${SEEDS:-0 1 2}; do
    phantoms "spleen-$seed" 8 $((3000 + 100 * seed))
    for start in $starts; do
        train "run-$start-$seed" "spleen-$seed" 2 "init_from=$(start "$start")" \
            "optimizer.learning_rate=$(best "$start")" "seed=$seed"
    done
done
python3 benchmarks/fine_tuning.py "$work" "${SEEDS:-0 1 2}"
