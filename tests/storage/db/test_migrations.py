"""The schema: the migrations make the declared tables, run by any user."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import psycopg
import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Index, MetaData, Text, create_engine, inspect, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from statements import INSERT_CLIENT, event

import tenantry.app
import tenantry.tenants.directories.model  # noqa: F401
from tenantry.db import migrate, upgrade_status
from tenantry.db.connecting import OpenError
from tenantry.db.opening import open_database
from tenantry.db.revisions import BASELINE, FENCE, HEAD
from tenantry.db.schema_versions import bring_up_to_date, schema_version
from tenantry.db.sql.schema import metadata
from tenantry.db.upgrades import locks, steps

ischema_names["xid8"] = Text  # SQLAlchemy does not know it
VERSIONS = Path(migrate.__file__).parent / "migrations" / "versions"
KEY = b"m" * 32

# Known to one database only, for searching: docs/decisions/0002-search.md.
EXTRAS = {
    "ix_organizations__metadata",
    "ix_directory_users__display_name_code",
    "ix_directory_groups__display_name_code",
    "organizations_metadata",
    # Read by the event log: docs/decisions/0008-event-log.md.
    "events.xid",
    "events.number",
    "uq_events__organization_id_type_id",
    "ix_events__xid",
    "alembic_version",
}


def at_baseline(url):
    """Make the schema of the oldest version that can be upgraded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrate, "HEAD", BASELINE)
        assert migrate.upgrade(url) == [BASELINE]


def engine_of(url):
    scheme, _, rest = url.partition("://")
    driver = "sqlite" if scheme == "sqlite" else "postgresql+psycopg"
    return create_engine(f"{driver}://{rest}")


def test_head_is_the_newest_file():
    files = sorted(path.stem for path in VERSIONS.glob("[0-9]*.py"))
    assert files[-1].startswith(f"{HEAD}_")
    assert [name.partition("_")[0] for name in files] == [
        f"{number:04}" for number in range(int(BASELINE), int(HEAD) + 1)
    ]


def test_each_migration_follows_the_one_before():
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory.from_config(migrate._config()).walk_revisions())[::-1]
    before = None
    for script in scripts:
        assert script.down_revision == before
        before = script.revision
    assert before == HEAD


def test_each_migration_says_whether_older_processes_may_run_beside_it():
    from alembic.script import ScriptDirectory

    scripts = list(ScriptDirectory.from_config(migrate._config()).walk_revisions())
    said = {script.revision: script.module.older_may_run for script in scripts}
    assert set(map(type, said.values())) == {bool}, said
    assert max([revision for revision, may in said.items() if not may], default=FENCE) == FENCE


# A lock that holds up calls; on a table that was there before.
LOCKED = """
    SELECT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE pid = pg_backend_pid() AND relkind IN ('r', 'p') AND pg_class.oid = ANY(:before)
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""


def test_a_migration_locks_no_table_but_those_that_it_names(postgresql_url):
    at_baseline(postgresql_url)
    engine = engine_of(postgresql_url)
    for script in migrate.missing(BASELINE):
        with engine.begin() as connection:
            before = list(connection.execute(text("SELECT oid FROM pg_class")).scalars())
            migrate._apply(connection, [script])
            locked = set(connection.execute(text(LOCKED), {"before": before}).scalars())
        named = steps.Declared(script.module).locks
        assert named is None or locked <= set(named), script.revision
    engine.dispose()


def is_extra(element, name, kind, *_: object):
    # FTS5 and what it keeps, partitions
    if kind == "table" and name.endswith("_due"):
        return True
    if kind == "table" and name.startswith(
        ("organizations_search", "users_search", "directory_users_search", "events_")
    ):
        return False
    if kind == "column":
        name = f"{element.table.name}.{name}"
    return name not in EXTRAS


TYPES = {
    "Text": {"TEXT", 'TEXT COLLATE "C"'},
    "Json": {"TEXT", "JSONB"},
    "BigInteger": {"BIGINT"},
    "Boolean": {"BOOLEAN"},
    "Integer": {"INTEGER"},
    "LargeBinary": {"BLOB", "BYTEA"},
}


def is_another(_context, _found_column, _declared_column, found, declared):
    """Whether a column's type is another than the declared one."""
    return str(found) not in TYPES[type(declared).__name__]


