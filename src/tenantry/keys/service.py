"""Making, loading and rotating signing keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import bindparam, delete, insert, select, update

from tenantry import events, ids
from tenantry.db.engine import now
from tenantry.db.statements import Statement
from tenantry.keys.model import SigningKey, State, signing_keys

if TYPE_CHECKING:
    from tenantry.caller import Call
    from tenantry.db.engine import Row, Session

# No token lives longer: a key that retired this long ago verifies nothing any more.
LONGEST_TOKEN_SECONDS = 24 * 3600
_BITS = 2048

_k = signing_keys.c
_ALL = Statement(select(signing_keys).order_by(_k.id))
_INSERT = Statement(
    insert(signing_keys)
    .values({name: bindparam(f"p_{name}") for name in _k.keys()})  # noqa: SIM118 - columns
    .returning(_k.id)
)
_MOVE = Statement(
    update(signing_keys)
    .where(_k.id == bindparam("p_id"), _k.state == bindparam("p_from"))
    .values(state=bindparam("p_state"), retire_time=bindparam("p_retire_time"))
    .returning(_k.id)
)
_PRUNE = Statement(
    delete(signing_keys)
    .where(_k.state == State.RETIRED.value, _k.retire_time < bindparam("p_before"))
    .returning(_k.id)
)


async def load(db: Session) -> list[SigningKey]:
    """Return all keys that are published, the oldest first."""
    oldest = now() - LONGEST_TOKEN_SECONDS * 1_000_000
    keys = [_from_row(db, row) for row in await db.fetch_all(_ALL)]
    return [key for key in keys if key.retire_time is None or key.retire_time >= oldest]


async def ensure(db: Session) -> None:
    """Make the current and the next key of a fresh database."""
    if not await db.fetch_all(_ALL):
        await _insert(db, State.CURRENT)
        await _insert(db, State.NEXT)


async def rotate(call: Call) -> str:
    """Let the next key sign from now on, make a new next one, and return the new current id.

    Raises:
        RuntimeError: another rotation came between; nothing was changed.

    """
    async with call.db.transaction() as db:
        keys = {key.state: key for key in await load(db) if key.state is not State.RETIRED}
        at = now()
        retired = await db.fetch_one(
            _MOVE,
            p_id=keys[State.CURRENT].id,
            p_from=State.CURRENT.value,
            p_state=State.RETIRED.value,
            p_retire_time=at,
        )
        current = await db.fetch_one(
            _MOVE,
            p_id=keys[State.NEXT].id,
            p_from=State.NEXT.value,
            p_state=State.CURRENT.value,
            p_retire_time=None,
        )
        if retired is None or current is None:
            raise RuntimeError("another rotation is under way")
        following = await _insert(db, State.NEXT)
        await db.fetch_all(_PRUNE, p_before=at - LONGEST_TOKEN_SECONDS * 1_000_000)
        await db.record(
            events.of(
                call,
                "signing_key.rotated",
                before={"current": retired["id"], "next": current["id"]},
                after={"current": current["id"], "next": following},
            )
        )
        new_current: str = current["id"]
    return new_current


async def _insert(db: Session, state: State) -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
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
        p_algorithm="RS256",
        p_state=state.value,
        p_public_pem=public_pem.decode(),
        p_private_sealed=db.vault.encrypt(private_pem, key_id),
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
        private_pem=db.vault.decrypt(row["private_sealed"], row["id"]).decode(),
        create_time=row["create_time"],
        retire_time=row["retire_time"],
    )
