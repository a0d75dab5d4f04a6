"""Facts that a provider says of itself, for a page that sets a connection up; nothing is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.identity.connections import field_values
from tenantry.identity.connections.providers import metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate

    from tenantry.identity.connections.oidc.metadata import Metadata
    from tenantry.identity.connections.providers.fetching import ConnectionContext


async def endpoints(ground: ConnectionContext, issuer: str) -> Metadata:
    """Return the endpoints of an OpenID Provider, by its issuer or the address of its document."""
    from tenantry.identity.connections.oidc.faults import OIDCError

    address = field_values.url(issuer, "issuer", tls_only=not ground.development)
    try:
        return await ground.fetching.discover(address, is_debug=ground.development)
    except OIDCError as problem:
        raise errors.InvalidArgument.field("issuer", "metadata", problem.description) from None


async def metadata_of(
    ground: ConnectionContext, address: str, xml: str
) -> tuple[dict[str, Any], Sequence[Certificate]]:
    """Return what metadata says, at its address or itself, as settings; and its certificates."""
    from tenantry.identity.connections.saml.faults import SAMLError
    from tenantry.identity.connections.saml.metadata import idp_metadata

    if bool(address) == bool(xml):
        raise errors.InvalidArgument.field(
            "metadata_url", "oneof", "exactly one of metadata_url and metadata is required"
        )
    tls_only = not ground.development
    try:
        if address:
            url = field_values.url(address, "metadata_url", tls_only=tls_only)
            provider = await metadata.fetch(ground.outgoing, url, tls_only=tls_only)
        else:
            provider = idp_metadata.read(xml.encode())
        found = metadata.members(provider, tls_only=tls_only)
    except SAMLError as problem:
        field = "metadata_url" if address else "metadata"
        raise errors.InvalidArgument.field(field, "metadata", problem.description) from None
    return found, provider.certificates


def certificate(pasted: str) -> Certificate:
    """Return a certificate that is given as PEM, or its base64 alone."""
    from tenantry.identity.connections.saml import certificates
    from tenantry.identity.connections.saml.faults import SAMLError

    try:
        return certificates.read(pasted.encode())
    except SAMLError as problem:
        raise errors.InvalidArgument.field(
            "certificate", "certificate", problem.description
        ) from None


def pem(one: Certificate) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    return one.public_bytes(Encoding.PEM).decode()
