"""Values that members of an endpoint may have; others are refused by their field's name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.event import KNOWN
from tenantry.net import outgoing

if TYPE_CHECKING:
    from collections.abc import Sequence

URL_MAX = 2048
DESCRIPTION_MAX = 1024


def url(value: str, *, allow: tuple[str, ...], field: str = "endpoint.url") -> str:
    """Return an address that events may be sent to, as it is sent to.

    ``allow`` are the private networks that this deployment sends to; with any, http will do.
    """
    if len(value) > URL_MAX:
        raise errors.InvalidArgument.field(
            field, "string.max_len", f"must be at most {URL_MAX} characters, got {len(value)}"
        )
    try:
        return outgoing.check_url(value, allow)
    except ValueError as problem:
        raise errors.InvalidArgument.field(field, "uri", str(problem)) from None


def description(value: str, field: str = "endpoint.description") -> str:
    """Return a description: any text of up to 1024 characters."""
    if len(value) > DESCRIPTION_MAX:
        raise errors.InvalidArgument.field(
            field,
            "string.max_len",
            f"must be at most {DESCRIPTION_MAX} characters, got {len(value)}",
        )
    return value


def event_type(value: str, field: str = "event_type") -> str:
    """Return a type of events that there is."""
    if value not in KNOWN:
        raise errors.InvalidArgument.field(
            field, "in", f"{value[:60]!r} is not an event type; GET /webhooks/schemas/ lists them"
        )
    return value


def event_types(values: Sequence[str], field: str = "endpoint.event_types") -> tuple[str, ...]:
    """Return types of events in the order of their names, each once; none means all published."""
    return tuple(
        sorted({event_type(value, f"{field}[{index}]") for index, value in enumerate(values)})
    )


def span(start_time: int | None, end_time: int | None) -> None:
    """Refuse a time whose end is before its start; None is open."""
    if start_time is not None and end_time is not None and end_time < start_time:
        raise errors.InvalidArgument.field("end_time", "gte", "is before start_time")
