"""Requests that the examples of the contract do not spell: what each needs, and why."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from contract_objects import REDIRECT_URI
from identity_objects import google_key
from idp_metadata_pages import MetadataPage, certificate, pem

from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from contract_objects import Objects
    from pyotp import TOTP

    Adapt = Callable[[Objects, dict[str, Any]], Awaitable[None]]

# The contract lets clients in, but the answer is about the signed-in user that calls.
OF_SESSIONS = {"GetSupportHash", "BeginRegistration", "FinishRegistration", "UpdateCredential"}

EXCEPTIONS: dict[str, Adapt] = {}


def _of(*rpcs: str) -> Callable[[Adapt], Adapt]:
    def register(adapt: Adapt) -> Adapt:
        EXCEPTIONS.update(dict.fromkeys(rpcs, adapt))
        return adapt

    return register


def _without(*paths: str) -> Adapt:
    """Leave out fields."""

    async def leave_out(_: Objects, request: dict[str, Any]) -> None:
        for path in paths:
            *above, name = path.split(".")
            message = request
            for part in above:
                message = message[part]
            del message[name]

    return leave_out


# Settings of each organization and of each connection.
_ELSEWHERE = ("user_management.max_users_limit", "user_management.sync_user_profile_on_signin")

# Fields of an answer that the same message has in a request, where the server refuses them.
EXCEPTIONS |= {
    "UpdateEmailTemplate": _without("update_mask"),  # that of another message
    "CreateEnvironmentSessionSettings": _without("session_settings.client_access_token_expiry"),
    "UpdateEnvironmentSessionSettings": _without("session_settings.client_access_token_expiry"),
    "CreateEnvironmentUserManagement": _without(*_ELSEWHERE),
    "UpdateEnvironmentUserManagement": _without(*_ELSEWHERE),
    "UpdateConnectionSettings": _without("settings.fault"),
    "UpdateDirectory": _without("directory.groups"),  # of a polled directory only
}


@_of("GetOrganizationByExternalId")
async def _external_id(objects: Objects, request: dict[str, Any]) -> None:
    """No organization has the external ID of the example."""
    request["external_id"] = (await objects.get("organization"))["external_id"]


@_of("AddEnvironmentRedirectUri")
async def _new_redirect_uri(objects: Objects, request: dict[str, Any]) -> None:
    """An environment has room for five."""
    await objects.get("redirect_uri")
    await objects.api.clients.remove_environment_redirect_uri(redirect_uri=REDIRECT_URI)
    request["redirect_uri"] = REDIRECT_URI


@_of("RemoveEnvironmentRedirectUri")
async def _live_redirect_uri(objects: Objects, request: dict[str, Any]) -> None:
    """The redirect URI of the example is not registered."""
    request["redirect_uri"] = await objects.get("redirect_uri")


@_of("CreateEnvironmentConnection")
async def _social_connection(objects: Objects, request: dict[str, Any]) -> None:
    """Connections of the environment are OAuth; the example is one of an organization."""
    await objects.get("environment_conn")  # frees the provider
    await objects.api.connections.delete_environment_connection(
        connection_id=await objects.get("environment_conn")
    )
    request["connection"] = {"provider": "GITHUB", "type": "OAUTH", "provider_key": "GITHUB"}


@_of("UpdateEnvironmentConnection")
async def _social_credentials(_: Objects, request: dict[str, Any]) -> None:
    """A connection of the environment has OAuth settings; the example has others."""
    request["connection"] = {
        "provider": "GITHUB",
        "oauth_config": {"client_id": "us", "client_secret": "another secret of GitHub"},
    }


@_of("UpdateLoginUserDetails")
async def _same_organization(objects: Objects, request: dict[str, Any]) -> None:
    """The organization has to be that of the connection."""
    organization = await objects.get("organization")
    request["user"]["organization_external_id"] = organization["external_id"]


@_of("UpdateClientSettings")
async def _application(objects: Objects, request: dict[str, Any]) -> None:
    """Management scopes are of management clients."""
    request["client_id"] = await objects.get("skc")
    del request["settings"]["management_scopes"]


@_of("CreateResourceClient", "UpdateResourceClient")
async def _scopes_of_resource(objects: Objects, request: dict[str, Any]) -> None:
    """Scopes of a client are scopes of the resource."""
    await objects.get("res")
    request["client"]["scopes"] = [await objects.get("permission")]


@_of("UpdateOrganizationPolicy", "SimulateOrganizationPolicy")
async def _policy_of_the_caller(_: Objects, request: dict[str, Any]) -> None:
    """Users cannot lock themselves out, and the mask leaves out fields to test."""
    request.pop("update_mask", None)
    for name in ("allowed_networks", "allowed_sign_in_methods"):
        del request["policy"][name]


@_of("ResendInvite")
async def _pending_invitation(objects: Objects, request: dict[str, Any]) -> None:
    """Only an invited member has an invitation."""
    request["id"] = (await objects.get("invited"))["id"]


@_of("CreateMembership")
async def _member_elsewhere(objects: Objects, request: dict[str, Any]) -> None:
    """The user has to be new in the organization."""
    request["id"] = await objects.another().get("usr")


@_of("RemoveUserRole")
async def _held_role(_: Objects, request: dict[str, Any]) -> None:
    """The member must hold the role."""
    request["role_name"] = "admin"


@_of("UpdatePermission")
async def _same_name(_: Objects, request: dict[str, Any]) -> None:
    """A permission keeps its name."""
    request["permission"]["name"] = request["permission_name"]


@_of("AddPermissionsToRole")
async def _further_permission(objects: Objects, request: dict[str, Any]) -> None:
    """The role has the permission of the example already."""
    request["permission_names"] = [await objects.another().get("permission")]


@_of("UpdateDefaultOrganizationRoles")
async def _another_default(objects: Objects, request: dict[str, Any]) -> None:
    """The example is the default of a new organization."""
    request["default_member_role"] = (await objects.get("org_role"))["name"]


@_of("DeletePortalLink", "GetPortalLinks")
async def _live_link(objects: Objects, _: dict[str, Any]) -> None:
    """Only a live link is listed or deleted."""
    await objects.get("lnk")


@_of("RevokeAllUserSessions")
async def _live_session(objects: Objects, _: dict[str, Any]) -> None:
    """Only a live session is revoked."""
    await objects.get("session")


@_of("ValidateToken", "UpdateToken", "InvalidateToken")
async def _live_key(objects: Objects, request: dict[str, Any]) -> None:
    """A key is a secret, so no example can contain a live one."""
    request["token"] = (await objects.get("api_token"))["token"]


# Remote servers: no test calls one.


@_of("ReadMetadata")
async def _metadata(_: Objects, request: dict[str, Any]) -> None:
    """The example names a page of a remote server."""
    del request["metadata_url"]
    request["metadata"] = MetadataPage().xml.decode()


@_of("ImportConnectionMetadata")
async def _metadata_of_connection(objects: Objects, request: dict[str, Any]) -> None:
    """The example abbreviates the document."""
    request["connection_id"] = await objects.get("saml_conn")
    request["metadata"] = MetadataPage().xml.decode()


@_of("ReadIssuer")
async def _issuer(objects: Objects, request: dict[str, Any]) -> None:
    """The example names a remote server."""
    request["issuer"] = objects.provider


@_of("ReadCertificate")
async def _certificate(_: Objects, request: dict[str, Any]) -> None:
    """The example abbreviates the certificate."""
    request["certificate"] = pem(certificate("idp"))


@_of("SetDirectoryCredentials")
async def _service_account(objects: Objects, request: dict[str, Any]) -> None:
    """The example abbreviates the key."""
    request["directory_id"] = await objects.get("new_polled_dir")
    request["service_account_key"] = google_key()


@_of("AssignGroupsForDirectory")
async def _polled_directory(objects: Objects, request: dict[str, Any]) -> None:
    """An identity provider that pushes by SCIM selects the groups itself."""
    request["id"] = await objects.get("polled_dir")


@_of("TriggerDirectorySync")
async def _directory_to_poll(objects: Objects, request: dict[str, Any]) -> None:
    """An identity provider that pushes by SCIM is not polled."""
    request["directory_id"] = await objects.get("polled_dir")


@_of("DeleteDirectory")
async def _disabled_directory(objects: Objects, request: dict[str, Any]) -> None:
    """An enabled directory cannot be deleted."""
    named = {name: request[name] for name in ("organization_id", "id")}
    await objects.api.directories.disable_directory(**named)


# Objects of the environment: their versions and keys are no IDs of the examples.


@_of("CreateDEK")
async def _data_key(_: Objects, request: dict[str, Any]) -> None:
    """Data keys are Tenantry's own; the example shows all fields of the contract."""
    del request["provider"], request["key_ref"]


