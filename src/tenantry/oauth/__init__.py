"""OAuth 2.0 as an authorization server: token endpoint, keys, discovery, and access tokens.

RFC 6749 (client credentials), RFC 7517 (keys), RFC 8414 and OpenID Connect Discovery. Says who a
caller is; what a caller may do is `transport.policy`.
"""
