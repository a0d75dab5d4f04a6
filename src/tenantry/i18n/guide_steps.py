"""Guides for somebody who sets a provider up: their steps, and their words in each language.

Guides are data: TOML of a package, in English, which `tenantry.i18n.translations` has in other
languages. A text has Markdown of two kinds: `**a label**` of the provider's own console, which is
English everywhere, and code between backticks. Names, fields and values are labels of the provider
as well, except for those that a guide lists as `translated`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tenantry.i18n import translations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ENGLISH = "en"
_TRANSLATED = ("name", "after")  # of a guide, beside its steps


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """The guide of one provider, a ConnectionProvider or DirectoryProvider of the API.

    ``language`` is that of the texts.
    """

    id: str
    name: str
    provider: str
    language: str = ENGLISH


_Guide = TypeVar("_Guide", bound=Guide)


class Guides(Generic[_Guide]):
    """The guides of a package, in the order of ``names``, in which they are offered.

    A file of the folder is a provider; ``build`` returns the guide of its content, in English.
    """

    def __init__(
        self,
        place: str,
        folder: tuple[str, ...],
        names: Iterable[str],
        build: Callable[[Mapping[str, Any]], _Guide],
    ) -> None:
        self._place = place
        self._folder = folder
        self._names = tuple(names)
        self._build = build
        self._known: dict[str, tuple[_Guide, ...]] = {}

    def __call__(self, language: str = ENGLISH) -> tuple[_Guide, ...]:
        """Return all guides; English stands in for a language.

        Names of menus and fields are those of the provider's own console, in English.
        """
        if language not in self._known:
            self._known[language] = (
                tuple(self._build(content) for content in self._contents())
                if language == ENGLISH
                else tuple(self._in(language, guide) for guide in self())
            )
        return self._known[language]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield the texts to translate, each after its place."""
        for content in self._contents():
            for text in texts(content):
                yield f"{self._place}:{content['id']}", text

    def _contents(self) -> Iterator[dict[str, Any]]:
        for name in self._names:
            yield {"id": name, **read(*self._folder, f"{name}.toml")}

    def _in(self, language: str, guide: _Guide) -> _Guide:
        place, known = f"{self._place}:{guide.id}", translations.catalogue(language)
        if not known:
            return guide
        said: dict[str, Any] = {"language": language}
        for name in (field.name for field in fields(guide)):
            value = getattr(guide, name)
            if name in _TRANSLATED:
                said[name] = known.get((place, value), value)
            elif isinstance(value, tuple):
                said[name] = translated(value, language, place)
        return replace(guide, **said)


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


def texts(guide: Mapping[str, Any]) -> Iterator[str]:
    """Yield the texts to translate of a guide's file."""
    for protocol in (guide, guide.get("saml", {}), guide.get("oidc", {})):
        for step in protocol.get("steps", ()):
            yield step["title"]
            yield step["text"]
    if "after" in guide:
        yield guide["after"]
    yield from guide.get("translated", ())


def translated(english: tuple[Step, ...], language: str, place: str) -> tuple[Step, ...]:
    """Return the steps of a place in a language.

    A title or text without a translation stays English. So does any field or value without one.
    """
    known = translations.catalogue(language)

    def said(text: str) -> str:
        return known.get((place, text), text)

    def spoken(text: str) -> str:
        return language if (place, text) in known else ENGLISH

    def copied(rows: tuple[Copied, ...]) -> tuple[Copied, ...]:
        return tuple(
            replace(row, field=said(row.field), language=spoken(row.field)) for row in rows
        )

    def attribute(row: Attribute) -> Attribute:
        return replace(row, value=said(row.value), language=spoken(row.value))

    return tuple(
        replace(
            step,
            title=said(step.title),
            text=said(step.text),
            ours=copied(step.ours),
            theirs=copied(step.theirs),
            attributes=tuple(map(attribute, step.attributes)),
            groups=step.groups and attribute(step.groups),
        )
        for step in english
    )
