"""Which connections are of the environment: a proof by one of those is good everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.db.schema import json_values, to_json
from tenantry.db.statements import Statement
from tenantry.identity.connections import service
from tenantry.identity.connections.model import connections

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session

_c = connections.c
_OURS = Statement(
    select(_c.id).where(
        _c.id.in_(json_values(bindparam("p_ids", type_=Text))), _c.organization_id.is_(None)
    )
)


async def any_of(db: Session, amr: Sequence[str]) -> bool:
    """Whether a session by these connections rests on one of the environment, or on none at all.

    Else an organization's provider has vouched for its person, and it is good for that one alone.
    """
    if not amr:
        return True
    fixed = {one.id for one in (await service.of_environment(db)).values()}
    if not fixed.isdisjoint(amr):
        return True
    return await db.fetch_one(_OURS, p_ids=to_json(list(amr))) is not None
