"""The ways in which people sign in, as connections: of the environment, and of organizations.

Owns their tables, our key pairs for SAML, and the tests of connections. Their ids stand in tokens
(`amr`), in the log of sign-ins and in events. `settings.py` has the settings of each protocol,
`saml/` and `oidc/` the protocols themselves, as pure functions. `changes/` makes and changes
connections, `providers/` asks providers, `guides/` has texts for people, and `applications/` those
connections by which nobody signs in.
"""

__all__ = [
    "addresses",
    "certificates.expiry",
    "certificates.key_pairs",
    "changes.archiving",
    "changes.client_secrets",
    "changes.metadata_refresh",
    "diagnostics",
    "environment",
    "faults",
    "federated_identities",
    "guides.explanations",
    "guides.guides",
    "listing",
    "model",
    "oidc.authorization",
    "oidc.callback",
    "oidc.claims",
    "oidc.faults",
    "oidc.id_jag",
    "oidc.id_token",
    "oidc.jwts",
    "oidc.logout_token",
    "oidc.metadata",
    "oidc.profile",
    "oidc.tokens",
    "oidc.userinfo",
    "providers.fetching",
    "providers.provider_names",
    "providers.social_providers",
    "reading",
    "saml.attributes",
    "saml.bindings",
    "saml.certificates",
    "saml.faults",
    "saml.logout",
    "saml.metadata.sp_metadata",
    "saml.names",
    "saml.parsing",
    "saml.response",
    "saml.trust",
    "saml.writing",
    "service",
    "settings",
]
