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
    """Say an error to a reader: the description and the hint of a fault in their language.

    Where they are no sentences of ours, they stay as they are; without a hint the code's is said.
    """
    general = explanation(error, language)
    said, remedy = _translated(language, error, description)
    return Said(
        error,
        means=general.means if general else "",
        description=said,
        remedy=(remedy if remedy and hint else hint) or (general.remedy if general else ""),
    )


def _translated(language: str, error: str, description: str) -> tuple[str, str]:
    """Return a description in this language and its remedy, "" for one that nobody knows."""
    if language == GERMAN and len(description) <= _LONGEST:
        for protocol in PROTOCOLS:
            for name, fault in faults(protocol).items():
                if fault.code != error:
                    continue
                if found := _pattern(fault.sentence).fullmatch(description):
                    german = _read()[protocol][name]
                    return german["sentence"].format(**found.groupdict()), german["remedy"]
    return description, ""


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
    text = files("tenantry").joinpath("identity", "connections", "explanations.toml").read_text()
    return tomllib.loads(text)
