"""Grants of operators to MCP clients: authorization codes, access tokens and refresh tokens.

A grant is a row. Its tokens are the number of the row and an HMAC by a key that only the server
has, so nobody can create one from the database. An access token is valid for `TOKEN_SECONDS`, and
each use reads the row: it ends with the grant, the operator, or another role of the operator. A
refresh token is used once; within `GRACE_SECONDS` its use is answered with the current one, and a
later use revokes the grant (RFC 9700 section 4.14.2).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Integer, Text, bindparam, literal_column, select, update

from tenantry.access.client_metadata import documents
from tenantry.core import errors, ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import DAY, MINUTE, SECOND, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.grants import pkce
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.operators.model import OWNER, READER, Operator, operator_grants, operators

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

READ, WRITE = "tenantry:read", "tenantry:write"
SCOPES = (READ, WRITE)
ACCESS_PREFIX, REFRESH_PREFIX = "tnoa_", "tnor_"  # for secret scanners
TOKEN_SECONDS = 900
GRACE_SECONDS = 30
_CODE_LIFE = MINUTE
_LIFE, _IDLE = 30 * DAY, 7 * DAY
_MOST = 100  # that are shown
_SHAPE = struct.Struct(">QQ32s")  # number of the ID, expiry or generation, HMAC
_LENGTH = 64  # characters of a token after its prefix

_g, _o = operator_grants.c, operators.c
_ID, _OPERATOR_ID = bindparam("p_id", type_=Text), bindparam("p_operator_id", type_=Text)
_NOW = bindparam("p_now", type_=BigInteger)
_OWN = [column for column in operator_grants.c if column.name not in {"id", "create_time"}]
_grants = select(
    operators,
    _g.id.label("grant_id"),
    _g.create_time.label("grant_create_time"),
    *_OWN,
).select_from(operator_grants.join(operators, _o.id == _g.operator_id))
_INSERT = crud.insert(operator_grants)
_FIND = Statement(_grants.where(_g.id == _ID, _g.expire_time > _NOW))
_FIND_BY_CODE = Statement(
    _grants.where(_g.code_digest == bindparam("p_digest", type_=Text), _g.expire_time > _NOW)
)
_LIST = Statement(
    _grants.where(_g.operator_id == _OPERATOR_ID, _g.expire_time > _NOW, _g.generation > 0)
    .order_by(_g.id.desc())
    .limit(literal_column(str(_MOST)))
)
_ROTATE = Statement(
    update(operator_grants)
    .where(_g.id == _ID, _g.generation == bindparam("p_seen", type_=Integer))
    .values(
        generation=_g.generation + 1,
        rotate_time=_NOW,
        expire_time=bindparam("p_expire_time", type_=BigInteger),
    )
    .returning(_g.id)
)
_DELETE = crud.delete(operator_grants, by=("id",))
_DELETE_OWN = crud.delete(operator_grants, by=("id", "operator_id"))
_DELETE_ALL = crud.delete(operator_grants, by=("operator_id",))
prune = pruning.Prune(_g.expire_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorGrant:
    """What an operator has allowed a client; times in microseconds since 1970, UTC."""

    id: str
    operator: Operator
    client_id: str
    client_name: str
    scopes: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    generation: int
    rotate_time: int
    create_time: int
    expire_time: int

    @classmethod
    def from_row(cls, row: Row) -> OperatorGrant:
        """Return the grant of a row that is joined with its operator."""
        columns = ("client_id", "client_name", "redirect_uri", "code_challenge", "generation")
        return cls(
            id=row["grant_id"],
            operator=Operator.from_row(row),
            scopes=tuple(row["scope"].split()),
            rotate_time=row["rotate_time"],
            create_time=row["grant_create_time"],
            expire_time=row["expire_time"],
            **{name: row[name] for name in columns},
        )

    @property
    def caller(self) -> Caller:
        """The operator as the caller of tools: the grant may allow less than the role."""
        role = self.operator.role
        return Caller(
            Kind.OPERATOR,
            self.operator.id,
            reads_only=role == READER or WRITE not in self.scopes,
            owns=role == OWNER,
            client_name=self.client_name,
        )

    @property
    def host(self) -> str:
        """The host of the client's metadata document, "" if it has none."""
        return documents.check_url(self.client_id) if documents.is_url(self.client_id) else ""

    @property
    def may_grow(self) -> bool:
        """Whether the operator could allow the client to change something, and has not."""
        return self.operator.role != READER and WRITE not in self.scopes

    def to_event(self) -> dict[str, object]:
        """Return the content of events."""
        return {
            "id": self.id,
            "operator_id": self.operator.id,
            "client_id": self.client_id,
            "client_name": self.client_name,
            "scope": " ".join(self.scopes),
        }


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a grant."""

    access_token: str
    refresh_token: str
    scopes: tuple[str, ...]


async def authorize(
    call: Call,
    operator: Operator,
    *,
    client: tuple[str, str],
    scopes: tuple[str, ...],
    redirect_uri: str,
    code_challenge: str,
) -> str:
    """Return the authorization code of a new grant; ``client`` is its ID and its name."""
    code, at = vault.new_secret(), now()
    client_id, client_name = client
    grant = OperatorGrant(
        id=call.db.new_id(ids.OPERATOR_GRANT),
        operator=operator,
        client_id=client_id,
        client_name=client_name,
        scopes=scopes,
        redirect_uri=redirect_uri,
        code_challenge=code_challenge,
        generation=0,
        rotate_time=at,
        create_time=at,
        expire_time=at + _CODE_LIFE,
    )
    await call.db.apply(
        _INSERT,
        call.event("operator_grant.created", after=grant.to_event()),
        p_id=grant.id,
        p_operator_id=operator.id,
        p_client_id=client_id,
        p_client_name=client_name,
        p_scope=" ".join(scopes),
        p_redirect_uri=redirect_uri,
        p_code_challenge=code_challenge,
        p_code_digest=vault.digest(code),
        p_generation=0,
        p_rotate_time=at,
        p_create_time=at,
        p_expire_time=grant.expire_time,
    )
    return code


async def redeem(
    call: Call, code: str, *, client_id: str, redirect_uri: str, verifier: str
) -> Tokens:
    """Return the tokens of an authorization code (RFC 6749 section 4.1.3).

    Raises:
        InvalidGrant: the code is unknown, expired, used, or for another request.

    """
    row = await call.db.fetch_one(_FIND_BY_CODE, p_digest=vault.digest(code), p_now=now())
    if row is None:
        raise InvalidGrant("the code is unknown or has expired")
    grant = OperatorGrant.from_row(row)
    if grant.client_id != client_id or grant.redirect_uri != redirect_uri:
        raise InvalidGrant("the code is for another client_id or redirect_uri")
    if grant.generation > 0:
        await _revoke(call, grant, "code_reused")
        raise InvalidGrant("the code was used before; its tokens are revoked")
    if not pkce.verifies(verifier, grant.code_challenge):
        raise InvalidGrant("code_verifier does not match the code_challenge")
    if not await _rotate(call.db, grant):
        raise InvalidGrant("the code was used before")
    return _tokens(call.db, grant, 1)


async def refresh(call: Call, token: str, *, client_id: str) -> Tokens:
    """Return new tokens for a refresh token, which cannot be used again.

    Raises:
        InvalidGrant: the token is unknown, expired, revoked or used.

    """
    read = _read(call.db, token, REFRESH_PREFIX)
    grant = None if read is None else await _find(call.db, read[0])
    if read is None or grant is None or grant.client_id != client_id:
        raise InvalidGrant("the refresh token is unknown, has expired, or is of another client")
    generation = read[1]
    if generation == grant.generation and await _rotate(call.db, grant):
        return _tokens(call.db, grant, generation + 1)
    if generation == grant.generation:  # a concurrent request was faster
        grant = await _find(call.db, grant.id)
    if grant is None:
        raise InvalidGrant("the refresh token was revoked")
    in_grace = grant.rotate_time + GRACE_SECONDS * SECOND >= now()
    if generation + 1 == grant.generation and in_grace:
        return _tokens(call.db, grant, grant.generation)
    await _revoke(call, grant, "refresh_token_reused")
    raise InvalidGrant("the refresh token was used before; the grant is revoked")


async def find(db: Session, token: str) -> OperatorGrant | None:
    """Return the grant of an access token that is valid."""
    read = _read(db, token, ACCESS_PREFIX)
    if read is None or read[1] * SECOND <= now():
        return None
    return await _find(db, read[0])


async def revoke_token(call: Call, token: str, *, client_id: str) -> None:
    """Revoke the grant of a token of this client (RFC 7009); do nothing for other texts."""
    read = _read(call.db, token, REFRESH_PREFIX) or _read(call.db, token, ACCESS_PREFIX)
    grant = None if read is None else await _find(call.db, read[0])
    if grant is not None and grant.client_id == client_id:
        await _revoke(call, grant, "client")


async def list_of(db: Session, operator_id: str) -> list[OperatorGrant]:
    """Return an operator's grants, the newest first."""
    rows = await db.fetch_all(_LIST, p_operator_id=operator_id, p_now=now())
    return [OperatorGrant.from_row(row) for row in rows]


