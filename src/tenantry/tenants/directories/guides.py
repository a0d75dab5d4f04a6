"""Guides for admins who set a directory up, as data: the docs and the portal show the same.

A file of `provider_guides/` is a provider; its steps name fields on its side and on ours.
"""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

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
class Copied:
    """A value that goes from one side to the other: the provider's field, and ours."""

    field: str
    value: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of SCIM, and what it is made of there."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its text, and the values that go either way in it."""

    title: str
    text: str
    ours: tuple[Copied, ...] = ()  # from us to the provider
    theirs: tuple[Copied, ...] = ()  # from the provider to us
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True, slots=True)
class Guide:
    """One provider: its names in the contract, the steps, and a word on how it behaves."""

    id: str
    name: str
    provider: str
    type: str
    steps: tuple[Step, ...]
    after: str


@functools.cache
def guides() -> tuple[Guide, ...]:
    """Return all guides, in the order in which they are offered."""
    return tuple(_read(name) for name in _NAMES)


def _read(name: str) -> Guide:
    folder = files("tenantry").joinpath("tenants", "directories", "provider_guides")
    content = tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
    return Guide(
        id=name,
        name=content["name"],
        provider=content["provider"],
        type=content["type"],
        steps=tuple(map(_step, content["steps"])),
        after=content["after"],
    )


def _step(one: dict[str, Any]) -> Step:
    return Step(
        title=one["title"],
        text=one["text"],
        ours=tuple(Copied(**row) for row in one.get("ours", ())),
        theirs=tuple(Copied(**row) for row in one.get("theirs", ())),
        attributes=tuple(Attribute(**row) for row in one.get("attributes", ())),
    )
