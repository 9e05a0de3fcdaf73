"""The page in headless Chromium: upload, run, scroll, overlay, uncertainty, download; by mouse and by keyboard alone."""

import json
import pathlib
import shutil

import pytest

from desk import CHROMIUM, PICTURES, Desk, until
from harness import TOKEN, running
from needs import needs

pytestmark = needs("chromium", CHROMIUM is not None)


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080)])
def test_a_scan_from_upload_to_download(inputs, browser, size):
    with running(inputs) as server:
        desk = Desk(browser, server.url, *size)
        page = desk.page
        desk.picture("1_empty")
        desk.upload(inputs.scans[0])
        desk.picture("2_scan")
        assert page.inner_text("#scan-facts dd") != ""
        page.fill("#passes", "4")
        page.click("#run")
        page.wait_for_selector("#job:not([hidden])")
        desk.picture("3_running")
        desk.wait_done()
        assert "Done" in page.inner_text("#message")
        desk.picture("4_mask")
        done = len([request for request in desk.requests if request.startswith("POST /api/v1/jobs")])

        # Scrolling changes the slice and the picture.
        before, slice_before = desk.pixels("axial"), desk.slice("axial")
        page.hover(".pane.axial canvas")
        page.mouse.wheel(0, 120)
        assert desk.pixels("axial") != before
        assert desk.slice("axial") == slice_before - 3
        page.mouse.wheel(0, -120)
        assert desk.pixels("axial") == before

        # The overlay goes and comes.
        page.click("#mask-on")
        assert desk.pixels("axial") != before
        page.click("#mask-on")
        assert desk.pixels("axial") == before
        page.fill("#mask-opacity", "90")
        assert desk.pixels("axial") != before

        # So does the uncertainty.
        with_mask = desk.pixels("axial")
        page.click("#heat-on")
        with_heat = desk.pixels("axial")
        assert with_heat != with_mask
        assert float(page.inner_text("#heat-high")) > 0
        desk.picture("5_uncertainty")
        page.select_option("#heat-map", "variance")
        until(page, "document.querySelector('#heat-unit').textContent === 'of the probability'")
        assert desk.pixels("axial") != with_heat
        page.click("#heat-on")

        # A press moves the crosshair of all three planes.
        box = page.locator(".pane.axial canvas").bounding_box()
        page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.55)
        page.wait_for_timeout(80)
        moved = (desk.slice("coronal"), desk.slice("sagittal"))
        page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.45)
        page.wait_for_timeout(80)
        assert (desk.slice("coronal"), desk.slice("sagittal")) != moved
        assert "HU" in page.inner_text("#readout")

        # The window follows the preset and the right button.
        page.select_option("#preset", label="Bone")
        assert page.inner_text("#level-value") == "400"
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.down(button="right")
        page.mouse.move(box["x"] + 240, box["y"] + 160, steps=4)
        page.mouse.up(button="right")
        assert page.inner_text("#level-value") != "400"
        assert page.locator("#preset option:checked").inner_text() == "Other"

        # Nothing was inferred for any of this.
        assert len([request for request in desk.requests if request.startswith("POST /api/v1/jobs")]) == done == 1

        with page.expect_download() as download:
            page.click("#download-report")
        report = json.loads(pathlib.Path(download.value.path()).read_text())
        assert report["labels"][0]["name"] in page.inner_text("#organs")
        assert f"{report['labels'][0]['volume_ml']:.1f}" in page.inner_text("#organs")
        with page.expect_download() as download:
            page.click("#download-map")
        assert download.value.suggested_filename.endswith("_variance.nii.gz")
        assert len(download.value.suggested_filename.split("_")[0]) == 12

        # One pass: the mask is that of `medseg predict`.
        page.fill("#passes", "0")
        page.click("#run")
        page.wait_for_selector("#findings", state="hidden")
        desk.wait_done()
        assert page.is_disabled("#heat-on")
        with page.expect_download() as download:
            page.click("#download-mask")
        assert pathlib.Path(download.value.path()).read_bytes() == inputs.mask(inputs.scans[0])
        page.goto("about:blank")
        page.wait_for_timeout(500)
        assert not any(name.startswith("session-") for name in server.files())
        desk.close()


