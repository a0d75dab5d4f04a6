"""Tokens that this server signs: issued, verified, and resolved to the caller of a request.

`key_ring` holds the signing keys of a process and `signer` signs with one. `access_tokens` are
those of clients, `user_tokens` and `id_tokens` those of users, `resource_tokens` those for
resources, `delegated_tokens` those with which clients act for users, and `issued_assertions` are
identity assertions for other servers. `signed_tokens` verifies access tokens, and `authenticate`
finds the caller by the headers of a request. `api_scopes` are the scopes that let a user's token
call the API.
"""

__all__ = [
    "access_tokens",
    "api_scopes",
    "authenticate",
    "delegated_tokens",
    "id_tokens",
    "issued_assertions",
    "key_ring",
    "resource_tokens",
    "signed_tokens",
    "user_tokens",
]
