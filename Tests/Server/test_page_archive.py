"""The archive on the page: a series is found, opened and segmented by hand, and its mask is stored, in a real Orthanc."""

import io
import sys

import pytest

from archive import LOGIN, PROGRAM, Orthanc, started
from desk import CHROMIUM, Desk, until
from harness import ROOT, running
from needs import needs

sys.path.insert(0, str(ROOT / "Tests/DICOM"))
pytest.importorskip("numpy")
pydicom = pytest.importorskip("pydicom")
from series import PATIENT, voxels, write  # noqa: E402

pytestmark = [
    needs("chromium", CHROMIUM is not None), needs("Orthanc with its DICOMweb plugin", PROGRAM is not None)]


@pytest.mark.parametrize("size", [(1366, 768), (390, 844)])
def test_a_series_comes_and_its_mask_goes(inputs, browser, tmp_path, size):
    from axe_playwright_python.sync_playwright import Axe

    write(tmp_path / "axial", "axial", voxels())
    with started(Orthanc()) as archive, running(
            inputs, "--verbose", "--dicomweb", archive.root, environment=LOGIN) as server:
        archive.add(tmp_path / "axial")
        desk = Desk(browser, server.url, *size)
        page = desk.page
        page.click("#archive-open")
        page.select_option("#archive-modality", "MR")
        page.click("#archive-find")
        until(page, "document.querySelector('#archive-note').textContent === 'No series was found.'")
        page.select_option("#archive-modality", "CT")
        page.fill("#archive-patient", "ID-4711")
        page.fill("#archive-from", "2020-03-01")
        page.check("#archive-names")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "archive-find"
        page.keyboard.press("Enter")
        until(page, "document.querySelectorAll('#archive-list button').length === 1")
        shown = page.inner_text("#archive-list")
        assert "CT · 14 files" in shown and PATIENT in shown and "2020-03-04" in shown
        assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        desk.picture("archive")
        # A wrong filter says what is wrong, and leaves no list behind.
        page.fill("#archive-patient", "ID*")
        page.click("#archive-find")
        until(page, "document.querySelector('#archive-note').classList.contains('bad')")
        assert "wildcards" in page.inner_text("#archive-note") and page.inner_text("#archive-list") == ""
        page.fill("#archive-patient", "")
        page.click("#archive-find")
        until(page, "document.querySelectorAll('#archive-list button').length === 1")
        page.click("#archive-list button")
        until(page, "!document.querySelector('#run').disabled")
        assert "53 × 45 × 14" in page.inner_text("#scan-facts")
        # What the list said of the patient is gone with it.
        assert PATIENT not in page.content()
        page.click("#draw")
        for key in ["1", "b", " "]:
            page.keyboard.press(key)
        volume = desk.millilitres()
        assert volume > 0
        before = archive.count()
        page.click("#archive-send")
        page.click("#ask button:has-text('Go back')")
        page.click("#archive-send")
        page.click("#ask-yes")
        until(page, "document.querySelector('#message').textContent.startsWith('Stored in the archive.')")
        desk.picture("archive_stored")
        assert archive.count() == before + 1
        instances = archive.ask("GET", "/instances").json()
        files = [pydicom.dcmread(io.BytesIO(archive.ask("GET", f"/instances/{one}/file").content)) for one in instances]
        (kept,) = [file for file in files if file.Modality == "SEG"]
        assert kept.pixel_array.sum() * 1.25 * 1.5 * 2.5 / 1000 == pytest.approx(volume, abs=0.051)
        assert PATIENT not in server.log and "ID-4711" not in server.log
        # Chromium itself reports the refusal.
        desk.errors = [error for error in desk.errors if "400" not in error]
        desk.close()


def test_a_page_without_an_archive_offers_none(inputs, browser):
    with running(inputs) as server:
        desk = Desk(browser, server.url, 1366, 768)
        assert desk.page.is_hidden("#archive-open") and desk.page.is_hidden("#archive-send")
        desk.close()
