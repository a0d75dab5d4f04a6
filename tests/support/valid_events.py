"""Every event that tests cause is what its published schema says, and no more than that."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

import jsonschema_rs  # some tests cause 100,000 events
import recorded_events

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import to_json
from tenantry.events.event_log.envelopes import envelope
from tenantry.events.webhooks import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from servers import LiveServer

ENVIRONMENT = "env_2123312131125533123"
PUBLIC_URL = "https://tenantry.example.com"
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


@functools.cache
def checked(event_type: str) -> tuple[dict[str, Any], jsonschema_rs.Draft202012Validator]:
    """The schema of a type and the validator of envelopes by it, formats included."""
    schema = catalogue.schema(event_type, PUBLIC_URL)
    # A server takes more domains than the library's own check knows, such as xn--a.
    formats = {"email": lambda text: _EMAIL.fullmatch(text) is not None}
    return schema, jsonschema_rs.Draft202012Validator(
        schema, validate_formats=True, formats=formats
    )


def problems(sent: Mapping[str, Any]) -> list[str]:
    """The faults of an envelope, each with its place; members that no schema names as well.

    The schemas leave room for members to come, so those alone would let a spelling error pass.
    """
    schema, validator = checked(sent["type"])
    wrong = [
        f"{_place(error.instance_path)}: {error.message}" for error in validator.iter_errors(sent)
    ]
    return wrong + [f"{place}: in no schema" for place in _unnamed(sent, schema, "$")]


def _place(path: Iterable[str | int]) -> str:
    return "$" + "".join(f"[{at}]" if isinstance(at, int) else f".{at}" for at in path)


def _unnamed(value: Any, schema: Mapping[str, Any], place: str) -> Iterator[str]:
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            if name not in schema["properties"]:
                yield f"{place}.{name}"
            else:
                yield from _unnamed(inner, schema["properties"][name], f"{place}.{name}")
    if isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _unnamed(inner, schema["items"], f"{place}[{number}]")


def assert_all_valid(events: Iterable[Mapping[str, Any]]) -> None:
    """Check the envelopes of events for each type that is published."""
    for event in events:
        if event["type"] in catalogue.TYPES:
            row = dict(event)
            for name in ("before", "after"):
                row[name] = None if event[name] is None else to_json(event[name])
            found = problems(envelope(row, ENVIRONMENT))
            assert not found, (event["type"], found, event)


async def assert_all_valid_of(server: LiveServer) -> None:
    """Check all events in the database of a server."""
    named = {name: v for name, v in server.environment.items() if name.startswith("TENANTRY_")}
    known, last = settings.load(named), ""
    async with open_database(known.database, master_key.load(known), pool_size=1) as database:
        while found := await recorded_events.after(database, last, limit=1000):
            assert_all_valid(found)
            last = found[-1]["id"]
