"""Refusals say what to do: the field as it is spelled, its likely meaning, the id of the other."""

from __future__ import annotations

import pytest
from apis import refused, unique
from wires import rest_error

MAIL_SETTINGS = {
    "host": "mail.example",
    "port": 25,
    "username": "a",
    "password": "b",
    "from_email": "mail@acme.example",
    "from_name": "Acme",
}


async def told(answer):
    assert answer.status_code >= 400, answer.text
    return rest_error(answer)


@pytest.fixture
def ask(http, token):
    """Make a request as it stands, as the management client, and return its error."""

    async def ask(verb, path, body=None):
        headers = {"authorization": f"Bearer {token}"}
        return await told(await http.request(verb, path, json=body, headers=headers))

    return ask


@pytest.mark.wires("rest", "connect", "grpc")
async def test_a_field_is_named_as_the_request_spells_it(api, wire):
    with refused("INVALID_ARGUMENT", "organization.display_name") as it:
        await api.organizations.create_organization(organization={"display_name": ""})
    name = "display_name" if it.value.http_status else "organization.display_name"
    assert it.value.message == f"{name}: is required"
    assert it.value.violations[name].constraint == "string.min_len"
    with refused("INVALID_ARGUMENT", 'organization.metadata["abc"]', says="at least 1"):
        await api.organizations.create_organization(
            organization={"display_name": "Acme", "metadata": {"abc": ""}}
        )


async def test_a_rule_of_the_service_names_the_field_in_the_same_way(ask, api):
    with refused("INVALID_ARGUMENT", "organization.external_id"):
        await api.organizations.create_organization(
            organization={"display_name": "Acme", "external_id": "x" * 256}
        )
    error = await ask(
        "POST", "/api/v1/organizations", {"display_name": "Acme", "external_id": "x" * 256}
    )
    assert error.message == "external_id: must be at most 255 characters, got 256"


async def test_a_body_that_has_the_level_keeps_it(ask, make):
    """`body: "*"`: the level stands in the body, and in the field's name."""
    made = await make.organization()
    path = f"/api/v1/organizations/{made['id']}/settings/usermanagement"
    error = await ask("PATCH", path, {"settings": {"max_alowed_users": 5}})
    assert error.fields == ["settings.max_alowed_users"]
    assert error.message.endswith("did you mean settings.max_allowed_users?")
    error = await ask("PATCH", path, {"settings": {"max_allowed_users": -1}})
    assert error.fields == ["settings.max_allowed_users"]


async def test_a_body_that_is_missing_is_named_body(ask):
    error = await ask("POST", "/api/v1/organizations")
    assert error.message == "body: is required"
    assert error.violations["body"].constraint == "required"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (
            {"displayname": "a"},
            "displayname: is not a field of this call, did you mean display_name?",
        ),
        ({"name": "a"}, "name: is not a field of this call, did you mean display_name?"),
        (
            {"external-id": "a"},
            "external-id: is not a field of this call, did you mean external_id?",
        ),
        ({"nothing_like_it": "a"}, "nothing_like_it: is not a field of this call"),
        (
            {"organization": {"display_name": "a"}},
            "organization: is not a field of this call: the body is the organization itself, "
            "without that level",
        ),
    ],
)
async def test_an_unknown_field_is_told_what_it_may_mean(ask, body, says):
    error = await ask("POST", "/api/v1/organizations", body)
    assert error.message == says
    assert [v.constraint for v in error.violations.values()] == ["unknown_field"]


async def test_a_field_of_the_path_is_sent_back_there(ask, make):
    made = await make.organization()
    error = await ask("PATCH", f"/api/v1/organizations/{made['id']}", {"id": made["id"]})
    assert error.message.endswith("it stands in the path or in the query")


async def test_a_field_of_a_level_within_is_found(ask, make):
    made = await make.organization()
    path = f"/api/v1/organizations/{made['id']}/users"
    error = await ask("POST", path, {"email": "a@acme.example", "first_name": "Ada"})
    assert error.message.endswith("did you mean user_profile.first_name?")


