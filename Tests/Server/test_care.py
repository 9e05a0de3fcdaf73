"""What the page does not lose, mix up or replace: corrections, results, labels, and whose they are."""

import copy
import gzip
import json
import shutil

import pytest
import requests

from desk import CHROMIUM, Desk, until
from harness import running
from needs import needs

pytestmark = needs("chromium", CHROMIUM is not None)


@pytest.fixture(scope="module")
def server(inputs, tmp_path_factory):
    """Two models whose organs have different names, and two scans."""
    studies, models = tmp_path_factory.mktemp("studies"), tmp_path_factory.mktemp("models")
    shutil.copy(inputs.scans[0], studies / "alpha.nii.gz")
    shutil.copy(inputs.scans[1], studies / "beta.nii.gz")
    for name, organ in [("one", "left thing"), ("two", "right thing")]:
        shutil.copytree(inputs.models / inputs.model, models / name)
        file = models / name / "model.json"
        description = json.loads(file.read_text())
        file.write_text(json.dumps({**description, "labels": {"1": organ}}))
    both = copy.copy(inputs)
    both.models = models
    with running(both, "--studies", studies) as server:
        yield server


def open_desk(browser, server, study="alpha", model="one"):
    desk = Desk(browser, server.url, 1366, 768)
    desk.open_study(study)
    desk.page.select_option("#model", label=model)
    desk.page.fill("#passes", "0")
    return desk


def draw(desk, *places):
    if desk.page.is_visible("#draw"):
        desk.page.click("#draw")
        desk.page.wait_for_selector("#editor:not([hidden])")
    desk.page.keyboard.press("b")
    desk.drag("axial", *(places or [(0.45, 0.5), (0.55, 0.5)]))
    return desk.millilitres()


def measures(desk, volume):
    """Waits until the table has a volume: a busy machine shows it late."""
    for _ in range(100):
        if desk.millilitres() == volume:
            return True
    return False


def said(page, text):
    until(page, f"document.querySelector('#message').textContent.includes({json.dumps(text)})", 120)


def names(page):
    return page.evaluate("[...document.querySelectorAll('#organs button')].map((button) => button.textContent)")


def test_undo_in_the_middle_of_a_stroke_loses_nothing(browser, server):
    desk = open_desk(browser, server)
    page = desk.page
    first = draw(desk)
    assert first > 0
    box = page.locator(".pane.axial canvas").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 4
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=4)
    page.keyboard.press("Control+z")
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    both = desk.millilitres()
    assert both > first
    for volume in [first, 0]:
        page.keyboard.press("Control+z")
        assert measures(desk, volume)
    assert page.is_disabled("#edit-undo")
    for volume in [first, both]:
        page.keyboard.press("Control+y")
        assert measures(desk, volume)
    page.select_option("#studies", label="beta")
    page.wait_for_selector("#ask[open]")
    page.click("#ask button[value='']")
    desk.close()


FORGET = """async () => {
    const { Grid } = await import('/static/grid.js');
    const { LabelMap } = await import('/static/labelmap.js');
    const size = [160, 160, 160];
    const count = 160 ** 3;
    const facts = { size, spacing: [1, 1, 1], orientation: 'RAS', affine: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]] };
    const map = new LabelMap(new Uint8Array(count), new Int16Array(count), new Grid(facts));
    for (let n = 1; n <= 15; n++) {
        map.begin('all');
        for (let index = 0; index < count; index++) map.put(index, n);
        map.touched(n, [0, 0, 0], [159, 159, 159]);
        map.end();
    }
    let steps = 0;
    while (map.undo()) steps++;
    return { steps, done: map.done.length, isCorrected: map.isCorrected, isChanged: map.isChanged, label: map.voxels[0] };
}"""


def test_a_mask_whose_first_changes_are_forgotten_counts_as_corrected(browser, server):
    desk = Desk(browser, server.url, 1366, 768)
    found = desk.page.evaluate(FORGET)
    assert 0 < found["steps"] < 15 and found["done"] == 0 and found["label"] > 0
    assert found["isCorrected"] and found["isChanged"]
    desk.close()


