"""Creating organizations: the answer, optional members, refusals."""

from __future__ import annotations

import asyncio

import pytest
from apis import moment, refused, unique
from wires import ApiError

from tenantry.core import ids


async def create(api, **members: object):
    answer = await api.organizations.create_organization(organization=members)
    return answer["organization"]


@pytest.mark.everywhere
async def test_everything_that_was_given_is_echoed(api):
    given = {
        "display_name": "Acme Corp",
        "external_id": unique(),
        "metadata": {"plan": "enterprise", "seats": "20"},
        "slug": unique(),
        "logo_url": "https://acme.example/logo.png",
        "region_code": "US",
    }
    organization = await create(api, **given)
    assert given.items() <= organization.items()


async def test_a_name_is_enough(api):
    organization = await create(api, display_name="Acme")
    assert ids.well_formed("org_", organization["id"])
    assert organization["create_time"] == organization["update_time"]
    assert organization["metadata"] == {}
    assert organization["region_code"] == "US"
    assert not {"external_id", "slug", "logo_url"} & organization.keys()


async def test_many_organizations_have_no_external_id(api):
    made = [await create(api, display_name="Acme") for _ in range(3)]
    assert len({organization["id"] for organization in made}) == 3


async def test_only_single_sign_on_is_on_at_first(api):
    organization = await create(api, display_name="Acme")
    assert organization["settings"]["features"] == [
        {"name": "sso", "enabled": True},
        {"name": "dir_sync", "enabled": False},
        {"name": "domain_verification", "enabled": False},
        {"name": "session_policy", "enabled": False},
    ]


async def test_ids_grow_with_time(api):
    made = [await create(api, display_name="Acme") for _ in range(3)]
    assert sorted(made, key=lambda organization: organization["id"]) == made
    assert sorted(made, key=lambda organization: moment(organization["create_time"])) == made


@pytest.mark.parametrize(
    "name", ["x", "x" * 200, "é" * 200, "😀", "  ", "a\r\nSet-Cookie: b", '<">']
)
async def test_a_name_is_any_text_of_1_to_200_characters(api, name):
    assert (await create(api, display_name=name))["display_name"] == name


@pytest.mark.parametrize("name", ["", "x" * 201])
async def test_a_name_is_refused_when_it_is_empty_or_longer(api, name):
    with refused("INVALID_ARGUMENT", "organization.display_name"):
        await create(api, display_name=name)


async def test_an_absent_name_is_refused(api):
    with refused("INVALID_ARGUMENT", "organization.display_name"):
        await create(api, external_id=unique())


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_an_absent_organization_is_refused(api):
    with refused("INVALID_ARGUMENT", "organization"):
        await api.organizations.create_organization()


async def test_an_external_id_takes_255_characters(api):
    external_id = unique("é").ljust(255, "é")
    assert (await create(api, display_name="Acme", external_id=external_id))["id"]
    with refused("INVALID_ARGUMENT", "organization.external_id"):
        await create(api, display_name="Acme", external_id="x" * 256)


async def test_an_empty_external_id_is_none(api):
    assert "external_id" not in await create(api, display_name="Acme", external_id="")


@pytest.mark.parametrize("member", ["external_id", "slug"])
async def test_what_another_organization_has_is_a_duplicate(api, member):
    taken = unique()
    await create(api, display_name="Acme", **{member: taken})
    with refused(
        "INVALID_ARGUMENT", member, says="duplicate key not allowed.*already exists"
    ) as it:
        await create(api, display_name="Umbrella", **{member: taken})
    assert member in it.value.message


@pytest.mark.parametrize(
    "slug", ["a", "acme-1", "0", "auth.example.com", "x" * 63, ".".join(["a" * 62] * 4) + ".b"]
)
async def test_a_slug_is_one_label_or_a_host_name(api, slug):
    organization = await create(api, display_name="Acme", slug=slug)
    assert organization["slug"] == slug
    await api.organizations.delete_organization(id=organization["id"])


