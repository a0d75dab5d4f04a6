"""Registrations of clients of a resource: limits, expiry, and clients with a document."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from apis import unique
from sqlalchemy import func, select

from tenantry.access.client_metadata import metadata
from tenantry.access.client_metadata.documents import DocumentError, NotAccepted
from tenantry.access.client_metadata.fetching import Document
from tenantry.access.clients import changes, resource_clients
from tenantry.access.clients.client_cache import ClientCache
from tenantry.access.clients.model import clients
from tenantry.access.registrations import document_clients, service
from tenantry.access.registrations.document_clients import DocumentClients
from tenantry.access.registrations.model import registrations
from tenantry.access.registrations.service import LimitReached
from tenantry.access.resources import service as resources
from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.identity.consents import service as consents
from tenantry.identity.consents import unused_clients
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.rates import Limit, Rates
from tenantry.tenants.memberships import joining
from tenantry.tenants.memberships.model import Rules, Terms
from tenantry.tenants.organizations import service as organizations

URL = "https://client.example/oauth/client.json"
DAY = 24 * 3600
_COUNT = Statement(
    select(
        select(func.count()).select_from(clients).scalar_subquery().label("clients"),
        select(func.count()).select_from(registrations).scalar_subquery().label("registrations"),
    )
)


@pytest.fixture
async def resource(call):
    members = {"name": "MCP", "enable_cimd": True}
    return await resources.create(
        call, resource_type="MCP_SERVER", members=members, production=True
    )


@pytest.fixture
async def person(call):
    """The IDs of a user and an organization."""
    organization = await organizations.create(call, display_name="Acme", region_code="US")
    rules = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
    user = await joining.create(
        call,
        organization.id,
        Terms(invite=False),
        rules=rules,
        email=f"{unique('user')}@acme.example",
    )
    return user.id, organization.id


def described(**changes: object):
    return metadata.parse(
        {"client_name": "Client", "redirect_uris": ["https://client.example/cb"], **changes}
    )


async def consent(call, client, resource, person):
    user_id, organization_id = person
    await consents.grant(
        call,
        client,
        resource,
        user_id=user_id,
        organization_id=organization_id,
        scopes=["openid"],
    )
    await service.note_use(call.db, client)


async def counted(db):
    row = await db.fetch_one(_COUNT)
    return row["clients"], row["registrations"]


async def test_unused_clients_are_deleted_after_a_day(call, db, resource, person, clock):
    before, _ = await counted(db)
    unused = await service.create(call, resource, described())
    used = await service.create(call, resource, described())
    await consent(call, used.client, resource, person)
    assert not await unused_clients.prune(db)
    assert await counted(db) == (before + 2, 2)
    clock.of(unused_clients).forward(DAY + 1)
    await unused_clients.prune(db)
    assert await counted(db) == (before + 1, 1)
    found = await service.find(db, resource.id, unused.client.id, unused.access_token)
    assert found is None
    found = await service.find(db, resource.id, used.client.id, used.access_token)
    assert found is not None

    # A consent of the last 90 days keeps a client; an older one does not.
    clock.forward(88 * DAY)
    await unused_clients.prune(db)
    assert await counted(db) == (before + 1, 1)
    clock.forward(90 * DAY)
    await unused_clients.prune(db)
    assert await counted(db) == (before, 0)


async def test_a_flood_replaces_only_unused_clients(call, db, resource, person, monkeypatch):
    monkeypatch.setattr(service, "MOST", 3)
    used = await service.create(call, resource, described())
    await consent(call, used.client, resource, person)
    made = [await service.create(call, resource, described()) for _ in range(5)]
    _, number = await counted(db)
    assert number == 3
    kept = [used, *made[-2:]]
    for one in [used, *made]:
        found = await service.find(db, resource.id, one.client.id, one.access_token)
        assert (found is not None) is (one in kept)
    for one in kept[1:]:
        await consent(call, one.client, resource, person)
    with pytest.raises(LimitReached, match="limit"):
        await service.create(call, resource, described())


async def test_a_limit_of_one_resource_is_not_that_of_another(call, resource, monkeypatch):
    other = await resources.create(
        call, resource_type="MCP_SERVER", members={"name": "Other"}, production=True
    )
    monkeypatch.setattr(service, "MOST", 1)
    one = await service.create(call, other, described())
    await service.create(call, resource, described())
    assert await service.find(call.db, other.id, one.client.id, one.access_token) is not None


async def test_registered_clients_do_not_use_up_the_limit_of_operators(call, resource, monkeypatch):
    monkeypatch.setattr(changes, "RESOURCE_MAX", 1)
    for _ in range(3):
        await service.create(call, resource, described())
    await resource_clients.create(call, resource.id, production=True, name="Own")
    with pytest.raises(errors.InvalidArgument, match="limit"):
        await resource_clients.create(call, resource.id, production=True, name="Second")


class Fetcher:
    """Documents, without a network; each fetch is counted."""

    def __init__(self) -> None:
        self.metadata = described()
        self.seconds = 600
        self.fetches = 0
        self.problem = ""

    async def fetch(self, _url):
        self.fetches += 1
        await asyncio.sleep(0)
        if self.problem:
            raise DocumentError(self.problem)
        return Document(self.metadata, self.seconds)


@pytest.fixture
def fetcher():
    return Fetcher()


@pytest.fixture
def of_documents(db, fetcher):
    rates = Rates({"registrations": Limit("registrations", "5/hour", Memory())})
    return DocumentClients(db, ClientCache(db), fetcher, rates)


async def test_a_document_is_fetched_once_until_it_expires(
    call, of_documents, fetcher, resource, clock
):
    client = await of_documents.resolve(call, resource, URL)
    assert client.metadata_uri == URL
    assert client.registration == "CIMD"
    assert client.is_public
    for _ in range(5):
        assert (await of_documents.resolve(call, resource, URL)).id == client.id
    assert fetcher.fetches == 1
    assert (await of_documents.find(resource.id, URL)).id == client.id

    clock.of(document_clients).forward(601)
    fetcher.metadata = described(client_name="New name", redirect_uris=["http://localhost/cb"])
    changed = await of_documents.resolve(call, resource, URL)
    assert changed.id == client.id
    assert changed.name == "New name"
    assert changed.post_login_uris == ("http://localhost/cb",)
    assert fetcher.fetches == 2


async def test_an_expired_document_that_is_gone_ends_authorization(
    call, of_documents, fetcher, resource, clock
):
    client = await of_documents.resolve(call, resource, URL)
    clock.of(document_clients).forward(601)
    fetcher.problem = "its host answered with status 404, not 200"
    with pytest.raises(DocumentError, match="404"):
        await of_documents.resolve(call, resource, URL)
    # Grants that exist go on.
    assert (await of_documents.find(resource.id, URL)).id == client.id


async def test_requests_at_once_make_one_client(call, db, of_documents, resource):
    before, _ = await counted(db)
    found = await asyncio.gather(*(of_documents.resolve(call, resource, URL) for _ in range(4)))
    assert len({client.id for client in found}) == 1
    assert await counted(db) == (before + 1, 1)


async def test_each_resource_has_its_own_client_of_a_document(call, of_documents, resource):
    other = await resources.create(
        call,
        resource_type="MCP_SERVER",
        members={"name": "Other", "enable_cimd": True},
        production=True,
    )
    one = await of_documents.resolve(call, resource, URL)
    assert await of_documents.find(other.id, URL) is None
    assert (await of_documents.resolve(call, other, URL)).id != one.id


async def test_resources_decide_which_documents_they_accept(call, of_documents, fetcher, resource):
    with pytest.raises(NotAccepted, match="does not accept client ID"):
        await of_documents.resolve(call, replace(resource, cimd=False), URL)
    listed = replace(resource, cimd_allowlist_enabled=True)
    with pytest.raises(NotAccepted, match="this client"):
        await of_documents.resolve(call, listed, URL)
    assert fetcher.fetches == 0
    listed = replace(listed, cimd_allowlist=(("URL", "https://client.example"),))
    assert (await of_documents.resolve(call, listed, URL)).metadata_uri == URL


async def test_new_documents_are_limited_and_known_ones_are_not(call, of_documents, resource):
    call = replace(call, origin=replace(call.origin, address="192.0.2.1"))
    for number in range(5):
        await of_documents.resolve(call, resource, f"https://client.example/{number}")
    with pytest.raises(errors.RateLimited):
        await of_documents.resolve(call, resource, "https://client.example/5")
    await of_documents.resolve(call, resource, "https://client.example/0")
