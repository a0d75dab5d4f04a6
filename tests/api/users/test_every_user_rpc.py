"""Rules of all rpcs of UserService: callers, ids, errors, routes."""

from __future__ import annotations

import pytest
from apis import refused, unique
from members import address

from tenantry.gen.scalekit.v1.users import users_pb

ORGANIZATION = "org_1234567890123456789"
USER = "usr_1234567890123456789"
NOBODY = {"organization_id": ORGANIZATION, "user_id": USER}
MEMBER = {"organization_id": ORGANIZATION, "id": USER}
# A request for each rpc that breaks no rule; nobody has these ids.
REQUESTS = {
    "get_user": {"id": USER},
    "list_users": {},
    "search_users": {"query": "ada"},
    "search_organization_users": {"organization_id": ORGANIZATION, "query": "ada"},
    "update_user": {"id": USER, "user": {}},
    "delete_user": {"id": USER},
    "create_membership": {**MEMBER, "membership": {}},
    "delete_membership": MEMBER,
    "update_membership": {**MEMBER, "membership": {}},
    "create_user_and_membership": {
        "organization_id": ORGANIZATION,
        "user": {"email": "ada@example.com"},
    },
    "list_organization_users": {"organization_id": ORGANIZATION},
    "resend_invite": MEMBER,
    "list_user_roles": NOBODY,
    "assign_user_roles": {**NOBODY, "roles": [{"role_name": "member"}]},
    "remove_user_role": {**NOBODY, "role_name": "member"},
    "list_user_permissions": NOBODY,
    "get_current_user": {},
    "get_support_hash": {},
}
OF_SESSIONS = {"get_current_user", "get_support_hash"}
OF_NOBODY = REQUESTS.keys() - OF_SESSIONS - {"list_users", "search_users"}


def call(api, rpc, **changes: object):
    return getattr(api.users, rpc)(**{**REQUESTS[rpc], **changes})


def test_no_rpc_is_missing_here(server):
    (service,) = users_pb.desc().services
    assert len(REQUESTS) == len(service.methods) == 18


@pytest.mark.everywhere
async def test_a_caller_is_needed(api, subtests):
    for rpc in REQUESTS:
        with subtests.test(rpc), refused("UNAUTHENTICATED", says="^Token empty$"):
            await call(api.sending(authorization=()), rpc)


async def test_what_is_unknown_is_not_found(api, subtests):
    for rpc in OF_NOBODY:
        with subtests.test(rpc), refused("NOT_FOUND", says="not found"):
            await call(api, rpc)


async def test_ids_of_another_kind_are_refused(api, subtests):
    for rpc in OF_NOBODY - {"create_user_and_membership"}:
        for field, value in (("organization_id", "acme"), ("user_id", "ada"), ("id", "ada" * 7)):
            if field in REQUESTS[rpc]:
                with subtests.test(rpc), refused("INVALID_ARGUMENT", field):
                    await call(api, rpc, **{field: value})


async def test_a_program_is_no_current_user(api):
    with refused("PERMISSION_DENIED"):
        await api.users.get_current_user()
    with refused("PERMISSION_DENIED", says="only signed-in users"):
        await api.users.get_support_hash()


async def test_a_portal_session_may_do_nothing_here(api, make, http, subtests):
    organization = await make.organization()
    cookie = await make.portal_session(http, organization["id"])
    visitor = api.sending(authorization=(), cookie=cookie)
    for rpc in REQUESTS:
        with subtests.test(rpc), refused("PERMISSION_DENIED"):
            await call(visitor, rpc)


@pytest.mark.wires("rest")
async def test_rest_creates_with_201_and_answers_the_rest_with_200(api, make):
    organization, other = await make.organization(), await make.organization()
    answer = await api.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": address(), "external_id": unique()}
    )
    assert answer.headers["status"] == "201"
    user = answer["user"]
    answer = await api.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}
    )
    assert answer.headers["status"] == "201"
    key = {"organization_id": organization["id"], "user_id": user["id"]}
    place = {"organization_id": organization["id"], "id": user["id"]}
    for answered in (
        api.users.get_user(id=user["id"]),
        api.users.get_user(external_id=user["external_id"]),
        api.users.list_users(),
        api.users.search_users(query="ada"),
        api.users.search_organization_users(organization_id=organization["id"], query="ada"),
        api.users.list_organization_users(organization_id=organization["id"]),
        api.users.update_user(id=user["id"], user={"metadata": {"key": "x"}}),
        api.users.update_membership(**place, membership={}),
        api.users.resend_invite(**place),
        api.users.list_user_roles(**key),
        api.users.assign_user_roles(**key, roles=[{"role_name": "admin"}]),
        api.users.list_user_permissions(**key),
        api.users.remove_user_role(**key, role_name="admin"),
        api.users.delete_membership(**place),
        api.users.delete_user(id=user["id"]),
    ):
        assert (await answered).headers["status"] == "200"


@pytest.mark.wires("rest")
@pytest.mark.parametrize("verb", ["GET", "PATCH", "DELETE"])
async def test_an_external_id_is_any_text_in_a_path(http, api, make, verb):
    user = await make.user(external_id=unique("a/b:c d%é?#&+"))
    key = {"external_id": user["external_id"]}
    acts = {
        "GET": lambda: api.users.get_user(**key),
        "PATCH": lambda: api.users.update_user(**key, user={"metadata": {"key": "x"}}),
        "DELETE": lambda: api.users.delete_user(**key),
    }
    answer = await acts[verb]()
    assert verb == "DELETE" or answer["user"]["id"] == user["id"]
