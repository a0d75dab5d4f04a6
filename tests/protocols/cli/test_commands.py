"""The commands, run as an operator runs them."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import time

import commands
import httpx
import pytest
from servers import TENANTRY, LiveServer, without_settings
from sqlalchemy import text as sql

from tenantry import settings
from tenantry.crypto import master_key
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing

NEWEST = "WHERE id = (SELECT max(id) FROM events)"
BOTH = pytest.mark.parametrize("live_server", ["sqlite", "postgresql"], indirect=True)


def output(server, *arguments: str):
    done = server.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def with_database(server, work):
    """Do some work on the database of a server."""
    environment = server.environment.items()
    known = settings.load({k: v for k, v in environment if k.startswith("TENANTRY_")})

    async def run():
        async with open_database(known.database, master_key.load(known), pool_size=1) as db:
            await work(db)

    asyncio.run(run())


async def seal(db):
    """Give every event its place in the log, as a worker does."""
    while await sequencing.sequence(db) == 0:
        pass


def token(server, client_id, secret):
    form = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
    }
    return httpx.post(f"{server.url}/oauth/token", data=form, verify=server.trust)


@pytest.fixture(scope="module")
def started_once(tmp_path_factory):
    """The data folder that a first start leaves."""
    server = LiveServer(tmp_path_factory.mktemp("once")).fork()
    assert server.env
    server.stop()
    shutil.rmtree(server.data_dir / "run")
    return server.data_dir


@pytest.fixture
def own_server(started_once, tmp_path):
    """A server that does not run; a test may do as it likes with its folder and first client."""
    server = LiveServer(tmp_path)
    shutil.copytree(started_once, server.data_dir)
    return server


def test_env_quotes_for_the_shell(started_once, tmp_path):
    folder = tmp_path / "it's $HOME"
    server = LiveServer(folder)
    shutil.copytree(started_once, server.data_dir)
    lines = server.run("env").stdout
    done = subprocess.run(
        ["bash", "-c", f'{lines}\nprintf %s "$TENANTRY_CA"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == str(server.ca)


def test_env_before_the_first_start_says_what_to_do(tmp_path):
    done = LiveServer(tmp_path).run("env")
    assert (done.returncode, done.stdout) == (1, "")
    assert "tenantry client create" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("allowed", [True, False])
def test_creating_an_application_says_whether_its_secret_may_call_the_api(live_server, allowed):
    done = live_server.run(
        *("client", "create", "Dashboard", "--redirect-uri", "https://app.example.com/callback"),
        TENANTRY_APPLICATION_API_ACCESS=str(allowed).lower(),
    )
    assert done.returncode == 0, done.stderr
    client_id = done.stdout.split()[2]
    assert ("can make all API calls" in done.stderr) is allowed
    listed = {c["client_id"]: c for c in output(live_server, "client", "list")}
    assert listed[client_id]["api_access"] is allowed


def ends_within_a_second(holds):
    """Ask until it no longer holds: what a server remembers of a client is no older."""
    since = time.monotonic()
    while (asked := time.monotonic()) and holds():
        assert asked < since + 1


@BOTH
def test_a_created_client_can_call_until_it_is_deleted(live_server):
    created = output(live_server, "client", "create", "Billing [eu]")
    client_id, secret = created["client_id"], created["client_secret"]
    assert token(live_server, client_id, secret).status_code == 200
    listed = {c["client_id"]: c for c in output(live_server, "client", "list")}
    assert listed[client_id]["name"] == "Billing [eu]"
    assert listed[client_id]["secrets"][0]["suffix"] == secret[-4:]
    assert listed[client_id]["api_access"] is True
    assert secret not in json.dumps(listed)
    table = live_server.run("client", "list").stdout
    assert client_id in table
    assert "Billing [eu]" in table

    assert live_server.run("client", "delete", client_id, "--yes").returncode == 0
    ends_within_a_second(lambda: token(live_server, client_id, secret).status_code == 200)
    assert token(live_server, client_id, secret).status_code == 401
    assert client_id not in live_server.run("client", "list").stdout


@BOTH
def test_a_rotated_secret_overlaps_with_the_former_one(live_server):
    created = output(live_server, "client", "create")
    client_id, first = created["client_id"], created["client_secret"]
    second = output(live_server, "client", "rotate", client_id)["client_secret"]
    assert {token(live_server, client_id, s).status_code for s in (first, second)} == {200}
    third = output(live_server, "client", "rotate", client_id, "--now")["client_secret"]
    ends_within_a_second(lambda: token(live_server, client_id, first).status_code == 200)
    codes = [token(live_server, client_id, s).status_code for s in (first, second, third)]
    assert codes == [401, 401, 200]
    assert live_server.run("client", "delete", client_id, "--yes").returncode == 0


def test_env_goes_along_with_a_rotation(own_server):
    before = own_server.env
    done = own_server.run("client", "rotate", own_server.client_id, "--now", "--json")
    after = output(own_server, "env")
    assert after["SCALEKIT_CLIENT_SECRET"] == json.loads(done.stdout)["client_secret"]
    assert after["SCALEKIT_CLIENT_SECRET"] != before["SCALEKIT_CLIENT_SECRET"]
    kept = own_server.data_dir / "credentials.json"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_env_forgets_a_deleted_client(own_server):
    output(own_server, "client", "create")
    assert own_server.run("client", "delete", own_server.client_id, "--yes").returncode == 0
    assert own_server.run("env").returncode == 1


@pytest.mark.parametrize("command", ["show", "rotate", "delete"])
def test_an_unknown_client_is_1(live_server, command):
    yes = ["--yes"] if command == "delete" else []
    done = live_server.run("client", command, "skc_1", *yes)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "tenantry: client not found: skc_1\n"


@BOTH
def test_a_rotated_key_is_published(live_server):
    kid = output(live_server, "key", "rotate")["kid"]
    published = httpx.get(f"{live_server.url}/keys", verify=live_server.trust).json()
    assert kid in {key["kid"] for key in published["keys"]}


@BOTH
def test_the_tail_shows_events(live_server):
    client_id = output(live_server, "client", "create", "Tail")["client_id"]
    kid = output(live_server, "key", "rotate")["kid"]
    done = live_server.run("events", "tail", "-n", "20", "--json")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["id"] for event in shown] == sorted(event["id"] for event in shown)
    (created,) = (event for event in shown if (event["after"] or {}).get("client_id") == client_id)
    (rotated,) = (event for event in shown if (event["after"] or {}).get("current") == kid)
    assert (created["type"], rotated["type"]) == ("client.created", "signing_key.rotated")
    assert created["id"] < rotated["id"]
    assert created["occurred_at"].endswith("Z")
    lines = live_server.run("events", "tail", "-n", "20").stdout.splitlines()
    (line,) = (line for line in lines if client_id in line)
    assert "  client.created  " in line
    assert len(live_server.run("events", "tail", "-n", "2").stdout.splitlines()) == 2


@pytest.mark.thorough
@BOTH
def test_the_tail_follows(live_server):
    output(live_server, "client", "create", "Zero")
    with_database(live_server, seal)
    command = [TENANTRY, "events", "tail", "--follow", "-n", "1", "--json"]
    following = subprocess.Popen(
        command, env=live_server.environment, stdout=subprocess.PIPE, text=True
    )
    try:
        shown = [following.stdout.readline()]
        for name in ("One", "Two"):
            output(live_server, "client", "create", name)
        with_database(live_server, seal)
        shown += [following.stdout.readline() for _ in range(2)]
        following.send_signal(signal.SIGINT)
        rest, _ = following.communicate(timeout=60)
        names = [json.loads(line)["after"]["name"] for line in [*shown, *rest.splitlines()]]
        assert names == ["Zero", "One", "Two"]
        assert following.returncode == 130
    finally:
        following.kill()
        following.wait()


@pytest.mark.thorough
def test_a_reader_that_has_enough_is_no_problem(live_server):
    done = subprocess.run(
        ["bash", "-c", f"{TENANTRY} events tail --json | true"],
        env=live_server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@BOTH
def test_a_log_that_nobody_touched_is_verified_and_a_change_is_told(live_server):
    output(live_server, "client", "create", "Verified")
    with_database(live_server, seal)
    found = output(live_server, "events", "verify")
    assert found["events"] > 0
    assert found["chains"] > 0
    assert found["problems"] == []
    done = live_server.run("events", "verify")
    assert done.stdout.endswith(" chains, 0 problems\n")

    change = f"UPDATE events SET request_id = request_id || '-evil' {NEWEST}"
    back = "UPDATE events SET request_id = replace(request_id, '-evil', '')"
    with_database(live_server, lambda db: db.fetch_all(Statement(sql(change))))
    try:
        done = live_server.run("events", "verify", "--json")
        (problem,) = json.loads(done.stdout)["problems"]
        assert (done.returncode, problem["kind"]) == (1, "changed event")
        done = live_server.run("events", "verify")
        assert done.returncode == 1
        assert f"changed event: position {problem['position']}  evt_" in done.stdout
        done = live_server.run("events", "verify", "--organization", "org_1")
        assert (done.returncode, done.stdout) == (0, "0 events in 0 chains, 0 problems\n")
    finally:
        with_database(live_server, lambda db: db.fetch_all(Statement(sql(back))))
    assert output(live_server, "events", "verify")["problems"] == []


@pytest.mark.thorough
@BOTH
def test_the_doctor_sees_events_that_nobody_puts_into_the_log(live_server):
    output(live_server, "client", "create", "Waiting")
    assert problems(live_server) == {}
    ago = f"UPDATE events SET occurred_at = occurred_at - 61000000 {NEWEST}"
    with_database(live_server, lambda db: db.fetch_all(Statement(sql(ago))))
    assert "has waited for its position for 6" in problems(live_server)["event log"]
    with_database(live_server, seal)
    assert problems(live_server) == {}


@BOTH
def test_the_doctor_finds_a_running_server_well(live_server):
    with_database(live_server, seal)
    found = output(live_server, "doctor")["checks"]
    assert [finding["check"] for finding in found] == [
        *(
            "settings",
            "libpython",
            "watches",
            "data folder",
            "database",
            "event log",
            "outgoing",
            "mail",
        ),
        *("certificate", "clock", "metrics", "traces", "address"),
    ]
    assert all(finding["ok"] for finding in found), found
    assert "responds" in found[-1]["text"]
    lines = live_server.run("doctor").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(found)


def test_the_doctor_changes_nothing(tmp_path):
    done = LiveServer(tmp_path).run("doctor")
    assert done.returncode == 0, done.stdout
    assert not list(tmp_path.iterdir())


def problems(server, **settings: str):
    done = server.run("doctor", "--json", **settings)
    found = json.loads(done.stdout)["checks"]
    assert done.returncode == (0 if all(f["ok"] for f in found) else 1)
    return {f["check"]: f["text"] for f in found if not f["ok"] and f["advice"]}


def test_the_doctor_names_a_wrong_setting(live_server):
    found = problems(live_server, TENANTRY_WORKERS="none")
    assert found["settings"].startswith("TENANTRY_WORKERS: ")


def test_the_doctor_sees_rights_that_are_too_wide(own_server):
    key = own_server.data_dir / "master.key"
    key.chmod(0o644)
    assert problems(own_server) == {"data folder": f"other users can read {key}"}
    own_server.data_dir.chmod(0o755)
    assert "other users can access" in problems(own_server)["data folder"]


def test_the_doctor_sees_another_master_key(live_server):
    key = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI="
    assert "MASTER_KEY" in problems(live_server, TENANTRY_MASTER_KEY=key)["database"]


@pytest.mark.thorough
def test_the_doctor_sees_a_broken_mail_template(live_server, tmp_path):
    template = tmp_path / "invitation.html"
    folder = {"TENANTRY_MAIL_TEMPLATES": str(tmp_path)}
    with_database(live_server, seal)
    template.write_text("{{ organization_name }}, from {{ inviter_email or 'us' }}")
    assert problems(live_server, **folder) == {}
    for text, says in (("{{ organisation_name }}", "is undefined"), ("{{ link }", "line 1")):
        template.write_text(text)
        found = problems(live_server, **folder)["mail"]
        assert "invitation.html" in found
        assert says in found
    template.unlink()
    code = tmp_path / "sign_in_code.txt"
    code.write_text("{{ otp }} is for {{ plan }}")  # which the application says
    assert problems(live_server, **folder) == {}
    of_german = tmp_path / "de"
    of_german.mkdir()
    (of_german / "invitation.txt").write_text("{{ organisation_name }}")
    assert "invitation.txt" in problems(live_server, **folder)["mail"]
    (of_german / "invitation.txt").unlink()
    code.write_text("{{ otp }")
    assert "sign_in_code.txt" in problems(live_server, **folder)["mail"]


def test_the_doctor_sees_a_lost_master_key(own_server):
    key = own_server.data_dir / "master.key"
    lost = key.rename(key.with_suffix(".lost"))
    assert problems(own_server) == {"database": f"{key} is missing"}
    assert not key.exists()
    lost.rename(key)
    key.write_text("no key")
    assert "TENANTRY_MASTER_KEY" in problems(own_server)["database"]


def test_the_doctor_sees_a_database_that_is_away(live_server):
    found = problems(live_server, TENANTRY_DATABASE_URL="postgresql://x@127.0.0.1:1/x")
    assert "cannot be reached" in found["database"]


def test_the_doctor_sees_a_certificate_for_another_name(own_server):
    found = problems(own_server, TENANTRY_PUBLIC_URL="https://other.example.com")
    assert found == {
        "certificate": "not valid for other.example.com, the host of TENANTRY_PUBLIC_URL"
    }


def is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_doctor_sees_a_stranger_on_the_port(tmp_path):
    with (tmp_path / "log").open("w") as log:
        server = LiveServer(tmp_path)
        stranger = subprocess.Popen(
            ["python3", "-m", "http.server", "--bind", "127.0.0.1", str(server.port)],
            stderr=log,
            stdout=log,
            env=without_settings(),
        )
    try:
        until = time.monotonic() + 60
        while not is_taken(server.port):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert "is in use" in problems(server)["address"]
    finally:
        stranger.kill()
        stranger.wait()


@BOTH
def test_migrating_what_is_current_does_nothing(live_server):
    assert output(live_server, "migrate")["applied"] == []


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_an_empty_database_is_migrated(database, tmp_path, request):
    settings = {}
    if database == "postgresql":
        settings["database_url"] = request.getfixturevalue("postgresql_url")
    server = LiveServer(tmp_path, **settings)
    done = output(server, "migrate")
    assert done["applied"]
    assert done["applied"][-1] == done["revision"]
    assert output(server, "migrate")["applied"] == []
    assert server.start().stop() == 0


def test_a_database_that_is_away_cannot_be_migrated(tmp_path):
    server = LiveServer(tmp_path, database_url="postgresql://x@127.0.0.1:1/x")
    done = server.run("migrate")
    assert done.returncode == 1
    assert done.stderr.startswith("tenantry: the database cannot be reached")
    assert done.stderr.count("\n") == 1


def test_a_wrong_setting_stops_every_command(tmp_path):
    environment = without_settings() | {"TENANTRY_LOG_LEVEL": "loud"}
    for command in (["client", "list"], ["key", "rotate"], ["events", "tail"], ["migrate"]):
        done = commands.run(*command, cwd=tmp_path, environment=environment)
        assert done.returncode == 2
        assert done.stderr.startswith("tenantry: TENANTRY_LOG_LEVEL: ")
    assert not list(tmp_path.iterdir())
