"""The console's pages about tenants: as operators see and use them, over HTTP."""

from __future__ import annotations

import re

import pytest
from apis import unique
from operators_at_work import OPERATOR, enter, texts

from tenantry.web.forms import boxes


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


async def test_the_overview_says_how_the_deployment_is(browser):
    page = await browser.get("/console")
    for title in ("Sign-ins", "Webhook delivery attempts", "API calls"):
        assert re.search(rf"<h3[^>]*><a href=\"/console/[^\"]+\">{title}</a></h3>", page)
    assert "/api/v1/overview" in page
    assert "style=" not in page


async def test_an_organization_from_its_making_to_its_end(browser, api):
    name = f"Acme {unique()}"
    path = await browser.lands(
        "/console/organizations/new/create", display_name=name, external_id=unique()
    )
    assert path.startswith("/console/organizations/org_")
    organization_id = path.rpartition("/")[2]
    page = await browser.get(path)
    assert name in texts(page)
    for line in (
        f"PATCH /api/v1/organizations/{organization_id}",
        f"PATCH /api/v1/organizations/{organization_id}/settings",
        f"DELETE /api/v1/organizations/{organization_id}",
    ):
        assert f'<p class="hint does"><code>{line}</code></p>' in page
    listed = await browser.get(f"/console/organizations?query={organization_id}")
    assert f'href="{path}"' in listed

    page = await browser.send(
        f"{path}/update", display_name="Acme & Sons", external_id="", slug="", logo_url=""
    )
    assert "Acme & Sons" in texts(page)
    assert "Changes saved." in page
    page = await browser.send(
        f"{path}/metadata", **{"metadata-key-0": "plan", "metadata-value-0": "enterprise"}
    )
    assert 'value="enterprise"' in page
    page = await browser.send(
        f"{path}/features", features="sso dir_sync", **{"feature-dir_sync": "true"}
    )
    page = await browser.send(f"{path}/branding", custom="true")
    found = (await api.organizations.get_organization(id=organization_id))["organization"]
    assert found["display_name"] == "Acme & Sons"
    assert found["metadata"] == {"plan": "enterprise"}
    on = {f["name"]: f.get("enabled", False) for f in found["settings"]["features"]}
    assert (on["sso"], on["dir_sync"]) == (False, True)
    await browser.send(f"{path}/metadata", **{"metadata-key-0": "", "metadata-value-0": "x"})
    found = (await api.organizations.get_organization(id=organization_id))["organization"]
    assert not found.get("metadata")

    page = await browser.send(f"{path}/delete", name="Acme")
    assert "must match the name of the organization" in page
    assert await browser.lands(f"{path}/delete", name="Acme & Sons") == "/console/organizations"
    await browser.get(path, status=404)


async def test_what_the_api_does_not_take_is_said_beside_its_field(browser, make):
    organization = await make.organization(external_id=unique())
    path = f"/console/organizations/{organization['id']}"
    page = await browser.send(
        f"{path}/update",
        display_name="Kept",
        external_id="",
        slug="",
        logo_url="javascript:alert(1)",
    )
    assert 'value="Kept"' in page
    assert 'id="logo_url-problem"' in page or 'class="alert"' in page
    again = await browser.send(
        "/console/organizations/new/create",
        display_name="Twin",
        external_id=organization["external_id"],
    )
    assert 'value="Twin"' in again


