"""The rpcs of connections: message in, message out. No SQL, no rules."""

from tenantry.identity.connections.rpc.connections import ConnectionService
from tenantry.identity.connections.rpc.key_pairs import SamlCertificateService, SamlKeyPairService
from tenantry.identity.connections.rpc.single_sign_on import SingleSignOnService
from tenantry.identity.connections.rpc.states import ConnectionStateService

__all__ = [
    "ConnectionService",
    "ConnectionStateService",
    "SamlCertificateService",
    "SamlKeyPairService",
    "SingleSignOnService",
]
