"""An update says in its event what the organization was and is, whichever way it is made."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace

import sqlalchemy as sa

from tenantry.core import errors
from tenantry.db.sql.schema import events
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service
from tenantry.tenants.organizations.model import OPTIONAL_TEXTS, Branding, SessionPolicy
from tenantry.tenants.organizations.service import OrganizationIdentifier

_LAST = Statement(
    sa.select(events.c.before, events.c.after).order_by(events.c.id.desc()).limit(sa.bindparam("n"))
)
# With all that an organization can have, and a null where one may stand.
EVERYTHING = {
    **{name: f"https://acme.example/{name}" for name in OPTIONAL_TEXTS if name != "external_id"},
    "max_allowed_users": 5,
    "session_policy": SessionPolicy(60, None),
    "branding": Branding({"colour": None, "é": [1, None, {"a": None}]}, True, 1),
    "features": frozenset({"sso", "session_policy"}),
}


async def _made(call, members=None):
    made = await service.create(
        call, region_code="EU", display_name="Acme", external_id="a-1", metadata={"plan": "é\"'🐘"}
    )
    return await service.revise(
        call, OrganizationIdentifier(made.id), lambda _before: members or EVERYTHING
    )


async def _last(call, n=1):
    rows = await call.db.fetch_all(_LAST, n=n)
    return [(json.loads(row["before"]), json.loads(row["after"])) for row in rows]


async def test_the_event_shows_the_organization_before_and_after(call):
    before = await _made(call)
    changes = {"display_name": "Ács", "external_id": None, "metadata": {"b": "2", "a": "1"}}
    after = await service.update(call, OrganizationIdentifier(before.id), changes)
    assert after == replace(
        before, **changes, revision=before.revision + 1, update_time=after.update_time
    )
    assert after.update_time > before.update_time
    assert await _last(call) == [(before.to_event(), after.to_event())]
    assert await service.get(call, OrganizationIdentifier(before.id)) == after


async def test_what_was_never_set_is_not_in_the_event(call):
    before = await _made(call, {"features": frozenset()})
    after = await service.update(
        call, OrganizationIdentifier(external_id="a-1"), {"metadata": None}
    )
    assert after.metadata == {}
    assert await _last(call) == [(before.to_event(), after.to_event())]


async def test_the_same_values_change_nothing(call):
    before = await _made(call)
    same = {"display_name": "Acme", "external_id": "a-1", "metadata": {"plan": "é\"'🐘"}}
    told = await _last(call)
    assert await service.update(call, OrganizationIdentifier(before.id), same) == before
    assert await _last(call) == told


async def test_changes_at_once_are_a_chain_of_which_none_is_lost(call):
    organization = await _made(call)
    n = 40
    await asyncio.gather(
        *(
            service.update(
                call, OrganizationIdentifier(organization.id), {"display_name": f"Acme {number}"}
            )
            for number in range(n)
        )
    )
    told = await _last(call, n)
    assert {after["display_name"] for _, after in told} == {f"Acme {n}" for n in range(n)}
    for (before, _), (_, earlier) in itertools.pairwise(told):
        assert before == earlier
    assert (await service.get(call, OrganizationIdentifier(organization.id))).revision == 2 + n


async def test_one_of_two_that_saw_the_same_revision_changes_it(call):
    organization = await _made(call)
    seen = replace(call, if_match=frozenset({organization.revision, 7_000}))
    answers = await asyncio.gather(
        *(
            service.update(
                seen, OrganizationIdentifier(organization.id), {"display_name": f"Acme {number}"}
            )
            for number in range(10)
        ),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, errors.PreconditionFailed)]
    assert len(refused) == 9
