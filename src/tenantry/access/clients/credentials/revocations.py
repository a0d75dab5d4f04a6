"""Access tokens that were revoked before they expired (RFC 7009)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from tenantry.access.clients.model import revoked_tokens
from tenantry.db import crud
from tenantry.db.sql.schema import json_rows, json_values
from tenantry.db.writes import pruning

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, ScalarSelect

    from tenantry.access.clients.model import Client
    from tenantry.call import Call


_r = revoked_tokens.c
_REVOKE = crud.insert(revoked_tokens, or_leave=True)
prune = pruning.Prune(_r.expire_time)


def among(jtis: ColumnElement[str]) -> ScalarSelect[str]:
    """Return the revoked ones of a JSON array of ids, as a JSON array."""
    return select(json_rows(_r.jti)).where(_r.jti.in_(json_values(jtis))).scalar_subquery()


def is_revoked(jti: ColumnElement[str]) -> ColumnElement[bool]:
    """Return whether a token of this id was revoked, for a statement."""
    return select(_r.jti).where(_r.jti == jti).exists()


async def revoke(call: Call, client: Client, *, jti: str, expires: int) -> None:
    """Put a token of this client out of force, if it is not; it expires at this Unix time.

    Processes that have just seen it good refuse it within a second.
    """
    about = {"client_id": client.id, "token_id": jti}
    await call.db.apply(
        _REVOKE,
        call.event("client.token_revoked", organization_id=client.organization_id, after=about),
        p_jti=jti,
        p_expire_time=expires * 1_000_000,
    )
