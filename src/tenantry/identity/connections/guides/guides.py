"""Guides for admins of identity providers, as data: the docs and the portal show the same.

A file of `provider_guides/` is a provider; its steps name fields on its side and on ours.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.i18n import guide_steps, translations
from tenantry.i18n.guide_steps import ENGLISH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.i18n.guide_steps import Step

_FOLDER = ("identity", "connections", "guides")

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


@dataclass(frozen=True, slots=True)
class Guide:
    """One provider; ``provider`` is a ConnectionProvider. A protocol that it lacks has no steps.

    ``language`` is that of the steps' texts.
    """

    id: str
    name: str
    provider: str
    saml: tuple[Step, ...] = ()
    oidc: tuple[Step, ...] = ()
    language: str = ENGLISH


@functools.cache
def guides(language: str = ENGLISH) -> tuple[Guide, ...]:
    """Return all guides, in the order in which they are offered; English stands in for a language.

    Names of menus and fields are those of the provider's own console, in English.
    """
    if language == ENGLISH:
        return tuple(_read(name) for name in _NAMES)
    return tuple(_in(language, one) for one in guides())


def texts() -> Iterator[tuple[str, str]]:
    """Yield the texts to translate, each after its place."""
    for name in _NAMES:
        content = guide_steps.read(*_FOLDER, "provider_guides", f"{name}.toml")
        for text in guide_steps.texts(content):
            yield f"connections:{name}", text


def _in(language: str, guide: Guide) -> Guide:
    place, known = f"connections:{guide.id}", translations.catalogue(language)
    if not known:
        return guide
    return replace(
        guide,
        name=known.get((place, guide.name), guide.name),
        saml=guide_steps.translated(guide.saml, language, place),
        oidc=guide_steps.translated(guide.oidc, language, place),
        language=language,
    )


def _read(name: str) -> Guide:
    content = guide_steps.read(*_FOLDER, "provider_guides", f"{name}.toml")
    return Guide(
        id=name,
        name=content["name"],
        provider=content["provider"],
        saml=guide_steps.steps(content.get("saml", {}).get("steps", ())),
        oidc=guide_steps.steps(content.get("oidc", {}).get("steps", ())),
    )
