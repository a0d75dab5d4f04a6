"""Branding: free settings of the organization's own, or those of the deployment."""

from __future__ import annotations

import json

import pytest
from apis import moment, refused
from protobuf import Oneof
from protobuf.wkt import Struct, Value

from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    BrandingSource,
    UpdateOrganizationBrandingRequest,
)

CUSTOM, ENVIRONMENT = "BRANDING_SOURCE_CUSTOM", "BRANDING_SOURCE_ENVIRONMENT"
SETTINGS = {
    "logo": "https://acme.example/logo.svg",
    "radius": 4,
    "dark": True,
    "none": None,
    "colours": ["#fff", {"accent": "#08f"}],
}


async def brand(api, organization, **branding: object):
    """Set it, check that it reads back equal, and return it."""
    answer = await api.organizations.update_organization_branding(
        organization_id=organization["id"], **branding
    )
    read = await api.organizations.get_organization_branding(organization_id=organization["id"])
    assert read == answer
    return answer["branding"]


async def test_a_new_organization_has_the_deployments(api, make):
    made = await make.organization()
    answer = await api.organizations.get_organization_branding(organization_id=made["id"])
    assert answer == {"branding": {"source": ENVIRONMENT}}


async def test_settings_of_any_shape_come_back_equal(api, make):
    made = await make.organization()
    branding = await brand(api, made, source=CUSTOM, customization_settings=SETTINGS)
    assert branding["source"] == CUSTOM
    assert branding["customization_settings"] == SETTINGS
    assert moment(branding["update_time"]) > moment(made["update_time"])


async def test_the_source_alone_keeps_the_settings(api, make):
    made = await make.organization()
    first = await brand(api, made, source=CUSTOM, customization_settings=SETTINGS)
    second = await brand(api, made, source=ENVIRONMENT)
    assert second["source"] == ENVIRONMENT
    assert second["customization_settings"] == SETTINGS
    assert moment(second["update_time"]) > moment(first["update_time"])


async def test_settings_replace_the_whole(api, make):
    made = await make.organization()
    await brand(api, made, source=CUSTOM, customization_settings=SETTINGS)
    branding = await brand(api, made, source=CUSTOM, customization_settings={"dark": False})
    assert branding["customization_settings"] == {"dark": False}


@pytest.mark.parametrize("source", [{}, {"source": 0}, {"source": 7}])
async def test_a_source_is_needed(api, make, source):
    with refused("INVALID_ARGUMENT", "source"):
        await brand(api, await make.organization(), **source)


async def test_settings_are_at_most_32_kilobytes(api, make):
    made = await make.organization()
    await brand(api, made, source=CUSTOM, customization_settings={"css": "x" * 32_000})
    with refused("INVALID_ARGUMENT", "customization_settings"):
        await brand(api, made, source=CUSTOM, customization_settings={"css": "x" * 33_000})


@pytest.mark.parametrize("depth", [20, 40])
async def test_settings_may_nest(api, make, depth):
    nested = json.loads('{"a":' * depth + "1" + "}" * depth)
    made = await make.organization()
    branding = await brand(api, made, source=CUSTOM, customization_settings=nested)
    assert branding["customization_settings"] == nested


@pytest.mark.wires("grpc")
@pytest.mark.parametrize(
    "value",
    [
        Value(kind=Oneof("number_value", float("nan"))),
        Value(kind=Oneof("number_value", float("inf"))),
        Value(),
    ],
)
async def test_what_json_cannot_say_is_refused(api, make, value):
    made = await make.organization()
    message = UpdateOrganizationBrandingRequest(
        organization_id=made["id"],
        source=BrandingSource.CUSTOM,
        customization_settings=Struct(fields={"radius": value}),
    )
    method = api.organizations.methods["update_organization_branding"]
    with refused("INVALID_ARGUMENT", "customization_settings"):
        await api.wire.send(method, message.to_binary(), api.headers)
