"""The rpcs of connections: message in, message out. No SQL, no rules."""

from tenantry.identity.connections.rpc.connections import ConnectionService
from tenantry.identity.connections.rpc.single_sign_on import (
    ConnectionStateService,
    SamlCertificateService,
    SamlKeyPairService,
    SingleSignOnService,
)

__all__ = [
    "ConnectionService",
    "ConnectionStateService",
    "SamlCertificateService",
    "SamlKeyPairService",
    "SingleSignOnService",
]
