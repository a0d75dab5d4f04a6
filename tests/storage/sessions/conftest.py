"""An organization and a member, and calls on it without a server."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from signed_in import CHROME, Newest, is_postgresql, rows

from tenantry.access.clients import service as clients
from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db.sql.schema import to_json
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from tenantry.tenants.organizations.model import Organization

RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)


@pytest.fixture
def pool_size():
    """How many connections `db` has at most."""
    return 10


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
            await joining.add(
                call, organization.id, users.UserIdentifier(user.id), terms, rules=RULES
            )
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
