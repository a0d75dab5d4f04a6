"""The declaration of one setting."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def setting(
    default: str,
    parse: Callable[[str], Any],
    help_: str,
    *,
    secret: bool = False,
    stored: bool = False,
) -> Any:
    """Declare one setting: its default as text, how text becomes its value, one line of help.

    One that may be ``stored`` can also be set by the API, where nobody gives it at start.
    """
    return field(
        metadata={
            "default": default,
            "parse": parse,
            "help": help_,
            "secret": secret,
            "stored": stored,
        }
    )
