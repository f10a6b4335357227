"""The README's pictures, taken from the running product: `make run`, then `make screenshots`. Needs Chromium."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = CHECKOUT / "docs" / "images"
SHOTS = (("today", 1440, 900), ("today-phone", 390, 844))
# Without the last ones the browser looks for hosts of its maker.
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def take(browser: Browser, manager: dict[str, Any], admin_url: str, name: str, width: int, height: int) -> Path:
    """One picture of the first page, as a manager sees it in a window of this size."""
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.goto(f"{admin_url}login/")
    page.fill("input[name=username]", manager["email"])
    page.fill("input[name=password]", manager["password"])
    page.click("button[type=submit]")
    page.wait_for_load_state("networkidle")
    page.goto(admin_url, wait_until="networkidle")
    file = PICTURES / f"{name}.png"
    page.screenshot(path=file)
    return file


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    demo_file = CHECKOUT / ".local" / "demo.json"
    if chromium is None or not demo_file.exists():
        print("Needs Chromium and the running product: make run.", file=sys.stderr)
        return 1
    demo = json.loads(demo_file.read_text())
    manager = next(user for user in demo["users"] if user["role"] == "MANAGER")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=SWITCHES)
        for name, width, height in SHOTS:
            print(take(browser, manager, demo["admin_url"], name, width, height))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
