"""The words of our mail in each language: `words/en.toml`, and the translations of it.

A Tenantry template says a sentence by the filter `said`: `{{ "code.good" | said(time=left) }}`. A
filter, for a variable of an application could have any name, and would stand before a function.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenantry.i18n import translations
from tenantry.i18n.languages import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jinja2 import Environment
    from markupsafe import Markup

# Minutes in a unit of time, the largest first.
_UNITS = (("days", 24 * 60), ("hours", 60), ("minutes", 1))


@functools.cache
def of(language: str) -> Mapping[str, str]:
    """Return the sentences of one of `tenantry.i18n.languages.LANGUAGES` by `section.key`."""
    return translations.translated(language, "mail", translations.english("events", "email"))


def date(microseconds: int, language: str = DEFAULT) -> str:
    """Return a time of the database for people: 5 November 2026, 14:05 UTC."""
    at, sentences = datetime.fromtimestamp(microseconds // 1_000_000, UTC), of(language)
    return sentences["date.at"].format(
        day=sentences["date.first"] if at.day == 1 else at.day,
        month=sentences["date.months"].split()[at.month - 1],
        year=at.year,
        time=f"{at:%H:%M}",
    )


def duration(minutes: int, language: str = DEFAULT) -> str:
    """Return how long that is for people, in the largest unit of which there are two: 5 minutes."""
    unit, size = next(one for one in _UNITS if minutes >= 2 * one[1] or one[1] == 1)
    number = max(1, round(minutes / size))
    return of(language)[f"time.{unit}_{'one' if number == 1 else 'other'}"].format(number=number)


def give(environment: Environment, language: str) -> None:
    """Give templates the filters that speak a language: `said` and `date`, `strong` and `bdi`."""
    environment.filters |= {
        "said": _said(of(language)),
        "date": functools.partial(date, language=language),
        "strong": _strong,
        "bdi": _bdi,
    }


def _said(sentences: Mapping[str, str]) -> Callable[..., str]:
    from jinja2 import pass_eval_context
    from markupsafe import Markup

    @pass_eval_context
    def said(context: Any, key: str, **values: object) -> str:
        sentence = sentences[key]
        # Markup escapes the values.
        return (Markup(sentence) if context.autoescape else sentence).format(**values)  # noqa: S704

    return said


def _strong(value: object) -> Markup:
    from markupsafe import Markup

    return Markup('<strong dir="auto">{}</strong>').format(value)


def _bdi(value: object) -> Markup:
    from markupsafe import Markup

    return Markup("<bdi>{}</bdi>").format(value)
