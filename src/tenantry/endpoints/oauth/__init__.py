"""OAuth 2.0 and OpenID Connect as a provider: what applications and clients get, and what it means.

To browsers: the authorization endpoint (RFC 6749, OpenID Connect Core 1.0, RFC 7636, RFC 9207) and
RP-initiated logout; the pages of a sign-in are `login`'s. To programs: tokens (RFC 6749, RFC 7523),
introspection (RFC 7662), revocation (RFC 7009), userinfo, keys (RFC 7517), RFC 8414 and OpenID
Connect Discovery. Tokens are issued and verified by `identity.tokens`.
"""
