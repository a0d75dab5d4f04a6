"""The functions that an expression may call; each is pure, and bounded by `Budget`.

A value is one of JSON: a text, a number, true or false, a list, an object, or None for nothing. A
function that is given nothing returns nothing, so that `??` can say something in its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core.strict_json import is_number

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_CHARACTERS = 4096  # of a text that an expression makes or looks through
MOST_ELEMENTS = 1000  # of a list that it makes
_LARGEST = 2**53 - 1  # a whole number that every reader of JSON reads exactly (RFC 8259 section 6)
_DIGITS = 16
_FLOAT_CHARACTERS = set("0123456789+-.eE")


class EvaluationError(Exception):
    """An expression has no value here; the text says the reason."""


class Budget:
    """The steps that one expression may take; a step is well under 10 microseconds."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def spend(self, steps: int = 1) -> None:
        """Take steps.

        Raises:
            EvaluationError: there are not as many.

        """
        self._left -= steps
        if self._left < 0:
            raise EvaluationError("evaluation takes too many steps")

    def read(self, text: str) -> None:
        """Take the steps of reading through a text.

        Raises:
            EvaluationError: it is too long, or there are not as many.

        """
        if len(text) > MOST_CHARACTERS:
            raise EvaluationError(f"a string exceeds {MOST_CHARACTERS} characters")
        self.spend(1 + len(text) // 256)


@dataclass(frozen=True, slots=True)
class Function:
    """A function: how many arguments it takes, and itself; it is handed the budget first."""

    least: int
    most: int
    call: Callable[..., Any]
    help: str


def kind_of(value: Any) -> str:
    """Return the kind of a value, as errors name it."""
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "a boolean"
    kinds = {str: "a string", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds[type(value)]


def text_of(value: Any, budget: Budget, of: str) -> str:
    """Return a value that is a text; ``of`` is the operator or function that needs one.

    Raises:
        EvaluationError: it is of another kind, or too long.

    """
    if not isinstance(value, str):
        raise EvaluationError(f"{of} requires a string, not {kind_of(value)}")
    budget.read(value)
    return value


def list_of(value: Any, budget: Budget, of: str) -> list[Any]:
    """Return a value that is a list; see `text_of`.

    Raises:
        EvaluationError: it is of another kind, or too long.

    """
    if not isinstance(value, list):
        raise EvaluationError(f"{of} requires a list, not {kind_of(value)}")
    if len(value) > MOST_ELEMENTS:
        raise EvaluationError(f"a list exceeds {MOST_ELEMENTS} elements")
    budget.spend(1 + len(value) // 256)
    return value


def _len(budget: Budget, value: Any) -> int:
    if isinstance(value, str):
        return len(text_of(value, budget, "len"))
    if isinstance(value, dict):
        return len(value)
    return len(list_of(value, budget, "len"))


def _cut(budget: Budget, value: Any, characters: Any = None) -> str:
    text = text_of(value, budget, "trim")
    return text.strip(None if characters is None else text_of(characters, budget, "trim"))


def _trim_prefix(budget: Budget, value: Any, prefix: Any) -> str:
    text = text_of(value, budget, "trimPrefix")
    return text.removeprefix(text_of(prefix, budget, "trimPrefix"))


def _trim_suffix(budget: Budget, value: Any, suffix: Any) -> str:
    text = text_of(value, budget, "trimSuffix")
    return text.removesuffix(text_of(suffix, budget, "trimSuffix"))


def _upper(budget: Budget, value: Any) -> str:
    return text_of(value, budget, "upper").upper()


def _lower(budget: Budget, value: Any) -> str:
    return text_of(value, budget, "lower").lower()


def _split(budget: Budget, value: Any, separator: Any) -> list[str]:
    text, sign = text_of(value, budget, "split"), text_of(separator, budget, "split")
    if not sign:
        raise EvaluationError("split requires a non-empty separator")
    parts = text.split(sign, MOST_ELEMENTS)
    if len(parts) > MOST_ELEMENTS:
        raise EvaluationError(f"split returns more than {MOST_ELEMENTS} parts")
    budget.spend(len(parts) // 16)
    return parts


def _join(budget: Budget, value: Any, separator: Any = "") -> str:
    sign = text_of(separator, budget, "join")
    parts = [text_of(part, budget, "join") for part in list_of(value, budget, "join")]
    if sum(map(len, parts)) + len(sign) * len(parts) > MOST_CHARACTERS:
        raise EvaluationError(f"join returns more than {MOST_CHARACTERS} characters")
    return sign.join(parts)


def _replace(budget: Budget, value: Any, old: Any, new: Any) -> str:
    text, sought = text_of(value, budget, "replace"), text_of(old, budget, "replace")
    put = text_of(new, budget, "replace")
    if not sought:
        raise EvaluationError("replace requires a non-empty search string")
    if len(text) + text.count(sought) * (len(put) - len(sought)) > MOST_CHARACTERS:
        raise EvaluationError(f"replace returns more than {MOST_CHARACTERS} characters")
    return text.replace(sought, put)


def _first(budget: Budget, value: Any) -> Any:
    elements = list_of(value, budget, "first")
    return elements[0] if elements else None


def _last(budget: Budget, value: Any) -> Any:
    elements = list_of(value, budget, "last")
    return elements[-1] if elements else None


def _int(budget: Budget, value: Any) -> int:
    if isinstance(value, str):
        text = value.strip()
        digits = text.removeprefix("-")
        budget.spend()
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _DIGITS):
            raise EvaluationError("int requires a string that contains an integer")
        value = int(text)
    if not is_number(value):
        raise EvaluationError(f"int requires a string or a number, not {kind_of(value)}")
    if abs(value) > _LARGEST:
        raise EvaluationError("int returns a number that JSON parsers may not represent exactly")
    return int(value)


def _float(budget: Budget, value: Any) -> float:
    if isinstance(value, str):
        text = value.strip()
        budget.spend()
        try:
            number = float(text) if len(text) <= 40 and set(text) <= _FLOAT_CHARACTERS else math.nan
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise EvaluationError("float requires a string that contains a number")
        return number
    if not is_number(value):
        raise EvaluationError(f"float requires a string or a number, not {kind_of(value)}")
    return float(value)


def _string(budget: Budget, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return text_of(value, budget, "string")


FUNCTIONS = {
    "len": Function(1, 1, _len, "the number of characters, elements or members"),
    "trim": Function(1, 2, _cut, "a string without leading and trailing whitespace or characters"),
    "trimPrefix": Function(2, 2, _trim_prefix, "a string without a prefix"),
    "trimSuffix": Function(2, 2, _trim_suffix, "a string without a suffix"),
    "upper": Function(1, 1, _upper, "a string in uppercase"),
    "lower": Function(1, 1, _lower, "a string in lowercase"),
    "split": Function(2, 2, _split, "the parts of a string between separators, as a list"),
    "join": Function(1, 2, _join, "the strings of a list, joined by a separator"),
    "replace": Function(3, 3, _replace, "a string with all occurrences of a part replaced"),
    "first": Function(1, 1, _first, "the first element of a list"),
    "last": Function(1, 1, _last, "the last element of a list"),
    "int": Function(1, 1, _int, "a string or number as an integer"),
    "float": Function(1, 1, _float, "a string as a number"),
    "string": Function(1, 1, _string, "a number or boolean as a string"),
}
# They take a list and a condition, which is an expression about `#`, the element.
CONDITIONAL = {
    "filter": "the elements that meet the condition",
    "map": "the value of the expression for each element",
    "any": "whether any element meets the condition",
    "all": "whether all elements meet the condition",
}
