"""Assertions by which clients authenticate (RFC 7523): each is good once, in all processes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tenantry.access.clients.model import spent_assertions
from tenantry.db import crud
from tenantry.db.engine import ForeignKey
from tenantry.db.writes import pruning

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_SPEND = crud.insert(spent_assertions, or_leave=True)
prune = pruning.Prune(spent_assertions.c.expire_time)


async def spend(db: Session, client_id: str, jti: str, *, expires: int) -> bool:
    """Use up an assertion that nobody accepts after this Unix time; False if it was used before.

    Its id is kept as a digest: however long the client made it, the row is short.
    """
    try:
        spent = await db.fetch_one(
            _SPEND,
            p_client_id=client_id,
            p_jti=hashlib.sha256(jti.encode(errors="surrogatepass")).hexdigest(),
            p_expire_time=expires * 1_000_000,
        )
    except ForeignKey:  # the client was deleted just now
        return False
    return spent is not None
