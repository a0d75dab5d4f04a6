"""Operators: the people who run the deployment, at its console, and how they get in.

An operator has one of three roles. Their sessions, passkeys and the links that make or let back in
an operator belong to this package; they are no users, and belong to no organization.
"""

__all__ = ["grants", "impersonation", "model", "passkeys", "provider", "service", "sessions"]
