#!/usr/bin/env bash
# Logs trainings to the real MLflow server of PyPI, which is stopped and started in mid-run, answers 500, hangs, refuses and
# loses its answers; then reads everything back with MLflow's own Python client. Run by `make mlflow-test`.
#
# The server lives in a virtual environment outside the tree: MEDSEG_MLFLOW_VENV, or one in the temporary folder.
set -euo pipefail
cd "$(dirname "$0")/../.."
medseg=${MEDSEG:-$PWD/.build/release/medseg}
here=$PWD/Tests/Tracking
source Tests/Needs/needs.sh
venv=${MEDSEG_MLFLOW_VENV:-${TMPDIR:-/tmp}/medseg-mlflow-venv}

if ! "$venv/bin/python" -c 'import mlflow' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q 'mlflow>=3' || {
        missing "mlflow of PyPI" "mlflow-test checked nothing"
        exit 0
    }
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$venv/bin/python" "$here/check_tracking.py" "$medseg" "$venv/bin/mlflow" "$work"
