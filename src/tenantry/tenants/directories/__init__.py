"""Directories: the people and groups that a customer's identity provider pushes, or that we fetch.

Owns their tables, the rules of what such a change means for accounts and memberships, and the
language of SCIM (`scim`).
"""

__all__ = [
    "groups",
    "model",
    "moving",
    "people",
    "provisioning",
    "registry",
    "request_log",
    "scim.discovery",
    "scim.faults",
    "scim.filters",
    "scim.patches",
    "scim.resources",
    "scim.schemas",
    "scim.selections",
    "searching",
    "secrets",
]
