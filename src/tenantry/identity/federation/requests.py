"""Ways to a provider and back: begun, taken once by its answer, taken once by the browser.

The answer may come without the browser's cookies (a form that another site posts), so it is kept,
and the browser is led back with a second secret to the sign-in that it began.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, bindparam

from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.writes import pruning
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.federation.model import FederationRequest
from tenantry.identity.federation.model import federation_requests as table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row, Session
    from tenantry.db.sql.statements import Statement

# From the moment that a browser is sent to the provider: people look for their phones.
REQUEST_SECONDS = 900
# From the provider's answer to the next request of the same browser.
ARRIVAL_SECONDS = 120
_SECRET_MAX = 80  # characters: a RelayState has no more (SAML 2.0 Bindings 3.4.3)

_t = table.c
_INSERT = crud.insert(table)
_is_live = _t.expire_time > bindparam("p_now", type_=BigInteger)
_live = ("digest", _is_live)
_TAKE = crud.delete(table, by=(*_live, _t.identity.is_(None)), whole_row=True)
_TAKE_ARRIVAL = crud.delete(table, by=(*_live, _t.identity.is_not(None)), whole_row=True)
_HOLD = crud.hold(table, by=("connection_id", "auth_request_id", _is_live, _t.identity.is_(None)))
_NOTE = crud.update(table, set_=("facts",))
prune = pruning.Prune(_t.expire_time)


async def begin(
    db: Session,
    connection_id: str,
    *,
    auth_request_id: str | None = None,
    test_id: str | None = None,
    facts: Mapping[str, Any],
    identity: FederatedIdentity | None = None,
    seconds: int = REQUEST_SECONDS,
) -> str:
    """Start a login at the provider of a connection; return its secret, for `state` or
    RelayState.
    """
    secret, at = vault.new_secret(), now()
    digest = vault.digest(secret)
    answer = binding(_t.identity, {"digest": digest})
    await db.fetch_all(
        _INSERT,
        p_digest=digest,
        p_connection_id=connection_id,
        p_auth_request_id=auth_request_id,
        p_test_id=test_id,
        p_facts=_encrypted(db, digest, facts),
        p_identity=None if identity is None else identity.encrypted(db, answer),
        p_create_time=at,
        p_expire_time=at + seconds * SECOND,
    )
    return secret


async def hold(
    db: Session, connection_id: str, auth_request_id: str
) -> dict[str, FederationRequest]:
    """Return the ways of a sign-in that nobody came back from yet, by their digests.

    Within a transaction: none of them ends or changes before that does.
    """
    rows = await db.fetch_all(
        _HOLD, p_connection_id=connection_id, p_auth_request_id=auth_request_id, p_now=now()
    )
    return {row["digest"]: _request(db, row) for row in rows}


async def note(db: Session, digest: str, facts: Mapping[str, Any]) -> None:
    """Give a way that is held other facts."""
    await db.fetch_all(_NOTE, p_digest=digest, p_facts=_encrypted(db, digest, facts))


async def take(db: Session, secret: str) -> FederationRequest | None:
    """Return the way that an answer with this secret ends, the first time that one comes."""
    row = await _taken(db, _TAKE, secret)
    return None if row is None else _request(db, row)


async def arrive(db: Session, request: FederationRequest, identity: FederatedIdentity) -> str:
    """Keep a verified answer for the browser to come for; return the secret that it comes with.

    Attributes as they came are for tests alone: a long list of groups is 200 KB.
    """
    return await begin(
        db,
        request.connection_id,
        auth_request_id=request.auth_request_id,
        test_id=request.test_id,
        facts={},
        identity=replace(identity, received={}),
        seconds=ARRIVAL_SECONDS,
    )


async def take_arrival(
    db: Session, secret: str
) -> tuple[FederationRequest, FederatedIdentity] | None:
    """Return a verified answer and the way that it ended, the first time that somebody comes."""
    row = await _taken(db, _TAKE_ARRIVAL, secret)
    if row is None:
        return None
    bound_to = binding(_t.identity, row)
    return _request(db, row), FederatedIdentity.decrypted(db, row["identity"], bound_to)


async def _taken(db: Session, statement: Statement, secret: str) -> Row | None:
    if not 0 < len(secret) <= _SECRET_MAX:
        return None
    return await db.fetch_one(statement, p_digest=vault.digest(secret), p_now=now())


def _encrypted(db: Session, digest: str, facts: Mapping[str, Any]) -> str:
    return db.vault.encrypt(to_json(dict(facts)).encode(), binding(_t.facts, {"digest": digest}))


def _request(db: Session, row: Row) -> FederationRequest:
    return FederationRequest(
        connection_id=row["connection_id"],
        auth_request_id=row["auth_request_id"],
        test_id=row["test_id"],
        facts=from_json(db.vault.decrypt(row["facts"], binding(_t.facts, row)).decode()),
        create_time=row["create_time"],
        expire_time=row["expire_time"],
    )
