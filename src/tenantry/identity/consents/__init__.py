"""Consents: the scopes of a resource that a user has granted to one of its clients.

A consent is of one user in one organization, and ends with the membership, the client or the
resource. Without one that covers the requested scopes, no client of a resource gets a code.
"""

__all__ = ["listing", "service"]
