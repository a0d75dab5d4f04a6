"""Watches which rows each statement of a transaction locks, and compares that with the lock order.

The order is that of ARCHITECTURE.md. A second connection asks PostgreSQL after each statement for
the rows that another transaction has locked, and in which mode: so the locks of foreign keys and of
cascades count like those of FOR UPDATE. They are the locks of the test's transaction while that is
the only open one; several at once are not watched.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tenantry.db.postgresql import database as postgresql

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_SHARE, SHARE, NO_KEY_UPDATE, UPDATE = 1, 2, 3, 4
_MODES = ("FOR UPDATE", "FOR NO KEY UPDATE", "FOR SHARE", "FOR KEY SHARE")
# A statement that locks some of these waits for others that have them. A further table that a
# statement locks rows of comes after all of them.
_KEYS = {
    "organizations": ("id",),
    "directories": ("organization_id", "id"),
    "directory_groups": ("organization_id", "directory_id", "id"),
    "directory_users": ("organization_id", "directory_id", "id"),
    "users": ("id",),
    "memberships": ("organization_id", "user_id"),
    "roles": ("id",),
}
_LAST = {
    "api_tokens": ("id",),
    "clients": ("id",),
    "connections": ("id",),
    "domains": ("id",),
    "federated_identities": ("connection_id", "subject"),
    "portal_links": ("id",),
    "role_holders": ("organization_id", "user_id", "role_id"),
    "sessions": ("id",),
    "webhook_endpoints": ("id",),
}
CLASSES = (
    "organizations",
    "directories",
    "directory_groups",
    "directory_users",
    "members of organizations",
    "users",
    "memberships",
    "roles",
    "references to memberships",
    "others",
)
_SORTED = {
    *("organizations", "members of organizations", "directory_groups", "directory_users"),
    *("users", "memberships", "references to memberships"),
}
_IN_ORDER = re.compile(r"ORDER BY .*\bFOR (NO KEY UPDATE|UPDATE|SHARE|KEY SHARE)", re.DOTALL)


_ALL = _KEYS | _LAST


def _key(table: str) -> str:
    return f"concat_ws(' ', {', '.join(_ALL[table])})"


# Rows that somebody has locked or changed, be it in the past.
_TOUCHED = " UNION ALL ".join(
    f"SELECT '{table}', {_key(table)}, xmax::text FROM {table} WHERE xmax <> '0'" for table in _ALL
)


_WRITERS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()
"""


def _free(table: str, mode: str) -> str:
    return f"SELECT {_key(table)} FROM {table} WHERE {_key(table)} = ANY(%s) {mode} SKIP LOCKED"


def class_of(table: str, level: int) -> str:
    """The class of the lock order that a lock belongs to."""
    if table == "organizations" and level == NO_KEY_UPDATE:
        return "members of organizations"
    if table == "memberships" and level == KEY_SHARE:
        return "references to memberships"
    if table == "roles" and level == NO_KEY_UPDATE:
        return "others"  # roles are changed one at a time
    return table if table in _KEYS else "others"


