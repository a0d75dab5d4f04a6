"""Management clients: made, given a new secret beside the old one, deleted."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest
from apis import access_token, refused
from waiting import ends_within_a_second

from tenantry.access.clients import service as clients
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM


@pytest.fixture
def system(database):
    """A call as the command line makes it."""
    return Call(SYSTEM, database, request_id="test")


@pytest.fixture
async def client(system):
    """A client of its own, its id and secret."""
    made, secret = await clients.create(system, name="Test")
    yield made.id, secret
    with suppress(errors.NotFound):
        await clients.remove(system, made.id)


async def is_good(http, client_id, secret):
    answer = await http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": secret,
        },
    )
    assert answer.status_code in {200, 401}
    return answer.status_code == 200


async def ends(http, client_id, secret, *, since):
    """See that a secret is good for a second from a time on, within that of its rotation."""
    rotated = asked = time.time()
    while await is_good(http, client_id, secret):
        assert asked < rotated + 1
        asked = time.time()
    assert time.time() >= since + 1


async def test_a_new_client_may_call_at_once(api, http, client):
    await api.organizations.list_organization(page_size=1)
    token = await access_token(http, *client)
    mine = api.sending(authorization=f"Bearer {token}")
    assert (await mine.organizations.list_organization(page_size=1))["total_size"] >= 0


async def test_events_name_the_client_that_called(api, http, client, events):
    token = await access_token(http, *client)
    mine = api.sending(authorization=f"Bearer {token}")
    await mine.organizations.create_organization(organization={"display_name": "Acme"})
    (event,) = await events.new()
    assert event["actor"] == {"type": "management_client", "id": client[0]}


async def test_a_new_secret_works_beside_the_old_one(http, client, system):
    client_id, old = client
    new = await clients.rotate(system, client_id)
    assert new != old
    assert await is_good(http, client_id, new)
    assert await is_good(http, client_id, old)


async def test_after_the_overlap_only_the_new_secret_works(http, client, system):
    client_id, old = client
    since = time.time()
    new = await clients.rotate(system, client_id, overlap_seconds=1)
    await ends(http, client_id, old, since=since)
    assert await is_good(http, client_id, new)


async def test_without_an_overlap_the_old_secret_is_dead_at_once(http, client, system):
    client_id, old = client
    new = await clients.rotate(system, client_id, overlap_seconds=0)
    assert not await is_good(http, client_id, old)
    assert await is_good(http, client_id, new)


async def test_a_rotation_leaves_tokens_in_flight_alone(api, http, client, system):
    token = await access_token(http, *client)
    await clients.rotate(system, client[0], overlap_seconds=0)
    mine = api.sending(authorization=f"Bearer {token}")
    assert await mine.organizations.list_organization(page_size=1)


async def test_a_later_rotation_does_not_lengthen_the_life_of_an_old_secret(client, system, http):
    client_id, first = client
    since = time.time()
    second = await clients.rotate(system, client_id, overlap_seconds=1)
    third = await clients.rotate(system, client_id, overlap_seconds=600)
    await ends(http, client_id, first, since=since)
    assert [await is_good(http, client_id, s) for s in (second, third)] == [True, True]


@pytest.mark.wires("grpc")
async def test_a_deleted_client_is_refused_within_a_second(api, http, client, system):
    token = await access_token(http, *client)
    mine = api.sending(authorization=f"Bearer {token}")
    await mine.organizations.list_organization(page_size=1)
    await clients.remove(system, client[0])
    await ends_within_a_second(lambda: is_good(http, *client))
    with refused("UNAUTHENTICATED"):
        await ends_within_a_second(lambda: mine.organizations.list_organization(page_size=1))


async def test_secrets_are_kept_as_digests(client, system, database):
    client_id, secret = client
    (kept,) = (await clients.get(database, client_id)).secrets
    assert secret not in str(kept)
    assert kept.suffix == secret[-4:]
    assert len(secret) >= 43


async def test_an_unknown_client_cannot_be_rotated_or_deleted(system):
    with pytest.raises(errors.NotFound):
        await clients.rotate(system, "skc_1")
    with pytest.raises(errors.NotFound):
        await clients.remove(system, "skc_1")


@pytest.mark.parametrize("name", ["", "x" * 129])
async def test_a_name_has_1_to_128_characters(system, name):
    with pytest.raises(errors.InvalidArgument, match="name"):
        await clients.create(system, name=name)


async def test_the_last_client_cannot_be_deleted(call):
    first, _ = await clients.create(call, name="First")
    second, _ = await clients.create(call, name="Second")
    await clients.remove(call, first.id)
    with pytest.raises(errors.InvalidArgument, match=r"^last client cannot be deleted$"):
        await clients.remove(call, second.id)
    assert await clients.live_ids(call.db) == {second.id}


async def test_deletions_at_once_leave_one_client(call):
    made = [(await clients.create(call, name="Client"))[0] for _ in range(5)]
    await asyncio.gather(
        *(clients.remove(call, client.id) for client in made), return_exceptions=True
    )
    assert len(await clients.live_ids(call.db)) == 1
