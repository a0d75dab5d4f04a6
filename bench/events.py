"""Measure lists of events: the same calls on few events and on many.

``python bench/run.py --events 10000000`` writes so many events into a PostgreSQL of its own, one a
millisecond up to now, and 10,000 into another, both over 1,000 organizations and nine types: some
frequent, one rare, one of the audit log alone that is half of all. One in 49 has a context that
all of these have alike. The table shows each call on both and the ratio of their p99.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tenantry.core.ids import EPOCH_MILLISECONDS

if TYPE_CHECKING:
    from postgresql import PostgreSQL
    from serving import Server

FEW = 10_000
CALLS = (
    "list events",
    "list and count",
    "second page",
    "one type",
    "rare type",
    "organization",
    "a minute",
    "connection",
    "context of many",
)
_ORGANIZATIONS = 1000
_FIRST_ORGANIZATION = 10**18
_RARE = 1000  # one event of so many is of the rare type
_CONNECTIONS = 5000  # one event of so many has a context
_OF_MANY = 49  # one event of so many has a context that all of them share
_SAMPLE = 500
_FREQUENT = (
    *("organization.updated", "organization.updated", "organization.created"),
    *("user.organization_membership_created", "user.organization_membership_updated"),
    *("user.organization_invitation", "organization.domain_created", "role.updated"),
    *("client.token_issued",) * 8,
)
_FILL = """
INSERT INTO events (
  id, type, object, occurred_at, organization_id, actor, after, request_id, context, xid
)
SELECT 'evt_' || ((at - {epoch}) << 22 | n % 4096),
  CASE WHEN n % {rare} = 0 THEN 'organization.deleted'
    ELSE ('{{{types}}}'::text[])[1 + n % {frequent}] END,
  'Organization', at * 1000, 'org_' || ({first} + (n * 7919) % {organizations}),
  '{{"type": "management_client", "id": "skc_1000000000000000000"}}',
  jsonb_build_object('id', 'org_' || n, 'display_name', 'Acme ' || n, 'region_code', 'US',
    'external_id', 'crm-' || n, 'metadata', '{{"plan": "enterprise"}}'::jsonb),
  'req_' || n,
  CASE WHEN n % {connections} = 0 THEN jsonb_build_object('connection_id', 'conn_' || n % 97)
    WHEN n % {of_many} = 0 THEN '{{"interceptor_status": "SUCCEEDED"}}'::jsonb END,
  '3'  -- a transaction long past, whose events the log need not look for
FROM (SELECT n, {start} + n AS at FROM generate_series(1::bigint, {count}) AS n) numbered
"""
_FILL_CONTEXTS = """
INSERT INTO event_contexts (organization_id, key, value, type, event_id)
SELECT organization_id, member.key, member.value, type, id
FROM events, jsonb_each_text(context) AS member WHERE context IS NOT NULL
"""


@dataclass(frozen=True)
class Filled:
    """One fill: how many events, how fast."""

    events: int
    seconds: float


class Events:
    """A server whose database holds so many events."""

    def __init__(self, server: Server, postgresql: PostgreSQL, count: int) -> None:
        self._server = server
        self._postgresql = postgresql
        self._count = count
        self._start = time.time_ns() // 1_000_000 - count  # milliseconds since 1970

    def fill(self) -> Filled:
        """Write them; say how fast that was."""
        began = time.perf_counter()
        self._postgresql.execute(
            _FILL.format(
                epoch=EPOCH_MILLISECONDS,
                rare=_RARE,
                types=",".join(_FREQUENT),
                frequent=len(_FREQUENT),
                first=_FIRST_ORGANIZATION,
                organizations=_ORGANIZATIONS,
                connections=_CONNECTIONS,
                of_many=_OF_MANY,
                start=self._start,
                count=self._count,
            )
        )
        self._postgresql.execute(_FILL_CONTEXTS)
        seconds = time.perf_counter() - began
        self._postgresql.settle()
        return Filled(self._count, seconds)

    def targets(self, call: str) -> list[str]:
        """Return the requests of a call: path, media type and body of each request."""
        paginated, counted = "/api/v1/events/paginated?page_size=30", "/api/v1/events?page_size=30"
        numbers = range(_SAMPLE)
        match call:
            case "list events":
                found = [_target(paginated)]
            case "list and count":
                found = [_target(counted)]
            case "second page":
                token = self._post(paginated)["next_page_token"]
                found = [_target(f"{paginated}&page_token={token}")]
            case "one type":
                found = [_target(paginated, event_types=["organization.updated"])]
            case "rare type":
                found = [_target(paginated, event_types=["organization.deleted"])]
            case "organization":
                organizations = (_FIRST_ORGANIZATION + number for number in numbers)
                found = [_target(paginated, organization_id=f"org_{n}") for n in organizations]
            case "context of many":
                found = [_target(paginated, interceptor_status="SUCCEEDED")]
            case "a minute":
                found = [_target(paginated, **self._minute(number)) for number in numbers]
            case _:
                found = [_target(paginated, connection_id=f"conn_{n % 97}") for n in numbers]
        return found * (1 if len(found) > 1 else _SAMPLE)

    def _minute(self, number: int) -> dict[str, str]:
        """Return the bounds of one minute, spread over all that is filled."""
        start = self._start + self._count * number // _SAMPLE
        moments = (start, start + 60_000)
        texts = (datetime.fromtimestamp(at / 1000, UTC).isoformat() for at in moments)
        return dict(zip(("start_time", "end_time"), texts, strict=True))

    def _post(self, path: str) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._server.token()}"}
        answer = self._server.http.post(path, json={}, headers=headers)
        found: dict[str, Any] = answer.raise_for_status().json()
        return found


def _target(path: str, **narrow: object) -> str:
    return f"{path}\tapplication/json\t{json.dumps(narrow)}"