PALM = """() => {
    const canvases = ['axial', 'coronal'].map((plane) => document.querySelector(`.pane.${plane} canvas`));
    const at = (canvas, type, pointerId, dx, dy) => {
        canvas.setPointerCapture = () => {};
        const box = canvas.getBoundingClientRect();
        canvas.dispatchEvent(new PointerEvent(type, {
            pointerId, isPrimary: pointerId === 5, bubbles: true, buttons: type === 'pointerup' ? 0 : 1,
            button: type === 'pointermove' ? -1 : 0, clientX: box.left + box.width / 2 + dx, clientY: box.top + box.height / 2 + dy }));
    };
    const [axial, coronal] = canvases;
    at(axial, 'pointerdown', 5, 0, 0);
    at(axial, 'pointermove', 5, 30, 0);
    for (const canvas of canvases) {
        at(canvas, 'pointerdown', 6, 0, 60);
        at(canvas, 'pointermove', 6, 40, 60);
        at(canvas, 'pointerup', 6, 40, 60);
    }
    at(axial, 'pointermove', 5, 60, 0);
    at(axial, 'pointerup', 5, 60, 0);
}"""


def test_a_palm_beside_the_pen_is_no_stroke(browser, server):
    desk = open_desk(browser, server)
    page = desk.page
    first = draw(desk, (0.5, 0.5), (0.5, 0.5))
    page.evaluate(PALM)
    assert desk.millilitres() > first
    assert page.evaluate("document.querySelector('#edit-undo').title") == "Undo: Brush"
    page.keyboard.press("Control+z")
    assert measures(desk, first)
    page.keyboard.press("Control+z")
    assert measures(desk, 0) and page.is_disabled("#edit-undo")
    desk.close()


def test_a_result_takes_the_place_of_no_correction(browser, server):
    desk = open_desk(browser, server)
    page = desk.page
    held = []
    is_held = True
    page.route("**/api/v1/jobs/*", lambda route: held.append(route) if is_held else route.continue_())
    page.click("#run")
    drawn = draw(desk)
    until(page, "document.querySelector('#job').hidden === false")
    page.wait_for_timeout(500)
    is_held = False
    for route in held:
        route.continue_()
    said(page, "The mask that is open stays")
    assert desk.millilitres() == drawn
    # The result is listed; opening it asks.
    page.select_option("#masks", label="Result 1: one")
    page.wait_for_selector("#ask[open]")
    page.click("#ask button[value='']")
    assert desk.millilitres() == drawn
    page.select_option("#masks", label="Result 1: one")
    page.wait_for_selector("#ask[open]")
    page.click("#ask-yes")
    until(page, "document.querySelector('#download-report').hidden === false")
    desk.close()


def test_of_two_masks_that_are_asked_for_the_last_is_opened(browser, server):
    facts = {volume["name"]: volume["id"] for volume in requests.get(f"{server.url}/api/v1/volumes").json()["volumes"]}
    url = f"{server.url}/api/v1/volumes/{facts['beta']}"
    size = requests.get(url).json()["size"]
    count = size[0] * size[1] * size[2]
    for tag, voxels in [("less", 1000), ("more", 9000)]:
        mask = b"\1" * voxels + bytes(count - voxels)
        query = {"replace": "true", "model": "one"}
        assert requests.put(f"{url}/labels/{tag}", params=query, data=gzip.compress(mask)).status_code == 200
    desk = open_desk(browser, server, "beta")
    page = desk.page
    held = []
    page.route("**/labels/less/voxels", lambda route: held.append(route))
    page.select_option("#masks", label="Label “less”")
    page.select_option("#masks", label="Label “more”")
    page.wait_for_selector("#editor:not([hidden])")
    more = desk.millilitres()
    for route in held:
        route.continue_()
    page.wait_for_timeout(1000)
    assert held and desk.millilitres() == more
    desk.close()


