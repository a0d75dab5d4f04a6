"""The meaning of each error of a sign-in, and the remedy, in each language: for pages and docs.

`explanations.toml` has the codes that applications get as `error`, and in German the faults of the
protocols (`saml/faults.py`, `oidc/faults.py`), which are English where they are raised: a
description is found again by its sentence, and said in the reader's language with its details.
"""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from tenantry.identity.connections.faults import Fault
from tenantry.identity.connections.oidc import faults as oidc_faults
from tenantry.identity.connections.saml import faults as saml_faults

ENGLISH, GERMAN = "en", "de"
# Whom a code is for: the developer of an application, or the admin of a connection.
INTEGRATION, CONNECTION = "integration", "connection"
SAML, OIDC = PROTOCOLS = ("saml", "oidc")
_FAULTS = {SAML: saml_faults, OIDC: oidc_faults}
_PLACE = re.compile(r"\{(\w+)\}")
_LONGEST = 2000  # characters of a description that is looked for


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code: what it means, and what to do."""

    code: str
    of: str
    means: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Said:
    """One error as it is said to a reader: ``means`` in general, ``description`` of this case."""

    error: str
    means: str
    description: str
    remedy: str


def explanations(language: str = ENGLISH) -> tuple[Explanation, ...]:
    """Return all codes in a language; English stands in for one that is not there."""
    return tuple(
        Explanation(code, one["of"], **one.get(language, one[ENGLISH]))
        for code, one in _read()["codes"].items()
    )


def explanation(code: str, language: str = ENGLISH) -> Explanation | None:
    """Return one code, None for one of somebody else."""
    return next((one for one in explanations(language) if one.code == code), None)


@functools.cache
def faults(protocol: str) -> dict[str, Fault]:
    """Return the faults of a protocol by their names, in the order of their file."""
    there = vars(_FAULTS[protocol])
    return {name: one for name, one in there.items() if isinstance(one, Fault)}


def say(language: str, error: str, description: str, hint: str = "") -> Said:
    """Say an error to a reader: the description and the remedy of a fault in their language.

    A description of somebody else stays as it is, with its hint; without one the code's remedy is
    said.
    """
    general = explanation(error, language)
    means, remedy = (general.means, general.remedy) if general else ("", "")
    known = _known(language, error, description, hint)
    return Said(error, means, *(known or (description, hint or remedy)))


def say_fault(language: str, description: str) -> tuple[str, str]:
    """Return a description of ours in a reader's language, and its remedy, whatever its code is.

    A description of somebody else stays as it is, without a remedy.
    """
    return _known(language, None, description, "") or (description, "")


def _known(language: str, error: str | None, description: str, hint: str) -> tuple[str, str] | None:
    """Return a description of ours in this language, and its remedy; None of somebody else's.

    Where both protocols say the same, the hint tells them apart; ``error`` None is any code.
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
    if language != GERMAN:
        return description, faults(protocol)[name].remedy
    german = _read()[protocol][name]
    return german["sentence"].format(**details), german["remedy"]


@functools.cache
def _pattern(sentence: str) -> re.Pattern[str]:
    """Return the pattern of a sentence whose places are filled."""
    parts = _PLACE.split(sentence)
    texts = [re.escape(part) for part in parts[::2]]
    places = [f"(?P<{name}>.*?)" for name in parts[1::2]] + [""]
    joined = "".join(text + place for text, place in zip(texts, places, strict=True))
    return re.compile(joined, re.DOTALL)


@functools.cache
def _read() -> dict[str, Any]:
    text = (
        files("tenantry")
        .joinpath("identity", "connections", "guides", "explanations.toml")
        .read_text()
    )
    return tomllib.loads(text)
