"""Shared by the tests of roles."""

from __future__ import annotations

from apis import unique


def fresh(stem: str = "role") -> str:
    """A name that no other role or permission has."""
    return unique(stem).replace("-", "_")


def names(listed):
    """The names of these roles or permissions."""
    return [one["name"] for one in listed]


async def granted(api, role_name):
    """The names of the permissions that a role has itself."""
    answer = await api.roles.list_role_permissions(role_name=role_name)
    return names(answer["permissions"])


async def effective(api, role_name):
    """The names of the permissions that a role has in all, in order."""
    answer = await api.roles.list_effective_role_permissions(role_name=role_name)
    return sorted(names(answer["permissions"]))


def holding(*role_names: str):
    """The members of a new user with these roles."""
    return {"membership": {"roles": [{"name": name} for name in role_names]}}
