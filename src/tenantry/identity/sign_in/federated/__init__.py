"""Sign-ins by an identity provider: trust, admission to the organization."""
