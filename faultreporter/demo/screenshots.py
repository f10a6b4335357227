"""The pictures of the README and the guides, from the running product: `make run`, then `make screenshots`.

Needs Chromium. The running product is the one whose demo.json lies in STATE_DIR, `.local` if that isn't set.
"""

import io
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = CHECKOUT / "docs" / "images"
DESKTOP, TALL, PHONE = (1440, 900), (1440, 1060), (390, 844)
SETTLED_MS = 2000
COLOURS = 256  # plenty for pages of words, and a third of the bytes
# Without the last ones the browser looks for hosts of its maker.
SWITCHES = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


def running_product() -> dict[str, Any]:
    """The product's addresses and logins; FileNotFoundError before its first start."""
    content: dict[str, Any] = json.loads((CHECKOUT / os.environ.get("STATE_DIR", ".local") / "demo.json").read_text())
    return content


class Shot(NamedTuple):
    """A picture of the page at a path below /admin/, after a click on what `press` selects."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    press: str = ""


def shots(demo: dict[str, Any], manager: dict[str, Any]) -> Iterator[Shot]:

    def newest(collection: str, **query: str) -> dict[str, Any]:
        answer = requests.get(
            f"{demo['base_url']}/api/v1/{collection}",
            params=query,
            headers={"Authorization": f"Bearer {manager['token']}"},
            timeout=10,
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()["data"][0]
        return found

    alert = newest("alerts", search="Supply fan belt squealing", status="OPEN")
    analysis = newest("ai/analyses", alert_id=alert["id"])
    chiller = newest("equipment", search="CH-NG-A-B1-01-1")
    yield Shot("today", "")
    yield Shot("today-phone", "", PHONE)
    yield Shot("analysis", f"aiassist/analysis/{analysis['id']}/change/")
    yield Shot("machine-live", f"equipment/equipment/{chiller['id']}/live/", TALL, press="[data-period='86400']")


def sign_in(browser: Browser, demo: dict[str, Any], manager: dict[str, Any]) -> Page:
    page = browser.new_context(timezone_id="Europe/Berlin").new_page()
    page.goto(f"{demo['admin_url']}login/")
    page.fill("input[name=username]", manager["email"])
    page.fill("input[name=password]", manager["password"])
    page.click("button[type=submit]")
    page.wait_for_url(demo["admin_url"])
    return page


def take(page: Page, home: str, shot: Shot) -> bytes:
    """The page as a PNG of few colours."""
    page.set_viewport_size({"width": shot.size[0], "height": shot.size[1]})
    page.goto(home + shot.path)
    page.wait_for_timeout(SETTLED_MS)  # a live page's connection stays open, so the network is never idle
    if shot.press:
        page.click(shot.press)
        page.wait_for_timeout(SETTLED_MS)
    image = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    buffer = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        demo = running_product()
    except FileNotFoundError:
        chromium = None
    if chromium is None:
        print("Needs Chromium and the running product: make run.", file=sys.stderr)
        return 1
    manager = next(user for user in demo["users"] if user["role"] == "MANAGER")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=chromium, args=SWITCHES)
        page = sign_in(browser, demo, manager)
        for shot in shots(demo, manager):
            picture = take(page, demo["admin_url"], shot)
            (PICTURES / f"{shot.name}.png").write_bytes(picture)
            print(f"docs/images/{shot.name}.png {len(picture) // 1024} KB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
