"""What every file of tests begins with."""

import pytest

from desk import CHROMIUM
from harness import Inputs


@pytest.fixture(scope="module")
def inputs():
    """Models and scans for the servers of a file of tests."""
    inputs = Inputs()
    yield inputs
    inputs.remove()


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium, without a GPU."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
