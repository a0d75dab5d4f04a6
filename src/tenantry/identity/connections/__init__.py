"""The ways in which people sign in, as connections: of the environment, and of organizations.

Owns their tables, our key pairs for SAML, and the tests of connections. Their ids stand in tokens
(`amr`), in the log of sign-ins and in events. `settings.py` has the settings of each protocol,
`saml/` and `oidc/` the protocols themselves, as pure functions.
"""

__all__ = [
    "explanations",
    "fetching",
    "key_pairs",
    "model",
    "oidc.authorization",
    "oidc.callback",
    "oidc.claims",
    "oidc.faults",
    "oidc.id_token",
    "oidc.jwts",
    "oidc.logout_token",
    "oidc.metadata",
    "oidc.profile",
    "oidc.tokens",
    "oidc.userinfo",
    "ours",
    "provider_names",
    "reading",
    "saml.attributes",
    "saml.bindings",
    "saml.certificates",
    "saml.faults",
    "saml.logout",
    "saml.names",
    "saml.requests",
    "saml.response",
    "saml.sp_metadata",
    "saml.trust",
    "saml.writing",
    "service",
    "settings",
    "tests",
]