@pytest.mark.wires("connect")
async def test_connect_is_told_too(api):
    with refused("INVALID_ARGUMENT", says=r"did you mean organization\.display_name\?"):
        await api.organizations.create_organization(organization={"displayname": "Acme"})


async def test_an_unknown_parameter_is_told_what_it_may_mean(ask):
    error = await ask("GET", "/api/v1/organizations?pagesize=10")
    assert error.message == "pagesize: is not a parameter of this call, did you mean page_size?"
    error = await ask("GET", "/api/v1/organizations?nonsense=10")
    assert error.message == "nonsense: is not a parameter of this call"


@pytest.mark.parametrize(
    ("verb", "path", "body", "says"),
    [
        (
            "POST",
            "/api/v1/organizations",
            {"display_name": "Acme", "metadata": {"size": "10", "plan": 1}},
            'metadata["plan"]: must be a string, got 1',
        ),
        (
            "POST",
            "/api/v1/organizations",
            {"display_name": "Acme", "region_code": "us"},
            'region_code: must be one of US, EU, got "us", did you mean US?',
        ),
        (
            "PATCH",
            "/api/v1/users/usr_1234567890123456789",
            {"user_profile": {"groups": ["a", None]}},
            "user_profile.groups[1]: must be a string, got null",
        ),
        (
            "PATCH",
            "/api/v1/users/usr_1234567890123456789",
            {"user_profile": 7},
            "user_profile: must be an object, got 7",
        ),
        (
            "PATCH",
            "/api/v1/users/org_1234567890123456789",
            {"metadata": {}},
            "id: must begin with `usr_`, got 'org_1234567890123456789'",
        ),
        (
            "POST",
            "/api/v1/organizations/org_1/users/usr_1234567890123456789/roles",
            [{"role_name": "a"}, {"rolename": "b"}],
            "body[1].rolename: is not a field of this call, did you mean body[1].role_name?",
        ),
        (
            "POST",
            "/api/v1/organizations/org_1/connections",
            {"provider": "OKTA", "auth_mode": 99},
            "auth_mode: must be one of USER, ORG_WIDE, got 99",
        ),
        (
            "PUT",
            "/api/v1/organizations/org_1/portal_customizations",
            {"source": "BRANDING_SOURCE_UNSPECIFIED"},
            "source: is required: one of BRANDING_SOURCE_ENVIRONMENT, BRANDING_SOURCE_CUSTOM",
        ),
        (
            "POST",
            "/api/v1/email/servers",
            {"provider": 99, "settings": MAIL_SETTINGS},
            "provider: must be one of SENDGRID, POSTMARK, OTHER, got 99",
        ),
        (
            "POST",
            "/api/v1/connections",
            {},
            "body: provider or provider_key is required",
        ),
        (
            "POST",
            "/api/v1/roles",
            {"name": "site admin", "display_name": "Site admin"},
            "name: must hold only letters, digits and _, 1 to 64 of them, got 'site admin'",
        ),
        ("GET", "/api/v1/organizations/a%00b", None, "id: must not contain a NUL character"),
        (
            "GET",
            "/api/v1/roles/admin?include=all",
            None,
            "include: must be one of permissions, permissions:all, got 'all'",
        ),
        (
            "GET",
            "/api/v1/organizations?page_size=ten",
            None,
            'page_size: must be a whole number from 0 to 4294967295, got "ten"',
        ),
    ],
)
async def test_a_value_that_does_not_fit_is_told_what_would(ask, verb, path, body, says):
    error = await ask(verb, path, body)
    assert error.http_status == 400
    assert error.message == says


