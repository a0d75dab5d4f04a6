"""A role that goes while somebody is given it is not given, and nobody is told that it was."""

from __future__ import annotations

import pytest
from databases import call_from

from tenantry.core import errors
from tenantry.db.event_rows import log
from tenantry.tenants.memberships import joining, roles
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.roles import service
from tenantry.tenants.users import reading

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)


@pytest.mark.everywhere
async def test_nobody_joins_without_the_role_that_they_were_to_have(db, monkeypatch):
    call = call_from(db)
    organization = await organizations.create(call, region_code="US", display_name="Acme")
    more = {"display_name": "Editor", "description": None, "extends": None, "permission_names": []}
    await service.create(call, None, name="editor", **more)
    look_up = roles.catalogue.look_up

    async def late(*given: object):
        await service.remove(call, None, "editor", None)
        return await look_up(*given)

    monkeypatch.setattr(roles.catalogue, "look_up", late)
    terms = Terms(roles=[NamedRole("roles", "", "editor")])
    with pytest.raises(errors.Busy):
        await joining.create(call, organization.id, terms, rules=RULES, email="kim@example.com")
    assert await reading.find_by_email(db, "kim@example.com") is None
    assert {event["type"] for event in await log.last(db, limit=9)} == {
        *("organization.created", "role.created", "role.deleted")
    }
