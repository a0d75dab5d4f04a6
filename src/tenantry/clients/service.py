"""Creating, authenticating, rotating and deleting management clients."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, insert, select, update

from tenantry import errors, events, ids, vault
from tenantry.clients.model import ACTIVE, ENV, Client, Secret, client_secrets, clients
from tenantry.db.engine import now
from tenantry.db.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.caller import Call
    from tenantry.db.engine import Row, Session

OVERLAP_SECONDS = 24 * 3600
LAST_CLIENT = "last client cannot be deleted"
_SUFFIX = 4

_s = client_secrets.c
_JOINED = (
    select(clients, *(column.label(f"secret_{column.name}") for column in client_secrets.c))
    .join(client_secrets, _s.client_id == clients.c.id, isouter=True)
    .order_by(clients.c.id, _s.id)
)
_ALL = Statement(_JOINED)
_ONE = Statement(_JOINED.where(clients.c.id == bindparam("p_id")))
_IDS = Statement(select(clients.c.id))
_LOCK = Statement(select(clients.c.id).order_by(clients.c.id).with_for_update())
_INSERT = Statement(
    insert(clients)
    .values({name: bindparam(f"p_{name}") for name in clients.c.keys()})  # noqa: SIM118 - columns
    .returning(clients.c.id)
)
_INSERT_SECRET = Statement(
    insert(client_secrets)
    .values({name: bindparam(f"p_{name}") for name in _s.keys()})  # noqa: SIM118 - columns
    .returning(_s.id)
)
_EXPIRE = Statement(
    update(client_secrets)
    .where(
        _s.client_id == bindparam("p_client_id"),
        _s.id != bindparam("p_newest"),
        _s.expire_time.is_(None) | (_s.expire_time > bindparam("p_expire_time")),
    )
    .values(expire_time=bindparam("p_expire_time"))
    .returning(_s.id)
)
_DELETE = Statement(
    delete(clients).where(clients.c.id == bindparam("p_id")).returning(clients.c.id)
)


async def create(call: Call, *, name: str) -> tuple[Client, str]:
    """Create a client and return it with its first secret, which is not shown again."""
    if not 1 <= len(name) <= 128:
        raise errors.InvalidArgument.field("name", "string.length", "must be 1 to 128 characters")
    client_id, at = call.db.new_id(ids.ENVIRONMENT_CLIENT), now()
    client = Client(id=client_id, client_type=ENV, name=name, create_time=at, update_time=at)
    async with call.db.transaction() as db:
        await db.fetch_all(
            _INSERT, **{f"p_{column}": value for column, value in client.to_row().items()}
        )
        secret, plain = await _add_secret(call, db, client_id)
        client = replace(client, secrets=(secret,))
        await db.record(events.of(call, "client.created", after=client.shown()))
    return client, plain


async def list_all(db: Session) -> list[Client]:
    """Return every client with its live secrets, the oldest first."""
    return _from_rows(await db.fetch_all(_ALL))


async def get(db: Session, client_id: str) -> Client:
    """Return a client.

    Raises:
        errors.NotFound: there is none of this id.

    """
    found = _from_rows(await db.fetch_all(_ONE, p_id=client_id))
    if not found:
        raise errors.NotFound("client")
    return found[0]


async def live_ids(db: Session) -> frozenset[str]:
    """Return the ids of all clients."""
    return frozenset(row["id"] for row in await db.fetch_all(_IDS))


async def authenticate(db: Session, client_id: str, secret: str) -> Client | None:
    """Return the client that has this id and secret, or None.

    An unknown client costs the same comparison as a wrong secret.
    """
    found = _from_rows(await db.fetch_all(_ONE, p_id=client_id))
    digests = [s.digest for s in found[0].secrets] if found else []
    right = [vault.matches(secret, digest) for digest in digests or ["0" * 64]]
    return found[0] if any(right) and found else None


async def rotate(call: Call, client_id: str, *, overlap_seconds: int = OVERLAP_SECONDS) -> str:
    """Add a secret, let the others expire after the overlap, and return the new one.

    Raises:
        errors.NotFound: there is no client of this id.

    """
    before = await get(call.db, client_id)
    async with call.db.transaction() as db:
        secret, plain = await _add_secret(call, db, client_id)
        await db.fetch_all(
            _EXPIRE,
            p_client_id=client_id,
            p_newest=secret.id,
            p_expire_time=now() + overlap_seconds * 1_000_000,
        )
        after = await get(db, client_id)
        await db.record(
            events.of(call, "client.secret_rotated", before=before.shown(), after=after.shown())
        )
    return plain


async def remove(call: Call, client_id: str) -> None:
    """Delete a client; its access tokens are refused within seconds.

    Raises:
        errors.NotFound: there is none of this id.
        errors.InvalidArgument: it is the last one.

    """
    before = await get(call.db, client_id)
    async with call.db.transaction() as db:
        # Locked, so that two deletions cannot each leave the other's client as the last.
        if len(await db.fetch_all(_LOCK)) == 1:
            raise errors.InvalidArgument(LAST_CLIENT)
        await db.fetch_one(_DELETE, p_id=client_id)
        await db.record(events.of(call, "client.deleted", before=before.shown()))


async def _add_secret(call: Call, db: Session, client_id: str) -> tuple[Secret, str]:
    plain, at = vault.new_secret(), now()
    secret = Secret(
        id=db.new_id(ids.CLIENT_SECRET),
        digest=vault.digest(plain),
        suffix=plain[-_SUFFIX:],
        status=ACTIVE,
        created_by=call.caller.id,
        create_time=at,
        update_time=at,
        expire_time=None,
        last_used_time=None,
    )
    row = {f"p_{name}": getattr(secret, name) for name in Secret.__slots__}
    await db.fetch_all(_INSERT_SECRET, p_client_id=client_id, **row)
    return secret, plain


def _from_rows(rows: Iterable[Row]) -> list[Client]:
    found: dict[str, Client] = {}
    at = now()
    for row in rows:
        client = found.get(row["id"]) or found.setdefault(row["id"], Client.from_row(row))
        if row["secret_id"] is None:
            continue
        secret = Secret(**{name: row[f"secret_{name}"] for name in Secret.__slots__})
        if secret.in_force(at):
            found[row["id"]] = replace(client, secrets=(*client.secrets, secret))
    return list(found.values())