async def revoke(call: Call, operator: Operator, grant_id: str) -> None:
    """Revoke a grant of an operator."""
    grant = await _find(call.db, grant_id)
    if grant is None or grant.operator.id != operator.id:
        raise errors.NotFound("grant")
    event = call.event("operator_grant.revoked", before=grant.to_event())
    if not await call.db.apply(_DELETE_OWN, event, p_id=grant_id, p_operator_id=operator.id):
        raise errors.NotFound("grant")


async def end_all(db: Session, operator_id: str) -> None:
    """Delete all grants of an operator."""
    await db.fetch_all(_DELETE_ALL, p_operator_id=operator_id)


async def _find(db: Session, grant_id: str) -> OperatorGrant | None:
    row = await db.fetch_one(_FIND, p_id=grant_id, p_now=now())
    return None if row is None else OperatorGrant.from_row(row)


async def _rotate(db: Session, grant: OperatorGrant) -> bool:
    """Advance the generation by one; False if a concurrent request has."""
    at = now()
    rotated = await db.fetch_all(
        _ROTATE,
        p_id=grant.id,
        p_seen=grant.generation,
        p_now=at,
        p_expire_time=min(at + _IDLE, grant.create_time + _LIFE),
    )
    return bool(rotated)


async def _revoke(call: Call, grant: OperatorGrant, reason: str) -> None:
    acting = replace(call, caller=grant.caller)
    before = {**grant.to_event(), "reason": reason}
    event = acting.event("operator_grant.revoked", before=before)
    await call.db.apply(_DELETE, event, p_id=grant.id)