def test_by_keyboard_alone(inputs, browser, tmp_path):
    studies = tmp_path / "studies"
    studies.mkdir()
    shutil.copy(inputs.scans[1], studies / "beta.nii.gz")
    with running(inputs, "--studies", studies) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        # Every control is reached by Tab, and shows that it was.
        reached = []
        for _ in range(14):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none" or reached[-1] in ("file", "CANVAS"), reached
        for wanted in ["help-open", "file", "studies", "model", "passes", "largest", "holes"]:
            assert wanted in reached, reached
        page.focus("#studies")
        page.keyboard.press("ArrowDown")
        until(page, "!document.querySelector('#run').disabled")
        page.focus("#run")
        page.fill("#passes", "3")
        page.focus("#run")
        page.keyboard.press("Enter")
        desk.wait_done()
        page.keyboard.press("1")
        start = desk.slice("axial")
        page.keyboard.press("PageUp")
        page.wait_for_timeout(80)
        assert desk.slice("axial") == start + 1
        page.keyboard.press("Shift+PageDown")
        page.wait_for_timeout(80)
        assert desk.slice("axial") == max(1, start - 9)
        page.keyboard.press("o")
        page.wait_for_timeout(80)
        sagittal = desk.slice("sagittal")
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(80)
        assert desk.slice("sagittal") == sagittal + 1
        plain = desk.pixels("axial")
        for key in ["m", "u", "x"]:
            page.keyboard.press(key)
            assert desk.pixels("axial") != plain, key
            page.keyboard.press(key)
            assert desk.pixels("axial") == plain, key
        for key, back in [("+", "0"), ("]", "["), ("f", "f")]:
            page.keyboard.press(key)
            assert desk.pixels("axial") != plain, key
            page.keyboard.press(back)
            page.wait_for_timeout(150)
            assert desk.pixels("axial") == plain, key
        level = page.inner_text("#level-value")
        page.keyboard.press("w")
        assert page.inner_text("#level-value") != level
        page.keyboard.press("?")
        assert page.is_visible("#help")
        desk.picture("6_keys")
        page.keyboard.press("Escape")
        assert not page.is_visible("#help")
        desk.close()


def test_cancel_and_bad_files(inputs, browser, tmp_path):
    with running(inputs) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        bad = tmp_path / "notes.txt"
        bad.write_text("no scan")
        page.set_input_files("#file", str(bad))
        assert "A scan is needed: NIfTI" in page.inner_text("#message")
        desk.upload(inputs.scans[0])
        page.fill("#passes", "100")
        page.click("#run")
        until(page, "document.querySelector('#job-progress').value > 0")
        page.keyboard.press("Escape")
        until(page, "document.querySelector('#message').textContent === 'Cancelled.'")
        assert desk.errors == []
        fake = tmp_path / "fake.nii.gz"
        fake.write_bytes(b"no scan either")
        page.set_input_files("#file", str(fake))
        until(page, "document.querySelector('#message').classList.contains('bad')")
        assert "cannot be used" in page.inner_text("#message")
        # Chromium reports the refused upload itself; nothing else may be there.
        assert all("400" in error for error in desk.errors)
        desk.errors.clear()
        desk.close()


def black(page):
    """Whether all three planes show nothing."""
    page.wait_for_timeout(120)
    return page.evaluate("""[...document.querySelectorAll('.pane canvas')].every((canvas) => {
        const blank = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height });
        const context = blank.getContext('2d');
        context.fillStyle = '#000';
        context.fillRect(0, 0, blank.width, blank.height);
        return canvas.toDataURL() === blank.toDataURL();
    })""")


def nothing_is_shown(page):
    assert black(page)
    assert page.is_visible("#empty")
    for gone in ["#scan-facts", "#findings", "#concerns-group"]:
        assert not page.is_visible(gone), gone
    assert page.inner_text("#readout").strip() == "" and page.text_content("#organs") == ""
    assert page.is_disabled("#run") and page.is_disabled("#preset") and not page.is_visible("#download-mask")


class Gate:
    """Holds back what the page asks for until it is let through."""

    def __init__(self, page, pattern):
        self.held = []
        page.route(pattern, lambda route: self.held.append(route))

    def wait(self, page, count=1):
        for _ in range(200):
            if len(self.held) >= count:
                return self
            page.wait_for_timeout(50)
        raise AssertionError("the page does not ask")

    def open(self, page, pattern):
        for route in self.held:
            route.continue_()
        page.unroute(pattern)


