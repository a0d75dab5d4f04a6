"""Memberships: joining an organization, invitations, seats, the last administrator, leaving."""
