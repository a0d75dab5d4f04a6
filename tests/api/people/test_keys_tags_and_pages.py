"""Idempotency-Key, If-Match and page tokens: for every rpc that takes one.

Against tokens, keys and tags of another list, caller or object.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from apis import refused, unique
from rpcs import METHODS, OF_SESSIONS, World, about, ask, call
from sqlalchemy import Text, bindparam, func, select
from wires import ApiError

from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import mail
from tenantry.gen.google.api import annotations_pb

POSTS = [
    rpc
    for rpc, method in METHODS.items()
    if rpc not in OF_SESSIONS
    and method.proto.options[annotations_pb.ext_http].pattern.field == "post"
]
_EMAILS = Statement(
    select(func.count().label("n")).where(
        mail.c.organization_id == bindparam("organization_id", type_=Text)
    )
)


@pytest.fixture
async def world(make, rest):
    return await World.made(make, rest)


@pytest.mark.wires("rest", "grpc")
async def test_every_post_is_made_once_by_its_key(api, world, events, database):
    """However often it comes, and at once; so is its mail."""
    for rpc in POSTS:
        request = world.request(rpc)
        await events.new()
        before = await database.fetch_one(_EMAILS, organization_id=world.organization["id"])
        keyed = api.sending(idempotency_key=unique())
        answers = await asyncio.gather(*(call(keyed, rpc, request) for _ in range(5)))
        answers.append(await call(keyed, rpc, request))
        after = await database.fetch_one(_EMAILS, organization_id=world.organization["id"])
        told = await events.new()
        with about(rpc):
            assert all(answer == answers[0] for answer in answers)
            assert sum("idempotent-replayed" in answer.headers for answer in answers) == 5
            assert len(told) == len({event["type"] for event in told})
            invited = rpc in {"create_membership", "create_user_and_membership"}
            assert after["n"] - before["n"] == int(invited)
            with refused("INVALID_ARGUMENT", error_code="IDEMPOTENCY_KEY_REUSED"):
                await call(keyed, "create_permission", {"permission": {"name": "other:name"}})


@pytest.mark.wires("rest", "grpc")
async def test_a_key_opens_no_answer_to_another_caller(api, make, rest, http):
    """Nor to the portal of another organization."""
    key, visitors = unique(), []
    for _ in range(2):
        one = await World.made(make, rest)
        await rest.organizations.update_organization_settings(
            id=one.organization["id"],
            settings={"features": [{"name": "domain_verification", "enabled": True}]},
        )
        cookie = await make.portal_session(http, one.organization["id"])
        visitors.append((one, api.sending(authorization=(), cookie=cookie, idempotency_key=key)))
    domain = {"domain": f"{unique()}.example.org"}
    seen = [await ask(visitor, one, "create_domain", domain=domain) for one, visitor in visitors]
    assert [answer["domain"]["organization_id"] for answer in seen] == [
        one.organization["id"] for one, _ in visitors
    ]
    with refused("NOT_FOUND"):  # with the very request of the other
        await ask(visitors[1][1].sending(idempotency_key=unique()), visitors[0][0], "create_domain")
    with refused("INVALID_ARGUMENT", error_code="IDEMPOTENCY_KEY_REUSED"):
        await ask(visitors[1][1], visitors[0][0], "create_domain", domain=domain)


@pytest.mark.wires("rest", "grpc")
async def test_a_refused_post_leaves_its_key_free(api, world):
    """Refused by the database itself, within the transaction that holds the key."""
    for rpc, member in (
        ("create_user_and_membership", "user"),
        ("create_role", "role"),
        ("create_organization_role", "role"),
        ("create_permission", "permission"),
        ("create_domain", "domain"),
    ):
        keyed = api.sending(idempotency_key=unique())
        taken, free = world.request(rpc), world.request(rpc)
        await call(api, rpc, taken)
        for _ in range(2):
            with about(rpc), refused("INVALID_ARGUMENT", says="duplicate key not allowed"):
                await call(keyed, rpc, taken)
        assert taken[member] != free[member]
        await call(keyed, rpc, free)


@pytest.mark.wires("rest", "grpc")
async def test_of_many_changes_of_one_revision_one_is_made(api, world, events):
    """Of those that change anything."""
    await events.new()
    for rpc in ("update_user", "update_role", "update_organization_role", "update_permission"):
        mine = api.sending(if_match='"1"')
        done = await asyncio.gather(
            *(call(mine, rpc, world.request(rpc)) for _ in range(8)), return_exceptions=True
        )
        refusals = [one for one in done if isinstance(one, ApiError)]
        with about(rpc):
            assert len(refusals) == 7, done
            assert {one.error_code for one in refusals} == {"PRECONDITION_FAILED"}
            assert len(await events.new()) == 1


# Every list that has page tokens, and the parameters that make it another list.
def lists_of(world: World, other: World) -> list[tuple[str, dict[str, Any]]]:
    here = {"organization_id": world.organization["id"]}
    there = {"organization_id": other.organization["id"]}
    return [
        ("list_users", {}),
        ("search_users", {"query": "example"}),
        ("search_users", {"query": "example.com"}),
        ("list_organization_users", here),
        ("list_organization_users", there),
        ("search_organization_users", {**here, "query": "example"}),
        ("search_organization_users", {**here, "query": "example.com"}),
        ("search_organization_users", {**there, "query": "example"}),
        ("list_permissions", {}),
        ("list_permissions", {"type": "ENVIRONMENT"}),
        ("list_permissions", {"type": "SCALEKIT"}),
    ]


@pytest.mark.wires("rest", "grpc")
async def test_a_page_token_opens_its_own_list_alone(api, make, rest, world):
    other = await World.made(make, rest)
    lists = lists_of(world, other)
    tokens = []
    for rpc, request in lists:
        page = await call(api, rpc, {**request, "page_size": 1})
        with about(rpc, request):
            assert page["next_page_token"]
        tokens.append(page["next_page_token"])
    assert len({*tokens}) == len(tokens)
    for number, (rpc, request) in enumerate(lists):
        for index, token in enumerate(tokens):
            again = {**request, "page_size": 1, "page_token": token}
            if index == number:
                await call(api, rpc, again)
                continue
            with about(rpc, request, lists[index]), refused("INVALID_ARGUMENT", "page_token"):
                await call(api, rpc, again)
