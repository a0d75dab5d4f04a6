"""Customers in their portal, and the claims that they make."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from apis import Api, unique
from sqlalchemy import bindparam, update

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.tenants.domains.model import domains
from tenantry.tenants.domains.verification import Resolver

_AGE = Statement(
    update(domains)
    .where(domains.c.id == bindparam("p_id"))
    .values(
        check_time=bindparam("p_check_time"),
        create_time=domains.c.create_time - bindparam("p_age"),
        expire_time=domains.c.expire_time - bindparam("p_age"),
    )
    .returning(domains)
)


@dataclass
class Customer:
    """An organization, and the API as its IT admin calls it from the portal."""

    id: str
    api: Api

    async def claim(self, domain=""):
        """A domain that waits for its proof."""
        name = domain or f"{unique()}.com"
        answer = await self.api.domains.create_domain(
            organization_id=self.id, domain={"domain": name}
        )
        return answer["domain"]

    async def verify(self, claim):
        answer = await self.api.domains.verify_domain(organization_id=self.id, id=claim["id"])
        return answer["verified"]

    async def get(self, claim):
        answer = await self.api.domains.get_domain(organization_id=self.id, id=claim["id"])
        return answer["domain"]


@pytest.fixture
def resolver(name_server):
    """The worker's resolver."""
    return Resolver([name_server.address])


@pytest.fixture
def new_customer(api, make, rest, http):
    """Makes customers, whose portal is opened for domain verification."""

    async def new():
        organization = await make.organization()
        await rest.organizations.update_organization_settings(
            id=organization["id"],
            settings={"features": [{"name": "domain_verification", "enabled": True}]},
        )
        cookie = await make.portal_session(http, organization["id"])
        return Customer(organization["id"], api.sending(authorization=(), cookie=cookie))

    return new


@pytest.fixture
async def customer(new_customer):
    """A customer in their portal."""
    return await new_customer()


@pytest.fixture
def age(database):
    """Make a claim as old as it is after some seconds, and due."""

    async def aged(claim, seconds=0):
        row = await database.fetch_one(
            _AGE, p_id=claim["id"], p_age=seconds * 1_000_000, p_check_time=now() - 1
        )
        assert row is not None
        return row

    return aged
