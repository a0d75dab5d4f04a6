"""What the pages of this door say: a catalogue for each language, `words/{language}.toml`."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from markupsafe import Markup

LANGUAGES = ("en", "de")  # the first one for whoever understands none of them
_HEADER_MAX = 1000  # characters that are read of Accept-Language


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language."""

    language: str
    sentences: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> Markup:
        """Return a sentence for a page; what it is filled with is text, whatever it holds."""
        from markupsafe import Markup

        isolated = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        return Markup(self.sentences[key]).format(**isolated)  # noqa: S704 - ours, not a visitor's

    def plain(self, key: str, **values: object) -> str:
        """Return a sentence where no markup can stand: a title, an attribute, JSON."""
        return self.sentences[key].format(**values)


@functools.cache
def of(language: str) -> Words:
    """Return the words of one of `LANGUAGES`."""
    source = files("tenantry.doors.account").joinpath("words", f"{language}.toml")
    sections = tomllib.loads(source.read_text(encoding="utf-8"))
    return Words(
        language,
        {
            f"{section}.{key}": sentence
            for section, keys in sections.items()
            for key, sentence in keys.items()
        },
    )


def choose(accepted: str) -> Words:
    """Return the words for a browser's Accept-Language, whose order counts, and not its weights."""
    for part in accepted[:_HEADER_MAX].split(","):
        language = part.strip().partition(";")[0].partition("-")[0].lower()
        if language in LANGUAGES:
            return of(language)
    return of(LANGUAGES[0])