def differences(url, declared):
    engine = engine_of(url)
    with engine.connect() as connection:
        options = {"include_object": is_extra, "compare_type": is_another}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), declared)
    engine.dispose()
    # Foreign keys have a test of their own, below.
    return [one for one in found if one[0] not in ("add_fk", "remove_fk")]


def test_an_upgrade_makes_exactly_what_the_tables_declare(database_url):
    assert differences(database_url, metadata) == []


@pytest.mark.one_database
def test_what_the_migrations_forgot_is_noticed(database_url):
    for change in ("column", "type", "index", "table"):
        declared = MetaData(naming_convention=metadata.naming_convention)
        for table in metadata.tables.values():
            table.to_metadata(declared)
        clients = declared.tables["clients"]
        match change:
            case "column":
                clients.append_column(Column("more", Text))
            case "type":
                clients.c.create_time.type = Text()
            case "index":
                Index(None, clients.c.name)
            case "table":
                declared.remove(clients)
        assert differences(database_url, declared) != [], change


def foreign_keys(engine, table):
    """Columns, the table that they refer to, and the rule for when its row goes."""
    if engine.dialect.name == "postgresql":
        return {
            (
                tuple(key["constrained_columns"]),
                key["referred_table"],
                key["options"].get("ondelete"),
            )
            for key in inspect(engine).get_foreign_keys(table)
        }
    # Asked of SQLite itself: the inspector reads the text, and not all of a column's own rule.
    with engine.connect() as connection:
        rows = connection.execute(text(f"PRAGMA foreign_key_list({table})")).mappings().all()
    keys = {}
    for row in rows:
        keys.setdefault(row["id"], []).append(row)
    return {
        (
            tuple(row["from"] for row in sorted(key, key=lambda row: row["seq"])),
            key[0]["table"],
            None if key[0]["on_delete"] == "NO ACTION" else key[0]["on_delete"],
        )
        for key in keys.values()
    }


def test_keys_and_unique_rules_are_what_the_tables_declare(database_url):
    engine = engine_of(database_url)
    inspector = inspect(engine)
    for table in metadata.sorted_tables:
        primary = inspector.get_pk_constraint(table.name)["constrained_columns"]
        if primary == ["number"]:  # events on SQLite
            primary = ["organization_id", "type", "id"]
        assert primary == [column.name for column in table.primary_key.columns], table.name
        found = foreign_keys(engine, table.name)
        declared = {
            (tuple(key.column_keys), key.referred_table.name, key.ondelete)
            for key in table.foreign_key_constraints
        }
        assert found == declared, table.name
        named = {index["name"] for index in inspector.get_indexes(table.name)} - EXTRAS
        named |= {rule["name"] for rule in inspector.get_unique_constraints(table.name)}
        assert {n for n in named if n} == {
            str(rule.name)
            for rule in (*table.indexes, *table.constraints)
            if isinstance(rule, Index) or type(rule).__name__ == "UniqueConstraint"
        }, table.name
        for column in inspector.get_columns(table.name):
            if f"{table.name}.{column['name']}" not in EXTRAS:
                assert column["nullable"] == table.c[column["name"]].nullable, column
    engine.dispose()


def test_a_foreign_key_has_an_index(database_url):
    """Deleting an organization must not walk whole tables for its rows."""
    inspector = inspect(engine := engine_of(database_url))
    for table in metadata.sorted_tables:
        leading = {index["column_names"][0] for index in inspector.get_indexes(table.name)}
        leading.add(inspector.get_pk_constraint(table.name)["constrained_columns"][0])
        for key in inspector.get_foreign_keys(table.name):
            assert key["constrained_columns"][0] in leading, (table.name, key)
    engine.dispose()


