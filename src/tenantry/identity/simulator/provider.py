"""The simulator as a party: its addresses, its key, and a connection's settings for it."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec

from tenantry.identity.connections import addresses
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.model import (
    IDP_SIMULATOR,
    MANUAL,
    OIDC,
    SAML,
    Connection,
)
from tenantry.identity.connections.settings import HTTP_REDIRECT, URL_PARAMS

if TYPE_CHECKING:
    from cryptography import x509

    from tenantry.crypto.vault import Vault

PATH = "/simulator"
_FROM, _UNTIL = 1_735_689_600, 2_051_222_400  # 2025 and 2035: nobody waits for an expiry


class Simulator:
    """The simulator of one deployment, beside each of its connections by its own issuer."""

    def __init__(self, vault: Vault, public_url: str) -> None:
        self.vault = vault
        self.public_url = public_url

    def issuer(self, connection_id: str) -> str:
        """Return what it is called by a connection: issuer and entity ID."""
        return f"{self.public_url}{PATH}/{connection_id}"

    def callback(self, connection: Connection) -> str:
        """Return the only address that a browser is sent back to."""
        return addresses.callback(self.public_url, connection)

    def filled(self, connection: Connection) -> Connection:
        """Return a connection as it is used: the simulator itself says its side of it."""
        if connection.provider != IDP_SIMULATOR or connection.type not in (OIDC, SAML):
            return connection
        issuer = self.issuer(connection.id)
        theirs: dict[str, Any]
        secret = None
        if connection.type == OIDC:
            theirs = {
                "issuer": issuer,
                "authorize_uri": f"{issuer}/authorize",
                "token_uri": f"{issuer}/token",
                "user_info_uri": f"{issuer}/userinfo",
                "jwks_uri": f"{issuer}/jwks",
                "client_id": connection.id,
                "token_auth_type": URL_PARAMS,
            }
            plain = self.client_secret(connection.id).encode()
            secret = self.vault.encrypt(plain, client_secrets.binding_of(connection))
        else:
            theirs = {
                "idp_entity_id": issuer,
                "idp_sso_url": f"{issuer}/sso",
                "idp_sso_request_binding": HTTP_REDIRECT,
                "idp_certificates": [{"id": "simulator", "certificate": self._encoded}],
                "assertion_encrypted": False,
            }
        return replace(
            connection,
            settings={**connection.settings, **theirs},
            secret=secret,
            configuration_type=MANUAL,
            # A server for development may be without TLS.
            debug_enabled=self.public_url.startswith("http:"),
        )

    def client_secret(self, connection_id: str) -> str:
        """Return the secret by which our side shows itself at the token endpoint."""
        return self.vault.derive(f"secret at the simulator of {connection_id}").hex()

    @functools.cached_property
    def key(self) -> ec.EllipticCurvePrivateKey:
        """The key that it signs with, of curve P-256: the same in all processes."""
        seed = int.from_bytes(self.vault.derive("key of the simulator"))
        curve = ec.SECP256R1()
        return ec.derive_private_key(seed % (curve.group_order - 1) + 1, curve)

    @functools.cached_property
    def certificate(self) -> x509.Certificate:
        """The certificate by which SAML knows its key."""
        from datetime import UTC, datetime

        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.x509.oid import NameOID

        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulator of Tenantry")])
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.fromtimestamp(_FROM, UTC))
            .not_valid_after(datetime.fromtimestamp(_UNTIL, UTC))
            .sign(self.key, hashes.SHA256())
        )

    @functools.cached_property
    def _encoded(self) -> str:
        from tenantry.identity.connections.saml.certificates import base64_of

        return base64_of(self.certificate)
