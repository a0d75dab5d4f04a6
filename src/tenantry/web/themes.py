"""How pages look: the brand in effect, and the style sheet and icon that are made of it.

A look is made anew when the settings are others than before; what it is made of is served by the
digest of its content, so a browser asks for it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.net.http import Route
from tenantry.web import assets, branding, fonts
from tenantry.web.assets import Asset
from tenantry.web.branding import Brand

if TYPE_CHECKING:
    from tenantry.net.http import Request, Response
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective
    from tenantry.tenants.organizations.model import Organization


class Kind(Enum):
    """The pages that have their own look, by the names of their style sheets."""

    LOGIN = "style"  # sign-in pages, and those of signed-in people
    PORTAL = "portal"  # the admin portal
    PLAIN = "base"  # the operator's


@dataclass(frozen=True, slots=True)
class Theme:
    """The brand of pages and what all of them load."""

    brand: Brand
    support: str  # the address that people may write to, "" for none
    style: Asset
    icon: Asset  # made of the name
    icon_url: str  # of the icon in the browser's tab, "" for the one above
    countdown: Asset  # the script of pages that have people wait
    logo_inside: bool = False  # the box
    social_first: bool = False
    shows_organizations: bool = True  # that have their own branding

    def within(self, organization: Organization | None, brand: Brand | None = None) -> Brand:
        """Return the brand of a page of an organization: its own, where that is shown.

        ``brand`` is what others have in place of the deployment's.
        """
        brand = brand or self.brand
        return brand.within(organization) if self.shows_organizations else brand

    @classmethod
    def of(cls, settings: Settings, kind: Kind = Kind.LOGIN, at: str = "/login") -> Theme:
        """Return that of a deployment, with its files below this path."""
        of_login, of_portal = kind is Kind.LOGIN, kind is Kind.PORTAL
        logo, icon_url, color = settings.app_logo_url, settings.app_icon_url, settings.app_color
        if of_login:
            logo, icon_url = settings.login_logo_url or logo, settings.login_icon_url or icon_url
        elif of_portal:
            logo, icon_url = settings.portal_logo_url or logo, settings.portal_icon_url or icon_url
            color = settings.portal_color or color
        name = settings.app_name or urlsplit(settings.public_url).hostname or ""
        brand = Brand(name, branding.shown_logo(logo), is_set=bool(settings.app_name))
        before = branding.style(color)
        after = branding.layout(settings) if of_login else ""

        def style() -> bytes:
            shared = assets.read("web/static/style.css")
            return b"".join((fonts.face().encode(), before.encode(), shared, after.encode()))

        return cls(
            brand,
            _address(settings.support_email),
            Asset(f"{at}/{kind.value}.css", style),
            Asset(
                f"{at}/{'icon' if of_login else kind.value}.svg",
                lambda: branding.icon(brand.name, color).encode(),
            ),
            branding.shown_logo(icon_url),
            Asset.of_files("/login/countdown.js", "web/static/countdown.js"),
            logo_inside=of_login and settings.login_logo_position == "INSIDE",
            social_first=of_login and settings.login_social_placement == "TOP",
            shows_organizations=settings.organization_branding,
        )


class Themes:
    """The looks of a process, by the settings in effect."""

    def __init__(self, effective: Effective) -> None:
        self._effective = effective
        self._made: dict[Kind, tuple[Settings, Theme]] = {}

    def now(self, kind: Kind = Kind.LOGIN) -> Theme:
        """Return the look of pages as it is now."""
        settings = self._effective.settings
        made = self._made.get(kind)
        if made is None or made[0] is not settings:
            made = self._made[kind] = (settings, Theme.of(settings, kind))
        return made[1]

    def routes(self) -> list[Route]:
        """Return the routes of all that looks load."""
        return [
            *(self._route(kind, member) for kind in Kind for member in ("style", "icon")),
            self._route(Kind.LOGIN, "countdown"),
            *(font.route for font in fonts.built()),
        ]

    def _route(self, kind: Kind, member: str) -> Route:
        async def answer(request: Request) -> Response:
            asset: Asset = getattr(self.now(kind), member)
            return await asset.answer(request)

        return Route("GET", getattr(self.now(kind), member).path, answer)


def _address(mailbox: str) -> str:
    """Return the address of `Name <address>`."""
    _, bracket, address = mailbox.rpartition("<")
    return address.rstrip(">") if bracket else mailbox
