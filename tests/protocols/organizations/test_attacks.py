"""Bodies made to break a server: each is refused by name, and the server goes on."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest
from apis import refused, unique
from wires import Text, path_of

from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb

pytestmark = pytest.mark.process

JSON = ("rest", "connect")
LONG = 100_000


@pytest.fixture(autouse=True)
async def _goes_on(server, rest):
    """After each of these the same process still answers."""
    yield
    assert server.process.poll() is None
    assert (await rest.organizations.list_organization(page_size=1))["total_size"] >= 0


async def create(api, **members: object):
    return await api.organizations.create_organization(
        organization={"display_name": "Acme", **members}
    )


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize(
    "field",
    [
        *("id", "create_time", "update_time", "settings", "revision", "environment_id"),
        *("features", "max_allowed_users", "organization_id", "session_policy", "createTime"),
        *("__proto__", "constructor", "deleted_at"),
    ],
)
async def test_what_the_server_sets_cannot_be_given(api, make, field):
    with refused("INVALID_ARGUMENT") as it:
        await create(api, **{field: "2020-01-01T00:00:00Z"})
    assert [path.rpartition(".")[2] for path in it.value.fields] == [field]
    made = await make.organization()
    for forbidden in (field, "region_code"):
        with refused("INVALID_ARGUMENT") as it:
            await api.organizations.update_organization(
                id=made["id"], organization={"display_name": "Umbrella", forbidden: "EU"}
            )
        assert [path.rpartition(".")[2] for path in it.value.fields] == [forbidden]
    read = await api.organizations.get_organization(id=made["id"])
    assert read["organization"] == made


@pytest.mark.wires("grpc")
async def test_field_numbers_of_what_the_server_sets_have_no_effect(api, make):
    made = await make.organization()
    forged = pb.Organization.from_json(
        json.dumps(
            {
                "id": "org_1",
                "create_time": "2020-01-01T00:00:00Z",
                "region_code": "EU",
                "display_name": "Umbrella",
                "settings": {"features": [{"name": "dir_sync", "enabled": True}]},
            }
        )
    )
    request = pb.UpdateOrganizationRequest.from_json(json.dumps({"id": made["id"]}))
    inner = forged.to_binary()
    tag = bytes([3 << 3 | 2, len(inner)])
    method = api.organizations.methods["update_organization"]
    answer = await api.wire.send(method, request.to_binary() + tag + inner, api.headers)
    changed = {"display_name": "Umbrella", "update_time": answer["organization"]["update_time"]}
    assert answer["organization"] == made | changed


@pytest.mark.wires("rest")
async def test_what_the_server_sets_cannot_be_given_in_a_query(http, api, make):
    made = await make.organization()
    for query in ("region_code=EU", "organization.region_code=EU", "create_time=x"):
        answer = await http.patch(
            f"/api/v1/organizations/{made['id']}?{query}",
            json={"display_name": "Umbrella"},
            headers=dict(api.headers),
        )
        assert answer.status_code == 400, query
    assert (await api.organizations.get_organization(id=made["id"]))["organization"] == made


@pytest.mark.wires("rest")
async def test_an_id_in_body_or_query_may_not_differ_from_the_path(http, api, make):
    mine, other = await make.organization(), await make.organization()
    headers = dict(api.headers)
    path = f"/api/v1/organizations/{mine['id']}"
    in_body = {"organization_id": other["id"]}
    answers = [
        await http.patch(
            f"{path}/session-policy",
            json={"policy_source": "APPLICATION", **in_body},
            headers=headers,
        ),
        await http.patch(
            f"{path}/settings/usermanagement",
            json={"settings": {"max_allowed_users": 1}, **in_body},
            headers=headers,
        ),
        await http.put(
            f"{path}/portal_customizations",
            json={"source": "BRANDING_SOURCE_CUSTOM", "organizationId": other["id"]},
            headers=headers,
        ),
        await http.patch(f"{path}?id={other['id']}", json={"display_name": "X"}, headers=headers),
        await http.get(f"{path}?id={other['id']}", headers=headers),
        await http.get(f"{path}?external_id=x", headers=headers),
        await http.delete(f"{path}?id={other['id']}", headers=headers),
        await http.put(f"{path}/portal_links?id={other['id']}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [400] * len(answers)
    for organization in (mine, other):
        read = await api.organizations.get_organization(id=organization["id"])
        assert read["organization"] == organization


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
async def test_json_may_nest_100_000_levels_deep(api, opened, closed):
    for text in (opened * LONG, opened * LONG + "1" + closed * LONG, closed * LONG):
        with refused("INVALID_ARGUMENT"):
            await api.organizations.create_organization(organization=Text(text))


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize("depth", [60, 64, 100, LONG])
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
async def test_free_settings_may_nest_too_deep(api, make, depth, opened, closed):
    made = await make.organization()
    with refused("INVALID_ARGUMENT"):
        await api.organizations.update_organization_branding(
            organization_id=made["id"],
            source=2,
            customization_settings={"a": Text(opened * depth + "1" + closed * depth)},
        )


@pytest.mark.wires("grpc")
@pytest.mark.parametrize("depth", [60, 1000, 80_000])
async def test_binary_may_nest_too_deep(api, make, depth):
    made = await make.organization()
    request = pb.UpdateOrganizationBrandingRequest.from_json(
        json.dumps({"organization_id": made["id"], "source": 2})
    )
    with refused("INVALID_ARGUMENT"):
        await api.wire.send(
            api.organizations.methods["update_organization_branding"],
            request.to_binary() + nested_settings(depth),
            api.headers,
        )


def nested_settings(depth):
    """customization_settings whose member `a` is a list in a list in a list ... as bytes."""
    # A Value that is true, wrapped from the inside out; the lengths are known, so in one pass.
    parts, length = [b"\x20\x01"], 2
    for _ in range(depth):
        for tag in (b"\x0a", b"\x32"):  # ListValue.values, Value.list_value
            head = tag + varint(length)
            parts.append(head)
            length += len(head)
    value = b"".join(reversed(parts))
    entry = b"\x0a\x01a" + b"\x12" + varint(len(value)) + value
    struct = b"\x0a" + varint(len(entry)) + entry
    return b"\x1a" + varint(len(struct)) + struct


def varint(number):
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


@pytest.mark.wires("rest", "connect", "grpc")
@pytest.mark.parametrize("pairs", [11, 100, 10_000])
async def test_metadata_may_have_far_too_many_pairs(api, pairs):
    with refused("INVALID_ARGUMENT") as it:
        await create(api, metadata={f"ключ {n}": "x" for n in range(pairs)})
    # Far too large a request is refused before anything is looked at.
    assert pairs == 10_000 or it.value.spelled("organization.metadata") in it.value.fields


@pytest.mark.wires("rest", "connect", "grpc")
@pytest.mark.parametrize("pairs", [10, 30, 1000])
async def test_every_pair_of_metadata_may_break_every_rule(api, pairs):
    with refused("INVALID_ARGUMENT") as it:
        await create(api, metadata={"é" * 60 + str(n): "" for n in range(pairs)})
    # An error over gRPC travels in headers, of which clients take 8 KiB.
    assert len(it.value.message) < 2000
    assert any("metadata" in field for field in it.value.fields), it.value.fields


async def test_a_body_over_a_megabyte_is_refused(api):
    with refused("RESOURCE_EXHAUSTED", error_code="PAYLOAD_TOO_LARGE"):
        await create(api, metadata={"key": "x" * (1 << 20)})


@pytest.mark.wires("rest")
async def test_a_million_pairs_of_metadata_are_not_read(api, http):
    pairs = ",".join([f'"{n}":""' for n in range(1_000_000)])
    body = f'{{"display_name":"Acme","metadata":{{{pairs}}}}}'
    try:
        answer = await http.post("/api/v1/organizations", content=body, headers=dict(api.headers))
    except (httpx.ReadError, httpx.WriteError):
        return  # answered and closed before all was sent
    assert answer.status_code == 413


@pytest.mark.wires("connect")
async def test_a_small_body_may_unpack_to_300_megabytes(api, http):
    packed = gzip.compress(b'{"organization":{"display_name":"' + b"a" * (300 << 20))
    answer = await http.post(
        path_of(api.organizations.methods["create_organization"]),
        content=packed,
        headers={
            **dict(api.headers),
            "content-type": "application/json",
            "content-encoding": "gzip",
        },
    )
    assert answer.status_code == 429
    assert answer.json()["code"] == "resource_exhausted"


@pytest.mark.wires(*JSON)
async def test_of_a_key_that_comes_twice_the_last_counts(api):
    external_id = unique()
    with refused("INVALID_ARGUMENT", "organization.display_name"):
        await api.organizations.create_organization(
            organization=Text('{"display_name":"Acme","display_name":""}')
        )
    answer = await api.organizations.create_organization(
        organization=Text(f'{{"externalId":"x","display_name":"A","external_id":"{external_id}"}}')
    )
    assert answer["organization"]["external_id"] == external_id


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize("text", [r'"\ud800"', r'"\udc00\ud800"', r'"a\ud83db"', r'"\ude00"'])
async def test_half_a_surrogate_pair_is_no_text(api, text):
    with refused("INVALID_ARGUMENT"):
        await create(api, display_name=Text(text))
    with refused("INVALID_ARGUMENT"):
        await create(api, metadata=Text(f'{{{text}:"x"}}'))


@pytest.mark.wires(*JSON)
async def test_a_surrogate_pair_is_one_character(api):
    answer = await create(api, display_name=Text(r'"\ud83d\ude00"'))
    assert answer["organization"]["display_name"] == "😀"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"display_name": "a\x00b"}, "organization.display_name"),
        ({"external_id": "a\x00b"}, "organization.external_id"),
        ({"metadata": {"key": "a\x00b"}}, 'organization.metadata["key"]'),
        ({"metadata": {"a\x00b": "x"}}, "organization.metadata (a key)"),
    ],
)
async def test_a_nul_is_refused(api, members, field):
    with refused("INVALID_ARGUMENT", field, says="NUL"):
        await create(api, **members)


async def test_a_nul_is_refused_where_it_only_leads_to_something(api):
    with refused("INVALID_ARGUMENT", says="NUL"):
        await api.organizations.get_organization_by_external_id(external_id="a\x00b")
    with refused("INVALID_ARGUMENT", "query", says="NUL"):
        await api.organizations.search_organization(query="abc\x00def")
    with refused("INVALID_ARGUMENT", "external_id", says="NUL"):
        await api.organizations.list_organization(external_id="a\x00b")


async def test_a_nul_deep_in_free_settings_is_refused(api, make):
    made = await make.organization()
    for settings in ({"a": [{"b": "\x00"}]}, {"a": {"\x00": 1}}):
        with refused("INVALID_ARGUMENT", says="NUL"):
            await api.organizations.update_organization_branding(
                organization_id=made["id"], source=2, customization_settings=settings
            )


@pytest.mark.wires("rest")
async def test_a_nul_in_a_metadata_filter_is_refused(api):
    for name, value in [("metadata.key", "a\x00b"), ("metadata.a\x00b", "x")]:
        with refused("INVALID_ARGUMENT"):
            await api.organizations.list_organization(**{name: value})


@pytest.mark.wires("connect")
async def test_a_nul_in_a_packed_body_is_refused(api, http):
    request = json.dumps({"organization": {"display_name": "a\x00b"}})
    answer = await http.post(
        path_of(api.organizations.methods["create_organization"]),
        content=gzip.compress(request.encode()),
        headers={
            **dict(api.headers),
            "content-type": "application/json",
            "content-encoding": "gzip",
        },
    )
    assert answer.status_code == 400
    assert "NUL" in answer.json()["message"]


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "0x10", "01"])
async def test_free_settings_hold_no_number_that_json_lacks(api, make, number):
    made = await make.organization()
    with refused("INVALID_ARGUMENT"):
        await api.organizations.update_organization_branding(
            organization_id=made["id"],
            source=2,
            customization_settings={"radius": Text(number)},
        )


async def test_line_ends_stay_text(api):
    text = "a\r\nset-cookie: evil=1\r\n\r\n<script>"
    answer = await create(api, display_name=text, metadata={"key": text}, external_id=unique(text))
    assert answer["organization"]["display_name"] == text
    assert "set-cookie" not in answer.headers
    with refused("INVALID_ARGUMENT", "external_id") as it:
        await create(api, external_id=answer["organization"]["external_id"])
    assert "\n" not in it.value.message
    assert "set-cookie" not in it.value.headers


@pytest.mark.wires(*JSON)
@pytest.mark.parametrize(
    "text", ["", "1", '"x"', "[]", "{", "{}}", "{'display_name':'x'}", "\ufeff{}", '{"a":1}{}']
)
async def test_what_is_no_object_is_refused(api, text):
    with refused("INVALID_ARGUMENT"):
        await api.organizations.create_organization(organization=Text(text))


@pytest.mark.wires("grpc")
@pytest.mark.parametrize("message", [b"\xff", b"\x0a\xff", b"\x0a\x04\x22\x02\xff\xfe", b"\x0b"])
async def test_what_is_no_message_is_refused(api, message):
    with refused("INVALID_ARGUMENT"):
        await api.wire.send(api.organizations.methods["create_organization"], message, api.headers)


@pytest.mark.wires("rest")
async def test_the_verb_and_the_host_are_those_of_the_request(api, http, make, server):
    made = await make.organization()
    path = f"/api/v1/organizations/{made['id']}"
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        answer = await http.post(path, headers={**dict(api.headers), name: "DELETE"})
        assert answer.status_code == 405
        answer = await http.get(path, headers={**dict(api.headers), name: "DELETE"})
        assert answer.json()["organization"] == made
    answer = await http.put(
        f"{path}/portal_links",
        headers={
            **dict(api.headers),
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "http",
            "forwarded": "host=evil.example",
            "x-original-url": "/evil",
        },
    )
    assert answer.json()["link"]["location"].startswith(f"{server.url}/")
