"""The settings' words about the product: for mails that people get from it, not from us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.events.mail.rendering import split_mailbox

if TYPE_CHECKING:
    from tenantry.settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """Return what templates show of it; "" where nothing is set."""
    return {
        "app_name": settings.app_name,
        "app_logo_url": settings.app_logo_url,
        "app_support_email": split_mailbox(settings.support_email)[1],
    }
