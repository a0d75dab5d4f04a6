"""Pages in the frame with a navigation beside them: workspace.html, its style and script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.web.assets import Asset
from tenantry.web.looks import Kind
from tenantry.web.rendering import Pages

if TYPE_CHECKING:
    from tenantry.web.looks import Looks

STYLE = Asset.of_files("/ui/workspace.css", "web/static/workspace.css")
SCRIPT = Asset.of_files("/ui/workspace.js", "web/static/workspace.js")


def pages(
    door: str,
    looks: Looks,
    *,
    styles: tuple[Asset, ...] = (),
    scripts: tuple[Asset, ...] = (),
    layout: str = "workspace.html",
    kind: Kind = Kind.LOGIN,
) -> Pages:
    """Return the pages of a site in this frame, with what they load beside what all do.

    ``layout`` is a frame of the site's own, which extends this one.
    """
    return Pages(
        door,
        looks,
        layout=layout,
        kind=kind,
        styles=(STYLE, *styles),
        scripts=(SCRIPT, *scripts),
        defaults={"navigation": (), "jump": None},
    )
