"""Values as providers send them, read for what they mean (RFC 7643 section 2).

"True" is a boolean, one value in a list a single one, a bare text an attribute that has a value.
Nothing ("", null, an empty list) is no value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.directories.scim.schemas import READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.tenants.directories.scim.schemas import Attribute

MOST_VALUES = 500  # of one attribute
_DEEPEST = 8
_LARGEST_NUMBER = 2**63
_LONGEST_NUMBER = 40  # characters
_LONGEST_ID = 256  # characters; ours are shorter


def members_of(urn: str, given: object) -> dict[str, Any]:
    """Return the attributes of an extension that was sent."""
    if given is None or given == "":
        return {}
    if isinstance(given, list) and len(given) == 1:
        given = given[0]
    if not isinstance(given, dict):
        raise invalid(urn, "must be an object")
    return given


def value_of(attribute: Attribute, given: object, where: str) -> Any:
    """Return the normalized form of a value that was sent; None for no value."""
    return (
        _several(attribute, given, where)
        if attribute.multi_valued
        else _one(attribute, given, where)
    )


def _several(attribute: Attribute, given: object, where: str) -> list[Any] | None:
    if given is None or given == "":
        return None
    sent = given if isinstance(given, list) else [given]
    if len(sent) > MOST_VALUES:
        raise invalid(where, f"can have at most {MOST_VALUES} values, but has {len(sent)}")
    found = [value for one in sent if (value := _one(attribute, one, where)) is not None]
    if attribute.type == "complex":
        only_one_primary(found, found)
    return found or None


def only_one_primary(entries: Sequence[Any], written: Sequence[Any]) -> None:
    """Leave one preferred value: the first of those that were written just now."""
    first = next((one for one in written if one.get("primary") is True), None)
    if first is not None:
        for one in entries:
            if one is not first and one.get("primary") is True:
                one["primary"] = False


def _one(attribute: Attribute, given: object, where: str) -> Any:
    if type(given) is list:
        if len(given) > 1:
            raise invalid(where, "must be a single value, not a list")
        given = given[0] if given else None
    kind = attribute.type
    if kind == "complex":
        return _complex(attribute, given, where)
    if kind == "any":
        return anything(given, where)
    if type(given) is dict:
        given = next((v for k, v in given.items() if k.casefold() == "value"), None)
    if given is None or given == "":
        return None
    if kind == "boolean":
        return _boolean(given, where)
    return _number(given, where) if kind == "decimal" else _text(attribute, given, where)


def _text(attribute: Attribute, given: object, where: str) -> str:
    if type(given) is int or type(given) is float:
        given = str(_number(given, where))
    if type(given) is not str:
        raise invalid(where, "must be a string")
    if attribute.longest and len(given) > attribute.longest:
        raise invalid(
            where, f"can have at most {attribute.longest} characters, but has {len(given)}"
        )
    return given


def _complex(attribute: Attribute, given: object, where: str) -> dict[str, Any] | None:
    if given is None or given == "":
        return None
    if type(given) is not dict:
        if not (bare := attribute.find("value") or attribute.find("formatted")):
            raise invalid(where, "must be an object")
        value = _one(bare, given, where)
        return None if value is None else {bare.name: value}
    found = {}
    for key, one in given.items():
        sub = attribute.find(key)
        if sub is None or sub.mutability == READ_ONLY:
            continue
        value = _one(sub, one, f"{where}.{sub.name}") if one is not None else None
        if value is not None:
            found[sub.name] = value
    return found or None


def _boolean(given: object, where: str) -> bool:
    if type(given) is bool:
        return given
    if type(given) is str and (word := given.strip().casefold()) in {"true", "false"}:
        return word == "true"
    raise invalid(where, "must be true or false")


def _number(given: object, where: str) -> int | float:
    if type(given) is str and len(given) <= _LONGEST_NUMBER:
        try:
            given = orjson.loads(given)
        except ValueError:
            given = None
    if (type(given) is int or type(given) is float) and abs(given) < _LARGEST_NUMBER:
        return given
    raise invalid(where, "must be a number that fits in 64 bits")


def anything(given: object, where: str, depth: int = 0) -> Any:
    """Return a value of any JSON; None for no value."""
    if depth > _DEEPEST:
        raise invalid(where, f"is nested deeper than {_DEEPEST} levels")
    if type(given) is dict:
        inner = {key: anything(one, where, depth + 1) for key, one in given.items()}
        return inner or None
    if type(given) is list:
        return [anything(one, where, depth + 1) for one in given] or None
    if type(given) is int or type(given) is float:
        return _number(given, where)
    return None if given == "" else given


class MemberIds(list[str]):
    """Ids of members that were read from a long list before, each once."""


def member_ids(given: object) -> list[str]:
    """Return the ids in a list of members, each once; other things are left out.

    A member is an object with a value, or with the address of a user, or a bare id.
    """
    if isinstance(given, MemberIds):
        return list(given)
    if not isinstance(given, list):
        given = [given]
    ids: dict[str, None] = {}
    for one in given:
        if isinstance(one, dict):
            named = one if "value" in one else {key.casefold(): it for key, it in one.items()}
            one = named.get("value") or named.get("$ref")  # noqa: PLW2901
            if isinstance(one, str) and "/" in one:
                one = one.rpartition("/")[2]  # noqa: PLW2901
        if isinstance(one, str) and 0 < len(one) <= _LONGEST_ID:
            ids[one] = None
    return list(ids)


def invalid(where: str, trouble: str) -> Fault:
    """Return the refusal of a value that stands there."""
    return Fault(400, "invalidValue", f"{quotable(where)} {trouble}.")
