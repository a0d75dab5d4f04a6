"""Forms of the console: how each sends its call, and how an editor of pairs is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from protobuf import Enum
from protobuf.wkt import Timestamp

from tenantry.core import errors
from tenantry.endpoints.console import undo as undoing
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.endpoints.console.visit import ConsoleSite, Visit
    from tenantry.net.http import Response

_Constant = TypeVar("_Constant", bound=Enum)

_MOST_DAYS = 36_500
MOST_PAIRS = 10  # of metadata, in the contract
# What a form can be wrong in; anything else is its own page.
_WRONG = (
    errors.InvalidArgument,
    errors.Duplicate,
    errors.PreconditionFailed,
    errors.NotInThisVersion,
)


async def send(
    site: ConsoleSite,
    visit: Visit,
    call: Awaitable[object],
    path: str,
    change: str,
    *,
    fields: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    back: str = "",
    name: str = "",
    undo: undoing.Undo | None = None,
) -> Response:
    """Make the call of a form, and redirect to the page with the result.

    ``back`` is the page of the form, if it differs. ``fields`` and ``given`` are passed to
    `ConsoleSite.wrong`. ``name`` is the name of the object, by default the field `of` of a
    confirmation. ``undo`` is the form that restores the former state.
    """
    try:
        await call
    except _WRONG as problem:
        return site.wrong(visit, problem, back or path, fields, given)
    name = name or boxes.form(visit.request).get("of", "")
    return finish(site, visit, path, change, name=name, undo=undo)


def finish(
    site: ConsoleSite,
    visit: Visit,
    path: str,
    change: str,
    *,
    name: str = "",
    undo: undoing.Undo | None = None,
) -> Response:
    """Redirect to the page with the result of a form, and with an undo if there is one."""
    if undoing.FLAG in boxes.form(visit.request):
        return site.done(path, "undone")
    encrypted = undoing.encrypt(undo, site.db.vault, visit.session.operator.id) if undo else ""
    return site.done(path, change, name, encrypted)


def pairs(form: Mapping[str, str], name: str) -> dict[str, str]:
    """Return the pairs of a form's editor, without those that have no key."""
    found: dict[str, str] = {}
    for number in range(MOST_PAIRS):
        key = form.get(f"{name}-key-{number}", "").strip()
        if not key:
            continue
        if key in found:
            raise errors.InvalidArgument.field(f"{name}.{key}", "once", "is given more than once")
        found[key] = form.get(f"{name}-value-{number}", "").strip()
    return found


def whole(form: Mapping[str, str], name: str, path: str) -> int | None:
    """Return the whole number of a field, None where it is empty; ``path`` is its name in the
    API.
    """
    text = form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise errors.InvalidArgument.field(path, "int", "must be a whole number")
    return int(text)


def constant(kind: type[_Constant], text: str, path: str) -> _Constant:
    """Return the value of an enum by its name in the API; ``path`` is the field's name there."""
    values = kind.desc().values
    number = next((value.number for value in values if value.name == text), None)
    if number is None:
        raise errors.InvalidArgument.field(path, "enum", f"has no value {text[:60]!r}")
    return kind(number)


def switch(text: str, path: str) -> bool | None:
    """Return whether a filter is true or false, None where it is empty; ``path`` is its name."""
    if text not in {"", "true", "false"}:
        raise errors.InvalidArgument.field(path, "type", f"must be true or false, got {text!r}")
    return text == "true" if text else None


def named(
    form: Mapping[str, str], name: str, path: str, *, by_last: bool = False
) -> dict[str, str]:
    """Return the pairs of a field of lines, each `name = value`; ``path`` is its name in the API.

    ``by_last``: the last sign in a line parts it, since names have such signs as well.
    """
    found: dict[str, str] = {}
    for line in form.get(name, "").splitlines():
        if not line.strip():
            continue
        key, sign, value = line.rpartition("=") if by_last else line.partition("=")
        key, value = key.strip(), value.strip()
        if not (sign and key and value):
            raise errors.InvalidArgument.field(
                path, "pair", f"must have a name, = and a value on each line: {line.strip()[:60]}"
            )
        if key in found:
            raise errors.InvalidArgument.field(path, "once", f"contains {key[:60]} more than once")
        found[key] = value
    return found


def days(text: str) -> int | None:
    """Return the number of days that a field has, None where it is empty."""
    if not text:
        return None
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0
    if not 1 <= number <= _MOST_DAYS:
        raise errors.InvalidArgument.field(
            "days", "number", f"must be a number from 1 to {_MOST_DAYS}"
        )
    return number


def end(text: str) -> Timestamp | None:
    """Return the time after this number of days, in whole seconds; None for an empty field."""
    number = days(text)
    if number is None:
        return None
    return Timestamp.from_datetime(
        datetime.now(UTC).replace(microsecond=0) + timedelta(days=number)
    )


def words_of(text: str) -> list[str]:
    """Return the words of a field that takes several, by spaces, commas or lines."""
    return text.replace(",", " ").split()
