#!/usr/bin/env bash
# `medseg init`, then the real DVC from PyPI: everything runs from nothing, a second repro does nothing, and metrics and
# plots are read. Usage: Tests/Pipeline/run.sh [MEDSEG]
set -euo pipefail
source "$(dirname "$0")/../Needs/needs.sh"
medseg=$(realpath "${1:-.build/release/medseg}")
environment=${MEDSEG_PYTHON_ENVIRONMENTS:-${TMPDIR:-/tmp}/medseg-python}/dvc
project=$(mktemp -d)
trap 'rm -rf "$project"' EXIT

if [ ! -x "$environment/bin/dvc" ]; then
	python3 -m venv "$environment" && "$environment/bin/pip" -q install "dvc>=3.60,<4" || {
		missing "dvc of PyPI" "dvc-test checked nothing"
		exit 0
	}
fi
export PATH="$environment/bin:$(dirname "$medseg"):$PATH" DVC_NO_ANALYTICS=1

fail() { echo "dvc test: $*" >&2; exit 1; }

medseg init "$project"
cd "$project"
git init -q
dvc init -q
begun=$SECONDS
dvc repro
echo "dvc test: from nothing to metrics in $((SECONDS - begun)) s"
dvc repro | tee second.log
grep -q "Data and pipelines are up to date" second.log || fail "a second repro ran a stage"
dvc metrics show --json > metrics.json
dvc plots show -o plots > /dev/null
python3 - <<'PYTHON'
import json
metrics = {name: file["data"] for name, file in json.load(open("metrics.json"))[""]["data"].items()} \
    if "" in json.load(open("metrics.json")) else {}
print(json.dumps(metrics, indent=1)[:2000])
PYTHON
[ -s plots/index.html ] || fail "dvc plots wrote nothing"

# A parameter of one stage repeats that stage and what follows it, nothing before.
sed -i 's/passes: 10/passes: 3/' params.yaml
dvc repro | tee third.log
grep -q "Running stage 'uncertainty'" third.log || fail "a changed parameter did not repeat its stage"
! grep -q "Running stage 'train'" third.log || fail "a changed number of passes repeated the training"
echo "dvc test: ok"
