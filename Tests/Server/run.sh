#!/usr/bin/env bash
# Drives the built medseg-server as its users do: over REST, with MONAI Label's own client, and in headless Chromium.
# Installs what that needs outside the tree. What cannot be installed is skipped, loudly, or fails: ../Needs/needs.sh.
set -euo pipefail
cd "$(dirname "$0")"
source ../Needs/needs.sh

venv="${MEDSEG_TEST_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/medseg/server-tests}"
python3 -m venv "$venv"
"$venv/bin/pip" install -q --disable-pip-version-check pytest requests

tests=(test_rest.py test_channels.py test_masks.py test_datastore.py test_heads.py test_hostile.py test_refused_bodies.py)
if "$venv/bin/pip" install -q --disable-pip-version-check numpy pydicom; then
  tests+=(test_dicom.py test_dicomweb.py test_dicomweb_faults.py)
  "$venv/bin/pip" install -q --disable-pip-version-check highdicom || missing highdicom "it was NOT asked about stored masks"
else
  missing "numpy or pydicom" "DICOM was NOT tested"
fi
if "$venv/bin/pip" install -q --disable-pip-version-check schemathesis; then
  tests+=(test_schema.py)
else
  missing schemathesis "the API's description was NOT tried"
fi
# The client alone: the whole of MONAI Label would bring PyTorch with it.
if "$venv/bin/pip" install -q --disable-pip-version-check --no-deps monailabel \
    && "$venv/bin/python" -W ignore -c 'import monailabel.client'; then
  tests+=(test_monailabel.py)
else
  missing monailabel "its client was NOT tested"
fi

# Installs Debian packages where that is possible.
install() {
  local sudo=""; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo ../Needs/apt.sh "$@" 2>/dev/null || true
}
orthanc=/usr/share/orthanc/plugins/libOrthancDicomWeb.so
[ -e $orthanc ] || install orthanc orthanc-dicomweb
[ -e $orthanc ] || missing "orthanc or orthanc-dicomweb" "DICOMweb was tried with no real archive"
command -v chromium >/dev/null || install chromium fonts-dejavu-core
if command -v chromium >/dev/null && "$venv/bin/pip" install -q --disable-pip-version-check playwright axe-playwright-python; then
  tests+=(test_page.py test_page_channels.py test_page_dicom.py test_page_archive.py test_editing.py test_care.py)
else
  missing "chromium, playwright or axe-playwright-python" "the page was NOT tested"
fi

PYTHONPATH=../Needs "$venv/bin/python" -m pytest -q -p no:cacheprovider -W ignore::DeprecationWarning "${tests[@]}" "$@"