@_of("ActivateDEK", "GetDEK", "DestroyDEK")
async def _data_key_version(objects: Objects, request: dict[str, Any]) -> None:
    """A version is a number without the prefix of an object."""
    request["dek_version"] = await objects.get("data_key")


@_of("DestroyMasterKey")
async def _former_master_key(objects: Objects, request: dict[str, Any]) -> None:
    """Only a master key that is no longer used can be destroyed."""
    request["version"] = await objects.get("former_master_key")


@_of("EnableTokenTemplate", "DisableTokenTemplate", "DeleteTokenTemplate", "GetTokenTemplate")
async def _token_template(objects: Objects, _: dict[str, Any]) -> None:
    """An environment has no template at first."""
    await objects.api.interceptors.upsert_token_template(template={"plan": '"free"'})


@_of("CreateDirectoryUserAttribute")
async def _directory_attribute(_: Objects, request: dict[str, Any]) -> None:
    """Attributes of single sign-on and of directories share a message."""
    del request["user_attribute"]["sso_addition_info"]


@_of("UpdateSsoUserAttribute", "DeleteSsoUserAttribute")
async def _live_attribute(objects: Objects, request: dict[str, Any]) -> None:
    """The key of an attribute is a name without the prefix of an object."""
    await _name_attribute(request, await objects.get("sso_attribute"))


