"""Assertions and logout tokens that were used: each is good once, in all processes.

SAML 2.0 Profiles 4.1.4.5 for assertions, OpenID Connect Back-Channel Logout 1.0 section 2.6 for
the jti of a logout token. `identity_assertions` accepts an ID-JAG again for the same use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.writes import pruning
from tenantry.identity.federation.model import seen_assertions

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_SPEND = crud.insert(seen_assertions, or_leave=True)
_FIND = crud.get(seen_assertions, columns=("expire_time",))
prune = pruning.Prune(seen_assertions.c.expire_time)


async def spend(db: Session, connection_id: str, identifier: str, *, expire_time: int) -> bool:
    """Use up what a provider sent under this ID; False if it was used before.

    Nobody accepts it any more after ``expire_time``, in microseconds since 1970, UTC.
    """
    spent = await db.fetch_one(
        _SPEND,
        p_connection_id=connection_id,
        p_digest=vault.digest(identifier),
        p_expire_time=expire_time,
    )
    return spent is not None


async def is_spent(db: Session, connection_id: str, identifier: str) -> bool:
    """Whether a provider sent something under this ID before."""
    found = await db.fetch_one(
        _FIND, p_connection_id=connection_id, p_digest=vault.digest(identifier)
    )
    return found is not None
