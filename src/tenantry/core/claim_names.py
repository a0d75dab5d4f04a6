"""Reserved claims of tokens.

Token templates, interceptors and custom attributes of identity providers and directories cannot set
them (RFC 7519, RFC 9068, OpenID Connect Core, the contract).
"""

from __future__ import annotations

# Each claim with its meaning. The last ones are of other kinds of tokens.
RESERVED = {
    "iss": "the issuer",
    "sub": "the subject",
    "aud": "the audience",
    "exp": "the expiration time",
    "iat": "the time of issue",
    "nbf": "the start of validity",
    "jti": "the token ID",
    "client_id": "the application",
    "azp": "the application",
    "oid": "the organization",
    "xoid": "the organization's external_id",
    "xuid": "the user's external_id",
    "sid": "the session",
    "scope": "the scopes, as a string",
    "scopes": "the scopes, as a list",
    "roles": "the user's roles",
    "permissions": "the user's permissions",
    "permissions_omitted": "marks omitted permissions",
    "claims_omitted": "marks omitted template claims",
    "custom_claims": "the claims of interceptors",
    "act": "the actor: an impersonating operator, or a client that acts for the user",
    "delegated_from": "the tokens that a delegated token was exchanged for",
    "amr": "the authentication methods",
    "acr": "the authentication context",
    "auth_time": "the time of authentication",
    "nonce": "the nonce of the request",
    "at_hash": "a hash of the access token",
    "c_hash": "a hash of the code",
    "s_hash": "a hash of the state",
    "cnf": "the key of the bearer",
    "identities": "the user's accounts at identity providers",
    "org_id": "the organization",
    "events": "the events of a logout token",
    "token_use": "the kind of token",
    "typ": "the kind of token",
}
# Reserved claims that an interceptor may set in a client's token: the contract lets it replace the
# first ones, and such a token has none of the last ones.
SET_BY_INTERCEPTORS = frozenset({"aud", "scope", "scopes", "custom_claims", "roles", "permissions"})
# Claims of the user, by scope (OpenID Connect Core section 5.4) or of a provider. Access tokens
# do not have them, so a template may add them.
OF_PERSON = frozenset(
    {
        *("email_verified", "phone_number_verified", "updated_at", "metadata"),
        *("organization_id", "connection_id"),
    }
)
