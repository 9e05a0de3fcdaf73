"""DICOM on the page: files are chosen, one of two volumes is picked, and the mask is saved as objects of the series."""

import sys

import pytest

from desk import CHROMIUM, Desk, until
from harness import ROOT, running
from needs import needs

sys.path.insert(0, str(ROOT / "Tests/DICOM"))
pytest.importorskip("numpy")
pydicom = pytest.importorskip("pydicom")
from series import PATIENT, voxels, write  # noqa: E402

pytestmark = needs("chromium", CHROMIUM is not None)


def test_a_volume_is_picked_and_its_mask_is_saved(inputs, browser, tmp_path):
    write(tmp_path / "axial", "axial", voxels())
    write(tmp_path / "other", "coronal", voxels(slices=9))
    files = [str(file) for folder in ["axial", "other"] for file in sorted((tmp_path / folder).iterdir())]
    with running(inputs, "--verbose") as server:
        desk = Desk(browser, server.url, 1366, 768)
        page = desk.page
        page.set_input_files("#file", files)
        page.wait_for_selector("#choose[open]")
        desk.picture("choose_volume")
        # A user who picks nothing is told, and nothing is kept.
        page.click("#choose .quiet")
        until(page, "document.querySelector('#message').classList.contains('bad')")
        assert server.files() == ["studies"] and page.is_visible("#empty")
        page.set_input_files("#file", files)
        page.wait_for_selector("#choose[open]")
        page.click("#volumes button:has-text('14')")
        until(page, "!document.querySelector('#run').disabled")
        assert "53 × 45 × 14" in page.inner_text("#scan-facts")
        page.click("#draw")
        for key in ["1", "b", " "]:
            page.keyboard.press(key)
        volume = desk.millilitres()
        assert volume > 0
        desk.picture("dicom")
        for button, kind in [("seg", "SEG"), ("labelmap", "SEG"), ("rtstruct", "RTSTRUCT")]:
            with page.expect_download() as download:
                page.click(f"#download-{button}")
            written = pydicom.dcmread(download.value.path())
            assert written.Modality == kind and written.PatientName == PATIENT
            assert download.value.suggested_filename.endswith(".dcm")
            if button == "seg":
                assert written.pixel_array.sum() * 1.25 * 1.5 * 2.5 / 1000 == pytest.approx(volume, abs=0.051)
        until(page, "!document.querySelector('#download-rtstruct').disabled")
        assert "ZZZPATIENT" not in page.content() and "ZZZPATIENT" not in server.log
        # Chromium itself reports the two refusals.
        desk.errors = [error for error in desk.errors if "422" not in error]
        desk.close()
