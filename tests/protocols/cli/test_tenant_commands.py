"""`tenantry org`, `user`, `app`, `key list` and `auth-requests`: what they change is changed."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import time

import httpx
import pytest
from apis import unique
from servers import TENANTRY, without_settings

from tenantry.cli.output import printing

BOTH = pytest.mark.parametrize("live_server", ["sqlite", "postgresql"], indirect=True)


def output(server, *arguments: str):
    done = server.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refusal(server, *arguments: str) -> str:
    done = server.run(*arguments)
    assert (done.returncode, done.stdout) == (1, ""), done
    assert done.stderr.startswith("tenantry: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("tenantry: ").strip()


@pytest.fixture(scope="module")
def management(live_server):
    """A client of the API of the server that the commands are run beside."""
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        form = {
            "grant_type": "client_credentials",
            "client_id": live_server.client_id,
            "client_secret": live_server.client_secret,
        }
        token = client.post("/oauth/token", data=form).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
def organization(live_server):
    return output(live_server, "org", "create", unique("Acme"), "--external-id", unique())


@pytest.fixture
def application(live_server):
    uri = "https://app.example.com/callback"
    created = output(live_server, "client", "create", "Shop", "--redirect-uri", uri)
    return created["client_id"]


def events(server, *types: str):
    shown = server.run("events", "tail", "-n", "50", "--json").stdout.splitlines()
    return [event for event in map(json.loads, shown) if event["type"] in types]


@BOTH
def test_an_organization_is_made_changed_and_deleted_with_its_events(live_server):
    external_id = unique()
    made = output(
        *(live_server, "org", "create", "Acme", "--external-id", external_id),
        *("--metadata", "plan=gold", "--metadata", "note=a=b"),
    )
    key = made["id"]
    assert (made["display_name"], made["external_id"]) == ("Acme", external_id)
    assert made["metadata"] == {"plan": "gold", "note": "a=b"}
    assert output(live_server, "org", "show", external_id) == made | {"members": 0}

    changed = output(
        *(live_server, "org", "update", external_id, "--name", "Acme Corp", "--external-id", ""),
        *("--metadata", "plan=", "--metadata", "seats=12"),
    )
    assert changed["display_name"] == "Acme Corp"
    assert "external_id" not in changed
    assert changed["metadata"] == {"note": "a=b", "seats": "12"}
    lines = live_server.run("org", "show", key).stdout
    assert re.search(r"^name +Acme Corp$", lines, re.MULTILINE)
    assert refusal(live_server, "org", "show", external_id).endswith(f"not found: {external_id}")

    assert "Confirm with --yes" in refusal(live_server, "org", "delete", key)
    assert live_server.run("org", "delete", key, "--yes").returncode == 0
    assert refusal(live_server, "org", "delete", key, "--yes") == f"organization not found: {key}"
    told = events(
        *(live_server, "organization.created", "organization.updated", "organization.deleted")
    )
    mine = [e for e in told if (e["after"] or e["before"])["id"] == key]
    assert [event["type"].partition(".")[2] for event in mine] == ["created", "updated", "deleted"]
    assert {event["actor"]["id"] for event in mine} == {"system"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", ""], "display_name: "),
        (["create", "x" * 201], "display_name: "),
        (["create", "Acme", "--logo-url", "http://x"], "logo_url: "),
        (["create", "Acme", "--metadata", "k=v"], "metadata"),
        (["update", "org_1"], "nothing to change"),
        (["update", "org_1", "--name", "x"], "organization not found: org_1"),
        (["list", "--search", "ab"], "--search: must have at least 3 characters"),
        (["list", "--page-token", "x"], "page_token: "),
    ],
)
def test_a_value_that_the_api_refuses_is_refused_here(live_server, arguments, says):
    assert says in refusal(live_server, "org", *arguments)


def test_an_external_id_of_another_one_is_named(live_server, organization):
    taken = organization["external_id"]
    said = refusal(live_server, "org", "create", "Other", "--external-id", taken)
    assert taken in said


@pytest.mark.thorough
def test_a_list_goes_on_by_a_token_and_shows_each_once(live_server):
    word = unique("paged")
    made = [output(live_server, "org", "create", f"{word} {n}")["id"] for n in range(5)]
    arguments = ["org", "list", "--search", word, "--limit", "2"]
    found, more = [], []
    while True:
        done = live_server.run(*arguments, *more, "--json")
        found += [one["id"] for one in json.loads(done.stdout)]
        if not (told := re.search(r"2 of 5; .*--page-token (\S+)", done.stderr)):
            break
        more = ["--page-token", told[1]]
    assert found == made[::-1]
    assert done.stderr == ""


@BOTH
def test_a_person_joins_and_is_invited_and_is_shown(live_server):
    organization = output(live_server, "org", "create", unique("Team"))["id"]
    ada, grace = f"{unique('ada')}@example.com", f"{unique('grace')}@example.com"
    made = output(
        *(live_server, "user", "create", ada, "-o", organization, "--role", "admin"),
        *("--first-name", "Ada", "--last-name", "Lovelace", "--external-id", ada[:20]),
    )
    (place,) = made["memberships"]
    assert (place["organization_id"], place["membership_status"]) == (organization, "ACTIVE")
    assert [role["name"] for role in place["roles"]] == ["admin"]
    invited = output(live_server, "user", "invite", grace, "-o", organization)
    assert invited["memberships"][0]["membership_status"] == "PENDING_INVITE"
    (mail,) = [m for m in output(live_server, "mail", "list") if m["recipient"] == grace]
    assert mail["template"] == "invitation"

    for key in (made["id"], ada, ada.upper(), ada[:20]):
        assert output(live_server, "user", "show", key)["id"] == made["id"]
    shown = output(live_server, "user", "show", ada)
    assert (shown["sessions"], shown["second_factor"]) == (0, False)
    lines = live_server.run("user", "show", ada).stdout
    assert "Ada Lovelace" in lines
    assert f"{organization} Team" in lines
    listed = output(live_server, "user", "list", "-o", organization)
    assert [user["id"] for user in listed] == [invited["id"], made["id"]]
    assert [u["id"] for u in output(live_server, "user", "list", "--search", ada)] == [made["id"]]
    assert output(live_server, "org", "show", organization)["members"] == 2

    # An old user joins another one by the same command.
    other = output(live_server, "org", "create", unique("Other"))["id"]
    again = output(live_server, "user", "create", ada, "-o", other)
    assert again["id"] == made["id"]
    assert [p["organization_id"] for p in again["memberships"]] == [organization, other]
    assert "exists" in refusal(live_server, "user", "create", ada, "-o", other)
    assert made["id"] in refusal(
        live_server, "user", "create", ada, "-o", organization, "--first-name", "Eve"
    )
    told = [e["type"] for e in events(live_server, "user.created") if made["id"] in str(e)]
    assert told == ["user.created"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "usr_1"], "user not found: usr_1"),
        (["show", "nobody@example.com"], "user not found: nobody@example.com"),
        (["end-sessions", "nobody"], "user not found: nobody"),
        (["invite", "a@example.com", "-o", "org_1"], "organization not found: org_1"),
        (["list", "-o", "org_1"], "organization not found: org_1"),
    ],
)
def test_a_person_that_is_not_there_is_named(live_server, arguments, says):
    assert refusal(live_server, "user", *arguments) == says


@pytest.mark.thorough
def test_a_wrong_address_or_role_is_refused(live_server, organization):
    where = ["-o", organization["id"]]
    assert "email: " in refusal(live_server, "user", "create", "nobody", *where)
    address = f"{unique('x')}@example.com"
    assert "emperor" in refusal(live_server, "user", "create", address, *where, "--role", "emperor")
    assert refusal(live_server, "user", "show", address).startswith("user not found")


@pytest.mark.thorough
def test_a_second_factor_that_is_not_there_is_not_taken_away(live_server, organization):
    address = f"{unique('f')}@example.com"
    output(live_server, "user", "create", address, "-o", organization["id"])
    assert "Confirm with --yes" in refusal(live_server, "user", "reset-second-factor", address)
    said = refusal(live_server, "user", "reset-second-factor", address, "--yes")
    assert said == f"second factor not found: {address}"
    assert output(live_server, "user", "end-sessions", address)["sessions"] == []


def authorize(server, client_id, uri):
    return httpx.get(
        f"{server.url}/oauth/authorize",
        params={
            "client_id": client_id,
            "redirect_uri": uri,
            "response_type": "code",
            "scope": "openid",
        },
        verify=server.trust,
    )


@pytest.mark.thorough
@BOTH
def test_a_sign_in_can_come_back_to_an_address_that_was_added(live_server):
    known, further = "https://app.example.com/callback", "https://app.example.com/further"
    created = output(live_server, "client", "create", "Shop", "--redirect-uri", known)
    key = created["client_id"]
    refused = authorize(live_server, key, further).headers["location"]
    error_id = re.search(r"err_[\w-]+", refused)[0]
    said = output(live_server, "auth-requests", "show", error_id)
    assert said["error"] == "invalid_request"
    assert "redirect_uri is not registered" in said["error_description"]
    assert said["client_id"] == key

    assert output(live_server, "app", "add-redirect", key, further)["post_login_uris"] == [
        known,
        further,
    ]
    begun = authorize(live_server, key, further).headers["location"]
    request_id = re.search(r"areq_\d+", begun)[0]
    shown = output(live_server, "auth-requests", "show", request_id)
    assert (shown["client_id"], shown["status"]) == (key, "INITIATED")
    assert (shown["steps"], shown["evidence"]) == ([], {})
    assert "error" not in shown
    assert request_id in live_server.run("auth-requests", "show", request_id).stdout

    output(live_server, "app", "remove-redirect", key, further)
    # A process relies for 0.9 seconds on what it has read of a client.
    until = time.monotonic() + 60
    while "err_" not in authorize(live_server, key, further).headers["location"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    said = refusal(live_server, "app", "remove-redirect", key, further)
    assert said == f"post_login_uris of the client not found: {further}"
    after = output(live_server, "app", "add-redirect", key, "https://x.example/", "--post-logout")
    assert after["post_logout_redirect_uris"] == ["https://x.example/"]
    assert key in {one["client_id"] for one in output(live_server, "app", "list")}
    again = output(live_server, "app", "add-redirect", key, known)
    assert again["post_login_uris"] == [known]
    assert "http" in refusal(live_server, "app", "add-redirect", key, "nonsense")
    assert refusal(live_server, "app", "add-redirect", "skc_1", known) == "client not found: skc_1"


def test_a_request_is_found_by_the_events_that_it_caused(live_server, management):
    answer = management.post("/api/v1/organizations", json={"display_name": "Requested"})
    request_id = answer.headers["x-request-id"]
    (event,) = output(live_server, "auth-requests", "show", request_id)
    assert event["type"] == "organization.created"
    assert event["id"] in live_server.run("auth-requests", "show", request_id).stdout


@pytest.mark.parametrize("id_", ["areq_1", "err_x", "req_none", "nonsense"])
def test_an_id_that_was_never_given_is_named(live_server, id_):
    assert refusal(live_server, "auth-requests", "show", id_).endswith(f"not found: {id_}")


def test_the_listed_keys_are_those_that_are_published(live_server):
    listed = output(live_server, "key", "list")
    published = httpx.get(f"{live_server.url}/keys", verify=live_server.trust).json()["keys"]
    assert {key["kid"] for key in listed} == {key["kid"] for key in published}
    assert {key["state"] for key in listed} >= {"current", "next"}
    table = live_server.run("key", "list").stdout
    assert all(key["kid"] in table for key in listed)
    assert "PRIVATE" not in json.dumps(listed)


def test_a_client_is_shown_with_what_it_may_do(live_server, application):
    shown = output(live_server, "client", "show", application)
    assert any("redirects them to https://app.example.com/callback" in one for one in shown["may"])
    management = live_server.run("client", "show", live_server.client_id)
    assert "can make all API calls for every organization" in management.stdout
    done = live_server.run("client", "create", "Billing")
    assert "can make all API calls for every organization" in done.stderr
    assert live_server.client_secret not in management.stdout


def on_a_terminal(server, *arguments: str, answer: str, columns: int = 80):
    """Run a command as somebody at a terminal does; return its exit code and all that it shows."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [TENANTRY, *arguments],
        env=server.environment | {"COLUMNS": str(columns), "TERM": "dumb"},
        cwd=server.folder,
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    os.write(outer, answer.encode())
    seen = b""
    while True:
        try:
            part = os.read(outer, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        seen += part
    os.close(outer)
    return process.wait(), seen.decode()


def test_a_client_is_asked_for_its_name_at_a_terminal(live_server):
    code, seen = on_a_terminal(live_server, "client", "create", answer="Payroll\n")
    assert code == 0, seen
    assert "Name [Management client]:" in seen
    client_id = re.search(r"client ID +(\S+)", seen)[1]
    assert output(live_server, "client", "show", client_id)["name"] == "Payroll"


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("y\n", 0)])
def test_a_deletion_asks_at_a_terminal(live_server, organization, answer, code):
    key = organization["id"]
    done, seen = on_a_terminal(live_server, "org", "delete", key, answer=answer)
    assert done == code, seen
    assert f"Delete {key} ({organization['display_name']}) with its 0 members?" in seen
    assert (key in live_server.run("org", "list", "--limit", "1000").stdout) is (code == 1)


