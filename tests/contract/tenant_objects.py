"""Organizations, users, roles, clients, webhooks, email and settings of a case."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from apis import unique
from contract_objects import CALLBACK, FEATURES, REDIRECT_URI, SMTP, creates
from wires import ApiError

from tenantry.access.data_keys import masters
from tenantry.access.data_keys import service as data_keys
from tenantry.crypto import master_key, vault

if TYPE_CHECKING:
    from contract_objects import Objects


@creates("organization")
async def _organization(of: Objects) -> dict[str, Any]:
    answer = await of.api.organizations.create_organization(
        organization={"display_name": "Acme", "external_id": unique()}
    )
    organization: dict[str, Any] = answer["organization"]
    await of.api.organizations.update_organization_settings(
        id=organization["id"],
        settings={"features": [{"name": name, "enabled": True} for name in FEATURES]},
    )
    return organization


@creates("org")
async def _organization_id(of: Objects) -> str:
    return str((await of.get("organization"))["id"])


@creates("env")
async def _environment(of: Objects) -> str:
    listed = await of.api.environments.list_environment()
    return str(listed["environments"][0]["id"])


@creates("user")
async def _user(of: Objects) -> dict[str, Any]:
    return await _member(of, send_invitation_email=False)


@creates("invited")
async def _invited(of: Objects) -> dict[str, Any]:
    return await _member(of, send_invitation_email=True)


async def _member(of: Objects, **request: Any) -> dict[str, Any]:
    answer = await of.api.users.create_user_and_membership(
        organization_id=await of.get("org"),
        user={
            "email": f"{unique('ada')}@example.com",
            "external_id": unique(),
            "membership": {"roles": [{"name": "admin"}]},
        },
        **request,
    )
    user: dict[str, Any] = answer["user"]
    return user


@creates("usr")
async def _user_id(of: Objects) -> str:
    return str((await of.get("user"))["id"])


@creates("permission")
async def _permission(of: Objects) -> str:
    name = unique("permission").replace("-", ":")
    await of.api.roles.create_permission(permission={"name": name})
    return name


@creates("env_role")
async def _role(of: Objects) -> dict[str, Any]:
    name = unique("role").replace("-", "_")
    permission = await of.get("permission")
    answer = await of.api.roles.create_role(
        role={
            "name": name,
            "display_name": "Editor",
            "extends": "member",
            "permissions": [permission],
        }
    )
    role: dict[str, Any] = answer["role"]
    return role


@creates("role")
async def _role_id(of: Objects) -> str:
    return str((await of.get("env_role"))["id"])


@creates("org_role")
async def _organization_role(of: Objects) -> dict[str, Any]:
    answer = await of.api.roles.create_organization_role(
        org_id=await of.get("org"),
        role={
            "name": unique("auditor").replace("-", "_"),
            "display_name": "Auditor",
            "extends": "member",
        },
    )
    role: dict[str, Any] = answer["role"]
    return role


@creates("dom")
async def _domain(of: Objects) -> str:
    answer = await of.api.domains.create_domain(
        organization_id=await of.get("org"),
        domain={"domain": f"{unique()}.example.com", "domain_type": "ORGANIZATION_DOMAIN"},
    )
    return str(answer["domain"]["id"])


@creates("lnk")
async def _link(of: Objects) -> str:
    answer = await of.api.organizations.generate_portal_link(id=await of.get("org"))
    of._made["link_location"] = answer["link"]["location"]
    return str(answer["link"]["id"])


@creates("portal_cookie")
async def _portal_cookie(of: Objects) -> str:
    """The Cookie header of a browser in the admin portal of the organization."""
    await of.get("lnk")
    opened = await of.api.wire.http.get(of._made["link_location"])  # type: ignore[attr-defined]
    return str(opened.headers["set-cookie"].partition(";")[0])


@creates("skc")
async def _application(of: Objects) -> str:
    answer = await of.api.clients.create_client(
        client={"name": "Dashboard", "client_type": "WEB_APP", "post_login_uris": [CALLBACK]}
    )
    return str(answer["client"]["id"])


@creates("skc_sec")
async def _application_secret(of: Objects) -> str:
    answer = await of.api.clients.create_client_secret(client_id=await of.get("skc"))
    await of.api.clients.create_client_secret(client_id=await of.get("skc"))
    return str(answer["secret"]["id"])


@creates("machine")
async def _machine(of: Objects) -> dict[str, Any]:
    answer = await of.api.clients.create_organization_client(
        organization_id=await of.get("org"), client={"name": "Nightly export"}
    )
    return {**answer["client"], "plain_secret": answer["plain_secret"]}


@creates("m2morg")
async def _machine_id(of: Objects) -> str:
    return str((await of.get("machine"))["client_id"])


@creates("m2morg_sec")
async def _machine_secret(of: Objects) -> str:
    answer = await of.api.clients.create_organization_client_secret(
        organization_id=await of.get("org"), client_id=await of.get("m2morg")
    )
    return str(answer["secret"]["id"])


@creates("resource")
async def _resource(of: Objects) -> dict[str, Any]:
    answer = await of.api.clients.create_resource(
        resource={
            "resource_type": "MCP_SERVER",
            "name": "Acme MCP server",
            "resource_uri": f"https://{unique()}.example.com/mcp",
            "scopes": [await of.get("permission")],
        }
    )
    return dict(answer["resource"])


@creates("res")
async def _resource_id(of: Objects) -> str:
    return str((await of.get("resource"))["id"])


@creates("m2m")
async def _resource_client(of: Objects) -> str:
    answer = await of.api.clients.create_resource_client(
        resource_id=await of.get("res"),
        client={"name": "Warehouse agent", "redirect_uris": [CALLBACK]},
    )
    return str(answer["client"]["client_id"])


@creates("scp")
async def _scope(of: Objects) -> str:
    answer = await of.api.clients.create_scope(scope={"name": unique("s").replace("-", ":")})
    return str(answer["scope"]["id"])


@creates("api_token")
async def _api_token(of: Objects) -> dict[str, Any]:
    answer = await of.api.tokens.create_token(token={"organization_id": await of.get("org")})
    return dict(answer)


@creates("apit")
async def _api_token_id(of: Objects) -> str:
    return str((await of.get("api_token"))["token_id"])


@creates("whe")
async def _endpoint(of: Objects) -> str:
    for old in (await of.api.webhooks.list_endpoints(page_size=30))["endpoints"]:
        await of.api.webhooks.delete_endpoint(endpoint_id=old["id"])
    answer = await of.api.webhooks.create_endpoint(
        endpoint={
            "url": "https://app.example.com/webhooks",
            "event_types": ["organization.created"],
        }
    )
    return str(answer["endpoint"]["id"])


@creates("further_whe")
async def _further_endpoint(of: Objects) -> str:
    answer = await of.api.webhooks.create_endpoint(
        endpoint={
            "url": f"https://{unique()}.example.com/webhooks",
            "event_types": ["organization.created"],
            "organization_id": await of.get("org"),
        }
    )
    return str(answer["endpoint"]["id"])


@creates("dlv")
async def _delivery(of: Objects) -> str:
    answer = await of.api.webhooks.send_test_event(endpoint_id=await of.get("whe"))
    return str(answer["delivery"]["id"])


@creates("evt")
async def _event(of: Objects) -> str:
    organization_id = await of.get("org")
    found = await of.api.event_records.search_events(organization_id=organization_id)
    return str(found["events"][0]["id"])


@creates("tpl")
async def _template(of: Objects) -> str:
    answer = await of.api.emails.create_email_template(
        organization_id=await of.get("org"),
        template={
            "use_case": "USER_INVITE",
            "subject": "Join",
            "html_content": "{{ link }}",
            "plain_content": "{{ link }}",
        },
    )
    return str(answer["template"]["id"])


@creates("esr")
async def _email_server(of: Objects) -> str:
    for old in (await of.api.emails.list_email_servers())["servers"]:
        if old["enabled"]:
            await of.api.emails.disable_email_server(server_id=old["id"])
        await of.api.emails.delete_email_server(server_id=old["id"])
    answer = await of.api.emails.create_email_server(provider="POSTMARK", settings=SMTP)
    return str(answer["server"]["id"])


@creates("mail")
async def _email(of: Objects) -> str:
    invited = await of.get("invited")
    listed = await of.api.mail.list_mail(recipient=invited["email"])
    return str(listed["mail"][0]["id"])


@creates("icp")
async def _interceptor(of: Objects) -> str:
    for old in (await of.api.interceptors.list_interceptors(page_size=30))["interceptors"]:
        await of.api.interceptors.delete_interceptor(id=old["id"])
    return str(await of.get("further_icp"))


@creates("further_icp")
async def _further_interceptor(of: Objects) -> str:
    answer = await of.api.interceptors.create_interceptor(
        interceptor={
            "display_name": "Trial check",
            "trigger_point": "PRE_SIGNUP",
            "api_url": "https://app.example.com/interceptors",
            "timeout_ms": 1000,
        }
    )
    return str(answer["interceptor"]["id"])


@creates("opr")
async def _operator(of: Objects) -> str:
    answer = await of.api.operators.invite_operator(
        operator={"name": "Ada", "email": f"{unique()}@example.com", "role": "OPERATOR"}
    )
    return str(answer["operator"]["id"])


@creates("redirect_uri")
async def _redirect_uri(of: Objects) -> str:
    with contextlib.suppress(ApiError):  # it is registered already
        await of.api.clients.add_environment_redirect_uri(redirect_uri=REDIRECT_URI)
    return REDIRECT_URI


@creates("sso_attribute")
async def _sso_attribute(of: Objects) -> str:
    attribute = {"key": unique("a").replace("-", "_"), "label": "Department", "datatype": "STRING"}
    await of.api.user_attributes.create_sso_user_attribute(user_attribute=attribute)
    return attribute["key"]


@creates("directory_attribute")
async def _directory_attribute(of: Objects) -> str:
    attribute = {"key": unique("a").replace("-", "_"), "label": "Department", "datatype": "STRING"}
    await of.api.user_attributes.create_directory_user_attribute(user_attribute=attribute)
    return attribute["key"]


@creates("data_key")
async def _data_key(of: Objects) -> int:
    return int((await data_keys.create(of.call)).version)


@creates("former_master_key")
async def _former_master_key(of: Objects) -> int:
    """The version of a master key that is no longer used."""
    former = await masters.rotate(of.call, master_key.LocalKey(vault.new_data_key()))
    await masters.rotate(of.call, master_key.load(of.settings))
    return int(former.version)
