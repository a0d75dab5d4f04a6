"""The apps that members of an organization have allowed, as its administrator sees them."""

from __future__ import annotations

import re

import pytest
from mcp_resources import Resources
from organization_visitors import as_member, new_organization, text

from tenantry.access.client_metadata import metadata
from tenantry.access.registrations import service as registrations
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.consents import service as consents
from tenantry.web.frames.areas import PROGRAMS

CALLBACK = "https://client.example/callback"


@pytest.fixture
async def allow(rest, database, make):
    """Have a new member of an organization allow an app of this name; return the consent."""
    resources = Resources(rest, database)
    scope = await resources.permission()
    resource = await resources(name="Acme Documents", scopes=[scope])
    call = Call(SYSTEM, database, "test")

    async def allowed(name, organization_id):
        described = metadata.parse({"client_name": name, "redirect_uris": [CALLBACK]})
        made = await registrations.create(call, resource, described)
        user = await make.user(organization_id)
        return user, await consents.grant(
            call,
            made.client,
            resource,
            user_id=user["id"],
            organization_id=organization_id,
            scopes=[scope],
        )

    return allowed


async def test_an_administrator_sees_and_revokes_them(http, make, rest, database, allow):
    one, other = await new_organization(make, rest), await new_organization(make, rest)
    administrator = await as_member(http, make, rest, database, one["id"], PROGRAMS.manage)
    assert "No connected apps yet" in text((await administrator.get("programs/apps")).text)
    user, consent = await allow("Claude", one["id"])
    _, elsewhere = await allow("Cursor", other["id"])
    page = (await administrator.get("programs/apps")).text
    for expected in ("Claude", "Acme Documents", user["email"]):
        assert expected in text(page), expected
    assert "Cursor" not in page
    (action,) = re.findall(r'action="([^"]*/apps/[^"]*/revoke[^"]*)"', page)
    assert consent.id in action
    foreign = action.replace(consent.id, elsewhere.id)
    assert (await administrator.post(foreign)).status_code == 404
    assert "Access revoked." in text(await administrator.done(action))
    assert "No connected apps yet" in text((await administrator.get("programs/apps")).text)
    assert await consents.find(
        database,
        elsewhere.client_id,
        user_id=elsewhere.user_id,
        organization_id=other["id"],
    )


async def test_other_members_see_nothing(http, make, rest, database):
    made = await new_organization(make, rest)
    member = await as_member(http, make, rest, database, made["id"], "sk_org_users_read")
    assert (await member.get("programs/apps")).status_code in {403, 404}