@_of("UpdateDirectoryUserAttribute", "DeleteDirectoryUserAttribute")
async def _live_directory_attribute(objects: Objects, request: dict[str, Any]) -> None:
    """The same for attributes of directories."""
    await _name_attribute(request, await objects.get("directory_attribute"))
    request.get("user_attribute", {}).pop("sso_addition_info", None)


async def _name_attribute(request: dict[str, Any], key: str) -> None:
    request["key"] = key
    if "user_attribute" in request:  # an attribute keeps its key
        request["user_attribute"]["key"] = key


# A sign-in: the browser's cookie, and the codes that it enters.


@_of(
    *("ListAuthMethods", "GetAuthState", "GetAuthCustomizations"),
    *("GetAuthFeatures", "Logout"),
)
async def _at_sign_in(objects: Objects, _: dict[str, Any]) -> None:
    """A cookie identifies the sign-in."""
    objects.headers["cookie"] = (await objects.get("sign_in"))[1]


@_of("DiscoveryAuthMethod")
async def _before_email(objects: Objects, request: dict[str, Any]) -> None:
    """The same, without the hourly limit of codes for an address."""
    await _at_sign_in(objects, request)
    await objects.forget_attempts()


@_of("SendPasswordlessEmail")
async def _unlimited(objects: Objects, _: dict[str, Any]) -> None:
    """Codes for an address are limited by the hour."""
    await objects.forget_attempts()


@_of("VerifyPasswordLessOtp")
async def _code_of_sign_in(objects: Objects, request: dict[str, Any]) -> None:
    """The code is in an email."""
    cookie, code = await objects.get("mailed_sign_in")
    objects.headers["cookie"] = cookie
    request["otp_req"]["code_challenge"] = code


@_of("ResendAuthPasswordless")
async def _after_email(objects: Objects, _: dict[str, Any]) -> None:
    """A code must be sent before it can be sent again."""
    objects.headers["cookie"] = (await objects.get("mailed_sign_in"))[0]


@_of("ListUserOrganizations", "SignupOrganization")
async def _after_code(objects: Objects, _: dict[str, Any]) -> None:
    """The user has entered the code."""
    objects.headers["cookie"] = await objects.get("proved_sign_in")


@_of("PortalBootstrap", "SendCustomEvent")
async def _in_the_portal(objects: Objects, _: dict[str, Any]) -> None:
    """Both are of the portal session that calls."""
    objects.headers |= {"cookie": await objects.get("portal_cookie"), "authorization": ""}


@_of("VerifyPasswordlessEmail")
async def _code_of_email(objects: Objects, request: dict[str, Any]) -> None:
    """The code is in an email."""
    request["auth_request_id"], request["code"] = await objects.get("passwordless")


@_of("EnableTOTP", "VerifyRegistrationCode")
async def _code_of_app(objects: Objects, request: dict[str, Any]) -> None:
    """The app computes the current code."""
    request["registration_id"], app = await objects.get("registration")
    request["code"] = app.now()


@_of("VerifyUserCode", "DisableTOTP")
async def _code_of_enabled_app(objects: Objects, request: dict[str, Any]) -> None:
    """The app must be enabled, and computes the current code."""
    await objects.get("enabled_totp")
    app: TOTP = (await objects.get("registration"))[1]
    request["code"] = app.at(int(time.time()))


@_of("GetSecondFactor", "DeleteSecondFactor")
async def _enabled_app(objects: Objects, _: dict[str, Any]) -> None:
    """Only an enabled app is a second factor."""
    await objects.get("enabled_totp")


@_of("FinishRegistration")
async def _new_passkey(objects: Objects, request: dict[str, Any]) -> None:
    """The device signs a challenge."""
    here, device = RelyingParty.of(objects.settings), await objects.get("passkey_device")
    _, options = await passkeys.begin_registration(objects.call, await objects.get("person"), here)
    made = device.create(options)
    request |= {
        "credential_id": made["rawId"],
        "attestation_object": made["response"]["attestationObject"],
        "client_data_json": made["response"]["clientDataJSON"],
    }


@_of("FinishAuthentication")
async def _signature(objects: Objects, request: dict[str, Any]) -> None:
    """The device signs a challenge."""
    await objects.get("cred")
    device = await objects.get("passkey_device")
    challenge_id, options = await objects.get("challenge")
    signed = device.get(options)
    request |= {
        "session_id": challenge_id,
        "credential_id": signed["rawId"],
        "response": {
            "authenticator_data": signed["response"]["authenticatorData"],
            "client_data_json": signed["response"]["clientDataJSON"],
            "signature": signed["response"]["signature"],
            "user_handle": signed["response"]["userHandle"],
        },
    }
