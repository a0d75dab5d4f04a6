"""Making, loading and rotating signing keys: for each algorithm a current and a next one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from sqlalchemy import bindparam, select, update

from tenantry.access.keys.model import SigningKey, State, signing_keys
from tenantry.call import Call
from tenantry.core import ids
from tenantry.core.caller import SYSTEM
from tenantry.core.times import DAY, now
from tenantry.db import crud
from tenantry.db.sql.encrypted_columns import binding
from tenantry.db.sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Row, Session

    PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

# No token lives longer: a key that retired this long ago verifies nothing any more.
LONGEST_TOKEN_SECONDS = 24 * 3600
RS256, ES256 = "RS256", "ES256"
ALGORITHMS = (RS256, ES256)  # RFC 7518 section 3.1
_BITS = 2048
_LOOK_SECONDS = 3600.0
_WORD = "signing keys"  # what only one process makes at a time

_k = signing_keys.c
_ALL = crud.list_all(signing_keys)
_OF_ALGORITHM = Statement(select(_k.id).where(_k.algorithm == bindparam("p_algorithm")).limit(1))
_INSERT = crud.insert(signing_keys)
_MOVE = Statement(
    update(signing_keys)
    .where(_k.id == bindparam("p_id"), _k.state == bindparam("p_from"))
    .values(state=bindparam("p_state"), retire_time=bindparam("p_retire_time"))
    .returning(_k.id)
)
_FORGET = crud.delete(signing_keys, by=("algorithm",))
_PRUNE = crud.delete(
    signing_keys, by=(_k.state == State.RETIRED.value, _k.retire_time < bindparam("p_before"))
)


async def load(db: Session) -> list[SigningKey]:
    """Return all keys that are published, the oldest first."""
    oldest = now() - LONGEST_TOKEN_SECONDS * 1_000_000
    keys = [_from_row(db, row) for row in await db.fetch_all(_ALL)]
    return [key for key in keys if key.retire_time is None or key.retire_time >= oldest]


def begin() -> list[asyncio.Future[PrivateKey]]:
    """Begin to make the keys that `ensure` stores, in threads: a tenth of a second of processor."""
    loop = asyncio.get_running_loop()
    return [loop.run_in_executor(None, _generate, RS256) for _ in range(2)]


async def ensure(db: Session, begun: Iterable[asyncio.Future[PrivateKey]] = ()) -> None:
    """Make the keys of a fresh database: those that every deployment has, of those begun."""
    await ensure_algorithm(db, RS256, begun)


async def ensure_algorithm(
    db: Session, algorithm: str, begun: Iterable[asyncio.Future[PrivateKey]] = ()
) -> None:
    """Make the current and the next key of an algorithm, unless there are some.

    However many do it at once, one pair is made.
    """
    if await db.fetch_one(_OF_ALGORITHM, p_algorithm=algorithm) is not None:
        return
    async with db.transaction() as session:
        await session.serialize(_WORD)
        if await session.fetch_one(_OF_ALGORITHM, p_algorithm=algorithm) is None:
            current, following = [await each for each in begun] or (None, None)
            await _insert(session, algorithm, State.CURRENT, current)
            await _insert(session, algorithm, State.NEXT, following)


async def rotate(call: Call, *, published_before: int | None = None) -> dict[str, str]:
    """Let the next key of each algorithm sign from now on, and make a new next one.

    Of those algorithms alone whose next key was published before a time, in microseconds since
    1970, where one is given. Returns the id of the new current key by algorithm.

    Raises:
        RuntimeError: another rotation came between; nothing was changed.

    """
    # In threads, and before the transaction: an RSA key takes a tenth of a second.
    due = _due(await load(call.db), published_before)
    made = {one: await asyncio.to_thread(_generate, one) for one in sorted(due)}
    async with call.db.transaction() as db:
        await db.serialize(_WORD)
        at = now()
        alive = [key for key in await load(db) if key.state is not State.RETIRED]
        current = {}
        due = _due(alive, published_before)
        for algorithm in ALGORITHMS:
            keys = {key.state: key for key in alive if key.algorithm == algorithm}
            if algorithm in due:
                current[algorithm] = await _rotate(call, db, keys, at, made.get(algorithm))
        await db.fetch_all(_PRUNE, p_before=at - LONGEST_TOKEN_SECONDS * 1_000_000)
    return current


async def revoke(call: Call) -> dict[str, str]:
    """Forget all keys that there are, and sign with new ones: for a key that others may have.

    Earlier tokens are refused by every process within a second, and by verifiers that keep our
    keys once they read them anew. Those that were to sign next go too: they lay beside the others.
    Returns the id of the new current key by algorithm.
    """
    former = await load(call.db)
    made = {
        one: [await asyncio.to_thread(_generate, one) for _ in range(2)]
        for one in sorted({key.algorithm for key in former})
    }
    async with call.db.transaction() as db:
        await db.serialize(_WORD)
        former, current = await load(db), {}
        for algorithm in ALGORITHMS:
            keys = {key.state: key.id for key in former if key.algorithm == algorithm}
            if not keys:
                continue
            await db.fetch_all(_FORGET, p_algorithm=algorithm)
            ours = made.get(algorithm, [None, None])
            current[algorithm] = await _insert(db, algorithm, State.CURRENT, ours[0])
            following = await _insert(db, algorithm, State.NEXT, ours[1])
            await db.record(
                call.event(
                    "signing_key.revoked",
                    before={
                        "algorithm": algorithm,
                        "current": keys.get(State.CURRENT),
                        "next": keys.get(State.NEXT),
                    },
                    after={
                        "algorithm": algorithm,
                        "current": current[algorithm],
                        "next": following,
                    },
                )
            )
    return current


async def rotate_due(db: Session, *, days: int) -> float:
    """Rotate the keys that have signed for a number of days, 0 for ever; return the seconds to
    wait.

    The next key of an algorithm is made when the current one begins to sign: so its age is both how
    long that has signed, and how long it has been published itself.
    """
    if days:
        before = now() - days * DAY
        if _due(await load(db), before):
            await rotate(Call(SYSTEM, db, request_id="worker"), published_before=before)
    return _LOOK_SECONDS


def _due(keys: Iterable[SigningKey], published_before: int | None) -> set[str]:
    """Return the algorithms whose next key was published before a time, or all for None."""
    return {
        key.algorithm
        for key in keys
        if key.state is State.NEXT
        and (published_before is None or key.create_time <= published_before)
    }


async def _rotate(
    call: Call,
    db: Session,
    keys: Mapping[State, SigningKey],
    at: int,
    made: PrivateKey | None,
) -> str:
    former, current = keys[State.CURRENT], keys[State.NEXT]
    moved = [
        await _move(db, former, State.RETIRED, retire_time=at),
        await _move(db, current, State.CURRENT, retire_time=None),
    ]
    if not all(moved):
        raise RuntimeError("another rotation is in progress")
    following = await _insert(db, current.algorithm, State.NEXT, made)
    await db.record(
        call.event(
            "signing_key.rotated",
            before={"algorithm": current.algorithm, "current": former.id, "next": current.id},
            after={"algorithm": current.algorithm, "current": current.id, "next": following},
        )
    )
    return current.id


async def _move(db: Session, key: SigningKey, to: State, *, retire_time: int | None) -> bool:
    moved = await db.fetch_one(
        _MOVE,
        p_id=key.id,
        p_from=key.state.value,
        p_state=to.value,
        p_retire_time=retire_time,
    )
    return moved is not None


def _generate(algorithm: str) -> PrivateKey:
    if algorithm == RS256:
        return rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    return ec.generate_private_key(ec.SECP256R1())


async def _insert(
    db: Session, algorithm: str, state: State, private: PrivateKey | None = None
) -> str:
    private = private or _generate(algorithm)
    key_id = db.new_id(ids.SIGNING_KEY)
    private_pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    await db.fetch_all(
        _INSERT,
        p_id=key_id,
        p_algorithm=algorithm,
        p_state=state.value,
        p_public_pem=public_pem.decode(),
        p_private_sealed=db.vault.encrypt(private_pem, _binding(key_id)),
        p_create_time=now(),
        p_retire_time=None,
    )
    return key_id


def _from_row(db: Session, row: Row) -> SigningKey:
    return SigningKey(
        id=row["id"],
        algorithm=row["algorithm"],
        state=State(row["state"]),
        public_pem=row["public_pem"],
        private_pem=db.vault.decrypt(row["private_sealed"], _binding(row["id"])).decode(),
        create_time=row["create_time"],
        retire_time=row["retire_time"],
    )


def _binding(key_id: str) -> Binding:
    return binding(signing_keys.c.private_sealed, {"id": key_id})
