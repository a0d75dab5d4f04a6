"""Sessions, sign-ins, connections, directories and authenticators of a case."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from apis import unique
from contract_objects import CALLBACK, OIDC, SESSION_COOKIE, creates
from google_workspaces import ADMIN, key_file
from pyotp import TOTP
from software_authenticator import Authenticator

from tenantry.access.clients import resource_clients
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import diagnostics
from tenantry.identity.connections import environment as connections
from tenantry.identity.connections.model import PASSWORDLESS
from tenantry.identity.consents import service as consents
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
    from contract_objects import Objects


@creates("session")
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


@creates("ses")
async def _session_id(of: Objects) -> str:
    return str((await of.get("session"))[0])


@creates("user_cookie")
async def _user_cookie(of: Objects) -> str:
    """The Cookie header of a browser with a session of the user."""
    return f"{SESSION_COOKIE}={(await of.get('session'))[1]}"


@creates("usrcnst")
async def _consent(of: Objects) -> str:
    """The ID of a consent of the user to the client of the resource."""
    client, resource = await resource_clients.get(
        of.database, await of.get("res"), await of.get("m2m")
    )
    consent = await consents.grant(
        of.call,
        client,
        resource,
        user_id=await of.get("usr"),
        organization_id=await of.get("org"),
        scopes=resource.scopes,
    )
    return consent.id


@creates("passwordless")
async def _passwordless(of: Objects) -> tuple[str, str]:
    """The ID of a passwordless sign-in and the code in its email."""
    await of.forget_attempts()
    sent = await of.api.passwordless.send_passwordless_email(email=f"{unique()}@example.com")
    return sent["auth_request_id"], proofs.code(of.database, sent["auth_request_id"], 1)


@creates("pwl")
async def _passwordless_id(of: Objects) -> str:
    return str((await of.get("passwordless"))[0])


@creates("conn")
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


@creates("saml_conn")
async def _saml_connection(of: Objects) -> str:
    answer = await of.api.connections.create_connection(
        organization_id=await of.get("org"), connection={"provider": "OKTA", "type": "SAML"}
    )
    return str(answer["connection"]["id"])


@creates("environment_conn")
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


@creates("test")
async def _connection_test(of: Objects) -> str:
    return str(await diagnostics.begin(of.database, await of.get("conn")))


@creates("areq")
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


@creates("err")
async def _refused_sign_in(of: Objects) -> str:
    return refusals.issue(of.database, refusals.Refusal.CLIENT_ID_MISSING)


@creates("sign_in")
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


@creates("mailed_sign_in")
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


@creates("proved_sign_in")
async def _proved_sign_in(of: Objects) -> str:
    """The cookie of a sign-in whose code was entered."""
    cookie, code = await of.get("mailed_sign_in")
    answer = await of.api.sending(authorization=(), cookie=cookie).auth.verify_password_less_otp(
        otp_req={"code_challenge": code}
    )
    return str(answer.headers.get("set-cookie", cookie).partition(";")[0])


@creates("dir")
async def _directory(of: Objects) -> str:
    answer = await of.api.directories.create_directory(
        organization_id=await of.get("org"),
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    return str(answer["directory"]["id"])


@creates("new_polled_dir")
async def _new_polled_directory(of: Objects) -> str:
    organization_id = await of.get("org")
    answer = await of.api.directories.create_directory(
        organization_id=organization_id,
        directory={"directory_type": "POLL", "directory_provider": "GOOGLE"},
    )
    return str(answer["directory"]["id"])


@creates("polled_dir")
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


@creates("dirgroup")
async def _directory_group(of: Objects) -> str:
    directory = await registry.get(of.call, await of.get("org"), await of.get("dir"))
    pushed = GroupPayload({"displayName": "Engineering"}, [])
    return str((await groups.create(of.call, directory, pushed)).group.id)


@creates("dirreq")
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


@creates("passkey_device")
async def _device(of: Objects) -> Authenticator:
    return Authenticator(of.server.url)


@creates("person")
async def _person(of: Objects) -> Any:
    return await users.find(of.database, id_=await of.get("usr"), external_id=None)


@creates("cred")
async def _passkey(of: Objects) -> str:
    device, here = await of.get("passkey_device"), RelyingParty.of(of.settings)
    person = await of.get("person")
    _, options = await passkeys.begin_registration(of.call, person, here)
    made = await passkeys.finish_registration(of.call, person.id, here, device.create(options))
    return str(made.id)


@creates("challenge")
async def _challenge(of: Objects) -> Any:
    return await passkeys.begin_authentication(of.call, RelyingParty.of(of.settings))


@creates("chl")
async def _challenge_id(of: Objects) -> str:
    return str((await of.get("challenge"))[0])


@creates("registration")
async def _registration(of: Objects) -> tuple[str, TOTP]:
    await of.forget_attempts()
    made = await totp.register(of.call, user_id=await of.get("usr"))
    return made.id, TOTP(totp.secret(of.database, made))


@creates("totp")
async def _registration_id(of: Objects) -> str:
    return str((await of.get("registration"))[0])


@creates("enabled_totp")
async def _enabled(of: Objects) -> str:
    registration_id, app = await of.get("registration")
    # The code of the step before: those of this one and the next stay unused.
    await totp.enable(of.call, registration_id, app.at(now() // 1_000_000, counter_offset=-1))
    return str(registration_id)
