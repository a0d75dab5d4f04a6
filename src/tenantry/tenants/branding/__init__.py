"""How pages and mails look: the settings about it as one document, and uploaded pictures.

Owns the pictures. The look itself is in settings (`tenants.environment`); the branding of an
organization stands with the organization.
"""

__all__ = ["assets", "customization", "pictures"]
