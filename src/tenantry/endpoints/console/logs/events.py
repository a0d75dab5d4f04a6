"""Events: a search of all, one with what it changed, the live view, a check of the log, files."""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import orjson
from protobuf.wkt import Timestamp

from tenantry.core import errors, structs
from tenantry.core.event import KNOWN
from tenantry.endpoints.console import filters, names
from tenantry.endpoints.console.visit import LIVE_SCRIPT, ROOT, ConsoleSite, Page, Visit
from tenantry.events.event_log import exporting, following
from tenantry.events.event_log.exporting import Format
from tenantry.events.event_log.following import Narrow
from tenantry.gen.tenantry.v1.event_records_pb import (
    GetEventRecordRequest,
    SearchEventsRequest,
    SearchEventsResponse,
    VerifyEventsRequest,
)
from tenantry.identity.operators import sessions
from tenantry.net.http import StreamingResponse

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

    from tenantry.db.engine import Row
    from tenantry.endpoints.console.names import NamedObject
    from tenantry.gen.tenantry.v1.event_records_pb import VerifyEventsResponse
    from tenantry.net.http import Response

_FILTERS = ("type", "organization_id", "actor_id", "object_id", "request_id", "day")
_SHOWN = 30
_REFERENCES = ("object_id", "organization_id", "actor_id")
_MOST_CHANGES = 200
_NAMED_AT_ONCE = 200  # events of the stream
_STREAM_SECONDS = 600  # then the browser comes back by itself
_ALIVE_SECONDS = 15.0
_STREAM = {"content-type": "text/event-stream", "cache-control": "no-store"}


def pages(site: ConsoleSite) -> list[Page]:
    events = _Events(site)
    return [
        Page("GET", "/events", events.listed),
        Page("GET", "/events/live", events.live),
        Page("GET", "/events/stream", events.stream),
        Page("GET", "/events/export", events.export),
        Page("POST", "/events/verify", events.verify),
        Page("GET", "/events/{id}", events.show),
    ]


