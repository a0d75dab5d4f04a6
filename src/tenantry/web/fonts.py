"""The font of pages: Inter with variable weight, which setup.py builds with the package.

If the package was not built, the file is missing and pages use system fonts.
"""

from __future__ import annotations

import functools
from importlib.resources import files

from tenantry.web.assets import Asset

_FILE = "web/static/inter.woff2"


@functools.cache
def built() -> tuple[Asset, ...]:
    """Return the fonts that pages load, none if the package was not built."""
    if not files("tenantry").joinpath(*_FILE.split("/")).is_file():
        return ()
    return (Asset.of_files("/login/inter.woff2", _FILE),)


def face() -> str:
    """Return the `@font-face` rules of the fonts."""
    return "".join(
        f'@font-face{{font-family:Inter;src:url("{font.url}") format("woff2");'
        "font-weight:400 700;font-display:swap}\n"
        for font in built()
    )
