"""Reads the token template and the organization fields that its expressions use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.token_templates.model import TokenTemplate, token_templates
from tenantry.identity.token_templates.variables import Place
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_o, _m = organizations.c, memberships.c
_organization_id = bindparam("p_organization_id", type_=Text)
_FIND = Statement(select(token_templates))
_PLACE = Statement(
    select(_o.external_id, _o.display_name, _o.metadata, _m.metadata.label("membership_metadata"))
    .select_from(organizations.join(memberships, _m.organization_id == _o.id))
    .where(
        _o.id == _organization_id,
        _m.organization_id == _organization_id,
        _m.user_id == bindparam("p_user_id", type_=Text),
    )
)


async def find(db: Session) -> TokenTemplate | None:
    """Return the token template, if there is one."""
    row = await db.fetch_one(_FIND)
    return None if row is None else TokenTemplate.from_row(row)


async def place(db: Session, organization_id: str, user_id: str) -> Place | None:
    """Return an organization and the metadata of a member's place in it; None without it."""
    row = await db.fetch_one(_PLACE, p_organization_id=organization_id, p_user_id=user_id)
    if row is None:
        return None
    return Place(
        external_id=row["external_id"],
        name=row["display_name"],
        metadata=from_json(row["metadata"]),
        membership_metadata=from_json(row["membership_metadata"]),
    )
