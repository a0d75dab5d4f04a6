"""Faults of messages from identity providers: code, sentence and remedy for the IT admin.

Each protocol has its own table (`saml.faults`, `oidc.faults`). Applications receive the code as
`error`. Test results, the authentication log and the documentation show the same sentences.
Values from a message are truncated.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = 200  # characters of a value from a message


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `sentence` has placeholders for details; `remedy` has none."""

    code: str
    sentence: str
    remedy: str


class ProtocolError(Exception):
    """An invalid message.

    ``evidence`` has the facts of the message as far as it was read, for the authentication log.
    """

    evidence: Mapping[str, Any]

    def __init__(self, fault: Fault, **details: object) -> None:
        shown = {name: _short(str(value)) for name, value in details.items()}
        self.fault = fault
        self.details = details
        self.code = fault.code
        self.evidence = {}
        self.description = fault.sentence.format(**shown)
        super().__init__(f"{self.code}: {self.description}")


@contextmanager
def evidenced(facts: Callable[[], Mapping[str, Any]]) -> Iterator[None]:
    """Add the facts of the message to a fault that is raised inside; earlier facts are kept."""
    try:
        yield
    except ProtocolError as error:
        error.evidence = error.evidence or facts()
        raise


def _short(value: str) -> str:
    printable = "".join(char if char.isprintable() else "?" for char in value[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…"
