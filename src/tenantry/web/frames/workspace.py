"""Pages in the frame with a navigation beside them: workspace.html, its style and script."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.web.assets import Asset
from tenantry.web.rendering import Pages
from tenantry.web.themes import Kind

if TYPE_CHECKING:
    from tenantry.web.themes import Themes

STYLE = Asset.of_files("/ui/workspace.css", "web/static/workspace.css")
SCRIPT = Asset.of_files("/ui/workspace.js", "web/static/workspace.js")


def pages(
    site: str,
    themes: Themes,
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
        site,
        themes,
        layout=layout,
        kind=kind,
        styles=(STYLE, *styles),
        scripts=(SCRIPT, *scripts),
        defaults={"navigation": ()},
    )
