"""The words of pages, in each language, and the language of a person.

A site has its own English words beside those of all pages, and `tenantry.i18n.translations` has
them in other languages. A word is a sentence under `section.key`; `{name}` in it is filled with a
value, which is text, markup or not. A key that ends in `_one` stands beside one in `_other`; a
number says which is used.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.i18n import translations
from tenantry.i18n.languages import DEFAULT, LANGUAGES, OF_OPERATORS, best

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Words:
    """The sentences of one language."""

    language: str
    sentences: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> Markup:
        """Return a sentence for a page; a value is text, kept from turning the text around it."""
        from markupsafe import Markup

        if not values:
            return _spoken(self.sentences[key])
        isolated = {name: Markup("<bdi>{}</bdi>").format(value) for name, value in values.items()}
        return Markup(self.sentences[key]).format(**isolated)  # noqa: S704 - ours, not a visitor's

    def plain(self, key: str, **values: object) -> str:
        """Return a sentence where no markup can stand: a title, an attribute."""
        return self.sentences[key].format(**values)

    def count(self, key: str, number: int) -> Markup:
        """Return the sentence that fits a number, which it names `{number}`."""
        is_one = number == 1 or (number == 0 and self.language == "fr")
        return self(f"{key}_one" if is_one else f"{key}_other", number=number)

    def has(self, key: str) -> bool:
        """Whether there is such a sentence."""
        return key in self.sentences


@functools.lru_cache(maxsize=4096)
def _spoken(sentence: str) -> Markup:
    """Return a sentence without values: a page has dozens of them, and formatting takes time."""
    from markupsafe import Markup

    return Markup(sentence).format()  # noqa: S704 - ours, not a visitor's


@functools.cache
def of(site: str, language: str) -> Words:
    """Return the words of a site in one of `LANGUAGES`; its own go before those of all pages.

    Without a site, "", it returns those of all pages.
    """
    sentences = translations.translated(language, "pages", translations.english("web"))
    if site:
        own = translations.english("endpoints", site)
        sentences |= translations.translated(language, site, own)
    return Words(language, sentences)


def languages(site: str) -> tuple[str, ...]:
    """Return the languages of a site; English alone where it has none."""
    if site and not translations.english("endpoints", site):
        return (DEFAULT,)
    return OF_OPERATORS if site == "console" else LANGUAGES


def choose(site: str, accepted: str, wanted: Sequence[str] = ()) -> Words:
    """Return a site's words in the language that a person understands best.

    See `tenantry.i18n.languages.best`; English where that is not known.
    """
    return of(site, best(accepted, wanted, languages(site)) or DEFAULT)
