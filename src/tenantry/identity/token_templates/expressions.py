"""The tree of an expression, and its value. Pure: it reads variables and nothing else.

Every node takes a step of the budget, and a tree has few nodes (`parsing.MOST_NODES`): so neither
time nor the stack grows with what people have in their metadata. A member of nothing is nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.core.strict_json import is_number
from tenantry.identity.token_templates.functions import (
    FUNCTIONS,
    MOST_CHARACTERS,
    Budget,
    EvaluationError,
    kind_of,
    list_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STEPS = 5000  # that one expression may take


@dataclass(slots=True)
class Run:
    """One evaluation: its variables, the elements that `#` stands for, and the steps left."""

    variables: Mapping[str, Any]
    budget: Budget
    elements: list[Any] = field(default_factory=list)


class Node(Protocol):
    """A part of an expression."""

    def value(self, run: Run) -> Any:
        """Return its value, None for nothing.

        Raises:
            EvaluationError: it has no value with these variables.

        """


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole expression, and the paths of all variables that it names."""

    text: str
    node: Node
    paths: frozenset[str]

    def value(self, variables: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """Return its value, None for nothing.

        Raises:
            EvaluationError: it has no value with these variables.

        """
        return self.node.value(Run(variables, budget or Budget(STEPS)))

    @property
    def least(self) -> Any:
        """A value that is no longer, as JSON, than any that it may have."""
        return self.node.constant if isinstance(self.node, Literal) else 0


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number, true, false or nil."""

    constant: Any

    def value(self, run: Run) -> Any:
        run.budget.spend()
        return self.constant


@dataclass(frozen=True, slots=True)
class Variable:
    """`user` or `organization`."""

    name: str

    def value(self, run: Run) -> Any:
        run.budget.spend()
        return run.variables.get(self.name)


@dataclass(frozen=True, slots=True)
class Element:
    """`#`: the element that a condition is about."""

    def value(self, run: Run) -> Any:
        run.budget.spend()
        return run.elements[-1]


@dataclass(frozen=True, slots=True)
class List:
    """`[a, b]`."""

    elements: tuple[Node, ...]

    def value(self, run: Run) -> list[Any]:
        run.budget.spend()
        return [element.value(run) for element in self.elements]


@dataclass(frozen=True, slots=True)
class Member:
    """`a.name`, `a?.name`, `a["name"]`, `a[0]`: a member of an object, or an element of a list."""

    of: Node
    key: Node

    def value(self, run: Run) -> Any:
        run.budget.spend()
        of, key = self.of.value(run), self.key.value(run)
        if of is None or key is None:
            return None
        if isinstance(of, dict) and isinstance(key, str):
            return of.get(key)
        if isinstance(of, list) and isinstance(key, int) and not isinstance(key, bool):
            return of[key] if -len(of) <= key < len(of) else None
        raise EvaluationError(f"{kind_of(of)} cannot be indexed by {kind_of(key)}")


@dataclass(frozen=True, slots=True)
class Choice:
    """`a ?? b`: the first, or the second where that is nothing."""

    first: Node
    second: Node

    def value(self, run: Run) -> Any:
        run.budget.spend()
        first = self.first.value(run)
        return self.second.value(run) if first is None else first


@dataclass(frozen=True, slots=True)
class Condition:
    """`a ? b : c`."""

    condition: Node
    first: Node
    second: Node

    def value(self, run: Run) -> Any:
        run.budget.spend()
        chosen = self.first if _is_true(self.condition.value(run)) else self.second
        return chosen.value(run)


@dataclass(frozen=True, slots=True)
class Not:
    """`not a`, `!a`."""

    of: Node

    def value(self, run: Run) -> bool:
        run.budget.spend()
        return not _is_true(self.of.value(run))


@dataclass(frozen=True, slots=True)
class And:
    """`a and b`, `a && b`."""

    first: Node
    second: Node

    def value(self, run: Run) -> bool:
        run.budget.spend()
        return _is_true(self.first.value(run)) and _is_true(self.second.value(run))


@dataclass(frozen=True, slots=True)
class Or:
    """`a or b`, `a || b`."""

    first: Node
    second: Node

    def value(self, run: Run) -> bool:
        run.budget.spend()
        return _is_true(self.first.value(run)) or _is_true(self.second.value(run))


@dataclass(frozen=True, slots=True)
class Binary:
    """`a == b` and all other operators whose two sides are values."""

    sign: str
    first: Node
    second: Node

    def value(self, run: Run) -> Any:
        run.budget.spend()
        return _OPERATORS[self.sign](
            run.budget, self.sign, self.first.value(run), self.second.value(run)
        )


@dataclass(frozen=True, slots=True)
class Call:
    """`name(a, b)` of one of `functions.FUNCTIONS`."""

    name: str
    arguments: tuple[Node, ...]

    def value(self, run: Run) -> Any:
        run.budget.spend()
        values = [argument.value(run) for argument in self.arguments]
        if values[0] is None:
            return None
        return FUNCTIONS[self.name].call(run.budget, *values)


@dataclass(frozen=True, slots=True)
class Each:
    """`filter(list, condition)` and the others of `functions.CONDITIONAL`."""

    name: str
    of: Node
    condition: Node

    def value(self, run: Run) -> Any:
        run.budget.spend()
        of = self.of.value(run)
        if of is None:
            return None
        kept: list[Any] = []
        for element in list_of(of, run.budget, self.name):
            run.elements.append(element)
            try:
                found = self.condition.value(run)
            finally:
                run.elements.pop()
            if self.name == "map":
                kept.append(found)
            elif _is_true(found):
                if self.name == "any":
                    return True
                kept.append(element)
            elif self.name == "all":
                return False
        return {"any": False, "all": True}.get(self.name, kept)


def _is_true(value: Any) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise EvaluationError(f"a condition must be a boolean, not {kind_of(value)}")
    return value


def _same(budget: Budget, first: Any, second: Any) -> bool:
    if isinstance(first, str):
        budget.read(first)
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, list | dict) or isinstance(second, list | dict):
        raise EvaluationError("== compares only strings, numbers and booleans")
    return bool(first == second)


def _equals(budget: Budget, sign: str, first: Any, second: Any) -> bool:
    if first is None or second is None:
        return (first is second) is (sign == "==")
    return _same(budget, first, second) is (sign == "==")


def _compares(budget: Budget, sign: str, first: Any, second: Any) -> bool | None:
    if first is None or second is None:
        return None
    if not (is_number(first) and is_number(second)):
        first, second = text_of(first, budget, sign), text_of(second, budget, sign)
    is_less, is_same = first < second, first == second
    return bool(
        {"<": is_less, "<=": is_less or is_same, ">": not (is_less or is_same)}.get(
            sign, not is_less
        )
    )


def _is_in(budget: Budget, sign: str, first: Any, second: Any) -> bool:
    if second is None:
        return False
    if isinstance(second, dict):
        return isinstance(first, str) and first in second
    elements = list_of(second, budget, sign)
    budget.spend(len(elements) // 4)
    return any(_same(budget, element, first) for element in elements)


def _looks(budget: Budget, sign: str, first: Any, second: Any) -> bool:
    if first is None or second is None:
        return False
    text, part = text_of(first, budget, sign), text_of(second, budget, sign)
    if sign == "contains":
        return part in text
    return text.startswith(part) if sign == "startsWith" else text.endswith(part)


def _plus(budget: Budget, sign: str, first: Any, second: Any) -> Any:
    if first is None or second is None:
        return None
    if is_number(first) and is_number(second):
        if not math.isfinite(total := first + second):
            raise EvaluationError("+ returns a number that JSON cannot represent")
        return total
    together = text_of(first, budget, sign) + text_of(second, budget, sign)
    if len(together) > MOST_CHARACTERS:
        raise EvaluationError(f"+ returns more than {MOST_CHARACTERS} characters")
    return together


_OPERATORS: dict[str, Callable[[Budget, str, Any, Any], Any]] = {
    **dict.fromkeys(("==", "!="), _equals),
    **dict.fromkeys(("<", "<=", ">", ">="), _compares),
    **dict.fromkeys(("contains", "startsWith", "endsWith"), _looks),
    "in": _is_in,
    "+": _plus,
}
