"""ClientService and ClientSettingsService: message in, message out. No SQL, no rules."""

from tenantry.access.clients.rpc.clients import ClientService, ClientSettingsService
from tenantry.access.clients.rpc.resource_clients import ResourceClientService

__all__ = ["ClientService", "ClientSettingsService", "ResourceClientService"]
