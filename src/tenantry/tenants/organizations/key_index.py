"""The directory of organizations: which one has an external id or a slug.

Each of them is of one organization. Where organizations are spread over machines none of them could
hold that rule, so it lies on a separate one, and is written by the statement that writes the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import Text, bindparam
from sqlalchemy.dialects.postgresql import insert as insert_or_replace

from tenantry.db.sql.schema import json_values
from tenantry.db.sql.statements import Statement, happened
from tenantry.tenants.organizations.model import organization_keys, organizations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import CTE, ColumnElement, Insert, Select

    from tenantry.db.engine import Session

COLUMNS = ("external_id", "slug")

_o, _k = organizations.c, organization_keys.c


def has(column: str, key: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether an organization is the one of this external id or slug."""
    found = sa.select(_k.organization_id).where(_k[column] == key).scalar_subquery()
    # Said again of the row itself: it may have lost it while its lock was waited for.
    return (_o.id == found) & (_o[column] == key)


def has_one_of(column: str, keys: Select[tuple[str]]) -> ColumnElement[bool]:
    """Whether an organization is one of those of these external ids or slugs."""
    return _o.id.in_(sa.select(_k.organization_id).where(_k[column].in_(keys)))


def _entered(rows: Any, columns: Iterable[str]) -> Insert:
    # A row that another change has just entered is there for a conflict, and for nothing else.
    names = list(columns)
    entered = insert_or_replace(organization_keys).from_select(["organization_id", *names], rows)
    return entered.on_conflict_do_update(
        index_elements=[_k.organization_id],
        set_={name: entered.excluded[name] for name in names},
    )


# Which organization has an external id or slug.
HOLDERS = {
    column: Statement(
        sa.select(_k.organization_id.label("id")).where(_k[column] == bindparam("key"))
    )
    for column in COLUMNS
}

# The further change of a statement on the row of `p_id` that has these of it from now on.
ENTER = _entered(
    sa.select(*(bindparam(f"p_{name}", type_=Text) for name in ("id", *COLUMNS))).where(happened()),
    COLUMNS,
)
# The same of one that deletes the row.
LEAVE = sa.delete(organization_keys).where(
    _k.organization_id == bindparam("p_id", type_=Text), happened()
)


def moved(before: CTE, change: CTE, columns: Iterable[str]) -> Insert:
    """Return the part of a statement that knows a row before and after a change of these."""
    changed = [before.c[name].is_distinct_from(change.c[name]) for name in columns]
    values = (change.c[name] for name in columns)
    rows = sa.select(before.c.id, *values).join_from(before, change, sa.or_(*changed))
    return _entered(rows, columns)


_of_new = sa.select(_o.id, *(_o[name] for name in COLUMNS)).where(
    _o.id.in_(json_values(bindparam("ids", type_=Text))),
    sa.or_(*(_o[name].is_not(None) for name in COLUMNS)),
)
_ENTER_ALL = Statement(_entered(_of_new, COLUMNS))


async def enter(db: Session, ids: str) -> None:
    """Enter new organizations, of a JSON array of ids; in the transaction that inserts them.

    Raises:
        DuplicateKey: another one has an external id or a slug of them.

    """
    await db.fetch_all(_ENTER_ALL, ids=ids)
