"""The page of design shows every part that pages are made of."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

import tenantry

PAGES = Path(tenantry.__file__).parent / "web"


def test_every_part_and_every_colour_has_an_example(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as http:
        page = http.get("/dev/design")
        strange = http.get("/dev/design", headers={"host": "elsewhere.example"})
    assert (page.status_code, strange.status_code) == (200, 404)
    templates = "".join(
        (PAGES / "templates" / name).read_text() for name in ("kit.html", "parts.html")
    )
    macros = re.findall(r"{% macro (\w+)\(", templates)
    assert len(macros) > 10
    assert [name for name in macros if f'id="kit-{name}"' not in page.text] == []
    sheets = "".join(
        (PAGES / "static" / name).read_text() for name in ("style.css", "workspace.css")
    )
    colours = re.findall(r"(--[\w-]+): light-dark", sheets)
    assert len(colours) > 10
    assert [name for name in colours if f"<code>{name}</code>" not in page.text] == []
