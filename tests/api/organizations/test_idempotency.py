"""Idempotency-Key: a creation that is sent again is made once, and answered alike."""

from __future__ import annotations

import asyncio

import pytest
from apis import refused, unique


def keyed(api, key):
    return api.sending(idempotency_key=key)


async def create(api, **members: object):
    return await api.organizations.create_organization(
        organization={"display_name": "Acme", **members}
    )


async def count(rest, external_id):
    listed = await rest.organizations.list_organization(external_id=external_id)
    return listed["total_size"]


async def test_it_is_the_first_answer_though_the_organization_has_changed(api):
    key = unique("key")
    first = await create(keyed(api, key))
    organization_id = first["organization"]["id"]
    await api.organizations.update_organization(
        id=organization_id, organization={"display_name": "Umbrella"}
    )
    assert await create(keyed(api, key)) == first
    await api.organizations.delete_organization(id=organization_id)
    assert await create(keyed(api, key)) == first


async def test_without_a_key_each_is_made(api):
    assert (await create(api)) != (await create(api))


async def test_other_keys_are_other_requests(api):
    assert await create(keyed(api, unique("key"))) != await create(keyed(api, unique("key")))


@pytest.mark.wires("rest", "connect", "grpc")
async def test_the_order_of_metadata_makes_no_other_request(api):
    key = unique("key")
    first = await create(keyed(api, key), metadata={"plan": "free", "seats": "5"})
    assert await create(keyed(api, key), metadata={"seats": "5", "plan": "free"}) == first


async def test_10_at_once_make_one_organization(api, rest):
    key, external_id = unique("key"), unique()
    answers = await asyncio.gather(
        *(create(keyed(api, key), external_id=external_id) for _ in range(10))
    )
    assert all(answer == answers[0] for answer in answers)
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 9
    assert await count(rest, external_id) == 1


async def test_a_refusal_is_not_kept(api, make):
    key, taken = unique("key"), unique()
    other = await make.organization(external_id=taken)
    with refused("INVALID_ARGUMENT", "external_id"):
        await create(keyed(api, key), external_id=taken)
    await api.organizations.delete_organization(id=other["id"])
    answer = await create(keyed(api, key), external_id=taken)
    assert answer["organization"]["external_id"] == taken
    assert "idempotent-replayed" not in answer.headers


async def test_after_a_refusal_the_key_is_free_for_another_body(api):
    key = unique("key")
    with refused("INVALID_ARGUMENT"):
        await create(keyed(api, key), slug="No Slug")
    assert (await create(keyed(api, key), slug=unique()))["organization"]["id"]


async def test_other_calls_do_not_look_at_it(api, make):
    key = unique("key")
    made = await make.organization()
    for name in ("Umbrella", "Wayne"):
        answer = await keyed(api, key).organizations.update_organization(
            id=made["id"], organization={"display_name": name}
        )
        assert answer["organization"]["display_name"] == name
