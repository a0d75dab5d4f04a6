"""The rpcs of directories: message in, message out. No SQL, no rules."""

from tenantry.tenants.directories.rpc.directories import DirectoryService
from tenantry.tenants.directories.rpc.states import DirectoryRequestService, DirectoryStateService

__all__ = ["DirectoryRequestService", "DirectoryService", "DirectoryStateService"]
