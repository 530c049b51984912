"""A real browser for tests, where the machine has one. A folder's conftest imports the fixtures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import define
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
DESK: ViewportSize = {"width": 1200, "height": 900}
SIZES: dict[str, ViewportSize] = {"desk": DESK, "phone": {"width": 375, "height": 800}}


@define
class Tab:
    """A page that shows one file after the other: for another page the browser works for a second."""

    page: Page
    said: list[str]
    """What the browser has complained of and asked for since it was told to show the last one."""

    def show(self, file: Path, size: ViewportSize = DESK, scheme: str = "light") -> Page:
        """Load a file anew, and return the page."""
        self.page.set_viewport_size(size)
        self.page.emulate_media(media="screen", color_scheme=scheme)  # type: ignore[arg-type]
        self.said.clear()
        self.page.goto(file.as_uri())
        return self.page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium that asks nothing of any network; no event loop can run beside it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: Debian's package chromium has it")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=flags)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Tab]:
    """A page of that browser, with nothing in it."""
    page, said = browser.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    yield Tab(page, said)
    page.close()
