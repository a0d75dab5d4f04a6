"""An update in one round trip, where a statement can tell what the row was before.

One statement of PostgreSQL locks the row, changes it, and shows it to the event: the database works
as long as for a read and a write, and we work less (docs/decisions/0001-statements.md). The
event's JSON is spelled as text, which is cheaper than the functions that build jsonb. This is a hot
path, written by hand.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import bindparam, func

from tenantry.db.sql.schema import Json, json_values
from tenantry.db.sql.statements import Batch, Statement, recorded
from tenantry.tenants.organizations import key_index
from tenantry.tenants.organizations.model import (
    FEATURES,
    OPTIONAL_TEXTS,
    organization_search,
    organizations,
)

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement

_o = organizations.c
# By which an organization is found, as the parameter `key`.
IDENTIFIED = {
    "id": _o.id == bindparam("key"),
    "external_id": key_index.has("external_id", bindparam("key", type_=sa.Text)),
}
_MEMBERS = (
    *("id", "display_name", "region_code", "metadata", *OPTIONAL_TEXTS),
    *("max_allowed_users", "session_policy", "branding"),
)


@functools.cache
def update(
    changed: tuple[str, ...], *, by: str, guarded: bool, skips_locked: bool = False
) -> Statement:
    """Return the statement that sets these columns of the organization whose ``by`` is ``key``.

    Its row is the organization as it was, with `new_revision` and `new_update_time`. These are
    NULL where nothing was changed: all values are what they were, or (``guarded``) the revision
    is not among ``allowed``.
    """
    before = (
        sa.select(organizations, _rest(changed).label("rest"))
        .where(IDENTIFIED[by])
        .with_for_update(skip_locked=skips_locked)
        .cte("before")
    )
    values = {name: bindparam(f"p_{name}", type_=_o[name].type) for name in changed}
    differs = [before.c[name].is_distinct_from(value) for name, value in values.items()]
    conditions = [_o.id == before.c.id, sa.or_(sa.false(), *differs)]
    if guarded:
        allowed = json_values(bindparam("allowed", type_=sa.Text))
        conditions.append(sa.cast(before.c.revision, sa.Text).in_(allowed))
    change = (
        sa.update(organizations)
        .where(*conditions)
        .values(
            **values,
            revision=before.c.revision + 1,
            update_time=func.greatest(
                bindparam("now", type_=sa.BigInteger), before.c.update_time + 1
            ),
        )
        .returning(*(_o[name] for name in (*changed, "revision", "update_time")))
        .cte("change")
    )
    event = recorded(
        change.join(before, sa.true()),
        organization_id=before.c.id,
        before=func.concat(_text("{"), before.c.rest, _spelled(before, changed), _text("}")),
        after=func.concat(_text("{"), before.c.rest, _spelled(change, changed), _text("}")),
    )
    also = [event]
    if searched := [name for name in organization_search.columns if name in changed]:
        renamed = [before.c[name].is_distinct_from(change.c[name]) for name in searched]
        ids = sa.select(before.c.id).join_from(before, change, sa.or_(*renamed))
        also.append(organization_search.marking(ids).cte("marked"))
    if keys := [name for name in key_index.COLUMNS if name in changed]:
        also.append(key_index.moved(before, change, keys).cte("entered"))
    return Statement(
        sa.select(
            *(before.c[column.name] for column in organizations.c),
            change.c.revision.label("new_revision"),
            change.c.update_time.label("new_update_time"),
        )
        .select_from(before.outerjoin(change, sa.true()))
        .add_cte(change, *also),
        is_read=False,
        batch=None if skips_locked else _batch(changed, by=by, guarded=guarded),
    )


def _batch(changed: tuple[str, ...], *, by: str, guarded: bool) -> Batch:
    skipping = update(changed, by=by, guarded=guarded, skips_locked=True)
    return Batch("key", by, skipping=skipping)


def _spelled(row: CTE, changed: tuple[str, ...]) -> ColumnElement[str]:
    """Return the members of `Organization.to_event` that an update changes, in JSON."""
    members = [_member(name, row.c[name]) for name in changed]
    return func.concat(*members, _time("update_time", row.c.update_time))


def _rest(changed: tuple[str, ...]) -> ColumnElement[str]:
    """Return the members that the update does not change, as JSON."""
    members = [_member(name, _o[name]) for name in _MEMBERS if name not in changed]
    flags = [
        (f'{{"name":"{name}","enabled":', sa.cast(_o.features.op("?")(_text(name)), sa.Text))
        for name in FEATURES
    ]
    features = [part for before, flag in flags for part in (_text(before), flag, _text("},"))]
    features[-1] = _text("}]}")
    return func.concat(
        _text('"settings":{"features":['), *features, *members, _time("create_time", _o.create_time)
    )


def _member(name: str, value: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a member with a comma before it; NULL, which is passed over, if it has no value."""
    spelled = value if isinstance(value.type, Json) else func.to_json(value)
    return _text(f',"{name}":') + sa.cast(spelled, sa.Text)


def _time(name: str, microseconds: ColumnElement[int]) -> ColumnElement[str]:
    """Return a time in RFC 3339, as `times.rfc3339` has it."""
    moment: ColumnElement[Any] = sa.literal_column(
        "timestamp 'epoch'"
    ) + microseconds * sa.literal_column("interval '1 microsecond'")
    return func.to_char(moment, _text(f',"\\"{name}\\":\\""YYYY-MM-DD"T"HH24:MI:SS.US"Z\\""'))


def _text(value: str) -> ColumnElement[str]:
    return sa.literal_column(f"'{value}'", sa.Text)