def _tokens(db: Session, grant: OperatorGrant, generation: int) -> Tokens:
    until = now() // SECOND + TOKEN_SECONDS
    return Tokens(
        _text(db, ACCESS_PREFIX, grant.id, until),
        _text(db, REFRESH_PREFIX, grant.id, generation),
        grant.scopes,
    )


def _text(db: Session, prefix: str, grant_id: str, value: int) -> str:
    """Return a token; ``value`` is the expiry of an access token, else the generation."""
    number = int(grant_id.removeprefix(ids.OPERATOR_GRANT))
    packed = _SHAPE.pack(number, value, _mac(db, prefix, number, value))
    return prefix + base64.urlsafe_b64encode(packed).decode()


def _read(db: Session, text: str, prefix: str) -> tuple[str, int] | None:
    """Return ID and value of a token that this server has issued."""
    if not text.startswith(prefix) or len(text) != len(prefix) + _LENGTH:
        return None
    try:
        number, value, mac = _SHAPE.unpack(base64.urlsafe_b64decode(text.removeprefix(prefix)))
    except (binascii.Error, ValueError, struct.error):
        return None
    if not hmac.compare_digest(mac, _mac(db, prefix, number, value)):
        return None
    return f"{ids.OPERATOR_GRANT}{number}", value


def _mac(db: Session, prefix: str, number: int, value: int) -> bytes:
    key = db.vault.derive("operator-grant")
    return hmac.digest(key, f"{prefix}{number}.{value}".encode(), "sha256")
