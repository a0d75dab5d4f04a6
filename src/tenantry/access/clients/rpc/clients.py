"""ClientService, of the environment and of organizations, and ClientSettingsService."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty, Struct

from tenantry.access.clients import (
    applications,
    client_settings,
    listing,
    management_scopes,
    organization_clients,
    service,
)
from tenantry.access.clients.credentials import secrets
from tenantry.access.clients.model import ACTIVE, INACTIVE, Client, Secret
from tenantry.access.clients.reading import ClientIdentifier
from tenantry.access.clients.rpc import messages
from tenantry.core import errors, ids, structs
from tenantry.gen.scalekit.v1.clients import clients_pb as pb
from tenantry.gen.tenantry.v1 import client_settings_pb as settings_pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.call import Call

_DAY = 86_400  # seconds
_IP_VERSIONS = {pb.CidrType.UNSPECIFIED: None, pb.CidrType.IPV4: 4, pb.CidrType.IPV6: 6}
_STATUSES = {pb.ClientSecretStatus.ACTIVE: ACTIVE, pb.ClientSecretStatus.INACTIVE: INACTIVE}


class ClientService:
    """One async method per rpc; ``production`` is the deployment, see `redirect_uris`.

    ``api_access``: whether an application may call this API where nothing is said.
    """

    def __init__(self, *, production: bool, api_access: bool) -> None:
        self._production = production
        self._api_access = api_access

    async def create_client(
        self, request: pb.CreateClientRequest, call: Call
    ) -> pb.CreateClientResponse:
        assert request.client is not None
        client = await applications.create(
            call,
            client_type=request.client.client_type,
            members={name: self._member(request.client, name) for name in applications.MEMBERS},
            production=self._production,
        )
        return pb.CreateClientResponse(client=_answer(call, client))

    async def get_client(self, request: pb.GetClientRequest, call: Call) -> pb.GetClientResponse:
        client = await applications.get(call, request.client_id)
        return pb.GetClientResponse(client=_answer(call, client))

    async def list_client(
        self, request: pb.ListClientsRequest, call: Call
    ) -> pb.ListClientsResponse:
        page = await listing.of_environment(
            call,
            request.filter.client_type if request.filter else (),
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListClientsResponse(
            total_size=page.total_size,
            clients=[messages.client_message(client) for client in page.items],
            next_page_token=page.next_page_token,
            prev_page_token=page.prev_page_token,
        )

    async def update_client(
        self, request: pb.UpdateClientRequest, call: Call
    ) -> pb.UpdateClientResponse:
        assert request.client is not None
        paths = request.mask.paths if request.mask else ()
        names = list(_masked(paths)) or _given(request.client)
        client = await applications.update(
            call,
            request.client_id,
            {name: self._member(request.client, name) for name in names},
            production=self._production,
        )
        return pb.UpdateClientResponse(client=_answer(call, client))

    async def delete_client(self, request: pb.DeleteClientRequest, call: Call) -> Empty:
        await applications.remove(call, request.client_id)
        return Empty()

    def _member(self, given: Any, name: str) -> Any:
        if name == "disallow_scalekit_api_access" and given.disallow_scalekit_api_access is None:
            return not self._api_access
        return _member(given, name)

    async def create_client_secret(
        self, request: pb.CreateClientSecretRequest, call: Call
    ) -> pb.CreateClientSecretResponse:
        secret, plain = await _add_secret(call, _identifier(request.client_id))
        return pb.CreateClientSecretResponse(
            plain_secret=plain, secret=messages.secret_message(secret)
        )

    async def update_client_secret(
        self, request: pb.UpdateClientSecretRequest, call: Call
    ) -> pb.UpdateClientSecretResponse:
        assert request.secret is not None
        status = _STATUSES.get(request.secret.status)
        if status is None:
            raise errors.InvalidArgument.field(
                "secret.status", "enum.defined_only", "must be ACTIVE or INACTIVE"
            )
        identity = _identifier(request.client_id)
        secret = await secrets.set_status(call, identity, request.secret_id, status)
        return pb.UpdateClientSecretResponse(secret=messages.secret_message(secret))

    async def delete_client_secret(
        self, request: pb.DeleteClientSecretRequest, call: Call
    ) -> Empty:
        await secrets.remove(call, _identifier(request.client_id), request.secret_id)
        return Empty()

    async def create_organization_client(
        self, request: pb.CreateOrganizationClientRequest, call: Call
    ) -> pb.CreateOrganizationClientResponse:
        client, plain = await organization_clients.create(
            call, request.organization_id, **_machine(request.client)
        )
        call.tag(client.revision)
        return pb.CreateOrganizationClientResponse(
            client=messages.m2m_client(client), plain_secret=plain
        )

    async def get_organization_client(
        self, request: pb.GetOrganizationClientRequest, call: Call
    ) -> pb.GetOrganizationClientResponse:
        client = await organization_clients.get(call, request.organization_id, request.client_id)
        call.tag(client.revision)
        return pb.GetOrganizationClientResponse(client=messages.m2m_client(client))

    async def list_organization_clients(
        self, request: pb.ListOrganizationClientsRequest, call: Call
    ) -> pb.ListOrganizationClientsResponse:
        page = await listing.of_organization(
            call,
            request.organization_id,
            page_size=request.page_size,
            page_token=request.page_token,
        )
        return pb.ListOrganizationClientsResponse(
            next_page_token=page.next_page_token,
            total_size=page.total_size,
            clients=[messages.m2m_client(client) for client in page.items],
            prev_page_token=page.prev_page_token,
        )

    async def update_organization_client(
        self, request: pb.UpdateOrganizationClientRequest, call: Call
    ) -> pb.UpdateOrganizationClientResponse:
        client = await organization_clients.update(
            call, request.organization_id, request.client_id, **_machine(request.client)
        )
        call.tag(client.revision)
        return pb.UpdateOrganizationClientResponse(client=messages.m2m_client(client))

    async def delete_organization_client(
        self, request: pb.DeleteOrganizationClientRequest, call: Call
    ) -> Empty:
        await organization_clients.remove(call, request.organization_id, request.client_id)
        return Empty()

    async def create_organization_client_secret(
        self, request: pb.CreateOrganizationClientSecretRequest, call: Call
    ) -> pb.CreateOrganizationClientSecretResponse:
        identity = ClientIdentifier(request.client_id, request.organization_id)
        secret, plain = await _add_secret(call, identity)
        return pb.CreateOrganizationClientSecretResponse(
            plain_secret=plain, secret=messages.secret_message(secret)
        )

    async def delete_organization_client_secret(
        self, request: pb.DeleteOrganizationClientSecretRequest, call: Call
    ) -> Empty:
        identity = ClientIdentifier(request.client_id, request.organization_id)
        await secrets.remove(call, identity, request.secret_id)
        return Empty()

    async def add_environment_redirect_uri(
        self, request: pb.AddEnvironmentRedirectUriRequest, call: Call
    ) -> pb.EnvironmentLoginUrisResponse:
        return messages.login_uris(
            await service.add_redirect_uri(call, request.redirect_uri, production=self._production)
        )

    async def remove_environment_redirect_uri(
        self, request: pb.RemoveEnvironmentRedirectUriRequest, call: Call
    ) -> pb.EnvironmentLoginUrisResponse:
        return messages.login_uris(await service.remove_redirect_uri(call, request.redirect_uri))

    async def set_environment_initiate_login_uri(
        self, request: pb.SetEnvironmentInitiateLoginUriRequest, call: Call
    ) -> pb.EnvironmentLoginUrisResponse:
        return messages.login_uris(
            await service.set_initiate_login_uri(
                call, request.initiate_login_uri, production=self._production
            )
        )


class ClientSettingsService:
    async def get_client_settings(
        self, request: settings_pb.GetClientSettingsRequest, call: Call
    ) -> settings_pb.GetClientSettingsResponse:
        client = await client_settings.get(call, request.client_id)
        call.tag(client.revision)
        return settings_pb.GetClientSettingsResponse(settings=_settings(client))

    async def update_client_settings(
        self, request: settings_pb.UpdateClientSettingsRequest, call: Call
    ) -> settings_pb.UpdateClientSettingsResponse:
        given = request.settings
        assert given is not None
        client = await client_settings.update(
            call,
            request.client_id,
            jwks=None if given.jwks is None else structs.plain(given.jwks, "settings.jwks"),
            **{
                name: getattr(given, name)
                for name in ("token_endpoint_auth_method", "access_token_signing_alg")
                if given.has_field(name)
            },
            management_scopes=given.management_scopes,
            **({} if given.token_exchange is None else _token_exchange(given.token_exchange)),
        )
        call.tag(client.revision)
        return settings_pb.UpdateClientSettingsResponse(settings=_settings(client))


def _token_exchange(given: settings_pb.TokenExchangeSettings) -> dict[str, Any]:
    return {
        "token_exchange_audiences": given.audiences,
        "identity_assertion_targets": [
            {
                "issuer": target.issuer,
                "client_id": target.client_id,
                "resources": list(dict.fromkeys(target.resources)),
                "scopes": list(dict.fromkeys(target.scopes)),
            }
            for target in given.identity_assertions
        ],
    }


def _member(given: Any, name: str) -> Any:
    """Return a member of an application as its rules take it."""
    value = getattr(given, name)
    match name:
        case "custom_claims":
            return messages.pairs(value)
        case "disallow_scalekit_api_access" | "enforce_pkce":
            return value is not None and value.value
        case "ip_allowlist":
            return None if value is None else _networks(value)
    return value


def _given(client: pb.UpdateClient) -> list[str]:
    """Return the names of the members that are not empty; a switch that is off is not empty."""
    return [name for name in applications.MEMBERS if _is_given(getattr(client, name))]


def _is_given(value: Any) -> bool:
    return value is not None and value not in ("", 0) and value != []


def _masked(paths: Iterable[str]) -> Iterable[str]:
    for path in paths:
        name = path.removeprefix("client.")
        if name not in applications.MEMBERS:
            raise errors.InvalidArgument.field(
                "mask",
                "in",
                f"{path[:60]!r} cannot be updated; "
                f"must be one of {', '.join(applications.MEMBERS)}",
            )
        yield name


def _machine(given: pb.OrganizationClient | None) -> dict[str, Any]:
    assert given is not None
    return {
        "name": given.name,
        "description": given.description,
        "scopes": given.scopes,
        "audience": given.audience,
        "custom_claims": messages.pairs(given.custom_claims),
        "expiry": given.expiry,
    }


def _networks(given: pb.IpAllowlist) -> dict[str, Any]:
    cidrs = []
    for index, cidr in enumerate(given.cidrs):
        if cidr.type not in _IP_VERSIONS:
            raise errors.InvalidArgument.field(
                f"client.ip_allowlist.cidrs[{index}].type",
                "enum.defined_only",
                "must be IPV4 or IPV6",
            )
        cidrs.append((cidr.value, _IP_VERSIONS[cidr.type]))
    return {"opted_in": given.opted_in, "cidrs": cidrs}


def _identifier(client_id: str) -> ClientIdentifier:
    """Return a client of the environment or of a resource, whose secrets are managed alike."""
    return ClientIdentifier(client_id, of_resource=ids.well_formed(ids.RESOURCE_CLIENT, client_id))


async def _add_secret(call: Call, identity: ClientIdentifier) -> tuple[Secret, str]:
    return await secrets.add(
        call,
        identity,
        overlap_seconds=call.seconds("overlap_seconds", range(366 * _DAY + 1)),
        expires_in=call.seconds("expires_in", range(1, 3660 * _DAY + 1)),
    )


def _answer(call: Call, client: Client) -> pb.Client:
    call.tag(client.revision)
    return messages.client_message(client)


def _settings(client: Client) -> settings_pb.ClientSettings:
    message = settings_pb.ClientSettings(
        token_endpoint_auth_method=client.token_endpoint_auth_method,
        access_token_signing_alg=client.access_token_signing_alg,
        management_scopes=management_scopes.of(client),
    )
    if client.token_exchange_audiences or client.identity_assertion_targets:
        message.token_exchange = settings_pb.TokenExchangeSettings(
            audiences=list(client.token_exchange_audiences or ()),
            identity_assertions=[
                settings_pb.IdentityAssertionTarget(**target)
                for target in client.identity_assertion_targets or ()
            ],
        )
    if client.jwks is not None:
        message.jwks = Struct.from_json(json.dumps(client.jwks))
    return message
