"""The diagrams of `docs/diagrams/`, each in light and dark: scripts/sequences.py draws them."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from tenantry.web.assets import Asset, read

PATH = "/docs/diagrams/"
NAMES = ("sign-in", "single-sign-on", "provisioning", "webhooks")
_FOLDER = "endpoints/docs/docs/diagrams/"
_SIZE = re.compile(rb'width="(\d+)" height="(\d+)"')
ASSETS = {
    file: Asset.of_files(PATH + file, _FOLDER + file)
    for name in NAMES
    for file in (f"{name}.svg", f"{name}-dark.svg")
}


@dataclass(frozen=True, slots=True)
class Diagram:
    """A diagram: the URLs of both files, and its size in pixels."""

    url: str
    dark_url: str
    width: int
    height: int


@functools.cache
def find(file: str) -> Diagram | None:
    """Return a diagram by the name of its light file."""
    name = file.removesuffix(".svg")
    size = _SIZE.search(read(_FOLDER + file)) if name in NAMES else None
    if size is None:
        return None
    light, dark = ASSETS[file], ASSETS[f"{name}-dark.svg"]
    return Diagram(light.url, dark.url, int(size[1]), int(size[2]))
