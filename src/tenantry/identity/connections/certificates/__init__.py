"""Our key pairs for SAML, and the ends of certificates."""