class Watched:
    """The locks of one transaction, in the order in which its statements took them."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], int] = {}
        self.words: set[str] = set()
        self.problems: list[str] = []

    def waits_for_a_word(self, word: str) -> None:
        self.words.add(word)
        if self.held:
            self.problems.append(f"serializes {word!r} while it holds {sorted(self.held)[:3]}")

    def has(self, now: dict[tuple[str, str], int], sql: str) -> None:
        """Compare the locks after a statement with those before it."""
        new: dict[str, list[str]] = defaultdict(list)
        for row, level in now.items():
            before = self.held.get(row, 0)
            if level > before:
                self._raised(row, before, level, sql)
                new[class_of(row[0], level)].append(row[1])
        ranks = [CLASSES.index(class_of(table, level)) for (table, _), level in self.held.items()]
        for name, keys in new.items():
            if self._is_free(name):
                continue
            rank = CLASSES.index(name)
            if any(other > rank for other in ranks):
                held = CLASSES[max(ranks)]
                self.problems.append(f"locks {name} after {held}: {sql}")
            if name in _SORTED:
                self._sorted(name, keys, sql)
        self.held = now

    def _raised(self, row: tuple[str, str], before: int, level: int, sql: str) -> None:
        if row[0] not in _KEYS or not before or (row[0] == "roles" and "roles" in self.words):
            return
        if (row[0], before, level) == ("organizations", KEY_SHARE, NO_KEY_UPDATE):
            return
        self.problems.append(f"raises its lock of {row} from {before} to {level}: {sql}")

    def _is_free(self, name: str) -> bool:
        """Whether rows of a class may be locked at any time: the held locks exclude others."""
        of_organizations = {
            level for (table, _), level in self.held.items() if table == "organizations"
        }
        if name == "others":
            return True
        if name in {"roles", "references to memberships"} and "roles" in self.words:
            return True  # all changes of roles wait for this lock
        if UPDATE in of_organizations:  # its rows are locked after it by every transaction
            return name in {"directories", "roles"}
        return name == "memberships" and NO_KEY_UPDATE in of_organizations

    def _sorted(self, name: str, keys: list[str], sql: str) -> None:
        before = [
            key
            for (table, key), level in self.held.items()
            if class_of(table, level) == name and key not in keys
        ]
        if before and min(keys) < max(before):
            self.problems.append(f"locks {name} {min(keys)} after {max(before)}: {sql}")
        if len(keys) > 1 and not _IN_ORDER.search(sql):
            self.problems.append(f"locks {len(keys)} {name} in no order: {sql}")


class Recorder:
    """Watches the transactions of one database."""

    def __init__(self, url: str) -> None:
        self._observer = psycopg.connect(url, autocommit=False)
        self._observer.execute("SET lock_timeout = '2s'")
        self._observer.execute("SET jit = off")
        self._observer.commit()
        self._open: dict[Any, Watched] = {}
        self._together = False
        self._past: dict[tuple[str, str], str] = {}
        self.problems: list[str] = []
        self.statements = 0

    def close(self) -> None:
        self._observer.close()

    @contextmanager
    def watching(self, transaction: Any) -> Iterator[None]:
        self._open[transaction] = Watched()
        self._together = self._together or len(self._open) > 1
        try:
            yield
        finally:
            watched = self._open.pop(transaction)
            self.problems += watched.problems
            if not self._open:
                self._together = False

    def serialized(self, transaction: Any, word: str) -> None:
        if not self._together and transaction in self._open:
            self._open[transaction].waits_for_a_word(word)

    def ran(self, transaction: Any, sql: str) -> None:
        if self._together or transaction not in self._open:
            return
        self.statements += 1
        if self._observer.execute(_WRITERS).fetchone() != (1,):
            self._together = True  # another process
        self._observer.rollback()
        if self._together:
            return
        watched = self._open[transaction]
        watched.has(self._locks(watched.held), sql)

    def _locks(self, held: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
        """The rows that somebody has locked now; ``held`` were before, by the same transaction."""
        touched = {
            (table, key): xmax for table, key, xmax in self._observer.execute(_TOUCHED).fetchall()
        }
        # A lock that is raised does not show by xmax.
        asked: dict[str, list[str]] = defaultdict(list)
        for (table, key), xmax in touched.items():
            if (table, key) in held or self._past.get((table, key)) != xmax:
                asked[table].append(key)
        now: dict[tuple[str, str], int] = {}
        for table, keys in asked.items():
            levels = dict.fromkeys(keys, 0)
            for mode in _MODES:
                free = {key for (key,) in self._observer.execute(_free(table, mode), [keys])}
                for key in keys:
                    levels[key] += key not in free
            now |= {(table, key): level for key, level in levels.items() if level}
        self._observer.rollback()
        # A row that nobody holds keeps its mark, and our own questions leave one.
        self._past = {
            (table, key): xmax
            for table, key, xmax in self._observer.execute(_TOUCHED).fetchall()
            if (table, key) not in now
        }
        self._observer.rollback()
        return now


def _watch(transaction: Any) -> Recorder | None:
    recorder: Recorder | None = getattr(transaction._database, "lock_recorder", None)
    return recorder


class _Session(postgresql._Transaction):
    async def fetch_all(self, statement, **params: Any):
        rows = await super().fetch_all(statement, **params)
        recorder = _watch(self)
        if recorder is not None:
            sql, _ = statement.bind("postgresql", params)
            if not statement.is_read or " FOR " in sql:
                recorder.ran(self._transaction_key, sql)
        return rows

    async def apply(self, change, *events: Any, **params: Any):
        row = await super().apply(change, *events, **params)
        recorder = _watch(self)
        if recorder is not None:
            given = {**params, **postgresql.event_params(*events)}
            sql, _ = change.bind_recorded(given, len(events))
            recorder.ran(self._transaction_key, sql)
        return row

    async def serialize(self, word):
        recorder = _watch(self)
        if recorder is not None:
            recorder.serialized(self._transaction_key, word)
        await super().serialize(word)

    @property
    def _transaction_key(self):
        return id(self._connection)


@contextmanager
def recorded(database: Any, url: str) -> Iterator[Recorder]:
    """Watch all transactions of an open database on PostgreSQL; fail where one leaves the order."""
    recorder = Recorder(url)
    patch = pytest.MonkeyPatch()
    begun = database._begun

    @postgresql.asynccontextmanager
    async def watched(begin="BEGIN"):
        async with begun(begin) as session:
            with recorder.watching(session._transaction_key):
                yield session

    patch.setattr(postgresql, "_Transaction", _Session)
    patch.setattr(database, "_begun", watched)
    database.lock_recorder = recorder
    try:
        yield recorder
    finally:
        patch.undo()
        del database.lock_recorder
        recorder.close()
