"""The comments of `proto/`, by full name: descriptors at run time do not carry them."""

from __future__ import annotations

import functools
import json
import re
from importlib.resources import files

_SENTENCE = re.compile(r"(?<=[^.][.!?])\s+(?=[A-Z`])")


@functools.cache
def _all() -> dict[str, str]:
    text = files("tenantry.gen").joinpath("comments.json").read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


def comment(full_name: str) -> str:
    """Return the comment above an element of the contract; "" where it is not a Tenantry
    element.
    """
    return _all().get(full_name, "")


def first_sentence(text: str) -> str:
    """Return the first sentence, without its full stop."""
    return _SENTENCE.split(text, maxsplit=1)[0].removesuffix(".")
