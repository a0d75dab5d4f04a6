"""The font that pages load: made by the build, small, cached for ever, and with every letter."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from browsers import chromium
from fontTools.ttLib import TTFont

import tenantry
from tenantry.i18n.languages import LANGUAGES
from tenantry.web import fonts, words

SITES = ("", "login", "account", "organization", "console")
SIGN_IN = "/console/sign-in"


@pytest.fixture
def font(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as http:
        page = http.get(SIGN_IN)
        (url,) = re.findall(r'<link rel="preload" href="([^"]+)" as="font"', page.text)
        assert "font-src 'self'" in page.headers["content-security-policy"]
        (style,) = re.findall(r'<link rel="stylesheet" href="(/login/base.css[^"]+)"', page.text)
        assert f'src:url("{url}")' in http.get(style).text
        return http.get(url, headers={"accept-encoding": "gzip"})


def test_it_is_small_and_cached_for_ever(font):
    assert font.status_code == 200
    assert font.headers["content-type"] == "font/woff2"
    assert font.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "content-encoding" not in font.headers
    assert len(font.content) <= 100_000


def test_it_has_every_letter_of_the_texts_and_its_license(font):
    read = TTFont(BytesIO(font.content))
    assert [(axis.axisTag, axis.minValue, axis.maxValue) for axis in read["fvar"].axes] == [
        ("wght", 400, 700)
    ]
    known = read.getBestCmap().keys()
    missing = {
        letter
        for language in LANGUAGES
        for site in SITES
        for sentence in words.of(site, language).sentences.values()
        for letter in sentence
        if letter.isprintable() and ord(letter) not in known
    }
    assert missing == set()
    assert "Open Font License" in read["name"].getDebugName(13)


def test_pages_without_it_use_the_fonts_of_the_system(monkeypatch):
    fonts.built.cache_clear()
    monkeypatch.setattr(fonts, "_FILE", "web/static/none.woff2")
    try:
        assert fonts.built() == ()
        assert fonts.face() == ""
    finally:
        fonts.built.cache_clear()
    style = Path(tenantry.__file__).parent / "web" / "static" / "style.css"
    assert "Inter, system-ui" in style.read_text()


@pytest.mark.process
async def test_a_browser_uses_it(server):
    async with chromium(server) as browser:
        page = await browser.new_page(base_url=server.url)
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text))
        await page.goto(SIGN_IN)
        loaded = await page.evaluate(
            "document.fonts.ready.then(all => [...all].map(one => [one.family, one.status]))"
        )
        assert loaded == [["Inter", "loaded"]]
        assert faults == []
