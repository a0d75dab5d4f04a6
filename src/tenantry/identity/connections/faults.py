"""How the faults of a provider's messages are told: code, sentence and remedy, for the IT admin.

Each protocol has its own table (`saml.faults`, `oidc.faults`). The codes are those that an
application gets as `error`. Test results, the log of sign-ins and the guide show the same
sentences. A value from a message is shortened before it stands in one.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_SHOWN = 200  # characters of a value that somebody else wrote


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that can be wrong: `sentence` has the places of its details, `remedy` none."""

    code: str
    sentence: str
    remedy: str


class ProtocolError(Exception):
    """A message that is not taken, for one fault.

    ``evidence`` are the facts of the message as far as it was read, for the log of sign-ins.
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
    """Have a fault that is raised within bear the facts of the message; the first facts stay."""
    try:
        yield
    except ProtocolError as error:
        error.evidence = error.evidence or facts()
        raise


def _short(value: str) -> str:
    printable = "".join(char if char.isprintable() else "?" for char in value[: _SHOWN + 1])
    return printable if len(printable) <= _SHOWN else f"{printable[:_SHOWN]}…"
