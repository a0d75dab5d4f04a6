"""The schema: the migrations make the declared tables, run by any user."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from urllib.parse import parse_qsl

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import Column, Index, MetaData, Text, create_engine, inspect, select, text
from sqlalchemy.dialects.postgresql.base import ischema_names
from statements import INSERT_CLIENT, event

import tenantry.app
import tenantry.tenants.directories.model  # noqa: F401
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db import migrate
from tenantry.db.opening import open_database
from tenantry.db.revisions import FENCE, HEAD
from tenantry.db.schema_versions import schema_version
from tenantry.db.sql.schema import event_columns, events, metadata
from tenantry.db.sql.statements import Statement
from tenantry.db.upgrades import steps, table_locks
from tenantry.events.event_log import chain, listing
from tenantry.events.event_log.listing import Filter
from tenantry.tenants.organizations import listing as organizations
from tenantry.tenants.organizations import service
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.users import search

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


def engine_of(url):
    scheme, _, rest = url.partition("://")
    driver = "sqlite" if scheme == "sqlite" else "postgresql+psycopg"
    return create_engine(f"{driver}://{rest}")


def test_head_is_the_newest_file():
    files = sorted(path.stem for path in VERSIONS.glob("[0-9]*.py"))
    assert files[-1].startswith(f"{HEAD}_")
    assert [name.partition("_")[0] for name in files] == [
        f"{number:04}" for number in range(1, len(files) + 1)
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
    assert max(revision for revision, may in said.items() if not may) == FENCE


# A lock that holds up calls; on a table that was there before.
LOCKED = """
    SELECT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation
    WHERE pid = pg_backend_pid() AND relkind IN ('r', 'p') AND pg_class.oid = ANY(:before)
      AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
"""


def test_a_migration_locks_no_table_but_those_that_it_names(postgresql_url):
    upgrade_to(postgresql_url, "0030")  # those of before lock all tables
    engine = engine_of(postgresql_url)
    for script in migrate.missing("0030"):
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


@pytest.mark.either_database
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


def test_an_upgrade_tells_what_it_did_and_does_it_once(empty_url):
    applied = migrate.upgrade(empty_url)
    assert applied[-1] == HEAD
    assert applied == sorted(applied)
    assert migrate.upgrade(empty_url) == []
    assert asyncio.run(schema_version(empty_url)) == HEAD


PROGRAM = """
import sys
from importlib import import_module
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.db import migrate; from tenantry.db.upgrades import table_locks
sys.stdin.readline()
print(migrate.upgrade(sys.argv[1]))
"""


@pytest.mark.either_database
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


@pytest.mark.either_database
async def test_a_database_in_use_can_be_upgraded(database_url):
    """An upgrade that has nothing to do disturbs nobody."""
    async with open_database(database_url, KEY) as db:
        writing = asyncio.gather(
            *(db.apply(INSERT_CLIENT, event(), p_id=f"skc_{n}", p_name="a") for n in range(50))
        )
        assert await asyncio.to_thread(migrate.upgrade, database_url) == []
        await writing


# Addresses that pages took before, by their key of then; their key of now, and whether they are
# proved.
OLD_ADDRESSES = [
    ("usr_1", "Ann@Example.com", "ann@example.com", "ann@example.com", True),
    ("usr_2", "mi\u212ae@example.com", "mike@example.com", "mi\u212ae@example.com", False),
    ("usr_3", "ceo@Straße.de", "ceo@straße.de", "ceo@xn--strae-oqa.de", False),
    ("usr_4", "ceo@Bücher.de", "ceo@bücher.de", "usr_4", False),
    ("usr_5", "ceo@xn--bcher-kva.de", "ceo@xn--bcher-kva.de", "ceo@xn--bcher-kva.de", True),
]


def test_addresses_that_are_not_ascii_get_keys_of_their_own(database_url):
    script = import_module("tenantry.db.migrations.versions.0006_email_keys")
    engine = engine_of(database_url)
    insert_old = text(
        "INSERT INTO users (id, email, email_key, profile, metadata, email_verified, revision,"
        " create_time, update_time) VALUES (:id, :email, :key, '{}', '{}', :yes, 1, 1, 1)"
    )
    for again in (False, True):
        with (
            engine.begin() as connection,
            Operations.context(MigrationContext.configure(connection)),
        ):
            if not again:
                for id_, email, key, _new, _proved in OLD_ADDRESSES:
                    row = {"id": id_, "email": email, "key": key, "yes": True}
                    connection.execute(insert_old, row)
            script.upgrade()
    with engine.begin() as connection:
        rows = connection.execute(
            text("SELECT id, email, email_key, email_verified FROM users ORDER BY id")
        ).all()
        connection.execute(text("DELETE FROM users"))
    engine.dispose()
    assert [(*row[:3], bool(row[3])) for row in rows] == [
        (id_, email, new, proved) for id_, email, _key, new, proved in OLD_ADDRESSES
    ]


def upgrade_to(url, revision):
    """Make the schema of a former version."""
    from alembic import command

    engine = engine_of(url)
    with engine.begin() as connection:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


OLD_EVENTS = """
    INSERT INTO events (id, type, object, occurred_at, organization_id, actor, after, request_id,
      context)
    VALUES ('evt_1', 'user.login', 'User', 1, 'org_1', '{"type": "x"}', '{"é": 1}', 'req_1',
        '{"connection_id": "conn_1", "auth_request_id": "aur_1"}'),
      ('evt_2', 'role.created', 'Role', 2, NULL, '{}', NULL, 'req_2', NULL)
