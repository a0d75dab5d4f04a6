"""Lists of tokens: newest first, live ones only, page by page, of one organization."""

from __future__ import annotations

import asyncio

import pytest
from apis import refused

from tenantry.core.times import now

pytestmark = pytest.mark.wires("rest", "grpc")


def ids(answer):
    return [token["token_id"] for token in answer["tokens"]]


async def test_pages_go_forth_and_back(api, make, make_token):
    organization = await make.organization()
    made = [(await make_token(organization["id"]))["token_id"] for _ in range(5)][::-1]
    await make_token()  # of another organization
    pages, token = [], ""
    while True:
        page = await api.tokens.list_tokens(
            organization_id=organization["id"], page_size=2, page_token=token
        )
        assert page["total_count"] == 5
        pages.append(page)
        token = page["next_page_token"]
        if not token:
            break
    assert [ids(page) for page in pages] == [made[:2], made[2:4], made[4:]]
    assert pages[0]["prev_page_token"] == ""
    back = await api.tokens.list_tokens(
        organization_id=organization["id"], page_size=2, page_token=pages[2]["prev_page_token"]
    )
    assert ids(back) == made[2:4]
    first = await api.tokens.list_tokens(
        organization_id=organization["id"], page_size=2, page_token=back["prev_page_token"]
    )
    assert ids(first) == made[:2]
    assert first["prev_page_token"] == ""


async def test_an_empty_list_is_no_error(api, make):
    organization = await make.organization()
    assert await api.tokens.list_tokens(organization_id=organization["id"]) == {
        "tokens": [],
        "total_count": 0,
        "next_page_token": "",
        "prev_page_token": "",
    }


async def test_only_live_tokens_are_listed(api, make, make_token, set_status, expire):
    organization = await make.organization()
    resting, active = await make.user(organization["id"]), await make.user(organization["id"])
    live = await make_token(organization["id"], custom_claims={"a": "1"})
    of_active = await make_token(organization["id"], user_id=active["id"])
    invalidated = await make_token(organization["id"])
    expired = await make_token(organization["id"])
    await make_token(organization["id"], user_id=resting["id"])
    await api.tokens.invalidate_token(token=invalidated["token"])
    await expire(expired["token_id"], now())
    await set_status(resting["id"], "INACTIVE")
    page = await api.tokens.list_tokens(organization_id=organization["id"])
    assert page["total_count"] == 2
    assert page["tokens"] == [
        (await api.tokens.validate_token(token=token["token"]))["token_info"]
        for token in (of_active, live)
    ]


async def test_one_member_s_tokens(api, make, make_token):
    organization, other = await make.organization(), await make.organization()
    user = await make.user(organization["id"])
    await api.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    theirs = await make_token(organization["id"], user_id=user["id"])
    await make_token(organization["id"])
    elsewhere = await make_token(other["id"], user_id=user["id"])
    for organization_id, token in ((organization["id"], theirs), (other["id"], elsewhere)):
        page = await api.tokens.list_tokens(organization_id=organization_id, user_id=user["id"])
        assert ids(page) == [token["token_id"]]
        assert page["total_count"] == 1
    stranger = await make.user()
    page = await api.tokens.list_tokens(organization_id=organization["id"], user_id=stranger["id"])
    assert (page["tokens"], page["total_count"]) == ([], 0)


async def test_what_a_list_is_asked_for_has_rules(api, make, make_token):
    organization, other = await make.organization(), await make.organization()
    user = await make.user(organization["id"])
    await asyncio.gather(*(make_token(organization["id"]) for _ in range(12)))
    assert len(ids(await api.tokens.list_tokens(organization_id=organization["id"]))) == 10
    for size in (-1, 31):
        with refused("INVALID_ARGUMENT", "page_size"):
            await api.tokens.list_tokens(organization_id=organization["id"], page_size=size)
    with refused("NOT_FOUND", says="organization not found"):
        await api.tokens.list_tokens(organization_id="org_1234567890123456789")
    for organization_id in ("", "acme", "org_" + "1" * 40):
        with refused("INVALID_ARGUMENT", "organization_id"):
            await api.tokens.list_tokens(organization_id=organization_id)
    token = (await api.tokens.list_tokens(organization_id=organization["id"]))["next_page_token"]
    for request in (
        {"organization_id": other["id"], "page_token": token},
        {"organization_id": organization["id"], "user_id": user["id"], "page_token": token},
        {"organization_id": organization["id"], "page_token": token[:-2] + "AA"},
        {"organization_id": organization["id"], "page_token": "1"},
    ):
        with refused("INVALID_ARGUMENT", "page_token"):
            await api.tokens.list_tokens(**request)
