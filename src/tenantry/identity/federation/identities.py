"""The identities that providers have vouched for: found at a sign-in, kept when it is complete."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, case, cast, delete, literal_column, or_, select
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.identity.connections.model import connections
from tenantry.identity.federation.model import federated_identities as table
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.tenants.users.model import User

# Of one person at one connection: a provider may name people anew at each sign-in (transient).
MOST = 5

_t = table.c
_CONNECTION_ID = bindparam("p_connection_id", type_=Text)
_USER_ID = bindparam("p_user_id", type_=Text)
_FIND = Statement(
    reading.with_memberships(of_one=False)
    .add_columns(*(column.label(f"known_{column.name}") for column in _t))
    .join(table, _t.user_id == users.c.id)
    .where(_t.connection_id == _CONNECTION_ID, _t.subject == bindparam("p_subject", type_=Text))
)
# The connection is locked before an identity that is there: its deletion does the same.
_kept = (
    select(*(cast(value, _t[name].type) for name, value in bound(table).items()))
    .select_from(connections)
    .where(connections.c.id == _CONNECTION_ID)
    .with_for_update(read=True, key_share=True)
)
_insert = insert_or_change(table).from_select(list(bound(table)), _kept)
_given = _insert.excluded
_is_same = _t.user_id == _given.user_id
# Of modular mode and of the other one it is two people's: that of the mode it is used in. Spelled
# out, for columns of an insert would become tables of the subquery.
_either: list[ColumnElement[str]] = [
    literal_column(f"{name}.user_id") for name in (table.name, "excluded")
]
_is_of_either_mode = (
    select(users.c.id).where(users.c.id.in_(_either), users.c.sub.is_not(None)).exists()
)
# It returns when it was kept first; no row if it is another user's, or the connection is gone.
KEEP = _insert.on_conflict_do_update(
    index_elements=[_t.connection_id, _t.subject],
    set_={
        "user_id": _given.user_id,
        "email": _given.email,
        "is_proved": (_is_same & _t.is_proved) | _given.is_proved,
        "claims": _given.claims,
        "create_time": case((_is_same, _t.create_time), else_=_given.create_time),
        "update_time": _given.update_time,
    },
    where=or_(_is_same, _is_of_either_mode),
).returning(_t.create_time)
_of_person = (_t.connection_id == _CONNECTION_ID, _t.user_id == _USER_ID)
_newest = (
    select(_t.subject)
    .where(*_of_person)
    .order_by(_t.update_time.desc())
    .limit(literal_column(str(MOST)))
)
_DROP_OLD = Statement(delete(table).where(*_of_person, _t.subject.not_in(_newest)))
_c = connections.c
_FORGET = Statement(
    delete(table).where(
        _t.user_id == _USER_ID,
        _t.update_time <= bindparam("p_at", type_=BigInteger),
        _t.connection_id.in_(
            select(_c.id).where(_c.organization_id == bindparam("p_organization_id", type_=Text))
        ),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIdentity:
    """An identity that somebody has signed in with; times in microseconds since 1970, UTC."""

    connection_id: str
    subject: str
    user_id: str
    email: str  # as the provider gave it last
    is_proved: bool  # the person has shown that the address of the account is theirs
    claims: Mapping[str, Any] = field(hash=False)
    create_time: int
    update_time: int


async def find(db: Session, connection_id: str, subject: str) -> tuple[KnownIdentity, User] | None:
    """Return the identity of a subject at a connection, if somebody has signed in with it.

    And its user, with all memberships.
    """
    rows = await db.fetch_all(
        _FIND,
        p_connection_id=connection_id,
        p_subject=subject,
        most=reading.MOST_MEMBERSHIPS,
    )
    if not rows:
        return None
    (user,) = await reading.users_of(db, rows)
    return _known(rows[0]), user


def given(
    identity: FederatedIdentity, *, user_id: str, is_proved: bool, claims: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters of `KEEP` beside the connection, the subject and the time.

    A proof of the inbox stays.
    """
    return {
        "p_user_id": user_id,
        "p_email": identity.email,
        "p_is_proved": is_proved,
        "p_claims": to_json(dict(claims)),
    }


async def drop_old(db: Session, connection_id: str, user_id: str) -> None:
    """Forget the oldest identities of a user at a connection that are more than `MOST`."""
    await db.fetch_all(_DROP_OLD, p_connection_id=connection_id, p_user_id=user_id)


async def forget(db: Session, user_id: str, organization_id: str, at: int) -> None:
    """Forget what the providers of an organization said of a user that left it at this time.

    An identity that has signed in since then stays: its person came back.
    """
    await db.fetch_all(_FORGET, p_user_id=user_id, p_organization_id=organization_id, p_at=at)


def _known(row: Row) -> KnownIdentity:
    return KnownIdentity(
        **{
            name: row[f"known_{name}"]
            for name in (
                *("connection_id", "subject", "user_id", "email", "create_time", "update_time"),
            )
        },
        is_proved=bool(row["known_is_proved"]),
        claims=from_json(row["known_claims"]),
    )