"""


@pytest.mark.either_database
async def test_events_of_before_are_proved_and_found_as_ever(empty_url):
    """Their content, as it is hashed, is what it was; those of no organization have none."""
    await asyncio.to_thread(upgrade_to, empty_url, "0009")
    engine = engine_of(empty_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(OLD_EVENTS.replace("%", "%%"))
        found = connection.execute(text("SELECT * FROM events ORDER BY id")).mappings().all()
        hashed = [chain.canonical(_as_text(row)) for row in found]
    engine.dispose()
    await asyncio.to_thread(migrate.upgrade, empty_url)
    async with open_database(empty_url, KEY) as db:
        rows = await db.fetch_all(Statement(select(*event_columns).order_by(events.c.id)))
        assert [chain.canonical(row) for row in rows] == hashed
        assert [row["organization_id"] for row in rows] == ["org_1", None]
        for narrow, ids in (
            (Filter(context=(("connection_id", "conn_1"),)), ["evt_1"]),
            (Filter(types=("role.created",)), ["evt_2"]),
        ):
            call = Call(SYSTEM, db, "req_1")
            page = await listing.page(call, narrow, page_size=9, page_token="", counted=True)
            assert [row["id"] for row in page.items] == ids
            assert page.total_size == 1


def _as_text(row):
    """A row as our drivers give it: JSON as text."""
    return {
        name: json.dumps(value) if isinstance(value, dict) else value for name, value in row.items()
    }


@pytest.mark.either_database
async def test_rows_of_a_former_version_are_searched(empty_url):
    await asyncio.to_thread(upgrade_to, empty_url, "0009")
    engine = engine_of(empty_url)
    at = "revision, create_time, update_time"
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO organizations (id, display_name, region_code, metadata, features, "
                f"{at}) VALUES ('org_1', 'Ümlaut GmbH', 'US', '{{}}', '[]', 1, 1, 1)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO users (id, email, email_key, profile, metadata, email_verified, "
                f"{at}) VALUES ('usr_1', 'Ann@example.com', 'x', '{{}}', '{{}}', true, 1, 1, 1)"
            )
        )
    engine.dispose()
    await asyncio.to_thread(migrate.upgrade, empty_url)
    async with open_database(empty_url, KEY) as db:
        call = Call(SYSTEM, db, "req_1")
        for part in ("GmbH", "org_1", "laut g"):
            found = await organizations.page(
                call, organizations.Filter(query=part), page_size=1, page_token=""
            )
            assert found.total_size == 1, part
        found = await search.of_environment(call, "ann@EX", page_size=1, page_token="")
        assert found.total_size == 1
        await service.update(call, OrganizationIdentifier("org_1"), {"display_name": "Other"})
        for part, total in (("gmbh", 0), ("other", 1)):
            found = await organizations.page(
                call, organizations.Filter(query=part), page_size=1, page_token=""
            )
            assert found.total_size == total, part


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


@pytest.mark.parametrize("before", ["0003", "0004", "0007"])
def test_an_upgrade_beside_a_running_process_deadlocks_with_nobody(postgresql_url, before):
    upgrade_to(postgresql_url, before)
    with writing(postgresql_url, [(ORGANIZATION, EVENT)] * 6) as done:
        assert migrate.upgrade(postgresql_url)[-1] == HEAD
        _go_on(done)
    assert [problem for problem in done if problem] == []


def _go_on(done):
    so_far, until = len(done), time.monotonic() + 20
    while len(done) == so_far:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_an_upgrade_comes_through_where_calls_lock_in_either_order(postgresql_url, monkeypatch):
    monkeypatch.setattr(table_locks, "_POLITE_SECONDS", 1.0)
    upgrade_to(postgresql_url, "0003")
    orders = [(ORGANIZATION, EVENT), (EVENT, ORGANIZATION)] * 3
    with writing(postgresql_url, orders) as done:
        assert migrate.upgrade(postgresql_url)[-1] == HEAD
        _go_on(done)
    problems = [type(problem) for problem in done if problem]
    assert set(problems) <= {psycopg.errors.DeadlockDetected}  # rolled back: it may be tried again


def test_an_upgrade_that_gets_no_lock_says_who_has_it_and_leaves_all_as_it_was(
    postgresql_url, monkeypatch
):
    monkeypatch.setattr(table_locks, "_LOCK_SECONDS", 1.0)
    upgrade_to(postgresql_url, "0007")
    with psycopg.connect(postgresql_url, autocommit=True) as admin:  # as for servers of PgBouncer
        name = admin.info.dbname
        admin.execute(f"ALTER DATABASE {name} SET statement_timeout = '300ms'")
    with psycopg.connect(postgresql_url, application_name="pg_dump") as holder:
        holder.execute("SELECT count(*) FROM users")
        with pytest.raises(migrate.UpgradeError) as problem:
            migrate.upgrade(postgresql_url)
        said = str(problem.value)
        assert f"that of process {holder.info.backend_pid} (pg_dump), open for " in said
        assert "\n" not in said
        assert asyncio.run(schema_version(postgresql_url)) == "0007"
    assert migrate.upgrade(postgresql_url)[-1] == HEAD


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
        assert str(problem.value).startswith("the schema could not be brought up to date: ")
        assert "\n" not in str(problem.value)
