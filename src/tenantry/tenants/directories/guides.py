"""Guides for admins who set a directory up, as data: the docs and the portal show the same.

A file of `provider_guides/` is a provider; its steps name fields on its side and on ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.i18n import guide_steps
from tenantry.i18n.guide_steps import Guides

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.i18n.guide_steps import Step

_FOLDER = ("tenants", "directories", "provider_guides")

# The order in which they are offered.
_NAMES = (
    *("okta", "entra-id", "google-workspace", "onelogin", "jumpcloud", "ping-identity"),
    "custom",
)
# Our side: what the API shows of a directory, by its names.
OURS = {
    "directory_endpoint": "Endpoint",
    "plain_secret": "Secret",
    "client_id": "Client ID of the service account",
    "scopes": "Scopes",
}
# Their side: what a directory that is polled takes, by the API's names.
THEIRS = {"service_account_key": "Service account key", "email": "Administrator"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide(guide_steps.Guide):
    """The guide of a directory provider: its type in the API, the steps, and how it behaves."""

    type: str
    steps: tuple[Step, ...]
    after: str


def _build(content: Mapping[str, Any]) -> Guide:
    return Guide(
        id=content["id"],
        name=content["name"],
        provider=content["provider"],
        type=content["type"],
        steps=guide_steps.steps(content["steps"]),
        after=content["after"],
    )


guides = Guides("directories", _FOLDER, _NAMES, _build)