@pytest.mark.parametrize(
    "query", ["page_size=LONG", "LONG=1", "page_token=LONG", "LONG=%00", "external_id=LONG%00"]
)
async def test_what_is_repeated_of_a_query_is_short(ask, query):
    error = await ask("GET", "/api/v1/organizations?" + query.replace("LONG", "x" * 5000))
    assert error.http_status == 400
    assert len(error.message) < 250
    assert all(len(name) < 100 for name in error.violations)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/api/v1/organizations//users", "; there is an empty part in it, is an id missing?"),
        (
            "/api/v1/organizations/",
            "; is an id missing at its end? Without the slash it is /api/v1/organizations",
        ),
        ("/api/v1/organisations", "; did you mean /api/v1/organizations?"),
        ("/api/v1/organization/org_1", "; did you mean /api/v1/organizations/org_1?"),
        ("/v1/organizations", "; did you mean /api/v1/organizations?"),
        ("/api/organizations", "; did you mean /api/v1/organizations?"),
        ("/organizations/org_1", "; did you mean /api/v1/organizations/org_1?"),
        ("/api/v1/nothing/like/it", ""),
        ("/api/v1/" + "o" * 5000, ""),
        ("/api/v1/" + "/" * 5000, ""),
    ],
)
async def test_a_path_that_is_not_there_is_told_what_it_may_mean(ask, path, hint):
    error = await ask("GET", path)
    assert (error.http_status, error.code) == (404, "NOT_FOUND")
    told = path if len(path) < 200 else f"{path[:200]}…"
    assert error.message == f"path not found: {told}{hint}"


async def test_another_verb_is_told_which_there_are(ask):
    error = await ask("PUT", "/api/v1/organizations/org_1")
    assert error.http_status == 405
    assert error.headers["allow"] == "DELETE, GET, HEAD, OPTIONS, PATCH"
    assert error.message == "method not allowed, try DELETE, GET, HEAD, OPTIONS, PATCH"


@pytest.mark.parametrize("member", ["external_id", "slug"])
async def test_a_duplicate_names_the_other_organization(api, make, member):
    taken = unique()
    other = await make.organization(**{member: taken})
    mine = await make.organization()
    for headers in ({}, {"idempotency_key": unique()}):
        with refused(
            "INVALID_ARGUMENT", member, says=f"^duplicate key not allowed: {member}"
        ) as it:
            await api.sending(**headers).organizations.create_organization(
                organization={"display_name": "Acme", member: taken}
            )
        assert it.value.message.endswith(f"{taken!r} already exists, {other['id']} has it")
        assert it.value.resource == other["id"]
    with refused("INVALID_ARGUMENT", member) as it:
        await api.organizations.update_organization(id=mine["id"], organization={member: taken})
    assert it.value.resource == other["id"]


async def test_a_duplicate_names_the_other_user(api, make):
    organization = await make.organization()
    other = await make.user(organization["id"], external_id=unique())
    again = {
        "email": {"email": other["email"].upper()},
        "external_id": {
            "email": f"{unique()}@acme.example",
            "external_id": other["external_id"],
        },
    }
    for member, user in again.items():
        with refused("INVALID_ARGUMENT", member) as it:
            await api.users.create_user_and_membership(
                organization_id=organization["id"], user=user
            )
        assert it.value.resource == other["id"]
        assert other["id"] in it.value.message


async def test_a_duplicate_names_the_other_domain_role_permission_and_scope(api, make):
    one, two = await make.organization(), await make.organization()
    name = f"{unique()}.example"
    domain = {"domain": name, "domain_type": "ORGANIZATION_DOMAIN"}
    made = await api.domains.create_domain(organization_id=one["id"], domain=domain)
    with refused("INVALID_ARGUMENT", "domain") as it:
        await api.domains.create_domain(organization_id=two["id"], domain=domain)
    assert it.value.resource == made["domain"]["id"]
    for rpc, request, member in [
        ("create_role", {"role": {"name": unique("role").replace("-", "_")}}, "role"),
        (
            "create_permission",
            {"permission": {"name": unique("may").replace("-", ":")}},
            "permission",
        ),
    ]:
        request[member] |= {"display_name": "A role"} if member == "role" else {"description": "It"}
        made = await getattr(api.roles, rpc)(**request)
        with refused("INVALID_ARGUMENT", "name") as it:
            await getattr(api.roles, rpc)(**request)
        assert it.value.resource == made[member]["id"]
