"""The state of connections: ends of certificates, descriptions not taken, failed tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select

from tenantry.core import errors
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import connection_tests, connections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row

_c, _t = connections.c, connection_tests.c
_last = (
    select(func.max(_t.id))
    .where(_t.connection_id == _c.id)
    .correlate(connections)
    .scalar_subquery()
)
_STATES = Statement(
    select(
        _c.id,
        _c.settings,
        _t.create_time.label("tested"),
        _t.status,
        _t.error,
        _t.error_description,
    )
    .select_from(connections.outerjoin(connection_tests, _t.id == _last))
    .where(_c.id.in_(json_values(bindparam("p_ids", type_=Text))), _c.organization_id.is_not(None))
    .order_by(_c.id)
)


@dataclass(frozen=True, slots=True)
class State:
    """The state of one connection; times in microseconds since 1970, UTC."""

    connection_id: str
    certificate_expire_time: int | None  # of the certificate that is good for the longest
    fault: str
    test_time: int | None
    test_status: str
    test_error: str
    test_error_description: str

    @classmethod
    def from_row(cls, row: Row) -> State:
        settings: Mapping[str, Any] = from_json(row["settings"])
        ends = [one["expiry_time"] for one in settings.get("idp_certificates") or ()]
        return cls(
            row["id"],
            max(ends, default=None),
            settings.get("fault") or "",
            row["tested"],
            row["status"] or "",
            row["error"] or "",
            row["error_description"] or "",
        )


async def of_connections(call: Call, connection_ids: Sequence[str]) -> list[State]:
    """Return the states of those of these connections that are there, by id."""
    if call.caller.organization_id is not None:
        raise errors.PermissionDenied
    rows = await call.db.fetch_all(_STATES, p_ids=to_json(sorted(set(connection_ids))))
    return [State.from_row(row) for row in rows]
