"""OAuth 2.0 as an authorization server: what clients get tokens by, and what tokens mean.

RFC 6749 (client credentials), RFC 7523 (private_key_jwt), RFC 7662 (introspection), RFC 7009
(revocation), RFC 7517 (keys), RFC 8414 and OpenID Connect Discovery. Says who a caller is; what a
caller may do is `transport.policy`.
"""