@pytest.mark.thorough
@pytest.mark.one_of("20", "80")
@pytest.mark.parametrize("columns", [20, 80])
def test_no_id_is_ever_broken_on_a_narrow_terminal(live_server, organization, columns):
    long = "A name of an organization that goes on for much longer than any terminal is wide " * 2
    output(live_server, "org", "update", organization["id"], "--name", long.strip())
    address = f"{unique('narrow')}@example.com"
    output(live_server, "user", "create", address, "-o", organization["id"])
    for command in (["org", "list"], ["client", "list"], ["user", "list"], ["key", "list"]):
        _, seen = on_a_terminal(live_server, *command, answer="", columns=columns)
        rows = output(live_server, *command)
        ids = [row.get("id") or row.get("client_id") or row.get("kid") for row in rows]
        assert ids
        assert [id_ for id_ in ids if id_ not in seen] == []


def test_a_pipe_gets_a_line_for_a_row(live_server, organization):
    long = "A name of an organization that goes on for much longer than any terminal is wide " * 2
    output(live_server, "org", "update", organization["id"], "--name", long.strip())
    lines = live_server.run("org", "list").stdout.splitlines()
    (line,) = [line for line in lines if organization["id"] in line]
    assert long.strip() in line


@pytest.mark.thorough
def test_what_a_tenant_writes_cannot_tell_a_terminal_what_to_do(
    live_server, organization, management
):
    id_, hostile = organization["id"], "Ac\u202eme\x1b[2J\x9b1m"
    shown = "Ac\ufffdme\ufffd[2J\ufffd1m"
    body = {"display_name": hostile}
    assert management.patch(f"/api/v1/organizations/{id_}", json=body).status_code == 200
    person = output(
        *(live_server, "user", "create", f"{unique('eve')}@example.com", "-o", id_),
        *("--first-name", hostile),
    )
    hook = output(
        *(live_server, "webhook", "create", "https://hooks.example.com/", "-o", id_),
        *("--description", hostile),
    )
    for command in (
        *(["org", "list"], ["org", "show", id_], ["org", "delete", id_], ["user", "list"]),
        *(["user", "show", person["id"]], ["webhook", "show", hook["endpoint"]["id"]]),
        ["org", "show", hostile],
    ):
        done = live_server.run(*command)
        assert shown in done.stdout + done.stderr
        assert printing.plain(done.stdout + done.stderr, "\n") == done.stdout + done.stderr
    done = live_server.run("org", "show", id_, "--json")
    assert json.loads(done.stdout)["display_name"] == hostile
    assert printing.plain(done.stdout, "\n") == done.stdout
    done = live_server.run("events", "tail", "--json")
    assert printing.plain(done.stdout, "\n") == done.stdout


