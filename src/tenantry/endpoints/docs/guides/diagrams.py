"""The diagrams of `docs/diagrams/`, each in light and dark: scripts/sequences.py draws them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files

PATH = "/docs/diagrams/"
_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')
_DARK = "-dark.svg"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram: the URLs of both files, and its size in pixels."""

    url: str
    dark_url: str
    width: int
    height: int


@functools.cache
def _found() -> dict[str, str]:
    """Return the files by name."""
    folder = files("tenantry.endpoints.docs").joinpath("docs", "diagrams")
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}


def read(name: str) -> str | None:
    """Return the SVG of a file, None if there is no such file."""
    return _found().get(name)


def find(name: str) -> Diagram | None:
    """Return a diagram by the name of its light file."""
    size = _SIZE.search(_found().get(name, ""))
    if size is None:
        return None
    dark = name.removesuffix(".svg") + _DARK
    return Diagram(PATH + name, PATH + dark, int(size[1]), int(size[2]))