def test_a_database_of_the_baseline_becomes_a_current_one(empty_url):
    at_baseline(empty_url)
    migrate.upgrade(empty_url)
    assert differences(empty_url, metadata) == []


def test_a_database_older_than_the_baseline_is_refused(empty_url):
    before = f"{int(BASELINE) - 1:04}"
    at_baseline(empty_url)
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE schema_history SET revision = '{before}'"))
    said = (
        f"this database has schema {before}, and this version upgrades databases from schema "
        f"{BASELINE} on: create a new database"
    )
    with pytest.raises(migrate.UpgradeError, match=said):
        migrate.upgrade(empty_url)
    for refused in (bring_up_to_date, schema_version, upgrade_status.look):
        with pytest.raises(OpenError, match=said):
            asyncio.run(refused(empty_url))
    with engine.begin() as connection:
        found = connection.execute(text("SELECT revision FROM schema_history")).scalars().all()
    engine.dispose()
    assert found == [before]


def test_an_upgrade_tells_what_it_did_and_does_it_once(empty_url):
    applied = migrate.upgrade(empty_url)
    assert applied[-1] == HEAD
    assert applied == sorted(applied)
    assert migrate.upgrade(empty_url) == []
    assert asyncio.run(schema_version(empty_url)) == HEAD


PROGRAM = """
import sys
from tenantry.db import migrate, upgrade_status
sys.stdin.readline()
print(migrate.upgrade(sys.argv[1]))
"""


@pytest.mark.one_database
def test_processes_that_upgrade_at_once_do_it_once(empty_url):
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    told = []
    for process in processes:
        out, problem = process.communicate(timeout=60)
        assert process.returncode == 0, problem
        told.append(out.strip())
    assert sorted(told)[1:] == ["[]"] * 3 or sorted(told)[:3] == ["[]"] * 3
    assert asyncio.run(schema_version(empty_url)) == HEAD


def test_an_upgrade_that_fails_leaves_nothing(empty_url, monkeypatch):
    """Each is one transaction, on SQLite too."""
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE signing_keys (id TEXT)"))  # in the way
    with pytest.raises(Exception, match="signing_keys"):
        migrate.upgrade(empty_url)
    assert inspect(engine).get_table_names() == ["signing_keys"]
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE signing_keys"))
    migrate.upgrade(empty_url)
    engine.dispose()


@pytest.mark.one_database
async def test_a_database_in_use_can_be_upgraded(database_url):
    """An upgrade that has nothing to do disturbs nobody."""
    async with open_database(database_url, KEY) as db:
        writing = asyncio.gather(
            *(db.apply(INSERT_CLIENT, event(), p_id=f"skc_{n}", p_name="a") for n in range(50))
        )
        assert await asyncio.to_thread(migrate.upgrade, database_url) == []
        await writing


ORGANIZATION = """
    INSERT INTO organizations (id, display_name, region_code, create_time, update_time, revision,
      metadata, features)
    VALUES (%s, 'x', 'US', 1, 1, 1, '{}', '{}')
"""
EVENT = """
    INSERT INTO events (id, type, object, occurred_at, actor, request_id)
    VALUES (%s, 'organization.created', 'Organization', 1767225600000000, '{}', 'x')
"""


@contextmanager
def writing(url, orders):
    """Transactions that hold one table while they want the next, as calls do."""
    stop = threading.Event()
    done = []

    def write(number):
        with psycopg.connect(url, autocommit=True) as connection:
            for turn in itertools.count():
                if stop.is_set():
                    return
                try:
                    with connection.transaction():
                        for statement in orders[number]:
                            connection.execute(statement, [f"{number}_{turn}"])
                            time.sleep(0.02)
                    done.append(None)
                except psycopg.Error as problem:
                    done.append(problem)

    with ThreadPoolExecutor(len(orders)) as threads:
        for number in range(len(orders)):
            threads.submit(write, number)
        try:
            yield done
        finally:
            stop.set()


LATER = f"{int(HEAD) + 1:04}"


