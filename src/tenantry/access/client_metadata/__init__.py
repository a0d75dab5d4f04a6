"""Client metadata: what third-party clients of a resource publish or register about themselves.

A client either registers dynamically (RFC 7591), or its client_id is the URL of a metadata
document (draft-ietf-oauth-client-id-metadata-document). Both are untrusted input. The modules for
redirect URIs, names, registrations and documents are pure functions; `fetching` sends the requests.
MCP clients of operators are not stored (`unstored_clients`).
"""

__all__ = [
    "allowlist",
    "documents",
    "fetching",
    "metadata",
    "names",
    "redirect_uris",
    "unstored_clients",
]
