"""Memberships: joining an organization, invitations, seats, the last administrator, leaving.

Owns the rules by which users become members, change there and leave. The rows and records are those
of `users.model`: a user is never read without its memberships.
"""

__all__ = [
    "activity",
    "administrators",
    "bulk_creation",
    "deprovisioned",
    "grantable_roles",
    "invitations",
    "joining",
    "leaving",
    "model",
    "roles",
    "seats",
    "service",
]
