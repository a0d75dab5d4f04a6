"""Takes the pictures of docs/, of a server that it starts and fills: make pictures.

All pages go into build/pictures, on a phone and a screen, light and dark. Of those, docs/ keeps
the main ones, on a screen in light and on a phone in the dark. PICTURES="portal-sso ui-users" takes
these alone, PICTURES=main what docs/ keeps. Needs chromium.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import async_playwright

ROOT = Path(__file__).resolve().parents[1]
_SUPPORT = ROOT / "tests" / "support"
sys.path[:0] = [str(_SUPPORT), *(str(folder) for folder in _SUPPORT.iterdir() if folder.is_dir())]

import page_servers  # noqa: E402
from browsers import CHROMIUM  # noqa: E402
from servers import LiveServer  # noqa: E402

DOCS = ROOT / "docs" / "pictures"
LOCAL = ROOT / "build" / "pictures"
LOOKS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
KEPT = [(1280, "light"), (390, "dark")]
MAIN = (
    *("sign-in-first", "sign-in-code", "sign-in-organizations"),
    *("portal-sso", "portal-sso-new", "portal-sso-id-guide", "portal-sso-id-details"),
    *("portal-scim-id", "portal-scim-id-groups", "portal-domains"),
    *("ui-general", "ui-users", "ui-session-policy", "ui-programs", "ui-audit"),
    *("ui-profile-security",),
    *("console-overview", "console-organizations", "console-organizations-id"),
    *("console-people-id", "console-applications-id", "console-sign-ins", "console-events"),
    *("console-webhooks-id", "console-branding", "console-health"),
)
QUALITY = 50
SCALE = {390: 1, 1280: 0.75}  # of pictures in docs/
HIGHEST = 1000  # pixels of a page that a picture in docs/ shows


async def main() -> None:
    """Take them all, or those that PICTURES names."""
    named = os.environ.get("PICTURES", "").split()
    for folder in (LOCAL, DOCS / "pages"):
        folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        server = LiveServer(Path(folder), **page_servers.SETTINGS).start()
        try:
            async with (
                page_servers.furnished(server) as page_server,
                async_playwright() as playwright,
            ):
                browser = await playwright.chromium.launch(
                    executable_path=CHROMIUM,
                    args=["--no-sandbox", "--ignore-certificate-errors"],
                )
                taken = (
                    page_server.of(*(MAIN if named == ["main"] else named))
                    or page_server.listed_pages
                )
                looks = KEPT if named == ["main"] else LOOKS
                for listed_page in taken:
                    await asyncio.gather(
                        *(_take(page_server, browser, listed_page, *one) for one in looks)
                    )
                if named in ([], ["main"]):
                    await _of_readme(page_server, browser)
                await browser.close()
        finally:
            server.stop()


async def _take(page_server: Any, browser: Any, listed_page: Any, width: int, scheme: str) -> None:
    size = {"width": width, "height": 800}
    async with page_server.opened(browser, listed_page, viewport=size, color_scheme=scheme) as page:
        await page.wait_for_load_state()
        height = await page.evaluate("document.documentElement.scrollHeight")
        name = f"{listed_page.name}-{width}-{scheme}.webp"
        await _keep(page, LOCAL / name, width, height)
        if listed_page.name in MAIN and (width, scheme) in KEPT:
            shown = min(height, HIGHEST)
            await _keep(page, DOCS / "pages" / name, width, shown, SCALE[width])


async def _keep(page: Any, path: Path, width: int, height: int, scale: float = 1) -> None:
    """Write a page as WebP, a third of a PNG: playwright itself knows only PNG and JPEG."""
    session = await page.context.new_cdp_session(page)
    answer = await session.send(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": QUALITY,
            "captureBeyondViewport": True,
            "clip": {"x": 0, "y": 0, "width": width, "height": height, "scale": scale},
        },
    )
    await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))


async def _of_readme(page_server: Any, browser: Any) -> None:
    """The picture of the README."""
    (first,) = page_server.of("sign-in-first")
    async with page_server.opened(
        browser, first, viewport={"width": 900, "height": 620}, color_scheme="light"
    ) as page:
        await page.wait_for_load_state("networkidle")
        await page.screenshot(path=DOCS / "sign-in.png")


if __name__ == "__main__":
    asyncio.run(main())
