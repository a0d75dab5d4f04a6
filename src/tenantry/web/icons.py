"""Lucide icons as inline SVG, hidden from assistive technology.

An icon needs a text beside it, or a label on its button.
"""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING
from zipfile import ZipFile

if TYPE_CHECKING:
    from markupsafe import Markup

_SHAPES = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


@functools.cache
def icon(name: str) -> Markup:
    """Return an icon by its name at lucide.dev.

    Raises:
        KeyError: Lucide has no such icon.

    """
    from markupsafe import Markup

    drawing = _SHAPES.search(_drawings().read(f"{name}.svg").decode())
    assert drawing is not None
    shapes = re.sub(r">\s+<", "><", drawing[1].strip()).replace(" />", "/>")
    return Markup(  # noqa: S704 - a file of the package
        f'<svg class="icon" viewBox="0 0 24 24" aria-hidden="true">{shapes}</svg>'
    )


@functools.cache
def _drawings() -> ZipFile:
    """Return the archive of icons, opened once because reading its directory is slow."""
    return ZipFile(BytesIO(files("lucide").joinpath("lucide.zip").read_bytes()))
