"""The claims that tokens always have, which nobody else may set.

Neither a token template, nor an interceptor, nor a custom attribute of an identity provider or a
directory has one of these names (RFC 7519, RFC 9068, OpenID Connect Core, the contract).
"""

from __future__ import annotations

# Each claim with its meaning. The last ones mark other kinds of tokens.
RESERVED = {
    "iss": "who issued the token",
    "sub": "the person",
    "aud": "for whom the token is",
    "exp": "when it ends",
    "iat": "when it was made",
    "nbf": "when it begins",
    "jti": "its id",
    "client_id": "the application",
    "azp": "the application",
    "oid": "the organization",
    "xoid": "the organization's external_id",
    "xuid": "the person's external_id",
    "sid": "the session",
    "scope": "its scopes, as a text",
    "scopes": "its scopes, as a list",
    "roles": "the person's roles",
    "permissions": "what they permit",
    "permissions_omitted": "permissions did not fit",
    "claims_omitted": "claims of the template did not fit",
    "custom_claims": "claims of interceptors",
    "act": "an operator that acts for the person",
    "amr": "how the person signed in",
    "acr": "how well the person was recognized",
    "auth_time": "when the person signed in",
    "nonce": "of the request",
    "at_hash": "a hash of the access token",
    "c_hash": "a hash of the code",
    "s_hash": "a hash of the state",
    "cnf": "a key that the bearer has",
    "identities": "the accounts at providers",
    "org_id": "the organization",
    "events": "of a logout token",
    "token_use": "the kind of token",
    "typ": "the kind of token",
}
# Reserved claims that an interceptor may set in a client's token: the contract lets it replace the
# first ones, and such a token has none of the last ones.
SET_BY_INTERCEPTORS = frozenset({"aud", "scope", "scopes", "custom_claims", "roles", "permissions"})
# Of a person, by scope (OpenID Connect Core section 5.4), or beside what a provider says. Access
# tokens have none of them, so a template may put them there.
OF_PERSON = frozenset(
    {
        *("email_verified", "phone_number_verified", "updated_at", "metadata"),
        *("organization_id", "connection_id"),
    }
)