@pytest.fixture
def later(monkeypatch, postgresql_template):
    """Let there be one more migration, which changes organizations and events.

    The template of new databases is made before, without it.
    """
    assert postgresql_template

    def upgrade():
        for table in ("organizations", "events"):
            op.add_column(table, Column("later", Text))

    def declare(**declared: object):
        module = SimpleNamespace(older_may_run=True, upgrade=upgrade, **declared)
        missing = [SimpleNamespace(revision=LATER, module=module)]
        monkeypatch.setattr(migrate, "missing", lambda before: missing if before == HEAD else [])

    return declare


@pytest.mark.parametrize("declared", [{}, {"locks": ("organizations", "events")}])
def test_an_upgrade_beside_a_running_process_deadlocks_with_nobody(new_database, later, declared):
    later(**declared)
    url = new_database("postgresql")
    with writing(url, [(ORGANIZATION, EVENT)] * 6) as done:
        assert migrate.upgrade(url) == [LATER]
        _go_on(done)
    assert [problem for problem in done if problem] == []


def _go_on(done):
    so_far, until = len(done), time.monotonic() + 20
    while len(done) == so_far:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_upgrade_comes_through_where_calls_lock_in_either_order(
    new_database, later, monkeypatch
):
    monkeypatch.setattr(locks, "_POLITE_SECONDS", 1.0)
    later()
    url = new_database("postgresql")
    orders = [(ORGANIZATION, EVENT), (EVENT, ORGANIZATION)] * 3
    with writing(url, orders) as done:
        assert migrate.upgrade(url) == [LATER]
        _go_on(done)
    problems = [type(problem) for problem in done if problem]
    assert set(problems) <= {psycopg.errors.DeadlockDetected}  # rolled back: it may be tried again


def test_an_upgrade_that_gets_no_lock_says_who_has_it_and_leaves_all_as_it_was(
    new_database, later, monkeypatch
):
    monkeypatch.setattr(locks, "LOCK_SECONDS", 1.0)
    later()
    url = new_database("postgresql")
    with psycopg.connect(url, autocommit=True) as admin:  # as for servers of PgBouncer
        name = admin.info.dbname
        admin.execute(f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    with psycopg.connect(url, application_name="pg_dump") as holder:
        holder.execute("SELECT count(*) FROM users")
        with pytest.raises(migrate.UpgradeError) as problem:
            migrate.upgrade(url)
        said = str(problem.value)
        assert f"transaction is of process {holder.info.backend_pid} (pg_dump), open for " in said
        assert "\n" not in said
        assert asyncio.run(schema_version(url)) == HEAD
    assert migrate.upgrade(url) == [LATER]


def test_an_upgrade_takes_every_url_that_the_pool_takes(postgresql_url):
    """Several hosts, of which the first is away, and parameters."""
    base, _, query = postgresql_url.partition("?")
    user = base.removeprefix("postgresql://").partition("@")[0]
    name = base.rpartition("/")[2]
    host = dict(parse_qsl(query))["host"]
    dead = str(Path(host) / "nowhere")
    for url in (
        f"postgresql://{user}@/{name}?host={dead},{host}&target_session_attrs=read-write",
        f"postgresql://{user}@/{name}?host={host}&sslmode=prefer&application_name=x",
    ):
        asyncio.run(schema_version(url))
        migrate.upgrade(url)
        assert asyncio.run(schema_version(url)) == HEAD


def test_an_upgrade_that_cannot_connect_says_so_in_a_line(tmp_path):
    for url in (
        "postgresql://x@127.0.0.1:1,127.0.0.1:2/x?target_session_attrs=read-write",
        "postgresql://x@127.0.0.1:1/x?sslmode=nonsense",
        f"sqlite:///{tmp_path}/nowhere/tenantry.db",
    ):
        with pytest.raises(migrate.UpgradeError) as problem:
            migrate.upgrade(url)
        assert str(problem.value).startswith("the migration failed: ")
        assert "\n" not in str(problem.value)
