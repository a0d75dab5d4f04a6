"""Every command, with every fault that an operator meets: one line that says what it is."""

from __future__ import annotations

import shlex
import shutil
import sys

import pytest
import typer
from servers import LiveServer
from sqlalchemy import create_engine, text

from tenantry import cli
from tenantry.cli import commands
from tenantry.db import migrate

# Each needs the database; `serve` does too, and has a process of its own below.
COMMANDS = """
worker
migrate
restore
restore --go
export
client create
client list
client rotate skc_1
client set-scopes skc_1 organizations:read
client show skc_1
client delete skc_1 --yes
org create Acme
org list
org show org_1
org update org_1 --name x
org delete org_1 --yes
app list
app add-redirect skc_1 https://example.com/
app remove-redirect skc_1 https://example.com/
resource create Reports
resource list
resource show res_1
resource set-scopes res_1 invoices:read
resource delete res_1 --yes
resource clients res_1
resource create-client res_1 Agent
resource delete-client res_1 m2m_1 --yes
resource consents res_1
resource revoke-consent m2m_1 usrcnst_1
auth-requests show areq_1
auth-requests show err_1
auth-requests show req_1
key list
directories list org_1
directories requests org_1 dir_1
directories sync org_1 dir_1
directories credentials org_1 dir_1 --forget
key rotate
data-key list
data-key rotate
data-key re-encrypt
data-key status
data-key destroy 1 --yes
master-key list
master-key rotate --to-command 'echo AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
master-key destroy 1 --yes
mail list
mail show mail_1
sso failures
operators link
init fastapi
operators list
user list
user show usr_1
user create a@example.com -o org_1
user invite a@example.com -o org_1
user erase usr_1 --yes
user end-sessions usr_1
user reset-second-factor usr_1 --yes
events tail
events verify
events export
webhook test whe_1
webhook deliveries whe_1
webhook attempts whe_1 whd_1
webhook replay whe_1 --since 2026-01-01T00:00:00Z
webhook create https://example.com/
webhook list
webhook show whe_1
webhook update whe_1 --description x
webhook enable whe_1
webhook disable whe_1
webhook delete whe_1 --yes
webhook rotate-secret whe_1
interceptor create PRE_SIGNUP https://example.com/
interceptor list
interceptor enable icp_1
interceptor disable icp_1
interceptor delete icp_1 --yes
interceptor rotate-secret icp_1
interceptor test icp_1
import users FILE
import environment FILE
import organization FILE
""".strip().splitlines()


def of(command):
    """The names of all commands below this one."""
    for name, inner in getattr(command, "commands", {}).items():
        deeper = list(of(inner))
        yield from (f"{name} {more}" for more in deeper) if deeper else [name]


def test_the_commands_of_this_file_are_all_there_are():
    known = {
        name
        for name in of(typer.main.get_command(commands.app))
        if name not in NO_DATABASE | IN_TROUBLE
    }
    assert {n for n in known if any(c == n or c.startswith(f"{n} ") for c in COMMANDS)} == known


NO_DATABASE = {
    "serve",
    "env",
    "doctor",
    "sso decode",
    "health",
    "log find",
    "trust",
}  # three of them are below
# They do what they can with a database in trouble: tests/storage/status, tests/chaos.
IN_TROUBLE = {"status", "migrate status", "backup"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in this process, by words; return its code, output and problems."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").write_text("")

    def run(line, **settings: str):
        with monkeypatch.context() as patched:
            for name, value in settings.items():
                patched.setenv(f"TENANTRY_{name.upper()}", value)
            patched.setattr(sys, "argv", ["tenantry", *shlex.split(line)])
            try:
                cli.main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A database whose schema is current, to be copied."""
    path = tmp_path_factory.mktemp("faults") / "tenantry.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def migrated(tmp_path, empty):
    """A data folder with a fresh database for each fault."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    shutil.copy(empty, folder)
    return folder


def lost_key(folder, run):
    assert run("client list")[0] == 0
    (folder / "master.key").unlink()
    return {}, "master.key is missing"


