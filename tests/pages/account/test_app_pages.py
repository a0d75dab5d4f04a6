"""`/ui/profile/apps`: the apps that a person has given access, and ending it."""

from __future__ import annotations

import pytest
from mcp_resources import Resources
from signed_in_people import text_of

from tenantry.access.client_metadata import metadata
from tenantry.access.registrations import service as registrations
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.consents import service as consents

CALLBACK = "https://client.example/callback"


@pytest.fixture
async def allow(rest, database, person):
    """Give an app of this name access on behalf of the person; return the consent."""
    resources = Resources(rest, database)
    scope = await resources.permission("Read all documents")
    resource = await resources(name="Acme Documents", scopes=[scope])
    call = Call(SYSTEM, database, "test")

    async def allowed(name, of=None):
        described = metadata.parse({"client_name": name, "redirect_uris": [CALLBACK]})
        made = await registrations.create(call, resource, described)
        found = of or person
        return await consents.grant(
            call,
            made.client,
            resource,
            user_id=found.id,
            organization_id=found.organization_id,
            scopes=["openid", scope],
        )

    return allowed


async def test_nothing_is_connected(visitor):
    assert "No connected apps" in text_of(await visitor.get("apps"))


async def test_apps_are_listed_and_revoked(visitor, allow, database):
    one, other = await allow("Claude <b>"), await allow("Cursor")
    said = text_of(await visitor.get("apps"))
    for expected in ("Claude <b>", "Cursor", "Acme Documents", "Read all documents"):
        assert expected in said.replace("&lt;", "<").replace("&gt;", ">"), expected
    assert "openid" not in said
    done = await visitor.post(f"apps/{one.id}/revoke")
    assert done.headers["location"] == "/ui/profile/apps?done=revoked"
    said = text_of(await visitor.get("apps?done=revoked"))
    assert "Access revoked." in said
    assert "Claude" not in said
    assert "Cursor" in said
    assert await consents.find(
        database, other.client_id, user_id=other.user_id, organization_id=other.organization_id
    )
    assert (await visitor.post(f"apps/{one.id}/revoke")).status_code == 404


async def test_apps_of_other_users_are_neither_listed_nor_revoked(
    visitor, allow, new_person, database
):
    stranger = await new_person()
    theirs = await allow("Claude", of=stranger)
    assert "No connected apps" in text_of(await visitor.get("apps"))
    for wrong in (theirs.id, "usrcnst_1", "x", "usrcnst_9999999999999999999"):
        assert (await visitor.post(f"apps/{wrong}/revoke")).status_code == 404
    assert await consents.find(
        database, theirs.client_id, user_id=stranger.id, organization_id=theirs.organization_id
    )


async def test_many_apps_are_paged(visitor, allow):
    for number in range(31):
        await allow(f"App {number}")
    first = await visitor.get("apps")
    assert "App 30" in text_of(first)
    assert "App 0 " not in text_of(first)
    path = first.text.split('rel="next" href="')[1].split('"')[0]
    second = await visitor.get(path.removeprefix("/ui/profile/").replace("&amp;", "&"))
    assert "App 0" in text_of(second)
    assert (await visitor.get("apps?page_token=forged")).headers["location"] == "/ui/profile/apps"


async def test_strangers_see_nothing(stranger):
    assert (await stranger.get("apps")).status_code == 401