async def test_members_are_invited_given_roles_and_removed(browser, make, api):
    organization = await make.organization()
    role = await make.role()
    path = f"/console/organizations/{organization['id']}/members"
    email = f"{unique()}@example.com"
    page = await browser.send(f"{path}/invite", email=email, role="", invited="true")
    assert email in page
    assert ">Invited<" in page
    found = await api.users.list_organization_users(organization_id=organization["id"])
    user_id = found["users"][0]["id"]
    form = f'action="{path}/{user_id}/roles"'
    assert form not in page
    assert f'href="{path}?change={user_id}#change"' in page
    assert form in await browser.get(f"{path}?change={user_id}")
    page = await browser.send(f"{path}/{user_id}/roles", **{f"roles-{role['name']}": "true"})
    assert role["name"] in page
    assert "Invitation sent." in await browser.send(f"{path}/{user_id}/resend")
    page = await browser.send(f"{path}/invite", email="nobody", role="")
    assert 'value="nobody"' in page
    page = await browser.send(f"{path}/{user_id}/remove")
    assert email not in page


async def test_what_belongs_to_an_organization(browser, make, api):
    organization = await make.organization()
    root = f"/console/organizations/{organization['id']}"
    domain = f"{unique()}.example.com"
    page = await browser.send(
        f"{root}/domains/create", domain=domain, domain_type="ORGANIZATION_DOMAIN"
    )
    assert domain in page
    page = await browser.send(f"{root}/connections/create", provider="OKTA", type="SAML")
    connection_id = re.search(r"conn_\d+", page)[0]
    page = await browser.send(
        f"{root}/directories/create", directory_provider="OKTA", directory_type="SCIM"
    )
    directory_id = re.search(r"dir_\d+", page)[0]
    page = await browser.send(
        f"{root}/session-policy/update",
        policy_source="CUSTOM",
        absolute_session_timeout="8",
        absolute_session_timeout_unit="HOURS",
        idle_session_timeout="30",
        idle_session_timeout_unit="MINUTES",
        idle_session_timeout_enabled="true",
    )
    assert "CUSTOM" in page
    page = await browser.send(
        f"{root}/session-policy/update", policy_source="CUSTOM", absolute_session_timeout="many"
    )
    assert "must be a number" in page
    await make.client(organization["id"], name="Reports")
    assert "Reports" in await browser.get(f"{root}/programs")
    assert "organization.created" in await browser.get(f"{root}/events")
    for path in (connection_id, directory_id):
        kind = "connections" if path.startswith("conn") else "directories"
        page = await browser.get(f"/console/{kind}?query={path}")
        assert f"/console/{kind}/{path}" in page
        assert organization["id"] in page


async def test_a_link_into_the_portal_is_shown_once(browser, make, http):
    organization = await make.organization()
    path = f"/console/organizations/{organization['id']}/portal-links"
    for fields in ({}, {"shareable": "true"}):
        answer = await browser.post(f"{path}/create", **fields)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        location = re.search(r'<code id="portal-link"[^>]*>([^<]+)</code>', answer.text)[1]
        assert location not in await browser.get(path)
        assert (await http.get(location)).status_code in {200, 303}
    page = await browser.send(f"{path}/delete")
    assert "Deleted." in page


async def test_a_connection_is_switched_and_deleted(browser, make, api):
    organization = await make.organization()
    made = await api.connections.create_connection(
        organization_id=organization["id"], connection={"provider": "OKTA", "type": "SAML"}
    )
    path = f"/console/connections/{made['connection']['id']}"
    page = await browser.get(path)
    assert ">Draft<" in page
    assert organization["id"] in page
    assert "has no verified domain" in page
    await make.domain(organization["id"])  # by a management client: verified at once
    assert "has no verified domain" not in await browser.get(path)
    refused = await browser.send(f"{path}/enable")
    assert 'role="alert"' in refused
    assert await browser.lands(f"{path}/delete") == "/console/connections"


async def test_a_social_provider_is_set_up(http, database, api):
    browser = await enter(http, database)  # an owner: all users may sign in by it
    path = await browser.lands("/console/connections/environment/create", provider="GITLAB")
    page = await browser.send(
        f"{path}/update",
        client_id="Iv1.8a61",
        client_secret="kept to itself",
        scopes="openid email",
        ui_button_title="By GitLab",
    )
    assert 'value="Iv1.8a61"' in page
    assert "kept to itself" not in page
    assert "Enabled." in await browser.send(f"{path}/enable")
    assert "Disabled." in await browser.send(f"{path}/disable")
    assert await browser.lands(f"{path}/delete") == "/console/connections"


