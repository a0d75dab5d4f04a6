"""Reading one organization: by its id or by the application's own."""

from __future__ import annotations

import pytest
from apis import Api, refused, unique
from wires import WIRES


@pytest.mark.everywhere
async def test_both_ids_lead_to_equal_messages(api, make):
    made = await make.organization(
        external_id=unique(), metadata={"plan": "free"}, slug=unique(), logo_url="https://a.example"
    )
    by_id = await api.organizations.get_organization(id=made["id"])
    by_external_id = await api.organizations.get_organization_by_external_id(
        external_id=made["external_id"]
    )
    assert by_id["organization"] == made
    assert by_id == by_external_id
    assert by_id.etag == by_external_id.etag


async def test_every_wire_shows_the_same(wires, token, make):
    made = await make.organization(external_id=unique(), metadata={"plan": "free"})
    headers = (("authorization", f"Bearer {token}"),)
    shown = [
        await Api(wires[name], headers).organizations.get_organization(id=made["id"])
        for name in WIRES
    ]
    assert all(answer["organization"] == made for answer in shown)


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_the_oneof_takes_an_external_id(api, make):
    made = await make.organization(external_id=unique())
    answer = await api.organizations.get_organization(external_id=made["external_id"])
    assert answer["organization"] == made


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_one_of_the_ids_is_needed(api):
    with refused("INVALID_ARGUMENT", "id"):
        await api.organizations.get_organization()


@pytest.mark.wires("rest")
async def test_an_id_beside_an_external_id_is_refused(api, make):
    made = await make.organization(external_id=unique())
    with refused("INVALID_ARGUMENT", says="together"):
        await api.organizations.get_organization_by_external_id(
            external_id=made["external_id"], id=made["id"]
        )


async def test_an_id_of_more_than_32_characters_is_refused(api):
    with refused("INVALID_ARGUMENT", "id"):
        await api.organizations.get_organization(id="org_" + "1" * 29)


async def test_an_external_id_is_no_id(api, make):
    made = await make.organization(external_id=unique())
    with refused("NOT_FOUND"):
        await api.organizations.get_organization(id=made["external_id"])
    with refused("NOT_FOUND"):
        await api.organizations.get_organization_by_external_id(external_id=made["id"])


@pytest.mark.parametrize("text", ["a/b", "a b?c=d#e", "100%", "a+b", "é", "a%2Fb", ";", ":", "//a"])
async def test_an_external_id_may_be_any_text(api, make, text):
    made = await make.organization(external_id=unique() + text)
    answer = await api.organizations.get_organization_by_external_id(
        external_id=made["external_id"]
    )
    assert answer["organization"] == made


async def test_case_matters_in_an_external_id(api, make):
    made = await make.organization(external_id=unique("Acme"))
    with refused("NOT_FOUND"):
        await api.organizations.get_organization_by_external_id(
            external_id=made["external_id"].lower()
        )