@pytest.mark.parametrize(
    "slug",
    [
        *("Acme", "-acme", "acme-", "ac me", "acme_1", "acmé", "a..b", ".a", "a."),
        *("", "acme\n", "x" * 64, "/acme", "acme:443", ".".join(["a" * 62] * 4) + ".bc"),
    ],
)
async def test_a_slug_of_any_other_form_is_refused(api, slug):
    with refused("INVALID_ARGUMENT", "organization.slug"):
        await create(api, display_name="Acme", slug=slug)


@pytest.mark.parametrize(
    "logo_url",
    [
        "http://acme.example/logo.png",
        "javascript:alert(1)",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "//acme.example/logo.png",
        "HTTPS",
        "https://",
        "https:///logo.png",
        "https://acme.example/logo.png\r\nX-Evil: 1",
        "https://acme.example/lo go.png",
        "https://acme.example/" + "x" * 1024,
    ],
)
async def test_a_logo_is_at_an_https_url(api, logo_url):
    with refused("INVALID_ARGUMENT", "organization.logo_url"):
        await create(api, display_name="Acme", logo_url=logo_url)


async def test_the_region_is_that_of_the_deployment(api):
    with refused("INVALID_ARGUMENT", "organization.region_code", says="US"):
        await create(api, display_name="Acme", region_code="EU")
    organization = await create(api, display_name="Acme", region_code="REGION_CODE_UNSPECIFIED")
    assert organization["region_code"] == "US"


async def test_metadata_holds_10_pairs(api):
    ten = {f"key-{n}": "x" for n in range(10)}
    assert (await create(api, display_name="Acme", metadata=ten))["metadata"] == ten
    with refused("INVALID_ARGUMENT", "organization.metadata"):
        await create(api, display_name="Acme", metadata=ten | {"one more": "x"})


@pytest.mark.parametrize(
    ("key", "value"), [("k" * 3, "v"), ("k" * 25, "v" * 256), ("ключ", "é" * 256), ("a.b", '"%_\\')]
)
async def test_keys_have_3_to_25_characters_and_values_1_to_256(api, key, value):
    metadata = {key: value}
    assert (await create(api, display_name="Acme", metadata=metadata))["metadata"] == metadata


@pytest.mark.parametrize(
    ("key", "value"), [("kk", "v"), ("k" * 26, "v"), ("key", ""), ("key", "v" * 257), ("", "v")]
)
async def test_other_keys_and_values_are_refused(api, key, value):
    with refused("INVALID_ARGUMENT", f'organization.metadata["{key}"]'):
        await create(api, display_name="Acme", metadata={key: value})


async def test_every_broken_rule_is_named_at_once(api):
    with refused("INVALID_ARGUMENT", "organization.display_name", "organization.slug") as it:
        await create(api, display_name="", slug="No Slug")
    name, slug = map(it.value.spelled, ("organization.display_name", "organization.slug"))
    assert it.value.violations[name].constraint == "string.min_len"
    assert "No Slug" in it.value.violations[slug].description


async def test_of_50_at_once_with_one_external_id_exactly_one_is_created(api, rest):
    external_id = unique()
    answers = await asyncio.gather(
        *(create(api, display_name="Acme", external_id=external_id) for _ in range(50)),
        return_exceptions=True,
    )
    (created,) = [answer for answer in answers if isinstance(answer, dict)]
    refusals = [answer for answer in answers if isinstance(answer, ApiError)]
    assert len(refusals) == 49
    assert {(problem.code, *problem.fields) for problem in refusals} == {
        ("INVALID_ARGUMENT", "external_id")
    }
    listed = await rest.organizations.list_organization(external_id=external_id)
    assert [organization["id"] for organization in listed["organizations"]] == [created["id"]]


@pytest.mark.wires("rest")
async def test_rest_answers_201_with_the_members_also_at_the_top(api, http):
    answer = await http.post(
        "/api/v1/organizations", json={"display_name": "Acme"}, headers=dict(api.headers)
    )
    assert answer.status_code == 201
    body = answer.json()
    organization = body.pop("organization")
    assert body == organization


@pytest.mark.wires("rest")
async def test_rest_reads_camel_case_too(api, http):
    external_id = unique()
    answer = await http.post(
        "/api/v1/organizations",
        json={"displayName": "Acme", "externalId": external_id},
        headers=dict(api.headers),
    )
    assert answer.json()["external_id"] == external_id
