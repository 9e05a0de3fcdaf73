#!/usr/bin/env bash
# Holds the DICOM objects of `medseg predict` to the programs that others read them with: dicom3tools, highdicom, dcmqi and
# plastimatch; and reads what highdicom and dcmqi write. Run by `make dicom-test`.
#
# What that needs is installed outside the tree. What cannot be is skipped, loudly, or fails: ../Needs/needs.sh.
set -euo pipefail
cd "$(dirname "$0")"
source ../Needs/needs.sh

venv="${MEDSEG_DICOM_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/medseg/dicom-tests}"
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check pytest numpy || {
  missing "pytest or numpy of PyPI" "dicom-test checked nothing"
  exit 0
}
"$venv/bin/pip" install -q --disable-pip-version-check pydicom highdicom || {
  missing "pydicom or highdicom of PyPI" "dicom-test checked nothing"
  exit 0
}
for package in dicom3tools dcmqi plastimatch SimpleITK; do
  "$venv/bin/pip" install -q --disable-pip-version-check "$package" || missing "$package of PyPI" "it was NOT asked"
done

export PYTHONDONTWRITEBYTECODE=1 PATH="$venv/bin:$PATH" PYTHONPATH=../Needs
exec "$venv/bin/python" -m pytest -q -p no:cacheprovider "$@" test_objects.py test_labels.py
