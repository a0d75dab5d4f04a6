"""Guides for admins of identity providers, as data: the docs and the portal show the same.

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

_FOLDER = ("identity", "connections", "guides", "provider_guides")

# The order in which they are offered.
_NAMES = (
    *("okta", "entra-id", "google-workspace", "onelogin", "ping-identity", "jumpcloud"),
    *("ad-fs", "keycloak", "shibboleth", "simplesamlphp", "saml", "oidc"),
)
# Our side: what a connection shows, by the contract's names. The last one is ours: the metadata as
# a file, which the page of the connection offers.
OURS = {
    "sp_assertion_url": "ACS URL",
    "sp_entity_id": "SP entity ID",
    "sp_metadata_url": "SP metadata URL",
    "redirect_uri": "Redirect URI",
    "post_logout_redirect_uri": "Post-logout redirect URI",
    "backchannel_logout_redirect_uri": "Back-channel logout URI",
    "sp_metadata": "SP metadata file",
}
# Their side: what a connection takes, by the contract's names.
THEIRS = {
    "idp_metadata_url": "IdP metadata URL",
    "idp_entity_id": "IdP entity ID",
    "idp_sso_url": "IdP single sign-on URL",
    "idp_certificate": "X.509 certificate",
    "issuer": "Issuer",
    "client_id": "Client ID",
    "client_secret": "Client secret",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide(guide_steps.Guide):
    """The guide of an identity provider; a protocol that it lacks has no steps."""

    saml: tuple[Step, ...] = ()
    oidc: tuple[Step, ...] = ()


def _build(content: Mapping[str, Any]) -> Guide:
    return Guide(
        id=content["id"],
        name=content["name"],
        provider=content["provider"],
        saml=guide_steps.steps(content.get("saml", {}).get("steps", ())),
        oidc=guide_steps.steps(content.get("oidc", {}).get("steps", ())),
    )


guides = Guides("connections", _FOLDER, _NAMES, _build)