def another_key(folder, run):
    assert run("client list")[0] == 0
    return {"master_key": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="}, "is not the key"


def no_key(folder, run):
    (folder / "master.key").write_text("nonsense")
    return {}, "TENANTRY_MASTER_KEY: "


def no_database(folder, run):
    shutil.rmtree(folder)
    return {}, "/tenantry.db"


def no_schema(folder, run):
    (folder / "tenantry.db").write_text("")
    return {}, "run `tenantry migrate`"


def corrupt(folder, run):
    for path in folder.iterdir():
        path.write_bytes(b"not a database, whatever it is called" * 500)
    (folder / "master.key").unlink(missing_ok=True)
    return {}, "file is not a database"


def corrupt_inside(folder, run):
    assert run("client list")[0] == 0
    path = folder / "tenantry.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    return {}, "malformed"


def later(folder, run):
    assert run("client list")[0] == 0
    engine = create_engine(f"sqlite:///{folder / 'tenantry.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("INSERT INTO schema_history VALUES ('9999', '12.3', 1, true)"))
    engine.dispose()
    return {}, "this database belongs to version 12.3 (schema 9999), this is version"


def away(folder, run):
    return {"database_url": "postgresql://x@127.0.0.1:1/x"}, "cannot be reached"


def wrong_url(folder, run):
    return {"database_url": "mysql://x@127.0.0.1:1/x"}, "TENANTRY_DATABASE_URL: "


def wrong_port(folder, run):
    return {"database_url": "postgresql://x@127.0.0.1:port/x"}, ""


def a_folder(folder, run):
    return {"database_url": f"sqlite:///{folder}"}, "TENANTRY_DATABASE_URL: "


def no_folder(folder, run):
    return {"data_dir": "/proc/nowhere"}, ""


def of_others(folder, run):
    folder.chmod(0o770)
    return {}, "chmod go-w"


# The remedy by a command of its own kind.
MAKES_IT = {"no_database": {"migrate"}, "no_schema": {"migrate"}}
NEEDS_NO_KEY = {"lost_key": {"migrate"}, "another_key": {"migrate"}, "no_key": {"migrate"}}
ONLY_STARTS = ("worker", "migrate")
FAULTS = (
    *(lost_key, another_key, no_key, no_database, no_schema, corrupt, corrupt_inside, later),
    *(away, wrong_url, wrong_port, a_folder, no_folder, of_others),
)
PARTS = 7  # of the commands, of which a fault meets one in a short run


@pytest.fixture
def some(request):
    """The commands that a fault meets: in a short run each command meets some of the faults."""

    def some(fault):
        if request.config.getoption("thorough"):
            return COMMANDS
        first = FAULTS.index(fault) % PARTS
        return [*ONLY_STARTS, *COMMANDS[first::PARTS]]

    return some


@pytest.mark.thorough
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_one_line_from_every_command_and_makes_nothing(fault, migrated, run, some):
    settings, says = fault(migrated, run)
    name = fault.__name__
    before = files(migrated.parent)
    for command in some(fault):
        if command in MAKES_IT.get(name, ()) or command in NEEDS_NO_KEY.get(name, ()):
            continue
        if fault is of_others and command not in ONLY_STARTS:
            continue
        code, out, problem = run(command, **settings)
        assert (code in {1, 2}, out) == (True, ""), (command, code, problem)
        assert problem.count("\n") == 1, (command, problem)
        assert problem.startswith("tenantry: "), (command, problem)
        assert says in problem, command
        assert files(migrated.parent) == before, command
    code, out, problem = run("doctor", **settings)
    assert problem == ""
    assert "Traceback" not in out
    if fault not in (no_database, no_schema, no_folder):
        assert code == 1, out
    assert files(migrated.parent) == before


def files(folder):
    """The files there, but for those that SQLite keeps beside an open database."""
    found = {path.relative_to(folder) for path in folder.rglob("*")}
    return {path for path in found if not path.name.endswith(("-wal", "-shm"))}


@pytest.mark.parametrize("fault", [lost_key, corrupt, later, away, wrong_url, no_folder, of_others])
def test_a_fault_is_one_line_from_a_start_and_makes_no_key(fault, migrated, run, tmp_path):
    settings, says = fault(migrated, run)
    done = LiveServer(tmp_path, **settings).run("serve")
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("tenantry: ")
    assert says in done.stderr
    if fault is not later:
        assert not (migrated / "master.key").exists() or fault in (away, wrong_url)


def test_a_first_command_behind_migrate_makes_the_key(migrated, run):
    assert run("client list")[0] == 0
    assert (migrated / "master.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("command", ["export", "events export", "import users FILE --report"])
def test_a_file_that_cannot_be_written_is_named(migrated, run, command):
    option = "" if command.endswith("--report") else "-o"
    for place in ("/nowhere/at/all.ndjson", "data"):
        code, out, problem = run(f"{command} {option} {place}")
        assert (code in {1, 2}, out) == (True, "")
        assert "Traceback" not in problem
        assert place in problem


def test_a_fault_of_ours_is_one_line_that_says_where(migrated, run, monkeypatch):
    def broken(settings):
        raise RuntimeError("broken\ninside")

    monkeypatch.setattr("tenantry.cli.running.look", broken)
    code, out, problem = run("org list")
    assert (code, out, problem.count("\n")) == (1, "", 1)
    assert problem.startswith("tenantry: internal error, please report it: Runtime")
    assert "broken inside" in problem
    assert "tenantry/cli/running.py:" in problem


def test_env_without_a_client_is_one_line_and_makes_nothing(tmp_path, run):
    code, out, problem = run("env")
    assert (code, out, problem.count("\n")) == (1, "", 1)
    assert files(tmp_path) == {(tmp_path / "FILE").relative_to(tmp_path)}


@pytest.mark.thorough
def test_what_is_in_the_data_folder_is_for_its_owner_alone_whatever_the_umask(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    server = LiveServer(tmp_path)
    command = ["sh", "-c", f"umask 0; exec {shlex.quote(str(sys.prefix))}/bin/tenantry serve"]
    server.start(*command)
    try:
        assert server.run("client", "create").returncode == 0
        modes = {path: path.stat().st_mode & 0o077 for path in folder.rglob("*")}
        assert {path.name for path in modes} >= {"tenantry.db", "tenantry.db-wal", "master.key"}
        assert {path: mode for path, mode in modes.items() if mode} == {}
    finally:
        server.stop()
    (folder / "run" / "1-hashing-0.lock").touch()
    for path in folder.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o644)
    server.start()  # what a former version left open is closed
    server.stop()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert folder / "run" / "1-hashing-0.lock" in kept
    assert [path for path in kept if path.stat().st_mode & 0o077] == []
