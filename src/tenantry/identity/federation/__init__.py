"""Sign-ins that another provider vouches for: the way there and back, for any protocol.

Owns the requests that are on their way, the assertions that were used, the identities that
providers have vouched for, and which our sessions go with sessions there. The protocols stand
in `connections`, their addresses in the endpoint package `sso`.
"""

__all__ = [
    "evidence",
    "identities",
    "identity_assertions",
    "idp_initiated",
    "model",
    "openid",
    "own_sign_ins",
    "provider_logout",
    "requests",
    "saml.logging_out",
    "saml.service_provider",
    "saml.signing_in",
    "sessions",
    "social",
]
