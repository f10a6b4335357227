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
from typing import Any

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

CHECKOUT = Path(__file__).resolve().parents[2]
PICTURES = CHECKOUT / "docs" / "images"
DESKTOP, PHONE = (1440, 900), (390, 844)
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


def shots(demo: dict[str, Any], manager: dict[str, Any]) -> Iterator[tuple[str, str, tuple[int, int]]]:
    """Name, path below /admin/ and size of each picture."""

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
    yield "today", "", DESKTOP
    yield "today-phone", "", PHONE
    yield "alert", f"alerts/alert/{alert['id']}/change/", DESKTOP
    yield "analysis", f"aiassist/analysis/{analysis['id']}/change/", DESKTOP
    yield "machine-reliability", f"equipment/equipment/{chiller['id']}/change/#reliability", DESKTOP


def sign_in(browser: Browser, demo: dict[str, Any], manager: dict[str, Any]) -> Page:
    page = browser.new_context(timezone_id="Europe/Berlin").new_page()
    page.goto(f"{demo['admin_url']}login/")
    page.fill("input[name=username]", manager["email"])
    page.fill("input[name=password]", manager["password"])
    page.click("button[type=submit]")
    page.wait_for_url(demo["admin_url"])
    return page


def take(page: Page, url: str, size: tuple[int, int]) -> bytes:
    """The page as a PNG of few colours."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto("about:blank")  # so that an address that differs only behind its # is loaded, too
    page.goto(url, wait_until="networkidle")
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
        for name, path, size in shots(demo, manager):
            picture = take(page, demo["admin_url"] + path, size)
            (PICTURES / f"{name}.png").write_bytes(picture)
            print(f"docs/images/{name}.png {len(picture) // 1024} KB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
