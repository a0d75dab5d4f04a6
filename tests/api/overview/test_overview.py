"""The overview: the figures of the deployment."""

from __future__ import annotations

from sqlalchemy import insert

from tenantry.core import ids
from tenantry.core.times import DAY, MINUTE, SECOND, now
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.events.email import service as mail
from tenantry.identity.auth_log import figures
from tenantry.identity.overview import service
from tenantry.identity.sign_in.model import auth_requests

_REQUEST = Statement(
    insert(auth_requests).values(bound(auth_requests)).returning(auth_requests.c.id)
)


async def signed_in(database, at, status, error=None):
    """A sign-in that began at a time."""
    row = dict.fromkeys(auth_requests.c.keys())
    row |= {"id": _id(at), "state": "ENDED", "status": status, "error": error}
    row |= {"params": "{}", "facts": "{}"}
    row |= {"create_time": at, "update_time": at, "expire_time": at + DAY}
    await database.fetch_all(_REQUEST, **prefixed(row))


_number = iter(range(10_000))


def _id(at):
    first = ids.at(ids.AUTH_REQUEST, at).removeprefix(ids.AUTH_REQUEST)
    return f"{ids.AUTH_REQUEST}{int(first) + next(_number):019}"


async def test_it_says_how_many_there_are(api, make, database):
    before = await service.measure(database)
    organization = await make.organization()
    await make.user(organization["id"])
    await api.connections.create_connection(
        organization_id=organization["id"], connection={"provider": "OKTA", "type": "SAML"}
    )
    await api.directories.create_directory(
        organization_id=organization["id"],
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    await mail.queue(database, template="code", recipient="ada@example.com", variables={})
    after = await service.measure(database)
    assert after.organizations >= before.organizations + 1
    assert after.users >= before.users + 1
    assert after.connections >= before.connections + 1
    assert after.directories >= before.directories + 1
    assert after.mail_waiting >= before.mail_waiting + 1
    assert after.events_waiting >= 3
    assert before.measure_time < after.events_waiting_since or before.events_waiting_since
    assert after.schema_revision >= "0021"


async def test_days_hold_what_began_on_them(database):
    at = now()
    today = at - at % DAY
    before = await figures.days(database, at, 3)
    await signed_in(database, today - DAY + MINUTE, "SUCCESS")
    await signed_in(
        database,
        today - MINUTE,
        "FAILED",
        '{"error": "invalid_saml_response", "error_description": ""}',
    )
    await signed_in(database, today + SECOND, "PENDING")
    await signed_in(database, today - 2 * DAY - MINUTE, "SUCCESS")  # of a day that is not asked for
    after = await figures.days(database, at, 3)
    assert [day.date for day in after] == sorted(day.date for day in after)
    assert len(after) == 3
    pairs = list(zip(before, after, strict=True))
    assert [b.succeeded - a.succeeded for a, b in pairs] == [0, 1, 0]
    assert [b.failed - a.failed for a, b in pairs] == [0, 1, 0]
    assert pairs[2][1].open - pairs[2][0].open >= 1
    assert "invalid_saml_response" in dict(await figures.errors_since(database, at, 3))


async def test_the_answer_has_seven_days(api):
    overview = (await api.overview.get_overview())["overview"]
    assert len(overview["sign_ins"]) == 7
    assert overview["version"]
    assert overview["schema_revision"]
    assert set(overview["sign_ins"][0]) >= {"date"}


async def test_an_organization_does_not_see_it(wires, make, http):
    from apis import Api, access_token, refused

    token = await access_token(http, *await make.client())
    api = Api(wires["rest"], (("authorization", f"Bearer {token}"),))
    with refused("PERMISSION_DENIED"):
        await api.overview.get_overview()
