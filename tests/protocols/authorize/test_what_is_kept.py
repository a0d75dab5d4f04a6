"""Rows that an anonymous visitor can have the database keep, by sending authorization requests."""

from __future__ import annotations

import pytest
from apis import Api, access_token
from authorizations import Applications, answer_of, is_refused, request_of
from servers import LiveServer
from sqlalchemy import func, select
from wires import WIRES

from tenantry.db.sql.statements import Statement
from tenantry.identity.sign_in.model import auth_requests

_COUNT = Statement(select(func.count().label("n")).select_from(auth_requests))


async def kept(database):
    return (await database.fetch_one(_COUNT))["n"]


async def test_nothing_is_stored_for_what_cannot_become_a_sign_in(database, http, application):
    await application.authorize()
    before = await kept(database)
    assert before
    query = application.query()
    for asked in (
        "",
        "client_id=nosuch",
        f"{query}&client_id=x",
        f"{query}&redirect_uri=x",
        f"client_id={application.id}",
        application.query(redirect_uri="https://evil.example/"),
        "client_id=%ff",
        "&".join(f"a{n}=1" for n in range(1000)),
    ):
        response = await http.get(f"/oauth/authorize?{asked}")
        assert is_refused(response)
        page = await http.get(response.headers["location"])
        assert page.status_code == 400
    for told in ({"scope": "x"}, {"prompt": "none"}, {"response_type": "token"}):
        answer_of(await application.authorize(**told))
    assert await kept(database) == before


@pytest.fixture(scope="module")
def limited(tmp_path_factory):
    server = LiveServer(
        tmp_path_factory.mktemp("limited"),
        rate_limit_sign_ins="3/day",
        trusted_proxies="127.0.0.1",
        background="false",
    )
    yield server.fork()
    server.stop()


async def test_sign_ins_that_begin_are_limited_by_network(limited):
    """A /64 of IPv6 is one network; signed-in people do not count, nor refused requests."""
    wire = WIRES["rest"](limited)
    token = await access_token(wire.http, limited.client_id, limited.client_secret)
    rest = Api(wire, (("authorization", f"Bearer {token}"),))
    application = await Applications(rest, wire.http)()
    path = f"/oauth/authorize?{application.query()}"

    async def begin(address):
        return await wire.http.get(path, headers={"x-forwarded-for": address})

    for n in range(3):
        request_of(await begin(f"2001:db8::{n}"))
    assert answer_of(await begin("2001:db8::ffff"))["error"] == "temporarily_unavailable"
    request_of(await begin("2001:db8:0:1::1"))
    for asked in (application.query(prompt="none"), "client_id=nosuch"):
        for _ in range(4):
            headers = {"x-forwarded-for": "192.0.2.1"}
            await wire.http.get(f"/oauth/authorize?{asked}", headers=headers)
    request_of(await begin("192.0.2.1"))
    await wire.aclose()
