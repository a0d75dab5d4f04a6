"""Conditions that hold after the killing, asked of the database and of the receiver."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.event import PUBLISHED
from tenantry.db.search import index
from tenantry.db.sql.schema import event_columns, events
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import verification
from tenantry.events.event_log.model import event_log
from tenantry.events.webhooks.model import webhook_attempts, webhook_deliveries
from tenantry.tenants.organizations import listing
from tenantry.tenants.organizations.model import (
    Organization,
    organization_search,
    organizations,
)

if TYPE_CHECKING:
    from receiver import Receiver
    from writers import Ledger

    from tenantry.db.engine import Database

_EVENTS = Statement(select(*event_columns).order_by(events.c.id))
_LOG = Statement(select(event_log.c.position, event_log.c.event_id).order_by(event_log.c.position))
_ORGANIZATIONS = Statement(select(organizations))
_DELIVERIES = Statement(select(webhook_deliveries))
_ATTEMPTS = Statement(
    select(webhook_attempts).order_by(webhook_attempts.c.delivery_id, webhook_attempts.c.number)
)


class Findings:
    """Counts, and the faults."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.problems: list[str] = []
        self.recoveries: dict[str, list[float]] = {}  # by fault, in seconds

    def expect(self, holds: object, problem: str) -> None:
        """Note a problem unless this holds."""
        if not holds:
            self.problems.append(problem)

    def recovery(self, fault: str, took: float | None, within: float) -> None:
        """Note how long it took after a fault; None if it was given up."""
        if took is None:
            self.problems.append(f"{fault}: not as fast as before {within + 20:.0f} s later")
            return
        self.recoveries.setdefault(fault, []).append(round(took, 2))
        self.expect(
            took <= within,
            f"{fault}: as fast as before after {took:.1f} s, {took - within:.1f} s too late",
        )


async def check(
    db: Database,
    ledger: Ledger,
    receiver: Receiver,
    ordered: set[str],
    schedule: list[int],
    *,
    found: Findings,
    others: str = "",
    least_wait: float = math.inf,
) -> None:
    """Add the counts and the problems to the findings.

    Names that begin with ``others`` are of organizations that the ledger does not know. Where the
    database may answer late, an attempt may follow another after ``least_wait`` seconds: the claim
    of the first one is over then, and its result not yet known.
    """
    kept = [dict(row) for row in await db.fetch_all(_EVENTS)]
    positions = {row["event_id"]: row["position"] for row in await db.fetch_all(_LOG)}
    found.problems += ledger.surprises
    _log_is_whole(found, kept, positions)
    in_order = sorted((e for e in kept if e["id"] in positions), key=lambda e: positions[e["id"]])
    _changes_have_events(found, in_order, ledger, others)
    standing = {row["id"]: Organization.from_row(row) for row in await db.fetch_all(_ORGANIZATIONS)}
    _events_have_changes(found, in_order, standing, ledger)
    await _search_finds_what_stands(found, db, standing)
    await verification.verify(db, found=lambda problem: found.problems.append(str(problem)))
    due = [e["id"] for e in in_order if e["type"] in PUBLISHED]
    _everything_arrived(found, due, receiver, ordered)
    await _attempts_keep_the_schedule(
        found, db, len(due) * len(receiver.endpoints), [min(one, least_wait) for one in schedule]
    )


def _log_is_whole(found: Findings, kept: list[dict[str, Any]], positions: dict[str, int]) -> None:
    found.counts["events"] = len(kept)
    found.expect(
        sorted(positions.values()) == list(range(1, len(positions) + 1)), "positions have gaps"
    )
    found.expect({e["id"] for e in kept} == set(positions), "an event is not in the log, or twice")
    by_position = sorted(positions, key=lambda id_: positions[id_])
    found.counts["committed out of the order of their ids"] = sum(
        later < earlier for earlier, later in pairwise(by_position)
    )


def _changes_have_events(
    found: Findings, in_order: list[dict[str, Any]], ledger: Ledger, others: str
) -> None:
    names = (
        json.loads(e["after"])["display_name"]
        for e in in_order
        if e["type"] in {"organization.created", "organization.updated"}
    )
    told = Counter(name for name in names if not (others and name.startswith(others)))
    for change in ledger.acknowledged:
        found.expect(told[change] == 1, f"{change}: acknowledged, {told[change]} events")
    for change in ledger.refused:
        found.expect(told[change] == 0, f"{change}: refused, {told[change]} events")
    for change in ledger.unanswered:
        found.expect(told[change] <= 1, f"{change}: unanswered, {told[change]} events")
    known = ledger.acknowledged | ledger.unanswered
    found.expect(set(told) <= known, f"events of nobody's changes: {set(told) - known}")
    gone = [e["organization_id"] for e in in_order if e["type"] == "organization.deleted"]
    found.expect(len(gone) == len(set(gone)), "an organization was deleted twice")
    found.expect(ledger.deleted <= set(gone), "a deletion without its event")
    found.counts |= {
        "acknowledged changes": len(ledger.acknowledged) + len(ledger.deleted),
        "refused changes": len(ledger.refused),
        "unanswered changes": len(ledger.unanswered) + len(ledger.perhaps_deleted),
    }


