"""A template: names of claims with their expressions, and the claims that they make of variables.

Pure functions. A template is an object: each member is an expression, a number, true or false, or
an object of such members, which becomes an object in the token. A claim whose expression has no
value is left out, and so is one that would make a token too long: nothing here stops a sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from tenantry.core import errors
from tenantry.core.claim_names import RESERVED
from tenantry.core.errors import Violation
from tenantry.identity.token_templates import parsing, variables
from tenantry.identity.token_templates.expressions import STEPS, Expression
from tenantry.identity.token_templates.functions import Budget, EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_CLAIMS = 30
MOST_BYTES = 8 * 1024  # of a template as JSON
MOST_NAME = 128
_MOST_DEPTH = 3  # of objects within each other
_MOST_FAULTS = 10  # that one answer tells
_LARGEST = 2**53 - 1
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_NAME = _FIRST | frozenset("0123456789_-.:/")
# Why a value is no member, by its type.
_WRONG = {
    dict: f"objects can be nested at most {_MOST_DEPTH} levels deep",
    list: "must not be a list: use an expression, such as \"['a', 'b']\"",
    type(None): "must not be null: omit the claim",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was checked: its claims, by names in order."""

    members: Mapping[str, Any] = field(hash=False)  # Expression, number, true, false, or the same
    needs_place: bool

    def claims(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the claims for these variables, and the paths of those that have no value."""
        omitted: list[str] = []
        # All of them together take no more steps than two of them may.
        return _claims(self.members, values, Budget(2 * STEPS), omitted, ""), omitted


def read(content: Mapping[str, Any], *, field: str, room: int = MOST_BYTES) -> Template:
    """Return a template that a request gives; ``room`` is how many bytes its claims may have."""
    if len(orjson.dumps(content)) > MOST_BYTES:
        raise errors.InvalidArgument.field(
            field, "max_bytes", f"must be at most {MOST_BYTES} bytes of JSON"
        )
    faults: list[Violation] = []
    paths: set[str] = set()
    members = _read(content, field, faults, paths, 1)
    faults += [
        Violation(f"{field}.{name}", "reserved", f"is a reserved claim: {RESERVED[name]}")
        for name in sorted(RESERVED.keys() & content.keys())
    ]
    count = sum(1 for _ in leaves(members))
    if not faults and not count:
        raise errors.InvalidArgument.field(field, "min_pairs", "must have at least one claim")
    if count > MOST_CLAIMS:
        raise errors.InvalidArgument.field(
            field, "max_pairs", f"must have at most {MOST_CLAIMS} claims, has {count}"
        )
    if faults:
        told = faults[:_MOST_FAULTS]
        message = "; ".join(f"{one.field}: {one.description}" for one in told[:3])
        raise errors.InvalidArgument(message, violations=tuple(told))
    least = size(_least(members))
    if least > room:
        raise errors.InvalidArgument.field(
            field,
            "max_bytes",
            f"has names and constants of {least} bytes, but a token has room for {room} bytes",
        )
    return Template(members, variables.need_place(paths))


def size(claims: Mapping[str, Any]) -> int:
    """Return how many bytes claims add to a token, before it is base64."""
    return len(orjson.dumps(claims)) - 1 if claims else 0


def leaves(members: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the paths of all claims that a template has, or that claims have of it."""
    for name, member in members.items():
        if isinstance(member, dict):
            yield from leaves(member, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def _read(
    content: Mapping[str, Any], path: str, faults: list[Violation], paths: set[str], depth: int
) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for name, given in sorted(content.items()):
        where = f"{path}.{name[:MOST_NAME]}"
        if not _is_name(name):
            faults.append(
                Violation(
                    where,
                    "pattern",
                    f"must have a name of 1 to {MOST_NAME} letters, digits and _-.:/, starting "
                    "with a letter",
                )
            )
        elif isinstance(given, dict) and depth < _MOST_DEPTH:
            members[name] = _read(given, where, faults, paths, depth + 1)
        else:
            try:
                members[name] = _member(given)
            except parsing.SyntaxFault as problem:
                faults.append(Violation(where, "expression", str(problem)))
            except ValueError as problem:
                faults.append(Violation(where, "type", str(problem)))
            if isinstance(member := members.get(name), Expression):
                paths |= member.paths
    return members


def _member(given: Any) -> Any:
    if isinstance(given, str):
        return parsing.parse(given, variables.SHAPE)
    if isinstance(given, bool):
        return given
    if isinstance(given, int | float):
        if abs(given) > _LARGEST:
            raise ValueError("is a number that JSON parsers may not represent exactly")
        return int(given) if given == int(given) else given
    raise ValueError(_WRONG[type(given)])


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= MOST_NAME and name[0] in _FIRST and set(name) <= _NAME


def _claims(
    members: Mapping[str, Any],
    values: Mapping[str, Any],
    budget: Budget,
    omitted: list[str],
    path: str,
) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for name, member in members.items():
        value: Any
        if isinstance(member, Expression):
            value = _value(member, values, budget)
            if value is None:
                omitted.append(f"{path}{name}")
        elif isinstance(member, dict):
            value = _claims(member, values, budget, omitted, f"{path}{name}.") or None
        else:
            value = member
        if value is not None:
            claims[name] = value
    return claims


def _value(expression: Expression, values: Mapping[str, Any], budget: Budget) -> Any:
    """Return the value of an expression, None where it has none that a token can hold."""
    try:
        value = expression.value(values, budget)
        orjson.dumps(value)
    except (EvaluationError, orjson.JSONEncodeError):
        return None
    return value


def _least(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return claims that are no longer than any of a template that all have a value."""
    return {
        name: _least(member)
        if isinstance(member, dict)
        else member.least
        if isinstance(member, Expression)
        else member
        for name, member in members.items()
    }
