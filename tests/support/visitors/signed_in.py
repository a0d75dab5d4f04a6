"""Sessions as tests begin and look at them, on a database without a server."""

from __future__ import annotations

from typing import Any

import recorded_events
from sqlalchemy import insert, text
from valid_events import assert_all_valid

from tenantry.core import ids
from tenantry.crypto import vault
from tenantry.db.postgresql.database import PostgreSQL
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import Bounds, Session, sessions

MASTER_KEY = b"m" * 32
CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36"
)
MINUTE = 60_000_000  # microseconds
WORKDAY = Bounds(480, None)


async def begun(call, user, organization_id="", **members: Any) -> tuple[Session, str]:
    """A session of a user, in the first organization unless another is named; and its secret."""
    given = {"client_id": None, "amr": ["conn_1"], "bounds": WORKDAY, "custom_claims": {}}
    return await service.begin(
        call,
        user_id=user.id,
        organization_id=organization_id or user.memberships[0].organization_id,
        **given | members,
    )


async def entered(call, session, organization_id="", **members: Any) -> Session:
    """The session after one more sign-in."""
    given = {"client_id": None, "bounds": WORKDAY, "custom_claims": None}
    return await service.enter(
        call,
        session,
        organization_id=organization_id or session.organization_id,
        **given | members,
    )


async def rows(db, sql: str, **params: Any) -> list[Any]:
    """Run a statement as a holder of the database's password does."""
    statement = Statement(text(sql))
    statement.is_read = sql.lstrip().upper().startswith("SELECT")
    return list(await db.fetch_all(statement, **params))


async def age(db, session_id: str, minutes: int) -> None:
    """Have so many minutes gone by for a session."""
    times = (
        *("auth_time", "create_time", "update_time", "last_active_time"),
        *("absolute_expire_time", "idle_expire_time", "lapse_time"),
    )
    set_ = ", ".join(f"{name} = {name} - {minutes * MINUTE}" for name in times)
    await rows(db, f"UPDATE sessions SET {set_} WHERE id = :id RETURNING id", id=session_id)


async def copied(db, session: Session, times: int) -> None:
    """Put so many more sessions beside one that are just as it is."""
    (row,) = await rows(db, "SELECT * FROM sessions WHERE id = :id", id=session.id)
    columns = named(sessions)
    like = {column.name: row[column.name] for column in columns}
    made = [
        {**like, "id": db.new_id(ids.SESSION), "digest": vault.digest(str(number))}
        for number in range(times)
    ]
    names = [column.name for column in columns]
    await db.fetch_all(
        Statement(insert(sessions).from_select(names, rows_of("given", columns))),
        given=spelled(columns, made),
    )


async def set_status(db, user_id: str, organization_id: str, status: str) -> None:
    """Set the status of a membership."""
    done = await rows(
        db,
        "UPDATE memberships SET status = :status WHERE user_id = :user_id"
        " AND organization_id = :organization_id RETURNING id",
        user_id=user_id,
        organization_id=organization_id,
        status=status,
    )
    assert done


def is_postgresql(db) -> bool:
    """Whether a database is one."""
    return isinstance(db, PostgreSQL)


class Newest:
    """The events of a type, checked against its schema."""

    def __init__(self, db) -> None:
        self._db = db

    async def of(self, type_: str) -> list[dict[str, Any]]:
        """All of them, the oldest first."""
        found = [
            one
            for one in await recorded_events.after(self._db, "", limit=1000)
            if one["type"] == type_
        ]
        assert_all_valid(found)
        return found


async def notices(db) -> list[Any]:
    """All notices that wait, the oldest first."""
    return await rows(db, "SELECT * FROM logout_notices ORDER BY id")


async def hasten(db) -> None:
    """Have everything that waits due now."""
    await rows(db, "UPDATE logout_notices SET due_time = 1 RETURNING id")
