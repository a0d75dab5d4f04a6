"""Many sealed values in a database, written by its tables, and whether each of them opens."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.core.times import DAY, now
from tenantry.db.encryption import reencryption
from tenantry.db.engine import Unavailable
from tenantry.db.sql.encrypted_columns import binding, encrypted_columns
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.authenticators.totp.model import totp_registrations

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_ADD = Statement(
    totp_registrations.insert().values(bound(totp_registrations)).returning(totp_registrations.c.id)
)
_SECRET = totp_registrations.c.secret_sealed
_AT_ONCE = 500
_TRIES = 20
_PASSED = (
    ("data_keys", ("create_time", "activate_time", "deprecate_time")),
    ("resealing", ("begin_time", "finish_time")),
)


async def add(db: Session, count: int) -> None:
    """Write so many registrations of authenticator apps, each with a secret of its own."""
    for first in range(0, count, _AT_ONCE):
        async with db.transaction() as session:
            for number in range(first, min(first + _AT_ONCE, count)):
                await session.fetch_all(_ADD, **prefixed(_row(db, number)))


def _row(db: Session, number: int) -> dict[str, Any]:
    id_, at = f"totp_{number:07}", now()
    return {
        "id": id_,
        "user_id": None,
        "account_name": f"account {number}",
        "secret_sealed": db.vault.encrypt(b"secret %d" % number, binding(_SECRET, {"id": id_})),
        "enabled": False,
        "last_step": 0,
        "create_time": at,
        "update_time": at,
    }


async def opened(db: Session) -> Counter[str]:
    """Open every sealed value of all tables; return how many each version of a data key has.

    Raises:
        WrongKey: one does not open, or is another than it was.

    """
    versions: Counter[str] = Counter()
    for table in reencryption.tables():
        for row in await db.fetch_all(Statement(select(table))):
            for column in encrypted_columns(table, stays=True):
                sealed = row[column.name]
                if sealed is None:
                    continue
                plain = db.vault.decrypt(sealed, binding(column, row))
                if table is totp_registrations and row["account_name"].startswith("account "):
                    number = int(row["account_name"].partition(" ")[2])
                    assert plain == b"secret %d" % number
                versions[sealed[:8]] += 1
    return versions


async def days_pass(db: Session, days: int) -> None:
    """Let all that has happened to data keys be so many days ago."""
    for table, columns in _PASSED:
        moved = ", ".join(f"{name} = {name} - {days * DAY}" for name in columns)
        changed = Statement(text(f"UPDATE {table} SET {moved} RETURNING 1"))
        for _ in range(_TRIES):
            with suppress(Unavailable):  # on SQLite others write, and it waits for 3 s alone
                await db.fetch_all(changed)
                break
        else:
            await db.fetch_all(changed)
