"""Mail servers, and pages to look at."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from browsers import chromium
from mail_servers import MailServer

from tenantry.endpoints.dev import web as development
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.net.http import Request


@pytest.fixture
def mail_server():
    """A mail server that takes everything, unless a test says otherwise."""
    with MailServer() as server:
        yield server


@pytest.fixture(scope="session")
async def browser():
    async with chromium() as launched:
        yield launched


@pytest.fixture
def get(db):
    """Answer a request to a server for development as its development pages do."""

    async def answer(path, host="tenants.example:8443", *, local=False, **headers: str):
        router = Router()
        settings = SimpleNamespace(
            development=True, public_url="https://tenants.example:8443", is_local=local
        )
        context = SimpleNamespace(db=db, settings=settings, themes=None, rpcs=None)
        for route in development.routes(context):
            router.add(route.verb, route.template, route.handler)
        path, _, query = path.partition("?")
        handler, params = router.match("GET", path)
        given = {"host": host} | {name.replace("_", "-"): v for name, v in headers.items()}
        request = Request("GET", path, query, given, b"", "req_test", params=params)
        return await handler(request)

    return answer
