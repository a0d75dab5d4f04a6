"""The guides, pages of Markdown: those of `docs/` in the source, which the package has as well.

`docs/README.md` is their contents: each list below a heading is a section. The last one is about
the source itself, and is left out here, as pages are that no list names.
"""

from __future__ import annotations

import functools
import posixpath
import re
from dataclasses import dataclass
from importlib.resources import files

INDEX = "README.md"
_LEFT_OUT = "Working on Tenantry"
_LINK = re.compile(r"\[([^]]+)\]\(([\w./-]+\.md)\)")
_ITEM = re.compile(r"^- (.*?)(?:: (.*))?$")


@dataclass(frozen=True, slots=True)
class Guide:
    """One page; ``path`` is that of its file below `docs/`."""

    path: str
    title: str
    about: str
    section: str = ""

    @property
    def url(self) -> str:
        """The path of its page."""
        if self.path == INDEX:
            return "/docs/guides"
        return "/docs/" + self.path.removesuffix(".md").removesuffix("/README")

    def read(self) -> str:
        """Return its Markdown."""
        folder = files("tenantry.endpoints.docs").joinpath("docs")
        return folder.joinpath(*self.path.split("/")).read_text(encoding="utf-8")


@functools.cache
def sections() -> tuple[tuple[str, tuple[Guide, ...]], ...]:
    """Return the guides by section, in the order of the contents."""
    found: list[tuple[str, list[Guide]]] = []
    for line in contents().read().splitlines():
        if line.startswith("## "):
            found.append((line[3:], []))
        elif found and (item := _ITEM.match(line)):
            name, guides = found[-1]
            links = _LINK.findall(item[1])
            guides += [Guide(path, title, item[2] or "", name) for title, path in links]
            for _, path in links:
                if posixpath.basename(path) == INDEX:
                    guides += _listed(path, name)
    return tuple((name, tuple(guides)) for name, guides in found if name != _LEFT_OUT)


def _listed(index: str, section: str) -> list[Guide]:
    """Return the pages that the index of a folder leads to."""
    folder = posixpath.dirname(index)
    text = Guide(index, "", "").read()
    return [
        Guide(posixpath.join(folder, path), title, f"{title}, step by step", section)
        for title, path in _LINK.findall(text)
        if "/" not in path
    ]


@functools.cache
def by_path() -> dict[str, Guide]:
    """Return all guides by the path of their file, the contents too."""
    every = [contents(), *(guide for _, guides in sections() for guide in guides)]
    return {guide.path: guide for guide in every}


@functools.cache
def by_url() -> dict[str, Guide]:
    """Return all guides by the path of their page."""
    return {guide.url: guide for guide in by_path().values()}


def contents() -> Guide:
    """Return the page that lists the others."""
    return Guide(INDEX, "Guides", "Everything that there is to read")
