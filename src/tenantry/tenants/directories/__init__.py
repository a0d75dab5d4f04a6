"""Directories: the people and groups that a customer's identity provider pushes, or that we fetch.

Owns their tables, the people and groups in them (`resources`), the effects of their changes on
accounts and memberships (`effects`), the language of SCIM (`scim`), and polls (`polling`).
"""

__all__ = [
    "archiving",
    "effects.profiles",
    "effects.provisioning",
    "guides",
    "listing",
    "members",
    "model",
    "registry",
    "request_log",
    "resources.groups",
    "resources.many",
    "resources.moving_members",
    "resources.people",
    "resources.searching",
    "scim.discovery",
    "scim.faults",
    "scim.filters",
    "scim.patches",
    "scim.resources",
    "scim.schemas",
    "scim.selections",
    "scim.values",
    "secrets",
    "waiting",
]
