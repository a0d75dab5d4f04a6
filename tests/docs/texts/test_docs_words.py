"""The docs are true of this version: they deny nothing that works."""

from __future__ import annotations

import re

import pytest
from repository import ROOT

PAGES = [
    ROOT / "README.md",
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/guides/*.md"),
    *ROOT.glob("examples/*/README.md"),
]
# Missing features are said in one place, the README's table of the next ones: elsewhere it grows
# old.
DENIAL = re.compile(
    r"\b(does|do|has|have) (not|neither)\b[^.|]{0,40}\byet\b|\bhas neither\b|\bcoming soon\b"
    r"|\bnot (available|built|have|implemented|served|supported) yet\b"
    r"|\bthis version (does not|has no|cannot|is not)\b|\bUntil then\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_says_not_yet(page):
    text = " ".join(page.read_text(encoding="utf-8").split())
    said = [text[max(0, m.start() - 60) : m.end() + 20] for m in DENIAL.finditer(text)]
    assert not said


@pytest.mark.parametrize(
    "text",
    [
        "sign-in, which this version does not have yet, is what reads it",
        "this version has neither yet",
        "which this version does not have",
        "It is not supported yet.",
    ],
)
def test_a_denial_is_found(text):
    assert DENIAL.search(text)
