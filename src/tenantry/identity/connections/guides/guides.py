"""Guides for admins of identity providers, as data: the docs and the portal show the same.

A file of `provider_guides/` is a provider; its steps name fields on its side and on ours. What they
say in another language is in `words/{language}/guides.toml`, in the order of the steps.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The order in which they are offered.
_NAMES = (
    *("okta", "entra-id", "google-workspace", "onelogin", "ping-identity", "jumpcloud"),
    *("ad-fs", "shibboleth", "saml", "oidc"),
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
class Copied:
    """A value that goes from one side to the other: the provider's field, and ours."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that the provider sends: our key, its name, and there what it is made of."""

    key: str
    name: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its text, and the values that go either way in it."""

    title: str
    text: str
    ours: tuple[Copied, ...] = ()  # from us to the provider
    theirs: tuple[Copied, ...] = ()  # from the provider to us
    attributes: tuple[Attribute, ...] = ()  # claims, in OpenID Connect
    groups: Attribute | None = None


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
    language: str = "en"


@functools.cache
def guides(language: str = "en") -> tuple[Guide, ...]:
    """Return all guides, in the order in which they are offered; English stands in for a language.

    Names of menus and fields are those of the provider's own console, in English.
    """
    english = tuple(_read(name) for name in _NAMES)
    words = _words(language)
    return tuple(_in(language, guide, words[guide.id]) for guide in english) if words else english


def _in(language: str, guide: Guide, said: Mapping[str, Any]) -> Guide:
    return replace(
        guide,
        name=said.get("name", guide.name),
        saml=_said(guide.saml, said.get("saml", ())),
        oidc=_said(guide.oidc, said.get("oidc", ())),
        language=language,
    )


def _said(steps: tuple[Step, ...], texts: Sequence[tuple[str, str]]) -> tuple[Step, ...]:
    return tuple(
        replace(step, title=title, text=text)
        for step, (title, text) in zip(steps, texts, strict=True)
    )


def _words(language: str) -> dict[str, Any]:
    """Return the texts of all guides by their ids; an empty table where the language has none."""
    there = files("tenantry").joinpath("identity", "connections", "guides", "words", language)
    place = there.joinpath("guides.toml")
    return tomllib.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}


def _read(name: str) -> Guide:
    folder = files("tenantry").joinpath("identity", "connections", "guides", "provider_guides")
    content = tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    return Guide(
        id=name,
        name=content["name"],
        provider=content["provider"],
        saml=_steps(content.get("saml", {})),
        oidc=_steps(content.get("oidc", {})),
    )


def _steps(protocol: dict[str, Any]) -> tuple[Step, ...]:
    return tuple(
        Step(
            title=one["title"],
            text=one["text"],
            ours=tuple(Copied(**row) for row in one.get("ours", ())),
            theirs=tuple(Copied(**row) for row in one.get("theirs", ())),
            attributes=tuple(
                Attribute(**row) for row in one.get("attributes", one.get("claims", ()))
            ),
            groups=Attribute(key="groups", **one["groups"]) if "groups" in one else None,
        )
        for one in protocol.get("steps", ())
    )