async def test_a_directory_with_its_token_groups_and_requests(browser, make, api):
    organization = await make.organization()
    made = await api.directories.create_directory(
        organization_id=organization["id"],
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    path = f"/console/directories/{made['directory']['id']}"
    answer = await browser.post(f"{path}/secret")
    assert answer.status_code == 200
    secret = re.search(r'<code id="secret"[^>]*>([^<]+)</code>', answer.text)[1]
    assert secret not in await browser.get(path)
    assert "enabled</span>" in await browser.send(f"{path}/enable")
    assert "No requests" in await browser.get(f"{path}/requests?failed=true")
    assert "No groups" in await browser.get(f"{path}/groups")
    assert await browser.lands(f"{path}/delete") == "/console/directories"


async def test_a_person_from_search_to_deletion(browser, make, api):
    email = f"{unique()}@example.com"
    organization = await make.organization("Acme Corp")
    user = await make.user(organization["id"], email=email)
    page = await browser.get(f"/console/people?query={user['id']}")
    path = f"/console/people/{user['id']}"
    assert f'href="{path}"' in page
    page = await browser.get(path)
    assert "Acme Corp" in page
    assert f"{path}/impersonate" in page
    page = await browser.send(f"{path}/update", given_name="Ada", family_name="Lovelace")
    assert "Lovelace" in page
    page = await browser.send(
        f"{path}/metadata", **{"metadata-key-0": "plan", "metadata-value-0": "gold"}
    )
    assert 'value="gold"' in page
    page = await browser.get(f"{path}/security")
    assert "No sessions." in page
    assert "No second factor." in page
    assert "No sign-ins" in await browser.get(f"{path}/sign-ins")
    await browser.send(f"{path}/security/revoke-all")
    lost = texts(
        (await browser.get(path)).partition("Permanently deleted:")[2].partition("</ul>")[0]
    )
    assert "Membership in Acme Corp" in lost
    assert "Sessions, passkeys" in lost
    page = await browser.send(f"{path}/delete", email="other@example.com")
    assert "must match the email address of the user" in page
    assert await browser.lands(f"{path}/delete", email=email) == "/console/people"


async def test_the_holders_of_a_role_are_counted_on_its_page(browser, make):
    role = await make.role()
    path = f"/console/roles/of/{role['name']}"
    assert "<dd>0</dd>" in await browser.get(path)
    for _ in range(2):
        await make.user(membership={"roles": [{"name": role["name"]}]})
    assert "<dd>2</dd>" in await browser.get(path)


async def test_roles_and_permissions(browser, api):
    name = unique("role").replace("-", "_")
    permission = unique("documents").replace("-", "_") + ":read"
    page = await browser.send(
        "/console/roles/permissions/create", name=permission, description="Reads documents"
    )
    page = await browser.get(f"/console/roles/permissions/of/{permission}")
    assert "Reads documents" in page
    await browser.send(
        "/console/roles/create", name=name, display_name="Reader", description="", extends=""
    )
    path = f"/console/roles/of/{name}"
    page = await browser.send(
        f"{path}/update",
        display_name="Reader of documents",
        description="Reads",
        permissions="asked",
        **{f"permission-{permission}": "true"},
    )
    assert "Reader of documents" in page
    found = (await api.roles.get_role(role_name=name, include="permissions"))["role"]
    assert [one["name"] for one in found["permissions"]] == [permission]
    assert name in await browser.get(f"/console/roles/permissions/of/{permission}")
    page = await browser.send("/console/roles/create", name="Not A Name", display_name="X")
    assert 'value="Not A Name"' in page
    assert await browser.lands(f"{path}/delete") == "/console/roles"
    landed = await browser.lands(f"/console/roles/permissions/of/{permission}/delete")
    assert landed == "/console/roles/permissions"


async def test_a_role_that_is_refused_keeps_its_base(browser, make, api):
    base, role = await make.role(), await make.role()
    path = f"/console/roles/of/{role['name']}"
    texts = {"display_name": "Reader", "description": "Reads"}
    await browser.send(f"{path}/update", **texts, extends=base["name"])
    kept = {"had_base": "true", "extends": ""}
    page = await browser.send(f"{path}/update", **kept, display_name="x" * 300, description="Reads")
    assert 'id="display_name-problem"' in page
    found = (await api.roles.get_role(role_name=role["name"]))["role"]
    assert found["extends"] == base["name"]
    await browser.send(f"{path}/update", **kept, **texts)
    assert not (await api.roles.get_role(role_name=role["name"]))["role"].get("extends")


async def test_roles_of_an_organization(browser, make, api):
    organization = await make.organization()
    path = f"/console/organizations/{organization['id']}/roles"
    name = unique("own").replace("-", "_")
    page = await browser.send(f"{path}/create", name=name, display_name="Own", description="")
    assert f'href="{path}/{name}"' in page
    permission = (await make.permission())["name"]
    page = await browser.send(
        f"{path}/{name}/update",
        display_name="Their own",
        description="Audits",
        extends="member",
        permissions="asked",
        **{f"permission-{permission}": "on"},
    )
    assert "Changes saved." in page
    assert re.search(rf'id="permission-{permission}"[^>]* checked', page)
    of = {"org_id": organization["id"], "role_name": name, "include": "permissions"}
    found = (await api.roles.get_organization_role(**of))["role"]
    assert (found["display_name"], found["description"]) == ("Their own", "Audits")
    assert found["extends"] == "member"
    assert permission in {one["name"] for one in found["permissions"]}
    page = await browser.send(
        f"{path}/{name}/update", display_name="Their own", extends="", had_base="true"
    )
    found = (await api.roles.get_organization_role(**of))["role"]
    assert "extends" not in found
    assert [one["name"] for one in found["permissions"]] == [permission]
    page = await browser.send(f"{path}/{name}/update", display_name="Own", had_permissions="true")
    assert "Select at least one permission" in page
    page = await browser.send(f"{path}/{name}/update", display_name="Own", had_description="true")
    assert 'id="description-problem"' in page
    page = await browser.send(f"{path}/{name}/update", display_name="x" * 101)
    assert 'id="display_name-problem"' in page
    assert f'value="{"x" * 101}"' in page
    await browser.get(f"{path}/member", status=404)  # that is the environment's
    await make.user(organization["id"], membership={"roles": [{"name": name}]})
    assert "<dd>1</dd>" in await browser.get(f"{path}/{name}")
    assert 'role="alert"' in await browser.send(f"{path}/{name}/delete")
    page = await browser.send(f"{path}/{name}/delete", reassign_role_name="member")
    assert name not in page


async def test_a_role_of_another_organization_is_not_there(browser, make, api):
    (own, other) = [await make.organization() for _ in range(2)]
    name = unique("own").replace("-", "_")
    await api.roles.create_organization_role(
        org_id=own["id"], role={"name": name, "display_name": "Own"}
    )
    path = f"/console/organizations/{other['id']}/roles/{name}"
    await browser.get(path, status=404)
    for form in ("update", "delete"):
        answer = await browser.post(f"{path}/{form}", display_name="Taken over")
        assert answer.status_code == 404, form


async def test_a_member_is_given_any_of_120_roles(browser, make, api, monkeypatch):
    monkeypatch.setattr(boxes, "MOST", 1000)  # other tests leave roles
    organization = await make.organization()
    start = unique("many").replace("-", "_")
    names = [f"{start}_{number}" for number in range(120)]
    for name in names:
        await api.roles.create_organization_role(
            org_id=organization["id"], role={"name": name, "display_name": f"Role {name}"}
        )
    user = await make.user(organization["id"])
    path = f"/console/organizations/{organization['id']}/members"
    form = f"{path}/{user['id']}/roles"
    page = await browser.get(f"{path}?change={user['id']}")
    offered = page.count('type="checkbox" id="roles-')
    assert offered >= 120
    assert len(page.encode()) <= 60_000 + 330 * offered
    page = await browser.send(form, **{f"roles-{name}": "on" for name in names})
    assert "Changes saved." in page

    async def held():
        of = {"organization_id": organization["id"], "user_id": user["id"]}
        found = await api.users.list_user_roles(**of)
        return {one["name"] for one in found["roles"]}

    assert await held() == set(names)
    await browser.send(form, **{f"roles-{name}": "on" for name in names[:2]})
    assert await held() == set(names[:2])
    page = await browser.send(form)
    assert "Select at least one role." in page
    assert form in page  # open again
    page = await browser.send(form, **{"roles-nothing_like_it": "on"})
    assert 'id="roles-problem"' in page
    page = await browser.send(form, role_names="\n".join(names[3:7]))
    assert await held() == set(names[3:7])
    answer = await browser.post(form, **{f"roles-{number}": "on" for number in range(2000)})
    assert answer.status_code == 400
    assert await held() == set(names[3:7])


async def test_any_id_leads_to_its_page(browser, http):
    async def leads(asked):
        headers = {"cookie": browser.cookie}
        answer = await http.get("/console/jump", params={"id": asked}, headers=headers)
        assert answer.status_code == 303
        return answer.headers["location"]

    assert await leads("org_1") == "/console/organizations/org_1"
    assert await leads(" usr_2 ") == "/console/people/usr_2"
    assert await leads("conn_3") == "/console/connections/conn_3"
    assert await leads("dir_4") == "/console/directories/dir_4"
    assert await leads("areq_5") == "/console/sign-ins/areq_5"
    assert await leads("evt_6") == "/console/events/evt_6"
    assert await leads("err_7") == "/console/sign-ins?query=err_7"
    assert await leads("ada@example.com") == "/console/people?query=ada%40example.com"
    assert await leads("Acme") == "/console/organizations?query=Acme"
    assert await leads("org_../../x") == "/console/organizations/org_..%2F..%2Fx"


async def test_what_is_not_there_is_a_page(browser):
    for path in (
        *("organizations/org_1", "people/usr_1", "connections/conn_1", "directories/dir_1"),
        *("roles/of/nothing", "roles/permissions/of/nothing", "organizations/org_1/members"),
    ):
        page = await browser.get(f"/console/{path}", status=404)
        assert "Not found" in page


async def test_a_token_of_another_list_is_refused(browser):
    for path in ("organizations", "people", "connections", "directories", "roles/permissions"):
        await browser.get(f"/console/{path}?page_token=made-up", status=400)


async def test_a_value_that_there_is_not_is_refused(browser, make):
    for path in (
        *("connections?status=made-up", "connections?connection_type=made-up"),
        *("connections?enabled=perhaps", "directories?enabled=perhaps"),
        *("directories?status=made-up", "directories?directory_type=made-up"),
    ):
        await browser.get(f"/console/{path}", status=400)
    organization = await make.organization()
    root = f"/console/organizations/{organization['id']}"
    domain = f"{unique()}.example.com"
    for path, fields in (
        ("connections/create", {"provider": "made-up", "type": "SAML"}),
        ("connections/create", {"provider": "OKTA", "type": "made-up"}),
        ("directories/create", {"directory_provider": "OKTA", "directory_type": "made-up"}),
        ("domains/create", {"domain": domain, "domain_type": "made-up"}),
        ("session-policy/update", {"policy_source": "made-up"}),
    ):
        page = await browser.send(f"{root}/{path}", **fields)
        assert "has no value" in page, path
