"""The attributes that a test received, beside the profile attributes that they are mapped to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.saml import attributes as saml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.organization.single_sign_on.attributes import Row

# Shown even if nothing is mapped to them: most products expect them.
_EXPECTED = ("email", "given_name", "family_name")
_LONGEST = 200  # characters of a value that the page shows


@dataclass(frozen=True, slots=True)
class MappedAttribute:
    """A profile attribute and the value that the test received for it.

    ``received`` is the name that the identity provider sent, "" if none; ``expected`` is the name
    that it should send.
    """

    key: str
    label: str
    received: str
    value: str
    expected: str


@dataclass(frozen=True, slots=True)
class AttributeComparison:
    """The result of a test by profile attribute, and received attributes without a mapping."""

    mapped: Sequence[MappedAttribute]
    unmapped: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, user_info: str, rows: Sequence[Row], *, is_saml: bool) -> AttributeComparison:
        """Compare the JSON of a successful test with the rows of the mapping."""
        taken = json.loads(user_info)
        received = taken.get("received", {})
        mapped = []
        for row in rows:
            name = _source(received, row, is_saml=is_saml)
            # Without an attribute for it, the email address is the NameID.
            value = received.get(name) if name else taken.get(row.key)
            if row.key in _EXPECTED or row.required or row.mapped or value is not None:
                mapped.append(
                    MappedAttribute(
                        row.key, row.label, name, _text(value), row.mapped or row.usual or row.key
                    )
                )
        used = {one.received for one in mapped}
        unmapped = [(name, _text(value)) for name, value in received.items() if name not in used]
        return cls(mapped, unmapped)


def _source(received: Mapping[str, Any], row: Row, *, is_saml: bool) -> str:
    """Return the name of the received attribute that fills a profile attribute, "" for none."""
    if row.mapped:
        root = row.mapped.partition(".")[0]  # a claim may be a path of names
        return next((name for name in (row.mapped, root) if name in received), "")
    if is_saml and row.key in _EXPECTED:
        return saml.find_spelling(received, row.key)
    return next((name for name in (row.usual, row.key) if name and name in received), "")


def _text(value: object) -> str:
    """Return a received value for a page; several values are separated by commas."""
    if value is None:
        return ""
    parts = value if isinstance(value, list) else [value]
    text = ", ".join(
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in parts
    )
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
