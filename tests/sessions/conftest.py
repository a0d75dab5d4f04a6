"""A database of each kind with an organization and a member, and calls on it without a server."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from typing import TYPE_CHECKING

import pytest
from signed_in import CHROME, MASTER_KEY, Newest, is_postgresql, rows

from tenantry.access.clients import service as clients
from tenantry.call import Call
from tenantry.caller import SYSTEM, Origin
from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.db.schema import to_json
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from tenantry.tenants.organizations.model import Organization

_NUMBERS = itertools.count(1)
RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)


@pytest.fixture(scope="session")
def session_templates(tmp_path_factory, postgresql):
    """Databases whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("template") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    postgresql._server.psql("CREATE DATABASE template_of_sessions")
    migrate.upgrade(postgresql._server.get_uri(database="template_of_sessions"))
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, session_templates, postgresql, tmp_path):
    """The URL of a database of this test's own."""
    if request.param == "sqlite":
        return f"sqlite:///{shutil.copy(session_templates, tmp_path / 'tenantry.db')}"
    name = f"sessions_{next(_NUMBERS)}"
    postgresql._server.psql(f"CREATE DATABASE {name} TEMPLATE template_of_sessions")
    return postgresql._server.get_uri(database=name)


@pytest.fixture
async def db(database_url):
    """The database, open."""
    async with open_database(database_url, MASTER_KEY, pool_size=10) as opened:
        yield opened


@pytest.fixture
def call(db):
    """A call that came from a browser."""
    return Call(SYSTEM, db, "req_1", origin=Origin("192.0.2.7", CHROME))


@pytest.fixture
def new_organization(call):
    """Found an organization."""

    async def found(name="Acme"):
        return await organizations.create(call, region_code="US", display_name=name)

    return found


@pytest.fixture
def new_member(call, new_organization):
    """Make an active member of these organizations, of a new one if none is given."""
    numbers = itertools.count(1)

    async def joined(*in_organizations: Organization):
        first, *others = in_organizations or (await new_organization(),)
        terms = Terms()
        user = await joining.create(
            call, first.id, terms, rules=RULES, email=f"user{next(numbers)}@example.com"
        )
        for organization in others:
            await joining.add(call, organization.id, users.Identity(user.id), terms, rules=RULES)
        return user

    return joined


@pytest.fixture
def new_application(call):
    """Make a web application with these addresses that are told of logouts."""

    async def made(*uris: str):
        client, _ = await clients.create(call, name="Application")
        await rows(
            call.db,
            "UPDATE clients SET back_channel_logout_uris = CAST(:uris AS {json}) WHERE id = :id"
            " RETURNING id".format(json="jsonb" if is_postgresql(call.db) else "text"),
            uris=to_json(uris),
            id=client.id,
        )
        return client.id

    return made


@pytest.fixture
async def newest(db):
    """The events since the test was prepared: the types of events, and the last of each."""
    return Newest(db)


@pytest.fixture
def eventually():
    """Wait until something holds, for twenty seconds at most."""

    async def wait(holds, seconds=20):
        until = asyncio.get_running_loop().time() + seconds
        while not (await found if asyncio.iscoroutine(found := holds()) else found):
            assert asyncio.get_running_loop().time() < until, "it never held"
            await asyncio.sleep(0.02)

    return wait
