"""Each difference that docs/compatibility.md tells of is as it says.

The test of a difference is here, and named after the first of its calls; or the difference says
where it is.
"""

from __future__ import annotations

import re
import tomllib

import pytest
from apis import unique
from doc_programs import management
from repository import ROOT

FACTS = ROOT / "docs" / "compatibility" / "differences.toml"
DIFFERENCES = tomllib.loads(FACTS.read_text(encoding="utf-8"))["differences"]


def _name(kind):
    """A name that roles and permissions may have."""
    return unique(kind).replace("-", "_")


@pytest.fixture(scope="module")
def api(own_server):
    with management(own_server) as client:
        yield client


@pytest.fixture
def post(api):
    """Make something; returns it."""

    def posted(path, **members):  # noqa: ANN003
        answer = api.post(f"/api/v1/{path}", json=members).raise_for_status().json()
        kinds = ("organization", "user", "directory", "connection", "role")
        return next((answer[kind] for kind in kinds if kind in answer), answer)

    return posted


@pytest.fixture
def organization(post):
    return post("organizations", display_name="Acme", external_id=unique("acme"))["id"]


@pytest.fixture
def member(post, organization):
    """Add a member to the organization."""

    def added(**membership):  # noqa: ANN003
        return post(
            f"organizations/{organization}/users?send_invitation_email=false",
            email=f"{unique('member')}@example.com",
            membership=membership,
        )

    return added


def test_each_difference_has_a_test():
    for difference in DIFFERENCES:
        if "test" in difference:
            path, _, name = difference["test"].partition("::")
            assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
            continue
        first = difference["calls"][0].rpartition("/")[2]
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", first).lower()
        assert f"test_{name}" in globals(), difference["calls"]


@pytest.mark.thorough
def test_get_organization_by_external_id(api, post):
    external_id = unique("globex")
    post("organizations", display_name="Globex", external_id=external_id)
    other = post("organizations", display_name="Initech")["id"]
    path = f"/api/v1/organizations:external/{external_id}"
    assert api.get(path).json()["organization"]["external_id"] == external_id
    assert api.get(path, params={"id": other}).status_code == 400


def test_delete_user(api, organization, member):
    admin, _ = member(roles=[{"name": "admin"}]), member()
    membership = f"/api/v1/memberships/organizations/{organization}/users/{admin['id']}"
    of_user = f"/api/v1/organizations/{organization}/users/{admin['id']}"
    refused = (
        api.delete(f"/api/v1/users/{admin['id']}"),
        api.delete(membership),
        api.patch(membership, json={"roles": [{"name": "member"}]}),
        api.delete(f"{of_user}/roles/admin"),
    )
    for answer in refused:
        assert answer.status_code == 400, answer.request.url
        assert "last admin" in answer.json()["message"]
    forced = api.delete(f"/api/v1/users/{admin['id']}", headers={"x-force": "true"})
    assert forced.status_code == 200


def test_delete_membership(api, organization, member):
    user = member()
    path = f"/api/v1/memberships/organizations/{organization}/users/{user['id']}"
    assert api.delete(path).status_code == 200
    assert api.get(f"/api/v1/users/{user['id']}").json()["user"]["memberships"] == []
    other = member()
    path = f"/api/v1/memberships/organizations/{organization}/users/{other['id']}"
    assert api.delete(path, params={"cascade": "true"}).status_code == 200
    assert api.get(f"/api/v1/users/{other['id']}").status_code == 404


@pytest.mark.thorough
def test_list_users(api, post, member):
    user = member()
    for _ in range(100):
        added = post("organizations", display_name="Another")["id"]
        post(f"memberships/organizations/{added}/users/{user['id']}?send_invitation_email=false")
    whole = api.get(f"/api/v1/users/{user['id']}").json()["user"]
    assert len(whole["memberships"]) == 101
    lists = (
        api.get("/api/v1/users", params={"page_size": 1}),
        api.get("/api/v1/users:search", params={"query": user["email"]}),
    )
    for answer in lists:
        (listed,) = answer.json()["users"]
        assert listed["id"] == user["id"]
        assert listed["memberships"] == whole["memberships"][:100]


def test_list_domains(api, post, organization):
    path = f"organizations/{organization}/domains"
    post(path, domain=f"{unique('acme')}.com")
    whole = api.get(f"/api/v1/{path}").json()
    assert len(whole["domains"]) == 1
    assert api.get(f"/api/v1/{path}", params={"include": "all"}).json() == whole


def test_list_client(api):
    asked = {"include_plain_secret": "true", "filter.client_type": "ALL"}
    listed = api.get("/api/v1/clients", params=asked)
    assert listed.json()["clients"]
    assert "plain_secret" not in listed.text


def test_list_roles(api, post, organization):
    name = _name("role")
    post(f"organizations/{organization}/roles", name=name, display_name="Ours")
    environment, all_of_them = (
        {role["name"] for role in api.get(f"/api/v1/{path}").json()["roles"]}
        for path in ("roles", f"organizations/{organization}/roles")
    )
    assert name not in environment
    assert all_of_them == environment | {name}


def test_delete_permission(api, post):
    permission, role = f"{_name('docs')}:read", _name("role")
    post("permissions", name=permission)
    post("roles", name=role, display_name="Reader", permissions=[permission])
    assert api.delete(f"/api/v1/permissions/{permission}").status_code == 200
    assert api.get(f"/api/v1/roles/{role}/permissions").json()["permissions"] == []


def test_add_permissions_to_role(api, post):
    role = _name("role")
    post("roles", name=role, display_name="Reader")
    added = api.post(
        f"/api/v1/roles/{role}/permissions", json={"permission_names": ["nobody:knows"]}
    )
    assert added.status_code == 200
    assert added.json()["permissions"] == []


def test_enable_connection(api, post, organization):
    made = post(f"organizations/{organization}/connections", provider="OKTA", type="OIDC")
    path = f"/api/v1/organizations/{organization}/connections/{made['id']}:enable"
    answer = api.patch(path)
    assert answer.status_code == 400
    assert "issuer" in answer.json()["message"]


def test_create_environment_connection(api):
    made = api.post(
        "/api/v1/connections",
        params={"flags.is_app": "true"},
        json={"provider_key": "HUBSPOT", "type": "OAUTH", "auth_mode": "ORG_WIDE"},
    )
    assert made.status_code == 200, made.text
    connection = made.json()["connection"]
    listed = api.get("/api/v1/connections/app", params={"provider": "HUBSPOT"}).json()
    assert connection["id"] in {one["id"] for one in listed["connections"]}
    accounts = api.get("/api/v1/connected_accounts")
    assert accounts.status_code == 501


def test_create_directory(api, post, organization):
    path = f"organizations/{organization}/directories"
    made = post(path, directory_type="SCIM", directory_provider="OKTA")
    assert made["enabled"] is True
    polled = post(path, directory_type="POLL", directory_provider="GOOGLE")
    assert polled["enabled"] is False
    ldap = api.post(f"/api/v1/{path}", json={"directory_type": "LDAP"})
    assert ldap.status_code == 400


def test_update_token(api, post, organization):
    made = post("tokens", organization_id=organization, custom_claims={"team": "a", "plan": "b"})
    changed = api.post(
        "/api/v1/tokens:update",
        json={"token": made["token_id"], "custom_claims": {"plan": "c"}},
    )
    assert changed.json()["token_info"]["custom_claims"] == {"plan": "c"}
