"""A call of the API that lost a race is run once more, with all that belongs to it."""

from __future__ import annotations

from typing import Any

import pytest
from members import address, mail_to

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.tenants.memberships import joining
from tenantry.tenants.organizations import service as organizations


@pytest.fixture
async def organization(program):
    return await program.made("/organizations", {"display_name": "Acme"}, "organization")


def losing(monkeypatch, module, name, times=1):
    """Let a function do its work, and then lose a race, so many times."""
    real, left = getattr(module, name), [None] * times

    async def lost(*given: Any, **members: Any):
        done = await real(*given, **members)
        if left:
            left.pop()
            raise errors.ConcurrentChange
        return done

    monkeypatch.setattr(module, name, lost)


async def events_of(db, type_: str) -> list[dict[str, object]]:
    return [event for event in await log.last(db, limit=50) if event["type"] == type_]


async def test_what_it_enqueues_is_enqueued_once(program, organization, monkeypatch):
    real, runs = joining._join, []

    async def lost(call, *given: Any, **members: Any):
        runs.append(call)
        async with call.db.transaction() as db:
            call.db = db
            await real(call, *given, **members)
            if len(runs) == 1:
                raise errors.ConcurrentChange

    monkeypatch.setattr(joining, "_join", lost)
    email = address()
    answer = await program("POST", f"/organizations/{organization['id']}/users", {"email": email})
    assert answer.status == 201, answer.body
    assert len(runs) == 2
    assert len(await mail_to(program.db, {"email": email})) == 1
    assert len(await events_of(program.db, "user.organization_invitation")) == 1


async def test_with_an_idempotency_key_too(program, monkeypatch):
    losing(monkeypatch, organizations, "create")
    body = {"display_name": "Once"}
    first = await program("POST", "/organizations", body, idempotency_key="storm-1")
    again = await program("POST", "/organizations", body, idempotency_key="storm-1")
    assert first.status == again.status == 201
    assert first.json == again.json
    assert len(await events_of(program.db, "organization.created")) == 1


async def test_without_one_what_is_committed_stays_and_is_not_made_twice(program, monkeypatch):
    losing(monkeypatch, organizations, "create")
    answer = await program("POST", "/organizations", {"display_name": "Once"})
    # The organization is there: "nothing was done" would be untrue.
    assert len(await events_of(program.db, "organization.created")) == 1
    assert answer.status == 503


async def test_a_call_that_loses_twice_is_told(program, organization, monkeypatch):
    losing(monkeypatch, organizations, "get", times=2)
    answer = await program("GET", f"/organizations/{organization['id']}")
    assert (answer.status, answer.error["error_code"]) == (503, "CONCURRENT_CHANGE")
    assert answer.headers["retry-after"] == "1"
    assert (await program("GET", f"/organizations/{organization['id']}")).status == 200
