"""Clients: the programs that ask for access tokens, and their secrets.

Those of the environment are the operator's own: management clients (ENV) and applications
(WEB_APP, SPA, NTV). Those of an organization (M2M) are its machines'. Those of a resource
(RESOURCE) belong to third parties, which need the consent of users. A secret is shown once and
kept as a hash; several live side by side while one replaces another.
"""

__all__ = [
    "allowed_networks",
    "changes",
    "client_cache",
    "credentials.assertions",
    "credentials.revocations",
    "credentials.secrets",
    "listing",
    "management_scopes",
    "model",
    "organization_clients",
    "reading",
    "resource_clients",
    "rpc.messages",
    "token_events",
    "uris.framing",
    "uris.redirect_uris",
    "uris.return_targets",
]
