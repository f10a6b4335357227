"""A headless Chromium that writes down everything a page does wrong."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

DESKTOP, PHONE = (1440, 900), (390, 844)
PATIENCE = 120_000
"""Milliseconds. A busy machine takes half a minute to build the page of the whole API; nothing is timed by this."""
# Without the last ones the browser looks for hosts of its maker.
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def chromium() -> str | None:
    """Where Chromium is on this machine."""
    names = ("chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def started() -> Iterator[Any]:
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium(), args=SWITCHES)
        yield browser
        browser.close()


class Visitor:
    """Somebody at the browser. `faults` collects what went wrong, with the page it went wrong on.

    Pages may ask `home` and `besides`, nobody else.
    """

    def __init__(self, context: BrowserContext, home: str, *besides: str) -> None:
        self.home, self.besides = home, besides
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", lambda said: self.note(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.page.on(
            "request", lambda asked: self.note(f"foreign: {asked.url}") if self.is_foreign(asked.url) else None
        )
        self.page.on("requestfailed", self.note_failure)

    def note(self, fault: str) -> None:
        self.faults.append(f"{self.page.url.removeprefix(self.home)}: {fault[:300]}")

    def note_failure(self, asked: Request) -> None:
        if "ERR_ABORTED" not in str(asked.failure):  # a picture still on its way when the next page was opened
            self.note(f"failed: {asked.url} {asked.failure}")

    def is_foreign(self, url: str) -> bool:
        return not url.startswith((self.home, *self.besides, "data:", "blob:", "about:"))

    def visit(self, path: str, *sizes: tuple[int, int], shows: str = "body") -> None:
        """Open the page once and look at it in each size."""
        self.resize(sizes[0])
        answer = self.page.goto(self.home + path, wait_until="load")
        self.page.wait_for_selector(shows, timeout=PATIENCE)
        if answer is None or answer.status != 200:
            self.note(f"status {answer and answer.status}")
        for size in sizes:
            self.look(size)

    def look(self, size: tuple[int, int]) -> None:
        self.resize(size)
        width = self.page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            self.note(f"{width} px wide on {size[0]}")

    def resize(self, size: tuple[int, int]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
