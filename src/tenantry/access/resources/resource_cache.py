"""Resources for the hot paths, cached for less than a second."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.access.resources.model import Resource, resources
from tenantry.core import ids
from tenantry.db.sql.schema import from_json, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.tenants.roles.model import permissions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Row, Session

_MOST = 2000  # cached resources
_AT_ONCE = 100

_r, _p = resources.c, permissions.c
_existing = (
    select(json_rows(_p.name))
    .where(_p.name.in_(json_values(_r.scopes)))
    .correlate(resources)
    .scalar_subquery()
)
_FIND = Statement(
    select(resources, _existing.label("existing")).where(
        _r.id.in_(json_values(bindparam("ids", type_=Text)))
    )
)


class ResourceCache:
    """Finds resources, each with those of its scopes that are still permissions."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._resources: TtlCache[str, Resource] = TtlCache(
            self._read,
            seconds=FRESH_SECONDS,
            most=_MOST,
            absent=_MOST,
            at_once=_AT_ONCE,
            name="resources",
        )

    async def find(self, resource_id: str, *, since: float | None = None) -> Resource | None:
        """Return a resource; an earlier read than the monotonic time ``since`` is not enough."""
        if not ids.well_formed(ids.RESOURCE, resource_id):
            return None
        return await self._resources.get(resource_id, since=since)

    async def _read(self, keys: Sequence[str]) -> dict[str, Resource]:
        rows = await self._db.fetch_all(_FIND, ids=to_json(list(keys)))
        return {row["id"]: _resource(row) for row in rows}


def _resource(row: Row) -> Resource:
    resource, existing = Resource.from_row(row), set(from_json(row["existing"] or "[]"))
    return replace(resource, scopes=tuple(name for name in resource.scopes if name in existing))