class _Events:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those that a filter lets through."""
        return await self._list(visit)

    async def verify(self, visit: Visit) -> Response:
        """Check the log, and show the findings above the list."""
        chain = visit.request.form().get("organization_id", "").strip()
        try:
            found = await visit.api.event_records.verify_events(
                VerifyEventsRequest(organization_id=chain)
            )
        except errors.InvalidArgument as problem:
            path, fields = visit.path("events"), {"organization_id": "chain"}
            return self._site.wrong(visit, problem, path, fields, {"chain": chain})
        return await self._list(visit, found)

    async def _list(self, visit: Visit, verified: VerifyEventsResponse | None = None) -> Response:
        query = {name: visit.query(name).strip() for name in _FILTERS}
        query = {name: value for name, value in query.items() if value}
        chosen = await filters.find_organization(visit, query.get("organization_id", ""))
        actor = await filters.find_user(visit, query.get("actor_id", ""))
        object_ = await filters.find_user(visit, query.get("object_id", ""))
        found = {"organization_id": chosen, "actor_id": actor, "object_id": object_}
        query |= {name: one.id for name, one in found.items() if one.id}
        listed = SearchEventsResponse()
        if not any(one.is_unresolved for one in found.values()):
            listed = await visit.api.event_records.search_events(
                SearchEventsRequest(
                    event_types=[query["type"]] if "type" in query else [],
                    organization_id=query.get("organization_id", ""),
                    actor_id=query.get("actor_id", ""),
                    object_id=query.get("object_id", ""),
                    request_id=query.get("request_id", ""),
                    end_time=_end_of(query.get("day", "")),
                    page_size=_SHOWN,
                    page_token=visit.query("page_token"),
                )
            )
        return self._site.render(
            visit,
            "events",
            "events/list.html",
            names=await names.of_rows(visit, listed.events, *_REFERENCES),
            listed=listed,
            query=query,
            chosen=chosen,
            actor=actor,
            object=object_,
            types=["", *sorted(KNOWN)],
            verified=verified,
        )

    async def show(self, visit: Visit) -> Response:
        """Show one: its object before and after, and the differences."""
        request = GetEventRecordRequest(event_id=visit.request.params["id"])
        event = (await visit.api.event_records.get_event_record(request)).event
        assert event is not None
        structures = {"before": event.before, "after": event.after, "context": event.context}
        shown = {
            name: members
            for name, struct in structures.items()
            if struct is not None and (members := structs.members(struct))
        }
        both = "before" in shown and "after" in shown
        return self._site.render(
            visit,
            "events",
            "events/one.html",
            names=await names.of_rows(visit, [event], *_REFERENCES, "impersonator_id"),
            event=event,
            changes=_changes(shown["before"], shown["after"]) if both else (),
            shown={
                name: json.dumps(members, ensure_ascii=False, indent=2)
                for name, members in shown.items()
            },
        )

    async def live(self, visit: Visit) -> Response:
        """Show the page on which events appear as they happen."""
        return self._site.render(visit, "events", "events/live.html", live_script=LIVE_SCRIPT)

    async def stream(self, visit: Visit) -> Response:
        """Answer with events as they come (Server-Sent Events), while the session lasts."""
        after = visit.request.headers.get("last-event-id", "")
        follower = self._site.context.follower
        position = await (follower.place(after) if after else following.head(visit.call.db))
        return StreamingResponse(self._pieces(visit, position), dict(_STREAM))  # type: ignore[return-value]

    async def _pieces(self, visit: Visit, position: int) -> AsyncGenerator[bytes]:
        yield b"retry: 1000\n\n"
        told = looked = time.monotonic()
        follow = self._site.context.follower.follow(Narrow(), position, seconds=_STREAM_SECONDS)
        async with aclosing(follow) as parts:
            async for rows in parts:
                now = time.monotonic()
                if now - looked >= following.TICK_SECONDS:
                    secret = self._site.holder(visit.request)
                    if await sessions.find(self._site.db, secret) is None:
                        return
                    looked = now
                if rows:
                    yield await self._messages(visit, rows)
                    told = now
                elif now - told >= _ALIVE_SECONDS:
                    yield b":\n\n"
                    told = now

    async def _messages(self, visit: Visit, rows: Sequence[Row]) -> bytes:
        """Return events as messages of the stream, with names of organizations and actors."""
        events = [
            (row, orjson.loads(row["actor"]) if isinstance(row["actor"], str) else row["actor"])
            for row in rows
        ]
        pairs = [(row["organization_id"] or "", actor.get("id", "")) for row, actor in events]
        found: dict[str, NamedObject] = {}
        for start in range(0, len(pairs), _NAMED_AT_ONCE):
            part = pairs[start : start + _NAMED_AT_ONCE]
            found |= await names.load(visit, *chain.from_iterable(part))
        return b"".join(_message(row, actor, found) for row, actor in events)

    async def export(self, visit: Visit) -> Response:
        """Answer with the log as a file, by the type and the organization of the filter."""
        kind = Format.CSV if visit.query("format") == Format.CSV.suffix else Format.NDJSON
        type_ = visit.query("type")
        chosen = await filters.find_organization(visit, visit.query("organization_id"))
        if chosen.is_unresolved:  # the list says why, and shows what to choose
            return self._site.redirect(visit.path("events", organization_id=chosen.asked))
        order = exporting.Order(
            kind,
            types=(type_,) if type_ in KNOWN else (),
            organization_id=chosen.id or None,
        )
        headers = {
            "content-type": kind.value,
            "content-disposition": f'attachment; filename="events.{kind.suffix}"',
            "cache-control": "no-store",
        }
        return StreamingResponse(exporting.pieces(self._site.db, order), headers)  # type: ignore[return-value]


def _message(row: Row, actor: Mapping[str, str], found: Mapping[str, NamedObject]) -> bytes:
    def named(id_: str) -> str:
        return (found[id_].name if id_ in found else "") or id_

    shown = {
        "id": row["id"],
        "type": row["type"],
        "time": row["occurred_at"] // 1000,
        "organization": named(row["organization_id"] or ""),
        "organization_id": row["organization_id"] or "",
        "actor": f"{actor.get('type', '')} {named(actor.get('id', ''))}",
        "actor_id": actor.get("id", ""),
        "path": f"{ROOT}/events/{row['id']}",
    }
    return b"id: %b\ndata: %b\n\n" % (row["id"].encode(), orjson.dumps(shown))


def _end_of(day: str) -> Timestamp | None:
    """Return the last second of a day in UTC; None where it is no day."""
    try:
        found = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return Timestamp.from_datetime(found.replace(hour=23, minute=59, second=59))


def _changes(before: Any, after: Any) -> list[tuple[str, str, str]]:
    """Return the members that differ: their path, and the value of both sides as JSON."""
    old, new = dict(_flat(before)), dict(_flat(after))
    names = [*old, *(name for name in new if name not in old)]
    differing = (
        (name, old.get(name, ""), new.get(name, ""))
        for name in names
        if old.get(name) != new.get(name)
    )
    return [each for each, _ in zip(differing, range(_MOST_CHANGES), strict=False)]


def _flat(value: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value and depth < 8:
        for name, member in value.items():
            yield from _flat(member, f"{path}.{name}" if path else name, depth + 1)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
