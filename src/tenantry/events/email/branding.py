"""The settings' words about the product, and its color: for mail that people get from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import colors
from tenantry.events.email.rendering import BUTTON, split_mailbox
from tenantry.settings.table import declared

if TYPE_CHECKING:
    from tenantry.settings import Settings

NO_COLOR: str = next(f.metadata["default"] for f in declared() if f.name == "app_color")
# The light card and the dark one, each with a line that stands out of it: as in base.html.
_CARDS = {"button": ("#ffffff", "#5a6675"), "button_dark": ("#1a2029", "#a7b1bf")}


def variables(settings: Settings, own_color: str = "", client_name: str = "") -> dict[str, str]:
    """Return what templates show of it, "" where nothing is set, and the colors of buttons.

    ``own_color`` is that of the organization whose mail it is, "" for none, and ``client_name``
    that of the application in whose place it is sent: it stands for the product's until that has
    one, as on pages.
    """
    logo = settings.app_logo_url  # one that was uploaded is a Tenantry path
    return {
        "app_name": settings.app_name or client_name,
        "app_logo_url": f"{settings.public_url}{logo}" if logo.startswith("/") else logo,
        "app_support_email": split_mailbox(settings.support_email)[1],
        "app_organization_meta_name": settings.organization_name,
        **button(color_of(settings, own_color)),
    }


def color_of(settings: Settings, own_color: str = "") -> str:
    """Return the color of a mail: the organization's own where that is shown, or the product's."""
    return own_color if own_color and settings.organization_branding else settings.app_color


def button(color: str) -> dict[str, str]:
    """Return the colors of buttons by one such as #1f5eff; ours, where it is the default.

    Text on a button is black or white, whichever can be read better. Where a button would not
    stand out of its card, a line goes around it.
    """
    if color == NO_COLOR:
        return dict(BUTTON)
    made = {}
    ground = colors.parse(color)
    for name, (card, line) in _CARDS.items():
        stands_out = colors.contrast(ground, colors.parse(card)) >= colors.STANDS_OUT
        made[f"{name}_color"] = color
        made[f"{name}_text"] = colors.spelled(colors.text_on(ground))
        made[f"{name}_edge"] = color if stands_out else line
    return made
