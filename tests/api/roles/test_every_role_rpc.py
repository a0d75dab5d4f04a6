"""Rules of all rpcs of RolesService: callers, ids, errors, routes."""

from __future__ import annotations

import pytest
from apis import Api, refused
from role_names import fresh

from tenantry.gen.scalekit.v1.roles import roles_pb

NOBODY = "nobody_has_this_name"
NOWHERE = "org_1234567890123456789"
PERMISSION = {"permission": {"name": NOBODY, "description": ""}}
CHANGE = {"role": {"display_name": "Changed"}}
# A request for each rpc, about an object that is not there.
REQUESTS = {
    "create_role": {"role": {"name": "admin", "display_name": "Admin"}},
    "update_role": {"role_name": NOBODY, **CHANGE},
    "get_role": {"role_name": NOBODY},
    "list_roles": {},
    "delete_role": {"role_name": NOBODY},
    "create_organization_role": {
        "org_id": NOWHERE,
        "role": {"name": NOBODY, "display_name": "Nobody"},
    },
    "update_organization_role": {"org_id": NOWHERE, "role_name": NOBODY, **CHANGE},
    "get_organization_role": {"org_id": NOWHERE, "role_name": NOBODY},
    "list_organization_roles": {"org_id": NOWHERE},
    "delete_organization_role": {"org_id": NOWHERE, "role_name": NOBODY},
    "get_role_users_count": {"role_name": NOBODY},
    "get_organization_role_users_count": {"org_id": NOWHERE, "role_name": NOBODY},
    "update_default_roles": {"default_creator_role": "admin"},
    "update_default_organization_roles": {"org_id": NOWHERE, "default_member_role": "member"},
    "list_dependent_roles": {"role_name": NOBODY},
    "delete_role_base": {"role_name": NOBODY},
    "delete_organization_role_base": {"org_id": NOWHERE, "role_name": NOBODY},
    "create_permission": PERMISSION,
    "get_permission": {"permission_name": NOBODY},
    "update_permission": {"permission_name": NOBODY, **PERMISSION},
    "list_permissions": {},
    "delete_permission": {"permission_name": NOBODY},
    "list_role_permissions": {"role_name": NOBODY},
    "add_permissions_to_role": {"role_name": NOBODY, "permission_names": ["a"]},
    "remove_permission_from_role": {"role_name": NOBODY, "permission_name": "a"},
    "list_effective_role_permissions": {"role_name": NOBODY},
}
OF_ROLE = [rpc for rpc, request in REQUESTS.items() if "role_name" in request]
OF_ORGANIZATION = [rpc for rpc, request in REQUESTS.items() if "org_id" in request]
OF_PERMISSION = [rpc for rpc, request in REQUESTS.items() if "permission_name" in request]
# The rpcs that the portal of an organization may read by.
OF_PORTAL = {"get_organization_role", "list_organization_roles"}


def ask(api, rpc, **members: object):
    return getattr(api.roles, rpc)(**{**REQUESTS[rpc], **members})


def test_no_rpc_is_missing_here(server):
    (service,) = roles_pb.desc().services
    assert len(REQUESTS) == len(service.methods) == 26


@pytest.mark.everywhere
async def test_a_caller_is_needed(api, subtests):
    for rpc in REQUESTS:
        with subtests.test(rpc), refused("UNAUTHENTICATED", says="^Token empty$"):
            await ask(api.sending(authorization=()), rpc)


async def test_what_is_not_there_is_not_found(api, subtests):
    for rpc in {*OF_ROLE, *OF_ORGANIZATION, *OF_PERMISSION}:
        with subtests.test(rpc), refused("NOT_FOUND", says="not found"):
            await ask(api, rpc)


async def test_a_role_that_an_organization_lacks_is_not_found_in_it(api, make, subtests):
    organization = await make.organization()
    other = await make.organization()
    foreign = await make.organization_role(other["id"])
    for rpc in {*OF_ROLE} & {*OF_ORGANIZATION}:
        for name in (NOBODY, foreign["name"]):
            with subtests.test(rpc), refused("NOT_FOUND", says="role not found"):
                await ask(api, rpc, org_id=organization["id"], role_name=name)


async def test_a_role_of_an_organization_is_none_of_the_environment(api, make, subtests):
    organization = await make.organization()
    own = await make.organization_role(organization["id"])
    for rpc in {*OF_ROLE} - {*OF_ORGANIZATION}:
        with subtests.test(rpc), refused("NOT_FOUND", says="role not found"):
            await ask(api, rpc, role_name=own["name"])


