"""How often a sign-in by a provider asks the database, from the provider's answer to the code."""

from __future__ import annotations

from contextlib import AsyncExitStack
from contextvars import ContextVar

import httpx
import pytest
from connections_of_tests import arrive, go, organization_of
from hosted import Visitor, answered
from oidc_sign_ins import local, oidc_connection
from openid_providers import ANN, OpenIDProvider
from saml_idps import asked, post, provider, saml_connection
from saml_provider import attribute

from tenantry import app
from tenantry.db.postgresql import database

DATABASES = ("postgresql",)
# A member that has signed in by this provider before, from the same browser.
OIDC, SAML = 20, 21  # beginning and end of a transaction are two
# Background tasks of the server send statements too; only those of a request are counted.
_is_request: ContextVar[bool] = ContextVar("_is_request", default=False)


class _InRequest(httpx.AsyncBaseTransport):
    """Marks the context of every request that passes through it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        token = _is_request.set(True)
        try:
            return await self.inner.handle_async_request(request)
        finally:
            _is_request.reset(token)


@pytest.fixture
async def near(place):
    """A browser at the application in this process."""
    async with AsyncExitStack() as closing:
        wired = app.wire(place.settings, place.database, closing)
        transport = _InRequest(httpx.ASGITransport(wired))
        http = httpx.AsyncClient(transport=transport, base_url=place.server.url)
        yield Visitor(place, await closing.enter_async_context(http), {})


@pytest.fixture
def sent(monkeypatch):
    """The statements that are sent from here on."""
    statements: list[str] = []
    ask, command = database.Connection.rows, database.Connection.command

    async def asking(connection, sql, args, seconds):
        if _is_request.get():
            statements.append(sql)
        return await ask(connection, sql, args, seconds)

    async def commanding(connection, sql, seconds):
        if _is_request.get():
            statements.append(sql)
        await command(connection, sql, seconds)

    monkeypatch.setattr(database.Connection, "rows", asking)
    monkeypatch.setattr(database.Connection, "command", commanding)
    return statements


def signed_out(visitor):
    """Forget the session, and not the device."""
    visitor.cookies = {k: v for k, v in visitor.cookies.items() if "device" in k}


async def test_by_openid_connect(place, application, near, sent):
    async with OpenIDProvider() as idp:
        organization_id, domain = await organization_of(place, "ann")
        conn = await oidc_connection(place, idp, domain=False, organization_id=organization_id)
        idp.person = ANN | {"sub": "sub-1", "email": f"ann@{domain}"}
        for _ in range(3):
            signed_out(near)
            there = await go(near, application, connection_id=conn.id)
            back = local(near, idp.answer_to(there.headers["location"]))
            sent.clear()
            done = await arrive(place, near, await near.get(back))
            assert answered(done)["code"]
    assert len(sent) == OIDC, "\n".join(sent)
    assert len(set(sent)) >= OIDC - 1  # the connection is read by both requests


async def test_by_saml(place, application, near, sent):
    organization_id, domain = await organization_of(place, "ann")
    conn = await saml_connection(place, members={"organization_id": organization_id})
    for _ in range(3):
        signed_out(near)
        request = asked(await go(near, application, connection_id=conn.id))
        good = provider(place, conn, request).but(attributes=attribute("email", f"ann@{domain}"))
        sent.clear()
        done = await arrive(place, near, await post(near, conn, good, request.relay_state))
        assert answered(done)["code"]
    assert len(sent) == SAML, "\n".join(sent)
    assert len(set(sent)) >= SAML - 1
