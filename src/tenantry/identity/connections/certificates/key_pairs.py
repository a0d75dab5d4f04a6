"""Our own key pairs for SAML: to sign with, and to be encrypted to; one for all connections.

Time alone takes one to the next, so that no customer has to act on one day. A new pair stands in
our metadata for thirty days before it signs; the one before it decrypts for a year after, and
signs so long for a connection that names it (`certificate_id`). A pair that is named signs for its
connection before its day, too: a customer who exchanges certificates by hand chooses the day.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal_column, select

from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import TtlCache
from tenantry.identity.connections.model import saml_key_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Database, Row, Session
    from tenantry.identity.connections.saml.certificates import SigningPair

LIFE_DAYS = 3653  # of a certificate
NOTICE_DAYS = 30  # that a pair stands in our metadata before it signs
FORMER_DAYS = 365  # that a pair decrypts after another one signs
RENEWAL_DAYS = 90  # before the end of the current certificate, the worker makes the next pair
# How long a process relies on the pairs that it has read: they change by the clock, and a new one
# counts for nothing on its first days.
FRESH_SECONDS = 30.0
_WORD = "SAML key pairs"  # what only one process makes at a time
_COMMON_NAME = "Tenantry SAML"
_LOOK_SECONDS = 3600.0
_ALL = "all"

_k = saml_key_pairs.c
_LIST = Statement(
    select(saml_key_pairs).where(_k.expire_time > bindparam("p_now")).order_by(_k.sign_time, _k.id)
)
_CURRENT = Statement(
    select(_k.expire_time)
    .where(_k.sign_time <= bindparam("p_now"), _k.expire_time > bindparam("p_now"))
    .order_by(_k.sign_time.desc(), _k.id.desc())
    .limit(literal_column("1"))
)
_INSERT = crud.insert(saml_key_pairs)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """One pair; it signs from ``sign_time`` on. Times in microseconds since 1970, UTC."""

    id: str
    pair: SigningPair
    sign_time: int
    expire_time: int


@dataclass(frozen=True, slots=True)
class Pairs:
    current: KeyPair
    following: KeyPair | None  # the next one, before it signs
    former: tuple[KeyPair, ...]  # the latest first

    @property
    def all(self) -> tuple[KeyPair, ...]:
        """The current one, the next one, the earlier ones."""
        following = () if self.following is None else (self.following,)
        return (self.current, *following, *self.former)

    def signing(self, certificate_id: str) -> SigningPair:
        named = (one.pair for one in self.all if one.id == certificate_id)
        return next(named, self.current.pair)


class KeyPairs:
    """The pairs as one process knows them; the first is made when one is first needed."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: TtlCache[str, list[KeyPair]] = TtlCache(
            self._read, seconds=FRESH_SECONDS, most=1, name="key pairs"
        )

    async def get(self) -> Pairs:
        pairs = _standing(await self._known.get(_ALL) or [])
        if pairs is None:
            pairs = await ensure(self._db)
            self._known.forget_all()
        return pairs

    async def _read(self, keys: Sequence[str]) -> Mapping[str, list[KeyPair]]:
        return dict.fromkeys(keys, await _load(self._db))


async def ensure(db: Session) -> Pairs:
    """Return the pairs; where none signs, one is made that does from now on.

    However many do it at once, one is made.
    """
    pairs = _standing(await _load(db))
    if pairs is None:
        made = await asyncio.to_thread(_make, now())
        async with db.transaction() as session:
            await session.serialize(_WORD)
            pairs = _standing(await _load(session))
            if pairs is None:
                pairs = Pairs(await _add(session, made, sign_time=now()), None, ())
    return pairs


async def look(db: Session) -> Pairs | None:
    """Return the pairs, None while there is none."""
    return _standing(await _load(db))


async def expiry(db: Session) -> int | None:
    """Return when the current pair ends, None while there is none; no key is decrypted."""
    row = await db.fetch_one(_CURRENT, p_now=now())
    return None if row is None else row["expire_time"]


async def generate_next(call: Call) -> KeyPair:
    """Return the pair that signs next, made now unless there is one that waits for its day."""
    pairs = await ensure(call.db)
    if pairs.following is not None:
        return pairs.following
    made = await asyncio.to_thread(_make, now())
    async with call.db.transaction() as db:
        await db.serialize(_WORD)
        pairs = _standing(await _load(db)) or pairs
        if pairs.following is not None:
            return pairs.following
        following = await _add(db, made, sign_time=now() + NOTICE_DAYS * DAY)
        await db.record(
            call.event(
                "saml_key_pair.created",
                after={
                    "id": following.id,
                    "sign_time": following.sign_time,
                    "expire_time": following.expire_time,
                },
            )
        )
    return following


async def renew(db: Session) -> float:
    """Make the next pair in time before the current one expires; return the seconds to wait."""
    pairs = _standing(await _load(db))
    due = pairs is not None and pairs.current.expire_time < now() + RENEWAL_DAYS * DAY
    if due and pairs is not None and pairs.following is None:
        await generate_next(Call(SYSTEM, db, request_id="worker"))
    return _LOOK_SECONDS


def _make(at: int) -> SigningPair:
    from tenantry.identity.connections.saml import certificates

    # A clock of another machine may be a little behind.
    return certificates.make_signing_pair(
        _COMMON_NAME, not_before=at - DAY, not_after=at + LIFE_DAYS * DAY
    )


def _standing(known: Sequence[KeyPair]) -> Pairs | None:
    """Return which pair is which now, of all in the order of their days; None before the first."""
    at = now()
    begun = [one for one in known if one.sign_time <= at < one.expire_time]
    if not begun:
        return None
    following = next((one for one in known if one.sign_time > at), None)
    former = []
    successor = begun[-1]
    for one in reversed(begun[:-1]):
        if successor.sign_time > at - FORMER_DAYS * DAY:
            former.append(one)
        successor = one
    return Pairs(begun[-1], following, tuple(former))


async def _load(db: Session) -> list[KeyPair]:
    return [_from_row(db, row) for row in await db.fetch_all(_LIST, p_now=now())]


async def _add(db: Session, pair: SigningPair, *, sign_time: int) -> KeyPair:
    from cryptography.hazmat.primitives import serialization

    from tenantry.identity.connections.saml import certificates

    private_key = pair.private_key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    expire_time = certificates.details(pair.certificate).not_after
    made = KeyPair(db.new_id(ids.KEY_PAIR), pair, sign_time, expire_time)
    await db.fetch_all(
        _INSERT,
        p_id=made.id,
        p_private_key=db.vault.encrypt(private_key, _binding(made.id)),
        p_certificate=certificates.base64_of(pair.certificate),
        p_sign_time=sign_time,
        p_expire_time=expire_time,
        p_create_time=now(),
    )
    return made


def _from_row(db: Session, row: Row) -> KeyPair:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    from tenantry.identity.connections.saml.certificates import SigningPair

    plain = db.vault.decrypt(row["private_key"], _binding(row["id"]))
    # We made it ourselves: checking it again takes 36 ms of an event loop.
    private_key = load_der_private_key(plain, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(private_key, rsa.RSAPrivateKey)
    certificate = x509.load_der_x509_certificate(base64.b64decode(row["certificate"]))
    return KeyPair(
        row["id"], SigningPair(private_key, certificate), row["sign_time"], row["expire_time"]
    )


def _binding(pair_id: str) -> Binding:
    return binding(saml_key_pairs.c.private_key, {"id": pair_id})