def test_one_patient_is_never_shown_under_anothers_name(inputs, browser, tmp_path):
    with running(inputs) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        desk.upload(inputs.scans[0])
        desk.segment(passes=0)
        assert not black(page)
        desk.picture("7_before_another")

        # From the first moment of another upload, until it is there, nothing of the first is seen.
        second = tmp_path / "second.nii.gz"
        shutil.copy(inputs.scans[1], second)
        voxels = "**/api/v1/volumes/*/voxels"
        gate = Gate(page, voxels)
        page.set_input_files("#file", str(second))
        assert page.inner_text("#drop-text") == "second.nii.gz"
        nothing_is_shown(page)
        gate.wait(page)
        desk.picture("8_another_arrives")
        nothing_is_shown(page)

        # A user who changes their mind gets an empty page.
        page.click("#cancel")
        assert "Drop another" in page.inner_text("#drop-text")
        gate.held.pop().continue_()
        page.wait_for_timeout(500)
        nothing_is_shown(page)
        page.set_input_files("#file", str(second))
        gate.wait(page)

        # A third begins while the second's images are on their way: they come, and are dropped.
        third = tmp_path / "third.nii.gz"
        shutil.copy(inputs.scans[0], third)
        page.set_input_files("#file", str(third))
        gate.wait(page, 2)
        gate.held.pop().continue_()
        until(page, "!document.querySelector('#run').disabled")
        facts, picture = page.inner_text("#scan-facts"), desk.pixels("axial")
        gate.open(page, voxels)
        page.wait_for_timeout(1000)
        assert page.inner_text("#drop-text") == "third.nii.gz"
        assert page.inner_text("#scan-facts") == facts and desk.pixels("axial") == picture

        # A mask that comes after its scan has gone is dropped too.
        masks = "**/api/v1/jobs/*/voxels/mask"
        gate = Gate(page, masks)
        page.click("#run")
        gate.wait(page)
        page.set_input_files("#file", str(second))
        until(page, "!document.querySelector('#run').disabled")
        picture = desk.pixels("axial")
        gate.open(page, masks)
        page.wait_for_timeout(1000)
        assert not page.is_visible("#findings") and desk.pixels("axial") == picture
        assert page.inner_text("#message") == "" and not page.is_visible("#job")

        # An upload that fails leaves nothing of the scan before.
        fake = tmp_path / "fake.nii.gz"
        fake.write_bytes(b"no scan")
        page.set_input_files("#file", str(fake))
        until(page, "document.querySelector('#message').classList.contains('bad')")
        nothing_is_shown(page)
        assert "Drop another" in page.inner_text("#drop-text")
        desk.picture("9_refused")
        desk.errors = [error for error in desk.errors if "400" not in error and "404" not in error]
        desk.close()


def test_a_server_that_goes_and_comes_back(inputs, browser):
    with running(inputs) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        desk.upload(inputs.scans[0])
        page.fill("#passes", "100")
        page.click("#run")
        until(page, "document.querySelector('#job-progress').value > 0")
        # A lost connection is waited for; the job goes on meanwhile.
        desk.context.set_offline(True)
        until(page, "document.querySelector('#message').textContent.includes('asking again')")
        desk.picture("10_lost")
        desk.context.set_offline(False)
        until(page, "document.querySelector('#message').textContent === ''")
        assert page.is_visible("#job")
        # A server that is started anew knows no scan.
        port = int(server.url.rsplit(":", 1)[1])
        server.kill()
        until(page, "document.querySelector('#message').textContent.includes('asking again')")
        with running(inputs, port=port):
            until(page, "document.querySelector('#message').textContent.includes('no longer has this scan')")
            desk.picture("11_started_anew")
            assert not page.is_visible("#job")
            desk.upload(inputs.scans[1])
            assert page.inner_text("#message") == ""
        page.click("#run")
        until(page, "document.querySelector('#message').textContent.includes('does not answer')")
        desk.errors.clear()
        desk.close()


def test_login(inputs, browser):
    with running(inputs, "--token", TOKEN) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.goto(server.url)
        assert page.url.endswith("/login")
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/7_login_1280.png")
        until(page, "document.activeElement?.name === 'token'")
        assert page.inner_text("#message") == ""
        page.keyboard.type("some other token")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        until(page, "document.querySelector('#message').textContent.includes('not the server')")
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/12_wrong_token_1280.png")
        until(page, "document.activeElement?.name === 'token'")
        page.keyboard.type(TOKEN)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        until(page, "document.querySelector('#model')?.options.length > 0")
        page.click("#logout button")
        page.wait_for_url("**/login")
        # A login that the server has forgotten is said to have ended.
        page.keyboard.type(TOKEN)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        until(page, "document.querySelector('#model')?.options.length > 0")
        context.clear_cookies()
        page.set_input_files("#file", str(inputs.scans[1]))
        page.wait_for_url("**/login?ended")
        until(page, "document.querySelector('#message').textContent.includes('ended')")
        context.close()
