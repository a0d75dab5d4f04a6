"""Changes of one client at once: no limit is passed, nothing is lost, each is told of once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from apis import unique
from holders import MOST, Holder

if TYPE_CHECKING:
    from collections.abc import Awaitable

pytestmark = pytest.mark.wires("rest")


async def at_once(*calls: Awaitable[Any]) -> Counter[str]:
    """Make these calls; return how many were answered how."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    codes = [getattr(one, "code", "?") if isinstance(one, Exception) else "OK" for one in done]
    return Counter(codes)


def follows(told: list[dict[str, Any]]) -> bool:
    """Whether each event goes on where the one before ended."""
    return all(b["before"] == a["after"] for a, b in itertools.pairwise(told))


@pytest.fixture(params=["M2M", "WEB_APP"])
async def holder(request, api, make):
    return await Holder.made(api, request.param, make)


async def test_secrets_added_at_once_do_not_pass_the_limit(holder, events):
    await events.new()
    there = len(await holder.secrets())
    codes = await at_once(*(holder.add() for _ in range(12)))
    room = MOST[holder.kind] - there
    assert codes == {"OK": room, "INVALID_ARGUMENT": 12 - room}
    assert len(await holder.secrets()) == MOST[holder.kind]
    told = await events.new()
    assert [event["type"] for event in told] == ["client.secret_created"] * room
    assert follows(told)


async def test_of_secrets_deleted_at_once_a_machine_keeps_one(api, make, events):
    for _ in range(5):
        holder = await Holder.made(api, "M2M", make)
        for _ in range(3):
            await holder.add()
        await events.new()
        secrets = await holder.secrets()
        codes = await at_once(*(holder.delete(secret["id"]) for secret in secrets))
        assert codes == {"OK": 3, "INVALID_ARGUMENT": 1}
        assert len(await holder.secrets()) == 1
        told = await events.new()
        assert [event["type"] for event in told] == ["client.secret_deleted"] * 3
        assert follows(told)


async def test_secrets_put_back_at_once_do_not_pass_the_limit(api, make):
    holder = await Holder.made(api, "WEB_APP", make)
    for _ in range(4):
        await holder.set_status((await holder.add())["secret"]["id"], "INACTIVE")
    codes = await at_once(
        *(holder.set_status(secret["id"], "ACTIVE") for secret in await holder.secrets())
    )
    assert codes == {"OK": 2, "INVALID_ARGUMENT": 2}


async def test_rotations_at_once_leave_one_secret_that_does_not_expire(api, make):
    holder = await Holder.made(api, "M2M", make)
    codes = await at_once(*(holder.add(overlap_seconds=0) for _ in range(8)))
    assert codes == {"OK": 8}
    secrets = await holder.secrets()
    assert ["expire_time" in secret for secret in secrets].count(False) == 1


async def test_changes_of_different_members_at_once_are_all_kept(api, events):
    answer = await api.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    key = {"client_id": answer["client"]["id"]}
    await events.new()
    changes = [
        {"name": unique()},
        {"scopes": ["a"]},
        {"access_token_expiry": "60"},
        {"enforce_pkce": True},
        {"post_login_uris": ["https://a.example.com/"]},
    ]
    codes = await at_once(*(api.clients.update_client(**key, client=c) for c in changes))
    assert codes == {"OK": 5}
    read = await api.clients.get_client(**key)
    assert read.etag == '"6"'
    for change in changes:
        assert change.items() <= read["client"].items()
    assert follows(await events.new())


async def test_of_changes_with_one_etag_one_is_made(api):
    answer = await api.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    once = api.sending(if_match='"1"')
    codes = await at_once(
        *(
            once.clients.update_client(client_id=answer["client"]["id"], client={"name": f"N{n}"})
            for n in range(6)
        )
    )
    assert codes == {"OK": 1, "FAILED_PRECONDITION": 5}


async def test_a_client_that_is_deleted_meanwhile_leaves_nothing(api, make, events):
    for _ in range(5):
        organization = (await make.organization())["id"]
        await events.new()
        client_id, _ = await make.client(organization)
        key = {"organization_id": organization, "client_id": client_id}
        holder = Holder(api, "M2M", key)
        codes = await at_once(
            *(holder.add() for _ in range(3)),
            api.clients.delete_organization_client(**key),
            api.clients.update_organization_client(**key, client={"name": "New"}),
            api.clients.delete_organization_client(**key),
        )
        assert codes.keys() <= {"OK", "NOT_FOUND"}
        told = await events.new()
        assert [event["type"] for event in told].count("client.deleted") == 1
        assert told[-1]["type"] == "client.deleted"
        assert follows(told)


async def test_an_organization_goes_while_clients_are_made(api, make):
    """None is left behind: a late one was not found."""
    for _ in range(5):
        organization = (await make.organization())["id"]
        client_id, _ = await make.client(organization)
        key = {"organization_id": organization, "client_id": client_id}
        codes = await at_once(
            *(make.client(organization) for _ in range(3)),
            Holder(api, "M2M", key).add(),
            api.organizations.delete_organization(id=organization),
            api.clients.update_organization_client(**key, client={"name": "New"}),
        )
        assert codes.keys() <= {"OK", "NOT_FOUND"}, codes


async def test_redirect_uris_added_at_once_are_all_kept_up_to_the_limit(api, server):
    key = {"client_id": server.client_id}
    before = (await api.clients.get_client(**key))["client"]["post_login_uris"]
    uris = [f"https://{unique()}.example.com/" for _ in range(8)]
    room = 5 - len(before)
    codes = await at_once(
        *(api.clients.add_environment_redirect_uri(redirect_uri=uri) for uri in uris)
    )
    assert codes == {"OK": room, "INVALID_ARGUMENT": 8 - room}
    after = (await api.clients.get_client(**key))["client"]["post_login_uris"]
    assert len(after) == 5
    codes = await at_once(
        *(
            api.clients.remove_environment_redirect_uri(redirect_uri=uri)
            for uri in after
            if uri not in before
        )
    )
    assert codes == {"OK": room}
    assert (await api.clients.get_client(**key))["client"]["post_login_uris"] == before


async def test_a_scope_name_is_taken_once_in_a_race(api):
    name = unique("s").replace("-", "")
    codes = await at_once(*(api.clients.create_scope(scope={"name": name}) for _ in range(6)))
    assert codes == {"OK": 1, "INVALID_ARGUMENT": 5}
