"""The page in headless Chromium, with the scans of a case for a model of several channels."""

import re

import requests

from desk import CHROMIUM, Desk, until
from harness import medseg, running
from needs import needs
from test_channels import case  # noqa: F401

pytestmark = needs("chromium", CHROMIUM is not None)


def predicted(case, out):  # noqa: F811
    """The mask of `medseg predict`."""
    medseg("predict", *case.case, "--model", case.models / "pair", "--out", out, "--device", "cpu", "--quiet")
    return next(out.glob("*_mask.nii.gz")).read_bytes()


def check_run(desk, server, mask):
    """Runs the model on the page and compares the mask."""
    desk.page.click("#run")
    desk.wait_done()
    job = next(found[1] for line in desk.requests if (found := re.match(r"GET /api/v1/jobs/(\w+)", line)))
    assert requests.get(f"{server.url}/api/v1/jobs/{job}/mask").content == mask
    assert desk.errors == []


def test_scans_that_are_chosen_together_are_channels_by_name(case, browser):  # noqa: F811
    mask = predicted(case, case.folder / "by-name")
    numbered = [case.folder / f"a_{number:04}.nii.gz" for number in range(2)]
    for file, source in zip(numbered, case.case):
        file.write_bytes(source.read_bytes())
    with running(case) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        page.select_option("#model", "pair")
        assert "2 scans of a case together" in page.inner_text("#model-facts")
        # The order of a choice is the system's.
        page.set_input_files("#file", [str(file) for file in numbered[::-1]])
        page.wait_for_selector("#scan-facts:not([hidden])")
        assert page.inner_text("#drop-text") == "a_0000.nii.gz, a_0001.nii.gz"
        assert "2, in the order above" in page.inner_text("#scan-facts")
        check_run(desk, server, mask)
        # A model of one channel refuses them by name, and a ZIP is no channel.
        page.select_option("#model", case.model)
        page.click("#run")
        page.wait_for_selector("#message.bad")
        assert "takes one scan, but 2 were sent" in page.inner_text("#message")
        desk.errors.clear()
        page.set_input_files("#file", [
            {"name": "a.nii.gz", "mimeType": "application/gzip", "buffer": b"x"},
            {"name": "b.zip", "mimeType": "application/zip", "buffer": b"x"}])
        page.wait_for_function("() => document.querySelector('#message').textContent.startsWith('One case at a time')")
        page.set_input_files("#file", [
            {"name": name, "mimeType": "application/gzip", "buffer": b"x"} for name in ("a_0000.nii.gz", "b_0001.nii.gz")])
        page.wait_for_function("() => document.querySelector('#message').textContent.includes('those of several cases')")


def test_scans_without_numbers_are_put_in_order_by_the_user(case, browser):  # noqa: F811
    mask = predicted(case, case.folder / "by-hand")
    # The model's order is t1, flair: not the alphabet's.
    t1, flair = (case.folder / name for name in ("t1.nii.gz", "flair.nii.gz"))
    for file, source in zip((t1, flair), case.case):
        file.write_bytes(source.read_bytes())
    with running(case) as server:
        desk = Desk(browser, server.url, 1280, 800)
        page = desk.page
        page.select_option("#model", "pair")
        page.set_input_files("#file", [str(t1), str(flair)])
        page.wait_for_selector("#order[open]")
        assert page.locator("#channels li").evaluate_all("all => all.map((li) => li.firstChild.data)") == [
            "1. t1.nii.gz", "2. flair.nii.gz"]
        page.click("#order button[value='']")
        until(page, "document.querySelector('#message').textContent.startsWith('No order was chosen')")
        assert page.is_hidden("#scan-facts") and not any(line.startswith("POST") for line in desk.requests)
        page.set_input_files("#file", [str(flair), str(t1)])
        page.wait_for_selector("#order[open]")
        page.click("#channels button")
        page.click("#order-yes")
        page.wait_for_selector("#scan-facts:not([hidden])")
        assert page.inner_text("#drop-text") == "t1.nii.gz, flair.nii.gz"
        check_run(desk, server, mask)
