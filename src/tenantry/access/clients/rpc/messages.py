"""Messages of clients and their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.access.clients.model import CIMD, DCR
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.clients import clients_pb as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client, Secret
    from tenantry.access.resources.model import Resource


def pairs(claims: Sequence[pb.CustomClaim]) -> list[tuple[str, str]]:
    return [(claim.key, claim.value) for claim in claims]


def client_message(client: Client) -> pb.Client:
    message = pb.Client(
        id=client.id,
        keyId=client.id,
        create_time=timestamp(client.create_time),
        update_time=timestamp(client.update_time),
        secrets=[secret_message(secret) for secret in client.secrets],
        post_logout_redirect_uris=list(client.post_logout_redirect_uris),
        back_channel_logout_uris=list(client.back_channel_logout_uris),
        initiate_login_uri=client.initiate_login_uri or "",
        post_login_uris=list(client.post_login_uris),
        name=client.name,
        scopes=list(client.scopes),
        custom_claims=claims(client),
        disallow_scalekit_api_access=not client.api_access,
        grant_types=list(client.grant_types),
        client_type=client.client_type,
        enforce_pkce=client.enforce_pkce,
    )
    if client.expiry is not None:
        message.access_token_expiry = client.expiry
    if client.ip_allowlist is not None:
        message.ip_allowlist = pb.IpAllowlist(
            opted_in=client.ip_allowlist["opted_in"],
            cidrs=[
                pb.CidrEntry(value=cidr, type=pb.CidrType.IPV6 if ":" in cidr else pb.CidrType.IPV4)
                for cidr in client.ip_allowlist["cidrs"]
            ],
        )
    return message


def m2m_client(client: Client) -> pb.M2MClient:
    return pb.M2MClient(
        client_id=client.id,
        secrets=[secret_message(secret) for secret in client.secrets],
        name=client.name,
        description=client.description,
        organization_id=client.organization_id or "",
        create_time=timestamp(client.create_time),
        update_time=timestamp(client.update_time),
        scopes=list(client.scopes),
        audience=list(client.audience),
        custom_claims=claims(client),
        expiry=client.expiry or 0,
        resource_id=client.resource_id or "",
        redirect_uris=list(client.post_login_uris),
        is_dcr=client.registration == DCR,
        is_cimd=client.registration == CIMD,
        metadata_uri=client.metadata_uri,
    )


def resource_client(client: Client, resource: Resource) -> pb.M2MClient:
    """Return a client of a resource, whose tokens have the audience of the resource."""
    message = m2m_client(client)
    message.audience = list(resource.audience)
    if client.expiry is None:
        message.expiry = resource.access_token_expiry
    return message


def claims(client: Client) -> list[pb.CustomClaim]:
    return [pb.CustomClaim(key=key, value=value) for key, value in client.custom_claims]


def secret_message(secret: Secret) -> pb.ClientSecret:
    message = pb.ClientSecret(
        id=secret.id,
        create_time=timestamp(secret.create_time),
        update_time=timestamp(secret.update_time),
        secret_suffix=secret.suffix,
        status=pb.ClientSecretStatus[secret.status],
    )
    if secret.created_by is not None:
        message.created_by = secret.created_by
    if secret.expire_time is not None:
        message.expire_time = timestamp(secret.expire_time)
    if secret.last_used_time is not None:
        message.last_used_time = timestamp(secret.last_used_time)
    return message


def login_uris(client: Client) -> pb.EnvironmentLoginUrisResponse:
    return pb.EnvironmentLoginUrisResponse(
        client_id=client.id,
        redirect_uris=list(client.post_login_uris),
        post_logout_redirect_uris=list(client.post_logout_redirect_uris),
        initiate_login_uri=client.initiate_login_uri or "",
    )
