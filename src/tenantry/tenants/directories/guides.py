"""Guides for admins who set a directory up, as data: the docs and the portal show the same.

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

_FOLDER = ("tenants", "directories")

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


@dataclass(frozen=True, slots=True)
class Guide:
    """One provider: its names in the contract, the steps, and a word on how it behaves.

    ``language`` is that of the texts.
    """

    id: str
    name: str
    provider: str
    type: str
    steps: tuple[Step, ...]
    after: str
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
            yield f"directories:{name}", text


def _in(language: str, guide: Guide) -> Guide:
    place, known = f"directories:{guide.id}", translations.catalogue(language)
    if not known:
        return guide
    return replace(
        guide,
        name=known.get((place, guide.name), guide.name),
        steps=guide_steps.translated(guide.steps, language, place),
        after=known.get((place, guide.after), guide.after),
        language=language,
    )


def _read(name: str) -> Guide:
    content = guide_steps.read(*_FOLDER, "provider_guides", f"{name}.toml")
    return Guide(
        id=name,
        name=content["name"],
        provider=content["provider"],
        type=content["type"],
        steps=guide_steps.steps(content["steps"]),
        after=content["after"],
    )
