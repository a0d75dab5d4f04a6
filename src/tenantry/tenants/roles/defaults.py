"""The default roles: of who creates an organization, and of its other members."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, revised
from tenantry.tenants.roles import listing
from tenantry.tenants.roles.changes import Reference, changing, params, referred
from tenantry.tenants.roles.listing import Include
from tenantry.tenants.roles.model import Role, default_member_roles, roles

if TYPE_CHECKING:
    from tenantry.call import Call

_role = bindparam("p_role_id", type_=Text)
_SET_FLAGS = Statement(
    sa.update(roles)
    .where(roles.c.id == _role)
    .values(bound(("default_creator", "default_member", "revision", "update_time")))
)
_set_default = insert_or_replace(default_member_roles).values(
    organization_id=bindparam("p_organization_id"), role_id=_role
)
_SET_DEFAULT = Statement(
    _set_default.on_conflict_do_update(
        index_elements=[default_member_roles.c.organization_id],
        set_={"role_id": _set_default.excluded.role_id},
    ).returning(default_member_roles.c.role_id)
)


async def set_defaults(
    call: Call, creator: Reference, member: Reference | None
) -> tuple[Role, Role]:
    """Set the environment's default roles: the creator's, and the members' if it is given."""
    async with changing(call, None) as db:
        known = [one.role for one in await listing.find_all(db, None, Include.NONE)]
        old_creator = next(role for role in known if role.default_creator)
        old_member = next(role for role in known if role.default_member)
        new_creator = await referred(db, None, creator)
        new_member = old_member if member is None else await referred(db, None, member)
        after = {one.id: one for one in (old_creator, old_member, new_creator, new_member)}
        for role in [*after.values()]:
            flags = role.id == new_creator.id, role.id == new_member.id
            if flags == (role.default_creator, role.default_member):
                continue
            changed = revised(role, default_creator=flags[0], default_member=flags[1])
            await db.fetch_all(_SET_FLAGS, **params(changed), p_role_id=role.id)
            after[role.id] = changed
        if (old_creator.id, old_member.id) != (new_creator.id, new_member.id):
            event = call.event(
                "role.defaults_updated",
                before=_defaults(old_creator, old_member),
                after=_defaults(new_creator, new_member),
            )
            await db.record(event)
    return after[new_creator.id], after[new_member.id]


async def set_default_of_organization(call: Call, organization_id: str, name: str) -> Role:
    """Set which role new members of an organization get, in place of the environment's."""
    async with changing(call, organization_id) as db:
        role = await referred(db, organization_id, Reference("default_member_role", name))
        known = await listing.find_all(db, organization_id, Include.NONE)
        before = next(one.role for one in known if one.role.default_member)
        event = call.event(
            "role.defaults_updated",
            organization_id=organization_id,
            before={"default_member": before.name},
            after={"default_member": role.name},
        )
        told = [event] if before.id != role.id else []
        await db.apply(_SET_DEFAULT, *told, p_organization_id=organization_id, p_role_id=role.id)
    return replace(role, default_member=True)


def _defaults(creator: Role, member: Role) -> dict[str, str]:
    return {"default_creator": creator.name, "default_member": member.name}
