"""A small identity provider, for development: it speaks OpenID Connect and SAML.

Owns its key, its messages, and the organization that one can try single sign-on with. Its pages are
the endpoint package `simulator`. Nothing is stored: codes and access tokens are encrypted claims,
and the key is derived from the deployment's, so that all processes have the same one. Tenantry asks
it without a network: its addresses are those of this very server.
"""

__all__ = ["model", "openid_provider", "provider", "reading", "saml_provider", "test_organization"]
