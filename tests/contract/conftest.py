"""Fixtures of the contract suite: one application in process, of this folder only."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
import warnings
from typing import Any

import identity_objects  # noqa: F401 - registers how they are created
import pytest
import recorded_events
import tenant_objects  # noqa: F401 - likewise
from aiohttp import web
from aiohttp.test_utils import TestServer
from apis import Api, access_token
from contract_objects import Objects
from wires import over_https, wires_to

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.activity import counters
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database

with warnings.catch_warnings():  # of the official SDK, on import
    warnings.filterwarnings("ignore", "`json_encoders` is deprecated")
    import scalekit  # noqa: F401


@pytest.fixture(scope="module")
async def app(start_app):
    """The application on SQLite: one for each file, whose limits count objects."""
    with pytest.MonkeyPatch.context() as patch:
        # `written` counts all writes.
        patch.setattr(counters, "WRITE_SECONDS", 3600.0)
        yield await start_app("contract", outgoing_allow="127.0.0.0/8")


@pytest.fixture(scope="module")
async def app_settings(app):
    named = {name: v for name, v in app.environment.items() if name.startswith("TENANTRY_")}
    return settings.load(named)


@pytest.fixture(scope="module")
async def app_database(app_settings):
    """The application's database, opened beside it."""
    keys = master_key.load(app_settings)
    async with open_database(app_settings.database, keys, pool_size=2) as opened:
        yield opened


@pytest.fixture(scope="module")
async def app_wires(app):
    """The protocols of the application, by name."""
    opened = {name: kind(app) for name, kind in wires_to(app).items()}
    yield opened
    for one in opened.values():
        await one.aclose()


@pytest.fixture(scope="module")
async def app_token(app):
    """An access token of the management client."""
    async with over_https(app) as http:
        return await access_token(http, app.client_id, app.client_secret)


@pytest.fixture(scope="module")
async def management(app_wires, app_token):
    """The API over REST, called by the management client."""
    return Api(app_wires["rest"], (("authorization", f"Bearer {app_token}"),))


@pytest.fixture(scope="session")
async def provider():
    """The issuer of an OpenID provider on this machine that publishes its endpoints."""

    async def discovery(request: web.Request) -> web.Response:
        issuer = f"http://{request.host}"
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        return web.json_response({"issuer": issuer, **{name: f"{issuer}/{name}" for name in names}})

    served = web.Application()
    served.router.add_get("/.well-known/openid-configuration", discovery)
    async with TestServer(served) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def new_objects(app, app_settings, app_database, management, provider):
    """Return objects with an organization of their own."""
    return functools.partial(Objects, app, app_settings, app_database, management, provider)


@pytest.fixture
def objects(new_objects):
    """The objects of this case."""
    return new_objects()


@pytest.fixture(scope="module")
async def written(app, app_token, app_database, eventually):
    """Return a number that grows with every write to the database, by any connection."""

    async def is_recorded() -> bool:
        events = await recorded_events.after(app_database, "", limit=1000)
        return any(event["type"] == "client.token_issued" for event in events)

    assert app_token  # whose first use is recorded a little later
    await eventually(is_recorded)
    with contextlib.closing(sqlite3.connect(app.data_dir / "tenantry.db")) as connection:
        yield lambda: connection.execute("PRAGMA data_version").fetchone()[0]


@pytest.fixture
def recorded(app_database):
    """Return the events that were recorded since the last call, or since the test began."""
    seen: list[str] = []

    async def since() -> list[dict[str, Any]]:
        if not seen:
            newest = await log.last(app_database, limit=1)
            seen.append(newest[-1]["id"] if newest else "")
            return []
        found = await recorded_events.after(app_database, seen[-1], limit=1000)
        if found:
            seen.append(found[-1]["id"])
        # The first access token of a client on a day is recorded a little later.
        return [event for event in found if event["type"] != "client.token_issued"]

    return since
