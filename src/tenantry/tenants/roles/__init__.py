"""Roles and permissions: of the environment and of single organizations, and their holders.

A role has one base at most and with it all that the base may do. Owns the list of holders; a
member gets a role through the package ``memberships``.
"""

__all__ = ["catalogue", "listing", "model", "service"]
