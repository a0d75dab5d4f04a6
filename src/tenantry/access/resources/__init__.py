"""Resources: the MCP servers and APIs of the product that accept access tokens of this server.

Each resource has its own issuer for its clients, with metadata
(RFC 8414), scopes, and tokens whose audience is the resource (RFC 8707). Its clients are in
`tenantry.access.clients`, the consents of users in `tenantry.identity.consents`.
"""

__all__ = ["issuers", "metadata", "model", "resource_cache", "service"]