@pytest.mark.wires("rest", "grpc")
async def test_a_name_or_id_of_another_form_is_refused(api, subtests):
    for rpc in OF_ROLE:
        for name in ("no.body", "x" * 101, "näme"):
            with subtests.test(rpc), refused("INVALID_ARGUMENT", "role_name"):
                await ask(api, rpc, role_name=name)
    for rpc in OF_PERMISSION:
        for name in ("no.body", "x" * 65, "a b"):
            with subtests.test(rpc), refused("INVALID_ARGUMENT", "permission_name"):
                await ask(api, rpc, permission_name=name)
    for rpc in {*OF_ORGANIZATION} - {"get_organization_role_users_count"}:
        for id_ in ("acme", "ORG_1", "org_" + "1" * 29):
            with subtests.test(rpc), refused("INVALID_ARGUMENT", "org_id"):
                await ask(api, rpc, org_id=id_)


@pytest.mark.wires("connect", "grpc", "grpc-web")
async def test_an_empty_name_or_id_is_refused(api, subtests):
    for fields, rpcs in (
        ("role_name", OF_ROLE),
        ("permission_name", OF_PERMISSION),
        ("org_id", OF_ORGANIZATION),
    ):
        for rpc in rpcs:
            with subtests.test(rpc), refused("INVALID_ARGUMENT") as it:
                await ask(api, rpc, **{fields: ""})
            assert fields in it.value.fields


@pytest.mark.wires("rest")
async def test_rest_creates_with_201_and_answers_the_rest_with_200(api, make):
    organization = await make.organization()
    role, permission = fresh(), fresh("permission")
    of_role, of_permission = {"role_name": role}, {"permission_name": permission}
    of_organization = {"org_id": organization["id"], "role_name": (own := fresh())}
    answers = {
        "create_role": await ask(api, "create_role", role={"name": role, "display_name": "A"}),
        "create_organization_role": await ask(
            api,
            "create_organization_role",
            org_id=organization["id"],
            role={"name": own, "display_name": "A"},
        ),
        "create_permission": await ask(api, "create_permission", permission={"name": permission}),
        "update_role": await ask(api, "update_role", **of_role),
        "get_role": await ask(api, "get_role", **of_role),
        "add_permissions_to_role": await ask(
            api, "add_permissions_to_role", permission_names=[permission], **of_role
        ),
        "remove_permission_from_role": await ask(
            api, "remove_permission_from_role", **of_role, **of_permission
        ),
        "delete_organization_role": await ask(api, "delete_organization_role", **of_organization),
        "delete_role": await ask(api, "delete_role", **of_role),
        "delete_permission": await ask(api, "delete_permission", **of_permission),
    }
    for rpc, answer in answers.items():
        created = rpc.startswith("create_")
        assert answer.headers["status"] == ("201" if created else "200"), rpc


@pytest.fixture
async def portal(http, wires, make):
    """The API as the browser of an organization's portal calls it, and the organization."""
    organization = await make.organization()
    cookie = await make.portal_session(http, organization["id"])
    return Api(wires["rest"], (("cookie", cookie),)), organization


async def test_the_portal_reads_the_roles_of_its_organization_alone(portal, make, rest):
    api, organization = portal
    own = await make.organization_role(organization["id"], extends="member")
    foreign = await make.organization()
    secret = await make.organization_role(foreign["id"], extends="member")
    listed = (await api.roles.list_organization_roles(org_id=organization["id"]))["roles"]
    assert own in listed
    assert secret["name"] not in [role["name"] for role in listed]
    # Nor does a count tell what others have.
    (member,) = [role for role in listed if role["name"] == "member"]
    everywhere = (await rest.roles.get_role(role_name="member"))["role"]
    assert (member["dependent_roles_count"], everywhere["dependent_roles_count"] >= 2) == (1, True)
    found = await api.roles.get_organization_role(org_id=organization["id"], role_name=own["name"])
    assert found["role"] == own
    for rpc in OF_PORTAL:
        with refused("NOT_FOUND", says="organization not found"):
            await ask(api, rpc, org_id=foreign["id"])


async def test_the_portal_may_make_no_other_call(portal, subtests):
    api, organization = portal
    for rpc in REQUESTS.keys() - OF_PORTAL:
        members = {"org_id": organization["id"]} if rpc in OF_ORGANIZATION else {}
        with subtests.test(rpc), refused("PERMISSION_DENIED"):
            await ask(api, rpc, **members)
