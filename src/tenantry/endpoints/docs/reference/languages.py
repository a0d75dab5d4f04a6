"""The languages of the samples, and the samples: `samples/NAME.md`, one fence per language.

A sample is what a reader would write between `samples/Client.md` (getting a client, or in cURL an
access token) and their own code. It uses the variables `organizationId`, `externalId` and `linkId`
in the spelling of its language. `tests/docs/reference/test_samples.py` runs every one.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from importlib.resources import files

_FENCE = re.compile(r"^```(\w+)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its name in URLs, storage and fences, and the one that people read."""

    key: str
    label: str
    lang: str  # as x-codeSamples names it
    package: str = ""  # of the official SDK
    install: str = ""


LANGUAGES = (
    Language("sh", "cURL", "Shell"),
    Language("js", "Node.js", "JavaScript", "@scalekit-sdk/node", "npm install @scalekit-sdk/node"),
    Language(
        "python", "Python", "Python", "scalekit-sdk-python", "pip install scalekit-sdk-python"
    ),
    Language(
        "go",
        "Go",
        "Go",
        "github.com/scalekit-inc/scalekit-sdk-go/v2",
        "go get github.com/scalekit-inc/scalekit-sdk-go/v2",
    ),
    Language(
        "java",
        "Java",
        "Java",
        "com.scalekit:scalekit-sdk-java",
        'implementation "com.scalekit:scalekit-sdk-java:2.5.0"',
    ),
)
CLIENT = "Client"


@functools.cache
def samples(name: str) -> dict[str, str]:
    """Return the samples of an operation by language; a language without such a call has none."""
    path = files("tenantry.endpoints.docs").joinpath("samples", f"{name}.md")
    if not path.is_file():
        return {}
    found = dict(_FENCE.findall(path.read_text(encoding="utf-8")))
    return {language.key: found[language.key] for language in LANGUAGES if language.key in found}