def _events_have_changes(
    found: Findings,
    in_order: list[dict[str, Any]],
    standing: dict[str, Organization],
    ledger: Ledger,
) -> None:
    lives: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in in_order:
        if event["object"] == "Organization":
            lives[event["organization_id"]].append(event)
    for id_, life in lives.items():
        found.expect(life[0]["type"] == "organization.created", f"{id_} begins in the middle")
        for earlier, later in pairwise(life):
            same = json.loads(earlier["after"] or "null") == json.loads(later["before"] or "null")
            found.expect(same, f"{id_}: {later['id']} is out of order in the log")
        if life[-1]["type"] == "organization.deleted":
            found.expect(id_ not in standing, f"{id_}: an event says it is deleted")
        elif id_ not in standing:
            found.problems.append(f"{id_}: gone without an event")
        else:
            now = standing[id_]
            found.expect(now.to_event() == json.loads(life[-1]["after"]), f"{id_} is another")
            found.expect(now.revision == len(life), f"{id_}: {now.revision} changes, {len(life)}")
    found.expect(standing.keys() <= lives.keys(), "an organization without an event")
    found.expect(not ledger.deleted & standing.keys(), "a deleted organization is there")


async def _search_finds_what_stands(
    found: Findings, db: Database, standing: dict[str, Organization]
) -> None:
    """Ask for each by its name: as the workers left the index, and when all is indexed."""
    call = Call(SYSTEM, db, "chaos")
    for when in ("beside the index", "by the index"):
        for one in standing.values():
            found.expect(
                await _is_found(call, one), f"{one.id}: {one.display_name} is not found {when}"
            )
        await index.run(db, searches=(organization_search,))
    found.counts["organizations that are searched"] = len(standing)


async def _is_found(call: Call, one: Organization) -> bool:
    """Whether a search for its name finds it, on whichever page."""
    wanted, token = listing.Filter(query=one.display_name), ""
    while True:
        page = await listing.page(call, wanted, page_size=100, page_token=token)
        if one.id in {match["id"] for match in page.items}:
            return True
        token = page.next_page_token
        if not token:
            return False


def _everything_arrived(
    found: Findings, due: list[str], receiver: Receiver, ordered: set[str]
) -> None:
    for name, endpoint in receiver.endpoints.items():
        found.expect(not endpoint.broken, f"{name}: {endpoint.broken[:3]}")
        missing = set(due) - set(endpoint.taken)
        found.expect(not missing, f"{name}: {len(missing)} never arrived")
        more = set(endpoint.taken) - set(due)
        found.expect(not more, f"{name}: {len(more)} that are not in the log")
        if name in ordered:
            found.expect(endpoint.taken == due, f"{name}: not in the order of the log")
    ends = receiver.endpoints.values()
    found.counts |= {
        "requests": sum(e.requests for e in ends),
        "requests that the receiver failed": sum(e.failed for e in ends),
        "repeats": sum(e.repeats for e in ends),
    }


async def _attempts_keep_the_schedule(
    found: Findings, db: Database, expected: int, schedule: list[int]
) -> None:
    deliveries = await db.fetch_all(_DELIVERIES)
    found.counts["deliveries"] = len(deliveries)
    found.expect(len(deliveries) == expected, f"{len(deliveries)} deliveries, not {expected}")
    states = Counter(row["state"] for row in deliveries)
    found.expect(states.keys() <= {"SUCCEEDED"}, f"states: {dict(states)}")
    attempts = await db.fetch_all(_ATTEMPTS)
    found.counts["attempts on record"] = len(attempts)
    # One that died with its process is counted, is not on record, and is made once more.
    for id_, times in Counter(row["delivery_id"] for row in attempts).items():
        found.expect(times <= len(schedule), f"{id_}: {times} attempts")
    for one, next_ in pairwise(attempts):
        same = one["delivery_id"] == next_["delivery_id"]
        if same and next_["number"] == one["number"] + 1:
            waited = (next_["attempt_time"] - one["attempt_time"]) / 1e6
            least = 0.9 * schedule[one["number"]] - 0.01
            found.expect(waited >= least, f"{one['delivery_id']}: again after {waited:.2f} s")
