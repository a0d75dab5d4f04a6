"""Accounts and memberships, as a change of a person in a directory asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.tenants.directories.model import Directory, DirectoryUser


async def person_changed(
    call: Call, directory: Directory, before: DirectoryUser | None, after: DirectoryUser | None
) -> DirectoryUser | None:
    """Return the person as it is to be stored; within the transaction that does so."""
    del call, directory, before
    return after