@pytest.mark.thorough
@pytest.mark.one_of("org list", "user list", "client list", "key list")
@pytest.mark.parametrize(
    "command", ["org list", "user list", "client list", "key list", "events tail", "env", "status"]
)
def test_a_reader_that_has_enough_causes_no_word(live_server, command):
    done = subprocess.run(
        ["bash", "-c", f"{TENANTRY} {command} | true"],
        env=live_server.environment,
        cwd=live_server.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["env", "org list", "trust --check", "status", "doctor"])
def test_a_folder_that_this_user_may_not_read_is_named(tmp_path, command):
    folder = tmp_path / "data"
    folder.mkdir(mode=0)
    # Root that may do no more than the owner of a file.
    powerless = ["setpriv", "--bounding-set=-all"] if os.getuid() == 0 else []
    if powerless and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    done = subprocess.run(
        [*powerless, TENANTRY, *command.split()],
        env=without_settings() | {"TENANTRY_DATA_DIR": str(folder)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(rf"tenantry: {folder}[^:]*: Permission denied\n", done.stderr)


def test_an_argument_that_is_no_text_is_refused(live_server):
    done = subprocess.run(
        [TENANTRY, "org", "show", b"\xff"],
        env=live_server.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tenantry: an argument is not UTF-8")


@pytest.mark.thorough
def test_a_terminal_of_few_characters_shows_the_others_escaped(live_server, organization):
    output(live_server, "org", "update", organization["id"], "--name", "Größe")
    done = subprocess.run(
        [TENANTRY, "org", "show", organization["id"]],
        env=live_server.environment | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert r"Gr\xf6\xdfe" in done.stdout


def test_the_shell_completes_commands(live_server):
    script = f"""
        PATH={TENANTRY.parent}:$PATH
        eval "$(tenantry --show-completion bash)"
        COMP_WORDS=(tenantry org sh) COMP_CWORD=2
        _tenantry_completion tenantry
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env=live_server.environment | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("show\n", "")
