"""The meaning of each error of a sign-in, and the remedy, in each language: for pages and docs.

`explanations.toml` has the codes that applications get as `error`. The faults of the protocols
(`saml/faults.py`, `oidc/faults.py`) are English where they are raised.
`tenantry.i18n.translations` has both in other languages: a description is found by its English
sentence, and shown in the reader's language with its details.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.i18n import guide_steps, translations
from tenantry.i18n.guide_steps import ENGLISH
from tenantry.identity.connections.faults import Fault
from tenantry.identity.connections.oidc import faults as oidc_faults
from tenantry.identity.connections.saml import faults as saml_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

# Whom a code is for: the developer of an application, or the admin of a connection.
INTEGRATION, CONNECTION = "integration", "connection"
SAML, OIDC = PROTOCOLS = ("saml", "oidc")
_FAULTS = {SAML: saml_faults, OIDC: oidc_faults}
_FOLDER = ("identity", "connections", "guides")
_PLACE = re.compile(r"\{(\w+)\}")
_REASON = "reason"  # the place of a detail that is a phrase, and English in each language
_LONGEST = 2000  # characters of a description that is looked for


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code: its meaning, and its remedy."""

    code: str
    of: str
    means: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ExplainedError:
    """One error as it is said to a reader: ``means`` in general, ``parts`` of this case.

    A part is a text with its language. So is the remedy: ours is in the reader's language, and what
    somebody else says is taken for English.
    """

    error: str
    means: str
    parts: tuple[tuple[str, str], ...]
    remedy: str
    remedy_language: str = ENGLISH

    @property
    def description(self) -> str:
        """The description of this case as one text."""
        return "".join(text for text, _ in self.parts)


def explanations(language: str = ENGLISH) -> tuple[Explanation, ...]:
    """Return all codes in a language; English stands in for one that is not there."""
    return tuple(
        Explanation(
            code,
            one["of"],
            _translation(language, f"{code}.means", one["means"]) or one["means"],
            _translation(language, f"{code}.remedy", one["remedy"]) or one["remedy"],
        )
        for code, one in guide_steps.read(*_FOLDER, "explanations.toml").items()
    )


def texts() -> Iterator[tuple[str, str]]:
    """Yield the texts to translate, each after its place."""
    for code in explanations():
        yield f"errors:{code.code}.means", code.means
        yield f"errors:{code.code}.remedy", code.remedy
    for protocol in PROTOCOLS:
        for name, fault in faults(protocol).items():
            yield f"errors:{protocol}.{name}.sentence", fault.sentence
            yield f"errors:{protocol}.{name}.remedy", fault.remedy


def explanation(code: str, language: str = ENGLISH) -> Explanation | None:
    """Return one code, None for one of somebody else."""
    return _by_code(language).get(code)


@functools.cache
def _by_code(language: str) -> dict[str, Explanation]:
    return {one.code: one for one in explanations(language)}


@functools.cache
def faults(protocol: str) -> dict[str, Fault]:
    """Return the faults of a protocol by their names, in the order of their file."""
    there = vars(_FAULTS[protocol])
    return {name: one for name, one in there.items() if isinstance(one, Fault)}


def say(language: str, error: str | None, description: str, hint: str = "") -> ExplainedError:
    """Say an error to a reader: the description and the remedy of a fault in their language.

    A description of somebody else stays as it is, with its hint; without one the code's remedy is
    said. If ``error`` is None, a fault of any code matches.
    """
    code = error or ""
    general, english = explanation(code, language), explanation(code)
    means = general.means if general else ""
    known = _known(language, error, description, hint)
    if known is not None:
        return ExplainedError(code, means, *known)
    parts = ((description, ENGLISH),)
    if general and english and hint in {"", english.remedy}:
        return ExplainedError(code, means, parts, general.remedy, language)
    return ExplainedError(code, means, parts, hint)


def say_fault(language: str, description: str) -> ExplainedError:
    """Say a Tenantry description in a reader's language, with its remedy, for any code."""
    return say(language, None, description)


def _known(
    language: str, error: str | None, description: str, hint: str
) -> tuple[tuple[tuple[str, str], ...], str, str] | None:
    """Return the parts of a known description, its remedy, and the language of the remedy.

    It returns None for an unknown description. Where both protocols have the same description, the
    hint decides between them. If ``error`` is None, any code matches.
    """
    if len(description) > _LONGEST:
        return None
    found = [
        (fault.remedy != hint, protocol, name, match.groupdict())
        for protocol in PROTOCOLS
        for name, fault in faults(protocol).items()
        if error in {None, fault.code}
        and (match := _pattern(fault.sentence).fullmatch(description))
    ]
    if not found:
        return None
    _, protocol, name, details = min(found, key=lambda one: one[0])
    fault = faults(protocol)[name]
    sentence = _translation(language, f"{protocol}.{name}.sentence", fault.sentence)
    remedy = _translation(language, f"{protocol}.{name}.remedy", fault.remedy)
    parts = _filled(sentence, details, language) if sentence else ((description, ENGLISH),)
    return (parts, remedy, language) if remedy else (parts, fault.remedy, ENGLISH)


def _filled(sentence: str, details: dict[str, str], language: str) -> tuple[tuple[str, str], ...]:
    """Return the parts of a sentence with its details; a reason is English by itself."""
    parts = []
    for number, text in enumerate(_PLACE.split(sentence)):
        is_place = number % 2
        spoken = ENGLISH if is_place and text == _REASON else language
        parts.append((details[text] if is_place else text, spoken))
    return tuple(part for part in parts if part[0])


@functools.cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """Return the pattern of a sentence whose places are filled."""
    parts = _PLACE.split(sentence)
    texts = [re.escape(part) for part in parts[::2]]
    places = [f"(?P<{name}>.*?)" for name in parts[1::2]] + [""]
    joined = "".join(text + place for text, place in zip(texts, places, strict=True))
    return re.compile(joined, re.DOTALL)


def _translation(language: str, key: str, text: str) -> str | None:
    return translations.catalogue(language).get((f"errors:{key}", text))
