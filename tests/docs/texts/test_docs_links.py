"""Each link between the pages of the repository leads to a file, and to a heading in it."""

from __future__ import annotations

import functools
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]*))?\)")
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def pages():
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split() if not name.startswith("src/")]


@functools.cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page, as forges make them of its headings."""
    text = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("name", pages())
def test_links_lead_somewhere(name):
    page = ROOT / name
    for file, fragment in _LINK.findall(_CODE.sub("", page.read_text(encoding="utf-8"))):
        other = page.parent / file if file else page
        # A path from the root of a server is one of its pages.
        if file.startswith("/"):
            continue
        assert other.exists(), file
        if fragment and other.suffix == ".md":
            assert fragment in anchors(other), (file, fragment)


def test_the_pages_are_found():
    assert {"README.md", "docs/operations.md", "docs/guides/branding.md"} <= {*pages()}
