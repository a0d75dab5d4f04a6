"""The accounts at identity providers that sign in as a user, as a user shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, literal_column, or_, select

from tenantry.db.sql.schema import json_list, json_rows
from tenantry.tenants.tables.identities import connections, federated_identities
from tenantry.tenants.users.model import ExternalIdentity, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

MOST = 100  # of a user; the newest


def listed(*, of_one: bool) -> ColumnElement[Any]:
    """Return those of each user as one column of JSON; of none NULL or an empty list.

    With ``of_one`` those by the connections of one `organization_id`, a parameter, and by those of
    the environment; what another organization's provider says is not this one's to see.
    """
    i, c = federated_identities.alias("i"), connections.alias("c")
    shown = (
        select(
            *(i.c.connection_id, c.c.type, c.c.provider, i.c.subject),
            *(i.c.create_time, i.c.update_time),
        )
        .join(c, c.c.id == i.c.connection_id)
        .where(users.c.id == i.c.user_id)
        .correlate(users)
        .order_by(i.c.create_time.desc(), i.c.connection_id, i.c.subject)
        .limit(literal_column(str(MOST)))
    )
    if of_one:
        own = c.c.organization_id == bindparam("organization_id", type_=Text)
        shown = shown.where(or_(own, c.c.organization_id.is_(None)))
    return select(json_rows(json_list(*shown.subquery("shown").c))).scalar_subquery()


def read(rows: list[list[Any]] | None) -> tuple[ExternalIdentity, ...]:
    """Return the identities of this JSON, the oldest first."""
    found = [ExternalIdentity(*row) for row in rows or ()]
    return tuple(sorted(found, key=lambda one: (one.create_time, one.connection_id)))
