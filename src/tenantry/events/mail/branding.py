"""The settings' words about the product: for mails that people get from it, not from us."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.events.mail.rendering import split_mailbox

if TYPE_CHECKING:
    from tenantry.settings import Settings


def variables(settings: Settings) -> dict[str, str]:
    """Return what templates show of it; "" where nothing is set."""
    logo = settings.app_logo_url  # one that was uploaded is a path of ours
    return {
        "app_name": settings.app_name,
        "app_logo_url": f"{settings.public_url}{logo}" if logo.startswith("/") else logo,
        "app_support_email": split_mailbox(settings.support_email)[1],
        "app_organization_meta_name": settings.organization_name,
    }
