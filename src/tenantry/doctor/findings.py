"""The results of checks."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check; ``advice`` is the remedy where it is not well."""

    check: str
    ok: bool
    text: str
    advice: str = ""

    def line(self) -> str:
        word = "ok" if self.ok else "problem"
        advice = f": {self.advice}" if self.advice else ""
        return f"{word:<8} {self.check:<12} {self.text}{advice}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Problem(Exception):
    """A check failed: the problem, and its remedy."""

    def __init__(self, text: str, advice: str) -> None:
        super().__init__(text)
        self.text = text
        self.advice = advice
