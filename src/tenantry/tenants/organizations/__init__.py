"""Organizations: the tenants themselves, with names, metadata, settings, policies and branding.

One row each. Members, connections and links are not owned here: those packages refer to an
organization, and their rows go when it goes.
"""

__all__ = ["key_index", "model", "policy", "service"]
