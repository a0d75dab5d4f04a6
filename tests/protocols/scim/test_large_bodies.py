"""Bodies of up to 16 MiB: groups with tens of thousands of members by one request."""

from __future__ import annotations

import json

import pytest
from crowds import people
from providers import patch, says_error

from tenantry.net.http import MAX_BODY

MANY = 8000  # members whose list is larger than 1 MiB
LARGE = 16 << 20


def members(ids):
    base = "https://tenantry.example/directory/dir_123456789/scim/v2/Users"
    return [
        {"value": id_, "display": f"Person {id_[-5:]}", "$ref": f"{base}/{id_}", "type": "User"}
        for id_ in ids
    ]


def group(ids, name="Crowd"):
    text = json.dumps({"displayName": name, "members": members(ids)}).encode()
    assert len(text) > MAX_BODY
    return text


def values(answer):
    return [member["value"] for member in answer.json()["members"]]


async def check_groups(provider, number):
    ids = await people(provider, number)
    created = await provider("POST", "/Groups", group([*ids, "diruser_unknown"]))
    assert created.status_code == 201, created.text[:300]
    assert values(created) == ids
    path = f"/Groups/{created.json()['id']}"
    same = await provider("PUT", path, group(reversed(ids)))
    assert same.status_code == 200, same.text[:300]
    assert same.json()["meta"]["version"] == created.json()["meta"]["version"]
    fewer = await provider("PUT", path, group(ids[50:], "Fewer"))
    assert values(fewer) == ids[50:]
    back = await provider("PUT", path, group(ids))
    assert values(back) == ids


async def test_a_group_of_many_is_created_and_replaced(provider):
    await check_groups(provider, MANY)
    log = await provider.logged(5)
    created = next(one for one in log if one.method == "POST" and one.path == "/Groups")
    assert created.payload["displayName"] == "Crowd"
    assert len(created.payload["members"]) == 51
    assert list(created.skipped) == [{"member": "diruser_unknown", "reason": "unknown"}]


@pytest.mark.thorough
async def test_a_group_of_50_000_is_created_and_replaced(provider):
    await check_groups(provider, 50_000)


async def test_many_members_are_added_and_removed_by_patches(provider):
    ids = await people(provider, MANY)
    path = f"/Groups/{(await provider.create_group('Crowd'))['id']}"

    async def changed(*operations: dict[str, object]):
        body = json.dumps(patch(*operations)).encode()
        assert len(body) > MAX_BODY
        answer = await provider("PATCH", path, body)
        assert answer.status_code == 204, answer.text[:300]
        return await provider.members(path.rpartition("/")[2])

    given = members(ids)
    assert await changed({"op": "add", "path": "members", "value": given}) == ids
    assert await changed({"value": given[100:], "path": "members", "op": "Remove"}) == ids[:100]
    assert await changed({"op": "replace", "value": {"members": given[1:]}}) == ids[1:]
    left = await changed(
        {"op": "remove", "path": "members", "value": given[:200]},
        {"op": "add", "path": "members", "value": given[:100]},
        {"op": "add", "value": {"externalId": "x", "Members": given[:-100]}},
    )
    assert left == ids


@pytest.mark.parametrize("verb", ["POST", "PUT", "PATCH"])
async def test_more_than_16_mib_are_refused(provider, verb):
    path = "/Groups" if verb == "POST" else "/Groups/dirgroup_1"

    async def chunks():
        yield b'{"members":['
        for _ in range(17):
            yield (b'"' + b"u" * 1021 + b'",') * 1024

    answer = await provider(verb, path, bytes(LARGE + 1))
    assert says_error(answer, 413) == "the body is larger than 16 MiB"
    answer = await provider.http.request(
        verb,
        f"/directory/{provider.directory.id}/scim/v2{path}",
        content=chunks(),
        headers={"authorization": f"Bearer {provider.token}"},
    )
    assert says_error(answer, 413) == "the body is larger than 16 MiB"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("POST", "/Users"),
        ("PATCH", "/Users/diruser_1"),
        ("POST", "/Bulk"),
        ("POST", "/.search"),
        ("POST", "/Groups/.search"),
    ],
)
async def test_other_bodies_have_1_mib_at_most(provider, verb, path):
    answer = await provider(verb, path, b" " * (MAX_BODY + 1))
    assert says_error(answer, 413) == "the body is larger than 1 MiB"


async def test_more_members_than_a_request_may_have_are_refused(provider):
    sent = {"displayName": "a", "members": [{"value": f"u{n}"} for n in range(100_001)]}
    answer = await provider("POST", "/Groups", sent)
    detail = "A request can have at most 100000 members, but has 100001."
    assert says_error(answer, 413) == detail


@pytest.mark.parametrize(
    ("sent", "scim_type", "detail"),
    [
        (b"[%b]", "invalidSyntax", "The body must be a JSON object."),
        (b'{"members":[%b],}', "invalidSyntax", "The body is not valid JSON"),
        (b'{"members":[%b,"\\u0000"]}', "invalidValue", "contains a NUL"),
        (b'{"members":[%b' + b",[" * 70, "invalidSyntax", "nests deeper than 64 levels"),
        (b'{"a":[%b],"a":"' + b"a" * 300_000 + b'"}', "invalidSyntax", "256 KiB"),
        (b'{"a":[%b' + b",1" * 700_000 + b"]}", "invalidSyntax", "more than 600000 values"),
    ],
)
async def test_a_large_body_is_read_as_strictly(provider, sent, scim_type, detail):
    body = sent % b",".join([b'"' + b"u" * 100 + b'"'] * 12_000)
    answer = await provider("POST", "/Groups", body)
    assert detail in says_error(answer, 400, scim_type)
    answer = await provider("POST", "/Groups", body, content_type="text/plain")
    says_error(answer, 415)


@pytest.mark.parametrize("sent", ["", "Bearer " + "a" * 60])
async def test_a_large_body_without_a_valid_token_is_refused(provider, sent):
    answer = await provider("POST", "/Groups", bytes(LARGE), authorization=sent)
    says_error(answer, 401)