def test_masks_keep_the_names_of_their_model(browser, server):
    desk = open_desk(browser, server)
    page = desk.page
    page.click("#run")
    desk.wait_done()
    assert names(page) == ["left thing"]
    page.fill("#label-tag", "of one")
    page.click("#label-save")
    said(page, "Saved in the datastore")
    page.select_option("#model", label="two")
    page.click("#run")
    until(page, "document.querySelector('#organs')?.textContent.includes('right thing')", 120)
    page.wait_for_selector("#findings:not([hidden])")
    # Another model's mask is no equal.
    page.select_option("#compare-with", label="Result 1: one")
    page.wait_for_selector("#compare-note:not([hidden])")
    assert "two models, two and one" in page.inner_text("#compare-note")
    page.select_option("#compare-with", label="Result 2: two")
    page.wait_for_selector("#compare-note", state="hidden")
    # What is opened has its own names, whichever model is chosen.
    for mask in ["Result 1: one", "Label “of one”"]:
        page.select_option("#masks", label="Result 2: two")
        until(page, "document.querySelector('#organs').textContent.includes('right thing')")
        page.select_option("#masks", label=mask)
        until(page, "document.querySelector('#organs').textContent.includes('left thing')")
    desk.close()


def test_a_label_that_came_meanwhile_is_replaced_after_a_question(browser, server):
    desk = open_desk(browser, server)
    page = desk.page
    drawn = draw(desk)
    key = next(volume["id"] for volume in requests.get(f"{server.url}/api/v1/volumes").json()["volumes"] if volume["name"] == "alpha")
    url = f"{server.url}/api/v1/volumes/{key}"
    size = requests.get(url).json()["size"]
    body = gzip.compress(bytes(size[0] * size[1] * size[2]))
    assert requests.put(f"{url}/labels/shared", data=body).status_code == 200
    page.fill("#label-tag", "shared")
    page.click("#label-save")
    page.wait_for_selector("#ask[open]")
    page.click("#ask button[value='']")
    page.wait_for_timeout(200)
    assert not any(requests.get(f"{url}/labels/shared/voxels").content)
    page.click("#label-save")
    page.wait_for_selector("#ask[open]")
    page.click("#ask-yes")
    said(page, "Saved in the datastore")
    assert drawn > 0 and any(requests.get(f"{url}/labels/shared/voxels").content)
    [label] = [label for label in requests.get(f"{url}/labels").json()["labels"] if label["tag"] == "shared"]
    assert (label["model"], label["method"]) == ("one", "manual")
    # The print says it as well.
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert "drawn by hand" in page.inner_text("#printed")
    # Chromium itself reports the refusals.
    desk.errors = [error for error in desk.errors if "409" not in error]
    desk.close()


def test_what_spoils_a_result_stands_over_remarks_on_files(browser, server):
    desk = Desk(browser, server.url, 1366, 768)
    page = desk.page
    page.evaluate("""async () => (await import('/static/words.js')).listConcerns([
        { level: 'warning', topic: 'header', message: 'Left out: 7.dcm' },
        { level: 'note', topic: 'intensity', message: 'A note.' },
        { level: 'warning', topic: 'spacing', message: 'Much coarser than the model.' },
    ])""")
    alert = page.get_by_role("alert").filter(has_text="Much coarser")
    assert alert.is_visible() and page.inner_text("#alert") == "Much coarser than the model."
    listed = page.evaluate("[...document.querySelectorAll('#concerns li')].map((item) => item.textContent)")
    assert listed == ["Much coarser than the model.", "Left out: 7.dcm", "A note."]
    desk.close()


def test_a_scan_that_is_looked_at_does_not_expire(inputs, browser):
    with running(inputs, "--session-seconds", "9") as server:
        desk = Desk(browser, server.url, 1366, 768)
        desk.upload(inputs.scans[1])
        drawn = draw(desk)
        # The server looks for what has expired every 15 seconds.
        desk.page.wait_for_timeout(35_000)
        with desk.page.expect_download():
            desk.page.click("#download-mask")
        assert drawn > 0 and any(name.startswith("session-") for name in server.files())
        desk.close()
