"""Live objects for requests: each is created when a request first names one of its kind."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from apis import Api, ApiError, unique
from google_workspaces import ADMIN, key_file
from pyotp import TOTP
from software_authenticator import Authenticator
from sqlalchemy import delete

from tenantry.access.data_keys import masters
from tenantry.access.data_keys import service as data_keys
from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.core.times import now
from tenantry.crypto import master_key, vault
from tenantry.db.sql.statements import Statement
from tenantry.identity.attempts.model import attempts
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import diagnostics
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.identity.sign_in.auth_requests import refusals, requests, states
from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies
from tenantry.identity.sign_in.model import Facts, Params
from tenantry.tenants.directories import registry, request_log
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.directories.scim.resources import GroupPayload
from tenantry.tenants.users import reading as users

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from app_servers import AppServer

    from tenantry.db.engine import Database
    from tenantry.settings import Settings

    Create = Callable[["Objects"], Awaitable[Any]]

FEATURES = ("sso", "dir_sync", "domain_verification", "session_policy")
SESSION_COOKIE = "__Host-tenantry_session"
REDIRECT_URI = "https://contract.example.com/callback"
CALLBACK = "https://app.example.com/callback"
OIDC = {
    "issuer": "https://acme.okta.com",
    "authorize_uri": "https://acme.okta.com/oauth2/v1/authorize",
    "token_uri": "https://acme.okta.com/oauth2/v1/token",
    "jwks_uri": "https://acme.okta.com/oauth2/v1/keys",
    "client_id": "0oa1b2c3d4e5f6g7h8i9",
    "client_secret": "a secret of Okta",
}
SMTP = {
    "host": "smtp.example.com",
    "port": 587,
    "username": "mailer",
    "password": "a-password",
    "from_email": "hello@example.com",
    "from_name": "Example",
}
_FORGET_ATTEMPTS = Statement(delete(attempts))


class Objects:
    """The objects of one case. `get("usr")` returns the ID of its user."""

    def __init__(
        self,
        server: AppServer,
        settings: Settings,
        database: Database,
        api: Api,
        provider: str,
    ) -> None:
        self.server = server
        self.provider = provider  # the issuer of an OpenID provider that answers
        self.settings = settings
        self.database = database
        self.api = api  # as the management client
        self.call = Call(SYSTEM, database, "req_1", origin=Origin("192.0.2.7", "tests"))
        self.headers: dict[str, str] = {}  # that a request needs beside its message
        self._made: dict[str, Any] = {}

    async def get(self, kind: str) -> Any:
        """Return the object of a kind, or its ID; create it on first use."""
        if kind not in self._made:
            self._made[kind] = await _CREATE[kind](self)
        return self._made[kind]

    def preset(self, **objects: Any) -> None:
        """Use these objects instead of new ones."""
        self._made |= objects

    async def forget_attempts(self) -> None:
        """Reset the limits of codes that are sent and entered."""
        await self.database.fetch_all(_FORGET_ATTEMPTS)

    def another(self) -> Objects:
        """Return objects of another case, with an organization of their own."""
        return Objects(self.server, self.settings, self.database, self.api, self.provider)


_CREATE: dict[str, Create] = {}


def _creates(kind: str) -> Callable[[Create], Create]:
    def register(create: Create) -> Create:
        _CREATE[kind] = create
        return create

    return register


@_creates("organization")
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


@_creates("org")
async def _organization_id(of: Objects) -> str:
    return str((await of.get("organization"))["id"])


@_creates("env")
async def _environment(of: Objects) -> str:
    listed = await of.api.environments.list_environment()
    return str(listed["environments"][0]["id"])


@_creates("user")
async def _user(of: Objects) -> dict[str, Any]:
    return await _member(of, send_invitation_email=False)


@_creates("invited")
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


@_creates("usr")
async def _user_id(of: Objects) -> str:
    return str((await of.get("user"))["id"])


@_creates("permission")
async def _permission(of: Objects) -> str:
    name = unique("permission").replace("-", ":")
    await of.api.roles.create_permission(permission={"name": name})
    return name


@_creates("env_role")
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


@_creates("role")
async def _role_id(of: Objects) -> str:
    return str((await of.get("env_role"))["id"])


@_creates("org_role")
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


@_creates("dom")
async def _domain(of: Objects) -> str:
    answer = await of.api.domains.create_domain(
        organization_id=await of.get("org"),
        domain={"domain": f"{unique()}.example.com", "domain_type": "ORGANIZATION_DOMAIN"},
    )
    return str(answer["domain"]["id"])


@_creates("lnk")
async def _link(of: Objects) -> str:
    answer = await of.api.organizations.generate_portal_link(id=await of.get("org"))
    of._made["link_location"] = answer["link"]["location"]
    return str(answer["link"]["id"])


@_creates("portal_cookie")
async def _portal_cookie(of: Objects) -> str:
    """The Cookie header of a browser in the admin portal of the organization."""
    await of.get("lnk")
    opened = await of.api.wire.http.get(of._made["link_location"])  # type: ignore[attr-defined]
    return str(opened.headers["set-cookie"].partition(";")[0])


@_creates("skc")
async def _application(of: Objects) -> str:
    answer = await of.api.clients.create_client(
        client={"name": "Dashboard", "client_type": "WEB_APP", "post_login_uris": [CALLBACK]}
    )
    return str(answer["client"]["id"])


@_creates("skc_sec")
async def _application_secret(of: Objects) -> str:
    answer = await of.api.clients.create_client_secret(client_id=await of.get("skc"))
    await of.api.clients.create_client_secret(client_id=await of.get("skc"))
    return str(answer["secret"]["id"])


@_creates("machine")
async def _machine(of: Objects) -> dict[str, Any]:
    answer = await of.api.clients.create_organization_client(
        organization_id=await of.get("org"), client={"name": "Nightly export"}
    )
    return {**answer["client"], "plain_secret": answer["plain_secret"]}


@_creates("m2morg")
async def _machine_id(of: Objects) -> str:
    return str((await of.get("machine"))["client_id"])


@_creates("m2morg_sec")
async def _machine_secret(of: Objects) -> str:
    answer = await of.api.clients.create_organization_client_secret(
        organization_id=await of.get("org"), client_id=await of.get("m2morg")
    )
    return str(answer["secret"]["id"])


@_creates("scp")
async def _scope(of: Objects) -> str:
    answer = await of.api.clients.create_scope(scope={"name": unique("s").replace("-", ":")})
    return str(answer["scope"]["id"])


@_creates("api_token")
async def _api_token(of: Objects) -> dict[str, Any]:
    answer = await of.api.tokens.create_token(token={"organization_id": await of.get("org")})
    return dict(answer)


@_creates("apit")
async def _api_token_id(of: Objects) -> str:
    return str((await of.get("api_token"))["token_id"])


@_creates("whe")
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


@_creates("further_whe")
async def _further_endpoint(of: Objects) -> str:
    answer = await of.api.webhooks.create_endpoint(
        endpoint={
            "url": f"https://{unique()}.example.com/webhooks",
            "event_types": ["organization.created"],
            "organization_id": await of.get("org"),
        }
    )
    return str(answer["endpoint"]["id"])


@_creates("dlv")
async def _delivery(of: Objects) -> str:
    answer = await of.api.webhooks.send_test_event(endpoint_id=await of.get("whe"))
    return str(answer["delivery"]["id"])


@_creates("evt")
async def _event(of: Objects) -> str:
    organization_id = await of.get("org")
    found = await of.api.event_records.search_events(organization_id=organization_id)
    return str(found["events"][0]["id"])


@_creates("session")
async def _session(of: Objects) -> tuple[str, str]:
    """The ID of a session of the user, and the secret in its cookie."""
    known = await connections.of_environment(of.database)
    session, secret = await sessions.begin(
        of.call,
        user_id=await of.get("usr"),
        organization_id=await of.get("org"),
        client_id=None,
        amr=[known[PASSWORDLESS].id],
        bounds=Bounds(480, None),
        custom_claims={},
    )
    return session.id, secret


@_creates("ses")
async def _session_id(of: Objects) -> str:
    return str((await of.get("session"))[0])


@_creates("user_cookie")
async def _user_cookie(of: Objects) -> str:
    """The Cookie header of a browser with a session of the user."""
    return f"{SESSION_COOKIE}={(await of.get('session'))[1]}"


@_creates("passwordless")
async def _passwordless(of: Objects) -> tuple[str, str]:
    """The ID of a passwordless sign-in and the code in its email."""
    await of.forget_attempts()
    sent = await of.api.passwordless.send_passwordless_email(email=f"{unique()}@example.com")
    return sent["auth_request_id"], proofs.code(of.database, sent["auth_request_id"], 1)


@_creates("pwl")
async def _passwordless_id(of: Objects) -> str:
    return str((await of.get("passwordless"))[0])


@_creates("conn")
async def _connection(of: Objects) -> str:
    organization_id = await of.get("org")
    answer = await of.api.connections.create_connection(
        organization_id=organization_id, connection={"provider": "OKTA", "type": "OIDC"}
    )
    await of.api.connections.update_connection(
        organization_id=organization_id,
        id=answer["connection"]["id"],
        connection={"provider": "OKTA", "type": "OIDC", "oidc_config": OIDC},
    )
    return str(answer["connection"]["id"])


@_creates("saml_conn")
async def _saml_connection(of: Objects) -> str:
    answer = await of.api.connections.create_connection(
        organization_id=await of.get("org"), connection={"provider": "OKTA", "type": "SAML"}
    )
    return str(answer["connection"]["id"])


@_creates("environment_conn")
async def _environment_connection(of: Objects) -> str:
    for old in (await of.api.connections.list_connections(include="all"))["connections"]:
        if old["provider"] == "GITHUB":
            await of.api.connections.delete_environment_connection(connection_id=old["id"])
    answer = await of.api.connections.create_environment_connection(
        connection={"provider": "GITHUB", "type": "OAUTH"}
    )
    connection_id = str(answer["connection"]["id"])
    await of.api.connections.update_environment_connection(
        connection_id=connection_id,
        connection={
            "provider": "GITHUB",
            "oauth_config": {"client_id": "us", "client_secret": "a secret of GitHub"},
        },
    )
    return connection_id


@_creates("test")
async def _connection_test(of: Objects) -> str:
    return str(await diagnostics.begin(of.database, await of.get("conn")))


@_creates("areq")
async def _sign_in_request(of: Objects) -> str:
    """A sign-in that waits for the connection."""
    request, row = requests.new(
        of.database,
        states.SSO_PENDING,
        secret=vault.new_secret(),
        client_id=of.server.client_id,
        params=Params(redirect_uri=CALLBACK),
        facts=Facts(intent="sign_in", sso=f"oidc/{await of.get('conn')}"),
    )
    await requests.add(of.database, row)
    return request.id


@_creates("err")
async def _refused_sign_in(of: Objects) -> str:
    return refusals.issue(of.database, refusals.Refusal.CLIENT_ID_MISSING)


@_creates("sign_in")
async def _sign_in(of: Objects) -> tuple[Any, str]:
    """A sign-in that a browser has begun, and its cookie."""
    request, row = requests.new(
        of.database,
        secret=vault.new_secret(),
        client_id=of.server.client_id,
        params=Params(redirect_uri=CALLBACK),
        facts=Facts(intent="sign_in"),
    )
    await requests.add(of.database, row)
    cookie = BrowserCookies.of(of.server.url).issue(request)[0].partition(";")[0]
    return request.id, cookie


@_creates("mailed_sign_in")
async def _mailed_sign_in(of: Objects) -> tuple[str, str]:
    """The cookie of a sign-in that has sent a code, and the code."""
    await of.forget_attempts()
    request_id, cookie = await of.get("sign_in")
    answer = await of.api.sending(authorization=(), cookie=cookie).auth.discovery_auth_method(
        discovery_request={"email": f"{unique()}@example.com"}
    )
    renewed = answer.headers.get("set-cookie", cookie).partition(";")[0]
    found = await requests.find_of_any(of.database, request_id)
    assert found is not None
    return renewed, proofs.code(of.database, found.facts.passwordless, 1)


@_creates("proved_sign_in")
async def _proved_sign_in(of: Objects) -> str:
    """The cookie of a sign-in whose code was entered."""
    cookie, code = await of.get("mailed_sign_in")
    answer = await of.api.sending(authorization=(), cookie=cookie).auth.verify_password_less_otp(
        otp_req={"code_challenge": code}
    )
    return str(answer.headers.get("set-cookie", cookie).partition(";")[0])


@_creates("dir")
async def _directory(of: Objects) -> str:
    answer = await of.api.directories.create_directory(
        organization_id=await of.get("org"),
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    return str(answer["directory"]["id"])


@_creates("new_polled_dir")
async def _new_polled_directory(of: Objects) -> str:
    organization_id = await of.get("org")
    answer = await of.api.directories.create_directory(
        organization_id=organization_id,
        directory={"directory_type": "POLL", "directory_provider": "GOOGLE"},
    )
    return str(answer["directory"]["id"])


@_creates("polled_dir")
async def _polled_directory(of: Objects) -> str:
    directory_id = str(await of.get("new_polled_dir"))
    await of.api.directories.enable_directory(organization_id=await of.get("org"), id=directory_id)
    await of.api.directory_polling.set_directory_credentials(
        organization_id=await of.get("org"),
        directory_id=directory_id,
        email=ADMIN,
        service_account_key=google_key(),
    )
    return directory_id


@functools.cache
def google_key() -> str:
    return key_file()


@_creates("dirgroup")
async def _directory_group(of: Objects) -> str:
    directory = await registry.get(of.call, await of.get("org"), await of.get("dir"))
    pushed = GroupPayload({"displayName": "Engineering"}, [])
    return str((await groups.create(of.call, directory, pushed)).group.id)


@_creates("dirreq")
async def _directory_request(of: Objects) -> str:
    organization_id, directory_id = await of.get("org"), await of.get("dir")
    log = request_log.RequestLog(of.database)
    log.note(
        organization_id=organization_id,
        directory_id=directory_id,
        method="POST",
        path="/Groups",
        query="",
        user_agent="Okta SCIM Client 1.0.0",
        request_id="req_1",
        status=201,
        milliseconds=7,
        resource_id=await of.get("dirgroup"),
    )
    await log.close()
    directory = await registry.get(of.call, organization_id, directory_id)
    request, *_ = (await request_log.listing(of.database, directory)).items
    return str(request.id)


@_creates("passkey_device")
async def _device(of: Objects) -> Authenticator:
    return Authenticator(of.server.url)


@_creates("person")
async def _person(of: Objects) -> Any:
    return await users.find(of.database, id_=await of.get("usr"), external_id=None)


@_creates("cred")
async def _passkey(of: Objects) -> str:
    device, here = await of.get("passkey_device"), RelyingParty.of(of.settings)
    person = await of.get("person")
    _, options = await passkeys.begin_registration(of.call, person, here)
    made = await passkeys.finish_registration(of.call, person.id, here, device.create(options))
    return str(made.id)


@_creates("challenge")
async def _challenge(of: Objects) -> Any:
    return await passkeys.begin_authentication(of.call, RelyingParty.of(of.settings))


@_creates("chl")
async def _challenge_id(of: Objects) -> str:
    return str((await of.get("challenge"))[0])


@_creates("registration")
async def _registration(of: Objects) -> tuple[str, TOTP]:
    await of.forget_attempts()
    made = await totp.register(of.call, user_id=await of.get("usr"))
    return made.id, TOTP(totp.secret(of.database, made))


@_creates("totp")
async def _registration_id(of: Objects) -> str:
    return str((await of.get("registration"))[0])


@_creates("enabled_totp")
async def _enabled(of: Objects) -> str:
    registration_id, app = await of.get("registration")
    # The code of the step before: those of this one and the next stay unused.
    await totp.enable(of.call, registration_id, app.at(now() // 1_000_000, counter_offset=-1))
    return str(registration_id)


@_creates("tpl")
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


@_creates("esr")
async def _email_server(of: Objects) -> str:
    for old in (await of.api.emails.list_email_servers())["servers"]:
        if old["enabled"]:
            await of.api.emails.disable_email_server(server_id=old["id"])
        await of.api.emails.delete_email_server(server_id=old["id"])
    answer = await of.api.emails.create_email_server(provider="POSTMARK", settings=SMTP)
    return str(answer["server"]["id"])


@_creates("mail")
async def _email(of: Objects) -> str:
    invited = await of.get("invited")
    listed = await of.api.mail.list_mail(recipient=invited["email"])
    return str(listed["mail"][0]["id"])


@_creates("icp")
async def _interceptor(of: Objects) -> str:
    for old in (await of.api.interceptors.list_interceptors(page_size=30))["interceptors"]:
        await of.api.interceptors.delete_interceptor(id=old["id"])
    return str(await of.get("further_icp"))


@_creates("further_icp")
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


@_creates("opr")
async def _operator(of: Objects) -> str:
    answer = await of.api.operators.invite_operator(
        operator={"name": "Ada", "email": f"{unique()}@example.com", "role": "OPERATOR"}
    )
    return str(answer["operator"]["id"])


@_creates("redirect_uri")
async def _redirect_uri(of: Objects) -> str:
    with contextlib.suppress(ApiError):  # it is registered already
        await of.api.clients.add_environment_redirect_uri(redirect_uri=REDIRECT_URI)
    return REDIRECT_URI


@_creates("sso_attribute")
async def _sso_attribute(of: Objects) -> str:
    attribute = {"key": unique("a").replace("-", "_"), "label": "Department", "datatype": "STRING"}
    await of.api.user_attributes.create_sso_user_attribute(user_attribute=attribute)
    return attribute["key"]


@_creates("directory_attribute")
async def _directory_attribute(of: Objects) -> str:
    attribute = {"key": unique("a").replace("-", "_"), "label": "Department", "datatype": "STRING"}
    await of.api.user_attributes.create_directory_user_attribute(user_attribute=attribute)
    return attribute["key"]


@_creates("data_key")
async def _data_key(of: Objects) -> int:
    return int((await data_keys.create(of.call)).version)


@_creates("former_master_key")
async def _former_master_key(of: Objects) -> int:
    """The version of a master key that is no longer used."""
    former = await masters.rotate(of.call, master_key.LocalKey(vault.new_data_key()))
    await masters.rotate(of.call, master_key.load(of.settings))
    return int(former.version)
