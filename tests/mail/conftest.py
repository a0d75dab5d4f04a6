"""A database of each kind with an outbox, mail servers, and pages to look at."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from mail_servers import MASTER_KEY, MailServer
from playwright.async_api import async_playwright

from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.doors.dev import web as development
from tenantry.doors.transport.router import Router
from tenantry.web import Request

CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def mail_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_mail")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_mail"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, mail_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(mail_templates, tmp_path / 'tenantry.db')}"
    name = f"mail_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_mail")
    return postgresql._server.get_uri(database=name)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=4) as opened:
        yield opened


@pytest.fixture
def mail_server():
    """A mail server that takes everything, unless a test says otherwise."""
    with MailServer() as server:
        yield server


@pytest.fixture
def eventually():
    """Wait until something holds, for twenty seconds at most."""

    async def wait(holds):
        until = asyncio.get_running_loop().time() + 20
        while not await holds():
            assert asyncio.get_running_loop().time() < until
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def chromium():
    """Where the browser is."""
    if not CHROMIUM.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("chromium is not installed")
        pytest.skip("chromium is not installed")
    return CHROMIUM


@pytest.fixture(scope="session")
async def browser(chromium):
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield opened
        await opened.close()


@pytest.fixture
def get(db):
    """Answer a request to a server for development as its door does."""

    async def answer(path, host="tenants.example:8443", *, local=False, **headers: str):
        router = Router()
        settings = SimpleNamespace(
            development=True, public_url="https://tenants.example:8443", is_local=local
        )
        for route in development.routes(SimpleNamespace(db=db, settings=settings)):
            router.add(route.verb, route.template, route.handler)
        path, _, query = path.partition("?")
        handler, params = router.match("GET", path)
        given = {"host": host} | {name.replace("_", "-"): v for name, v in headers.items()}
        request = Request("GET", path, query, given, b"", "req_test", params=params)
        return await handler(request)

    return answer
