"""Debian's Chromium as the tests and the pictures start it: headless, silent, with nothing to fetch."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
)  # fmt: skip
WIDE: Final = {"width": 1280, "height": 900}
NARROW: Final = {"width": 360, "height": 740}


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    """
    Start the browser for as long as it is needed.

    Playwright keeps a loop running in its thread, in which nothing else can run one meanwhile.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), headless=True, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def comes_true(page: Page, condition: str) -> bool:
    """Tell whether a condition on a page holds within 300 frames; Playwright's own way of waiting is refused by the page's policy."""
    look = f"async () => {{ for (let frame = 0; frame < 300 && !({condition}); frame++) await new Promise(requestAnimationFrame); return {condition}; }}"
    return bool(page.evaluate(look))
