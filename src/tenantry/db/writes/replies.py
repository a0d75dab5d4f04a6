"""Kept replies: a request with an Idempotency-Key has one effect and one answer, for 24 hours.

An answer may show a secret that is nowhere else, so it is kept encrypted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import from_json, replies, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session

_KEPT_MICROSECONDS = 24 * 3600 * 1_000_000
# No message begins with it, by which other versions tell encrypted replies from those in the clear.
_ENCRYPTED = b"\0"

_mine = (replies.c.caller_id == bindparam("p_caller_id")) & (replies.c.key == bindparam("p_key"))
_is_old = replies.c.create_time < bindparam("p_before")
_FORGET = Statement(delete(replies).where(_mine, _is_old).returning(replies.c.key))
prune = pruning.Prune(replies.c.create_time, keep=_KEPT_MICROSECONDS)
# SQLAlchemy spells ON CONFLICT alike for both databases.
_CLAIM = Statement(
    insert_or_leave(replies)
    .values(
        caller_id=bindparam("p_caller_id"),
        key=bindparam("p_key"),
        request=bindparam("p_request"),
        create_time=bindparam("p_create_time"),
    )
    .on_conflict_do_nothing()
    .returning(replies.c.key)
)
_FIND = Statement(select(replies.c.request, replies.c.response, replies.c.headers).where(_mine))
_KEEP = Statement(
    update(replies)
    .where(_mine)
    .values(response=bindparam("p_response"), headers=bindparam("p_headers"))
    .returning(replies.c.key)
)


async def claim(
    db: Session, *, caller_id: str, key: str, request: str
) -> tuple[bytes, dict[str, str]] | None:
    """Take a key for this request, or return the reply it already had: message and headers.

    Call it first in the transaction of the change: a second request with the key then waits for
    the first to end.
    """
    at = now()
    before = at - _KEPT_MICROSECONDS
    await db.fetch_all(_FORGET, p_caller_id=caller_id, p_key=key, p_before=before)
    claimed = await db.fetch_one(
        _CLAIM, p_caller_id=caller_id, p_key=key, p_request=request, p_create_time=at
    )
    if claimed is not None:
        return None
    kept = await db.fetch_one(_FIND, p_caller_id=caller_id, p_key=key)
    if kept is None or kept["request"] != request:
        raise errors.IdempotencyMismatch
    response = bytes(kept["response"] or b"").removeprefix(_ENCRYPTED).decode()
    return db.vault.decrypt(response, _binding(caller_id, key)), from_json(kept["headers"])


async def keep(
    db: Session, *, caller_id: str, key: str, response: bytes, headers: Mapping[str, str]
) -> None:
    """Store the reply, in the transaction that claimed the key."""
    await db.fetch_all(
        _KEEP,
        p_caller_id=caller_id,
        p_key=key,
        p_response=_ENCRYPTED + db.vault.encrypt(response, _binding(caller_id, key)).encode(),
        p_headers=to_json(dict(headers)),
    )


def _binding(caller_id: str, key: str) -> Binding:
    return binding(replies.c.response, {"caller_id": caller_id, "key": key})
