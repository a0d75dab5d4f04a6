"""Roles of members, as a change of a group in a directory asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.call import Call
    from tenantry.tenants.directories.model import Directory, DirectoryGroup


async def group_changed(
    call: Call,
    directory: Directory,
    before: DirectoryGroup | None,
    after: DirectoryGroup | None,
    *,
    joined_ids: Collection[str] = (),
    left_ids: Collection[str] = (),
) -> None:
    """Do what it means, within the transaction that changes the group."""
