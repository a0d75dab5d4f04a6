"""Our sessions that go with one at a provider: which they are, and their end from there.

OpenID Connect Back-Channel Logout 1.0 section 2.5 and SAML 2.0 Profiles 4.4 name the sessions that
end: of a subject, or of one of its sessions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, literal_column, select
from sqlalchemy.dialects.postgresql import insert as insert_or_change

from tenantry.core.times import now
from tenantry.crypto.vault import WrongKey
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement, happened
from tenantry.identity.federation import identities
from tenantry.identity.federation.model import federated_sessions as table
from tenantry.identity.sessions.model import ACTIVE, LOGOUT, sessions
from tenantry.identity.sessions.termination import ending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity

_INDEX_MAX = 500  # characters

_t, _s = table.c, sessions.c
_insert = insert_or_change(table).from_select(
    [column.name for column in _t],
    select(*(bindparam(f"p_{column.name}", type_=column.type) for column in _t)).where(happened()),
)
_KEEP = Statement(
    identities.KEEP,
    _insert.on_conflict_do_update(
        index_elements=[_t.session_id, _t.connection_id],
        set_={
            name: _insert.excluded[name]
            for name in ("subject", "session_index", "hint", "create_time")
        },
    ),
)
_OF_SESSION = Statement(
    select(table)
    .where(_t.session_id == bindparam("p_session_id", type_=Text))
    .order_by(_t.create_time.desc(), _t.connection_id)
)
_active_of_connection = (
    select(_t.session_id)
    .join_from(table, sessions, _s.id == _t.session_id)
    .where(
        _t.connection_id == bindparam("p_connection_id", type_=Text),
        _s.status == literal_column(f"'{ACTIVE}'"),
    )
    .order_by(_t.session_id)
    .limit(literal_column(str(ending.AT_ONCE)))
)
_is_subject = _t.subject == bindparam("p_subject", type_=Text)
_is_session = _t.session_index == bindparam("p_session_index", type_=Text)
# By whether the subject is given, and one of its sessions.
_WHICH = {
    (True, False): Statement(_active_of_connection.where(_is_subject)),
    (False, True): Statement(_active_of_connection.where(_is_session)),
    (True, True): Statement(_active_of_connection.where(_is_subject, _is_session)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedSession:
    """A Tenantry session, and the one at a provider that it goes with."""

    session_id: str
    connection_id: str
    subject: str
    session_index: str | None
    hint: Mapping[str, Any] | None = field(hash=False, repr=False)
    create_time: int  # microseconds since 1970, UTC


async def keep(
    db: Session,
    session_id: str,
    connection_id: str,
    identity: FederatedIdentity,
    *,
    user_id: str,
    is_proved: bool,
    claims: Mapping[str, Any],
) -> bool:
    """Keep an identity as that of a user, and note that a session goes with one at the provider.

    Within a transaction, which is undone if it is False: the identity is somebody else's meanwhile.
    """
    hint, at = None, now()
    if identity.hint is not None:
        bound_to = _binding(session_id, connection_id)
        hint = db.vault.encrypt(to_json(dict(identity.hint)).encode(), bound_to)
    kept = await db.apply(
        _KEEP,
        **identities.given(identity, user_id=user_id, is_proved=is_proved, claims=claims),
        p_connection_id=connection_id,
        p_subject=identity.subject,
        p_session_id=session_id,
        p_session_index=_indexed(identity.session_index),
        p_hint=hint,
        p_create_time=at,
        p_update_time=at,
    )
    if kept is None:
        return False
    if kept["create_time"] == at:
        await identities.drop_old(db, connection_id, user_id)
    return True


async def of_session(db: Session, session_id: str) -> list[FederatedSession]:
    """Return the sessions at providers that a Tenantry session goes with, the newest first."""
    return [
        FederatedSession(
            session_id=row["session_id"],
            connection_id=row["connection_id"],
            subject=row["subject"],
            session_index=row["session_index"],
            hint=_hint(db, row),
            create_time=row["create_time"],
        )
        for row in await db.fetch_all(_OF_SESSION, p_session_id=session_id)
    ]


async def end(
    call: Call, connection_id: str, *, subject: str | None = None, session_index: str | None = None
) -> int:
    """End the sessions that go with those at a provider; return how many there were.

    All of a subject's, or one of them, or whichever has this index: one of both must be given. In
    one transaction with the events and the notices to the applications.
    """
    which = _WHICH[subject is not None, session_index is not None]
    narrow = {"p_subject": subject, "p_session_index": session_index}
    count = 0
    while True:
        rows = await call.db.fetch_all(which, p_connection_id=connection_id, **narrow)
        ids = [row["session_id"] for row in rows]
        ended = await ending.end(call, ids, status=LOGOUT) if ids else []
        count += len(ended)
        # Those that have lapsed stay active until they are swept: they would come again.
        if len(rows) < ending.AT_ONCE or not ended:
            return count


def _indexed(text: str | None) -> str | None:
    """Return the index of a session, unless it is longer than a key may be, or no text."""
    return text if text and len(text) <= _INDEX_MAX and "\0" not in text else None


def _binding(session_id: str, connection_id: str) -> Binding:
    place = {"session_id": session_id, "connection_id": connection_id}
    return binding(table.c.hint, place)


def _hint(db: Session, row: Row) -> dict[str, Any] | None:
    """Return the hint of a row; None without one that can be decrypted: a logout goes on."""
    if row["hint"] is None:
        return None
    try:
        plain = db.vault.decrypt(row["hint"], _binding(row["session_id"], row["connection_id"]))
    except WrongKey:
        return None
    hint: dict[str, Any] = from_json(plain.decode())
    return hint
