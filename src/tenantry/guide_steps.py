"""Steps of a guide for somebody who sets a provider up, and their words in each language.

Guides are data: TOML of a room, in English, with a table of words for each other language. A text
has Markdown of two kinds: `**a label**` of the provider's own console, which is English everywhere,
and code between backticks.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Copied:
    """A value that goes from one side to the other: the provider's field, and ours.

    ``language`` is that of the field: a label of the provider's own console is English.
    """

    field: str
    value: str
    language: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute that the provider sends: our key, its name, and the value that it has there.

    ``language`` is that of the value, as of a field.
    """

    key: str
    name: str = ""
    value: str = ""
    language: str = ENGLISH


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its text, and the values that go either way in it."""

    title: str
    text: str
    ours: tuple[Copied, ...] = ()  # from us to the provider
    theirs: tuple[Copied, ...] = ()  # from the provider to us
    attributes: tuple[Attribute, ...] = ()  # claims, in OpenID Connect
    groups: Attribute | None = None


def read(*path: str) -> dict[str, Any]:
    """Return a TOML file of this package; an empty table where there is none."""
    place = files("tenantry").joinpath(*path)
    return tomllib.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}


def steps(rows: Iterable[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return steps as a guide's file has them."""
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
        for one in rows
    )


def said(
    english: tuple[Step, ...],
    language: str,
    texts: Sequence[tuple[str, str]],
    values: Mapping[str, str],
) -> tuple[Step, ...]:
    """Return steps in a language: title and text of each, and fields and values by their English.

    A field or value that ``values`` lacks is a label of the provider, and stays.
    """

    def copied(rows: tuple[Copied, ...]) -> tuple[Copied, ...]:
        return tuple(
            replace(row, field=values[row.field], language=language) if row.field in values else row
            for row in rows
        )

    def attribute(row: Attribute) -> Attribute:
        known = row.value in values
        return replace(row, value=values[row.value], language=language) if known else row

    return tuple(
        replace(
            step,
            title=title,
            text=text,
            ours=copied(step.ours),
            theirs=copied(step.theirs),
            attributes=tuple(map(attribute, step.attributes)),
            groups=step.groups and attribute(step.groups),
        )
        for step, (title, text) in zip(english, texts, strict=True)
    )
