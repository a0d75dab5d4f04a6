"""The product's metadata: people and the portal see of it what a setting names, at most."""

from __future__ import annotations

import pytest
from apis import Api
from protobuf import DescFieldValueList, DescFieldValueMap, DescFieldValueMessage, DescMessage
from served import SERVICES

from tenantry.api import field_visibility
from tenantry.core.caller import Caller, Kind
from tenantry.gen.scalekit.v1.commons.commons_pb import OrganizationMembership
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.users import users_pb

METADATA = {"stripe_customer": "cus_1", "plan": "gold"}
READS = frozenset({"organizations_read"})


def answer():
    """Metadata wherever an answer has some."""
    return users_pb.ListUsersResponse(
        users=[
            users_pb.User(
                id="usr_1",
                metadata=METADATA,
                memberships=[OrganizationMembership(organization_id="org_1", metadata=METADATA)],
            )
        ]
    )


OPERATORS = {Kind.MANAGEMENT_CLIENT, Kind.OPERATOR}


def told(message):
    (user,) = message.users
    (membership,) = user.memberships
    return dict(user.metadata), dict(membership.metadata)


@pytest.mark.parametrize("kind", Kind)
def test_the_operator_s_own_alone_see_all_metadata(kind):
    seen = field_visibility.sees_all(Caller(kind, "one", "org_1", READS))
    assert seen == (kind in OPERATORS)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in OPERATORS])
def test_others_see_the_keys_that_the_product_names_where_they_may_read_settings(kind):
    for permissions, keys, seen in (
        (READS, (), {}),
        (READS, ("plan", "region"), {"plan": "gold"}),
        (frozenset(), ("plan",), {}),
        (None, ("plan",), {}),
    ):
        message = answer()
        field_visibility.hide(message, Caller(kind, "one", "org_1", permissions), keys)
        assert told(message) == (seen, seen)


def test_what_is_hidden_from_an_answer_is_not_lost_where_it_came_from():
    kept = dict(METADATA)
    message = organizations_pb.GetOrganizationResponse(
        organization=organizations_pb.Organization(id="org_1", metadata=kept)
    )
    field_visibility.hide(message, Caller(Kind.PORTAL_SESSION, "one", "org_1", READS), ())
    assert message.organization.metadata == {}
    assert kept == METADATA


def test_every_metadata_of_an_answer_is_one_that_is_looked_for():
    """By its name and as a map, whatever message it is in."""
    waiting = [method.output for service in SERVICES for method in service.methods]
    seen, found = set(), 0
    while waiting:
        message = waiting.pop()
        if message.type_name in seen or message.type_name.startswith("google."):
            continue
        seen.add(message.type_name)
        for field in message.fields:
            if field.name == "metadata":
                assert isinstance(field.value, DescFieldValueMap), field
                found += 1
            else:
                # That of a resource is a document about the resource (RFC 9728).
                named = field.name.endswith("metadata")
                assert not named or field.name == "protected_metadata", field
            if isinstance(field.value, DescFieldValueMessage):
                waiting.append(field.value.message)
            elif isinstance(field.value, DescFieldValueList) and isinstance(
                field.value.element, DescMessage
            ):
                waiting.append(field.value.element)
    assert found >= 4


@pytest.mark.parametrize("role", ["member", "admin"])
async def test_nobody_in_an_organization_reads_its_metadata_by_default(wire, rest, by_cookie, role):
    api, organization_id = await by_cookie(wire, role)
    await rest.organizations.update_organization(
        id=organization_id, organization={"metadata": METADATA}
    )
    read = (await api.organizations.get_organization(id=organization_id))["organization"]
    assert read["id"] == organization_id
    assert not read.get("metadata")
    user = (await api.users.get_current_user())["user"]
    await rest.users.update_user(id=user["id"], user={"metadata": METADATA})
    await rest.users.update_membership(
        organization_id=organization_id, id=user["id"], membership={"metadata": METADATA}
    )
    user = (await api.users.get_current_user())["user"]
    assert not user.get("metadata")
    assert not user["memberships"][0].get("metadata")
    if role == "admin":
        written = await api.organizations.update_organization(
            id=organization_id, organization={"display_name": "New"}
        )
        assert not written["organization"].get("metadata")
    kept = (await rest.organizations.get_organization(id=organization_id))["organization"]
    assert kept["metadata"] == METADATA


async def test_nor_does_the_admin_portal(wire, http, make):
    made = await make.organization(metadata=METADATA)
    cookie = await make.portal_session(http, made["id"])
    read = await Api(wire).sending(cookie=cookie).organizations.get_organization(id=made["id"])
    assert read["organization"]["id"] == made["id"]
    assert not read["organization"].get("metadata")
