"""The brand of pages: the product's name, logo and color, and those of an organization.

Of an organization's own branding the pages show its name and its logo. Its free settings are for
the application to read: no style of a tenant gets onto a page where passwords are typed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.core import colors
from tenantry.settings.values import UPLOADED

if TYPE_CHECKING:
    from tenantry.settings import Settings
    from tenantry.tenants.organizations.model import Organization

# Characters that can stand in a Content-Security-Policy, and cannot end it or add to it.
_ORIGIN = re.compile(r"(https://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*(?::[0-9]{1,5})?)(?:[/?#].*)?")
_CARDS = ((255, 255, 255), (26, 32, 40))  # light and dark, as in style.css

_RADII = {"S": (6, 4), "M": (16, 10), "L": (28, 20)}  # of the box, and of fields and buttons
_PLACES = {"LEFT": "start", "CENTER": "center"}
_GROUND = "body:not(.workspace)"
_ON_GROUND = f"{_GROUND}>header,{_GROUND}>footer"
_ON_GROUND_INSIDE = f"{_GROUND}>footer a,{_GROUND}>footer button.plain"
_CARD = (
    "width:auto;padding:.5rem .9rem;border-radius:var(--round,10px);background:var(--card);"
    "color:var(--ink)"
)


@dataclass(frozen=True, slots=True)
class Brand:
    """The head of a page; ``logo_url`` is "" where there is none to show.

    ``is_set`` says that somebody has named the product; ``has_letter`` that without a logo the
    first letter of this name stands for it, not that of the product's.
    """

    name: str
    logo_url: str = ""
    is_set: bool = True
    has_letter: bool = False

    def of_client(self, name: str) -> Brand:
        """Return that of an application of this name, where the product has none."""
        if self.is_set or not name:
            return self
        return Brand(name, self.logo_url, has_letter=True)

    def within(self, organization: Organization | None) -> Brand:
        """Return that of an organization if it has its own branding, else this one."""
        if (
            organization is None
            or organization.branding is None
            or not organization.branding.custom
        ):
            return self
        logo_url = shown_logo(organization.logo_url) or self.logo_url
        return replace(self, name=organization.display_name, logo_url=logo_url)


def shown_logo(url: str | None) -> str:
    """Return the URL of a logo that a page can show, "" for any other."""
    return url if url and (UPLOADED.fullmatch(url) or _ORIGIN.fullmatch(url)) else ""


def origin(logo_url: str) -> str:
    """Return the origin of a logo that `shown_logo` let through, as a policy names it."""
    if UPLOADED.fullmatch(logo_url):
        return "'self'"
    found = _ORIGIN.fullmatch(logo_url)
    assert found is not None
    return found[1]


def style(color: str) -> str:
    """Return the style of a color such as #1f5eff: of buttons, and of the text on them.

    The text is black or white, whichever can be read better. Under the pointer a button moves away
    from the text's color.
    """
    brand = colors.parse(color)
    text = colors.text_on(brand)
    away = colors.BLACK if text == colors.WHITE else colors.WHITE
    under_pointer = colors.mix(brand, away, 0.14)
    # Where the color is too close to the ground, a line around a button and our ink do instead.
    stands_out = [colors.contrast(brand, card) >= colors.STANDS_OUT for card in _CARDS]
    edges = ["transparent" if yes else "var(--quiet)" for yes in stands_out]
    rings = [colors.spelled(brand) if yes else "var(--ink)" for yes in stands_out]
    return (
        f":root{{--brand:{colors.spelled(brand)};--on-brand:{colors.spelled(text)};"
        f"--brand-hover:{colors.spelled(under_pointer)};"
        f"--brand-edge:light-dark({','.join(edges)});--focus:light-dark({','.join(rings)})}}\n"
    )


def layout(settings: Settings) -> str:
    """Return the style of the sign-in pages, beside their color: corners, places, the ground.

    Text on a ground of one color is black or white, as on a button; on any other ground it has
    its own card.
    """
    box, field = _RADII[settings.login_border_radius]
    places = [
        f"--round-box:{box}px;--round:{field}px",
        f"--logo-at:{_PLACES[settings.login_logo_alignment]}",
        f"--heading-at:{_PLACES[settings.login_header_alignment]}",
    ]
    rules = [f":root{{{';'.join(places)}}}"]
    ground, color = settings.login_background_style, settings.login_background_color
    if ground:
        rules.append(f"{_GROUND}{{background:{ground}}}")
        rules.append(f"{_ON_GROUND}{{{_CARD}}}")
    if color:
        rules.append(f"{_GROUND}{{background-color:{color}}}")
        if not ground:
            text = colors.spelled(colors.text_on(colors.parse(color)))
            rules.append(f"{_ON_GROUND},{_ON_GROUND_INSIDE}{{color:{text}}}")
    return "\n".join((*rules, ""))


def icon(name: str, color: str) -> str:
    """Return the picture of a product without a logo: the first letter of its name, in SVG."""
    text = colors.spelled(colors.text_on(colors.parse(color)))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" rx="15" fill="{color.lower()}"/>'
        f'<text x="32" y="45" text-anchor="middle" font-family="system-ui,sans-serif" '
        f'font-size="38" font-weight="600" fill="{text}">{initial(name)}</text></svg>'
    )


def initial(name: str) -> str:
    """Return the first letter or digit of a name, for where it has no logo."""
    return next((c.upper() for c in name if c.isalnum()), "·")
