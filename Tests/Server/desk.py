"""A page in headless Chromium whose console is watched."""

import os
import pathlib
import shutil
import time

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("MEDSEG_SCREENSHOTS")


def until(page, condition, seconds=30):
    """Waits for a JavaScript expression; Playwright's own waiting evaluates text, which the page's policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


class Desk:
    def __init__(self, browser, url, width, height, **options):
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.errors = []
        self.requests = []
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(f"{request.method} {request.url.removeprefix(url)}"))
        self.page.goto(url)
        until(self.page, "document.querySelector('#model').options.length > 0")
        self.width = width

    def picture(self, name, **options):
        if PICTURES:
            pathlib.Path(PICTURES).mkdir(parents=True, exist_ok=True)
            self.page.wait_for_timeout(150)
            self.page.screenshot(path=f"{PICTURES}/{name}_{self.width}.png", **options)

    def upload(self, scan):
        self.page.set_input_files("#file", str(scan))
        self.page.wait_for_selector("#scan-facts:not([hidden])")
        until(self.page, "!document.querySelector('#run').disabled")

    def open_study(self, name):
        self.page.select_option("#studies", label=name)
        until(self.page, "!document.querySelector('#run').disabled", 120)

    def segment(self, passes):
        """Runs the model and waits for the mask."""
        self.page.fill("#passes", str(passes))
        self.page.click("#run")
        self.wait_done()

    def wait_done(self):
        self.page.wait_for_selector("#findings:not([hidden])", timeout=300_000)

    def pixels(self, plane):
        """A canvas as bytes, to compare."""
        self.page.wait_for_timeout(80)
        return self.page.evaluate(f"document.querySelector('.pane.{plane} canvas').toDataURL()")

    def slice(self, plane):
        return int(self.page.get_attribute(f".pane.{plane} canvas", "aria-label").split()[2])

    def millilitres(self, row=0):
        """What the table says of a label."""
        self.page.wait_for_timeout(80)
        return float(self.page.inner_text(f"#organs tr:nth-child({row + 1}) td:nth-child(2)"))

    def drag(self, plane, *places):
        """Draws with the left button along places of a pane, as shares of its width and height."""
        box = self.page.locator(f".pane.{plane} canvas").bounding_box()
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in places]
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=6)
        self.page.mouse.up()

    def close(self):
        self.context.close()
        assert self.errors == []
