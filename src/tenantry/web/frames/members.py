"""The frame of a member's pages at `/ui`: one navigation for all sites that have some of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.access.clients.uris import return_targets
from tenantry.web.frames import areas, workspace
from tenantry.web.frames.navigation import Entry, Group

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.access.clients.uris.return_targets import ReturnTarget
    from tenantry.db.engine import Session
    from tenantry.net.http import Response
    from tenantry.tenants.organizations.model import Organization
    from tenantry.web.assets import Asset
    from tenantry.web.branding import Brand
    from tenantry.web.rendering import Pages
    from tenantry.web.themes import Themes
    from tenantry.web.words import Words

ORGANIZATION, PROFILE = "/ui/organization", "/ui/profile"
# A person's own subjects, by the segments of their addresses. No permission is asked for.
OWN = ("account", "organizations", "security", "apps")
ICONS = {
    "general": "settings",
    "users": "users",
    "sso": "log-in",
    "scim": "folder-sync",
    "domains": "globe",
    "session-policy": "timer",
    "sign-in-policy": "shield",
    "programs": "key-round",
    "audit": "scroll-text",
    "account": "user-round",
    "organizations": "building-2",
    "security": "shield-check",
    "apps": "plug",
}


def pages(
    site: str,
    themes: Themes,
    *,
    styles: tuple[Asset, ...] = (),
    scripts: tuple[Asset, ...] = (),
) -> Pages:
    """Return the pages of a site in this frame, with what they load beside what all do."""
    framed = workspace.pages(site, themes, styles=styles, scripts=scripts)
    defaults = {**framed.defaults, "person": None, "organization": None, "way_back": None}
    return replace(framed, layout="members.html", defaults=defaults)


def navigation(
    words: Words, features: Collection[str], permissions: Collection[str], shown: str
) -> tuple[Group, ...]:
    """Return what a member sees: of their organization, by its features, and of themselves.

    ``shown`` is the key of the subject that the page is of.
    """
    seen = [area.key for area in areas.AREAS if area.is_seen(features, permissions)]
    groups = (
        _group(words, "organization", ORGANIZATION, seen, shown),
        _group(words, "profile", PROFILE, OWN, shown),
    )
    return tuple(group for group in groups if group.entries)


def brand(framed: Pages, organization: Organization, way: ReturnTarget | None) -> Brand:
    """Return the brand of a page of an organization; see `Theme.within`.

    While the product has no name, that of the application which one came from stands in its place.
    """
    theme = framed.theme
    return theme.within(organization, theme.brand.of_client("" if way is None else way.app))


def way_back(framed: Pages, way: ReturnTarget | None) -> tuple[str, str] | None:
    """Return where a page leads back to: an address and the name of the application there."""
    return None if way is None else (way.uri, way.app or framed.theme.brand.name)


async def signed_out(framed: Pages, db: Session, words: Words) -> Response:
    """Return the page of somebody without a session, with the way to a sign-in."""
    way, link = await return_targets.of_only_application(db), None
    if way is not None:
        key = "signed_out.sign_in" if way.begins else "page.continue_to"
        link = way.uri, words(key, app=way.app or framed.theme.brand.name)
    return framed.message("signed_out", words, status=401, link=link)


def _group(words: Words, name: str, root: str, keys: Collection[str], shown: str) -> Group:
    entries = (
        Entry(words.plain(f"areas.{key}"), ICONS[key], f"{root}/{key}", current=key == shown)
        for key in keys
    )
    return Group(words.plain(f"areas.of_{name}"), tuple(entries))
