"""docs/command-line.md: its samples work in their order, and it names each command there is."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys

import pytest
import typer
from repository import ROOT
from servers import TENANTRY, LiveServer, without_settings
from signed_in_people import Person

from tenantry import settings
from tenantry.cli import commands
from tenantry.crypto import master_key
from tenantry.db.opening import open_database

PAGE = ROOT / "docs" / "command-line.md"
_FENCE = re.compile(r"^(<!-- elsewhere: (\S+) -->\n)?```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OPTION = re.compile(r"(?<!\S)--[a-z][a-z-]*")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """A server that nobody else gives organizations to."""
    server = LiveServer(tmp_path_factory.mktemp("page")).fork()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def followed(own_server, tmp_path_factory):
    """Follow the page from its beginning to its end, in one shell: what that printed."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    blocks = [text for elsewhere, _, text in _FENCE.findall(PAGE.read_text()) if not elsewhere]
    first = f'export TENANTRY_DATA_DIR={own_server.data_dir} PATH="{TENANTRY.parent}:$PATH"'
    folder = tmp_path_factory.mktemp("anywhere")
    done = subprocess.run(
        ["bash", "-c", "\n".join(["set -euo pipefail", first, "set -x", *blocks])],
        env=without_settings(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def output(server, *arguments: str):
    done = server.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.thorough
def test_its_samples_do_what_it_says(followed, own_server):
    acme = output(own_server, "org", "show", "acme")
    assert acme["display_name"] == "Acme Corp"
    assert acme["metadata"] == {"plan": "gold", "seats": "12"}
    assert acme["members"] == 2
    assert f"\n{acme['id']}\n" in followed.stdout  # of the script that looks for gold
    assert "\nada@example.com\ngrace@example.com\n" in followed.stdout
    (shop,) = [one for one in output(own_server, "app", "list") if one["name"] == "Shop"]
    assert shop["post_login_uris"][-1] == "https://staging.example.com/callback"
    assert shop["post_logout_redirect_uris"] == ["https://shop.example.com/"]
    assert followed.stdout.endswith("true\n")  # nothing is to do


@pytest.mark.thorough
def test_a_person_in_need_is_signed_out_and_gets_back_in(followed, own_server):
    given = own_server.environment.items()
    known = settings.load({k: v for k, v in given if k.startswith("TENANTRY_")})
    shown = output(own_server, "user", "show", "ada@example.com")

    async def sign_in():
        async with open_database(known.database, master_key.load(known), pool_size=1) as database:
            person = Person(own_server, database, shown)
            await person.set_up_app()
            return [await person.sign_in() for _ in range(2)]

    sessions = asyncio.run(sign_in())
    before = output(own_server, "user", "show", "ada@example.com")
    assert (before["sessions"], before["second_factor"]) == (2, True)
    ended = output(own_server, "user", "end-sessions", "ada@example.com")
    assert sorted(ended["sessions"]) == sorted(sessions)
    done = own_server.run("user", "reset-second-factor", "ada@example.com", "--yes")
    assert (done.returncode, done.stdout) == (0, "")
    after = output(own_server, "user", "show", "ada@example.com")
    assert (after["sessions"], after["second_factor"]) == (0, False)
    told = own_server.run("events", "tail", "-n", "20", "--json").stdout
    types = [json.loads(line)["type"] for line in told.splitlines()]
    assert types[-3:] == ["user.logout", "user.logout", "totp.disabled"]
    mailed = [m["template"] for m in output(own_server, "mail", "list")]
    assert mailed.count("account_changed") == 2  # that it was added, and removed


def test_its_lists_are_those_of_the_program():
    script = ROOT / "scripts" / "command_line.py"
    done = subprocess.run(
        [sys.executable, "-P", script, "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_it_names_is_there():
    """Each option of the page is one of its command, or of some command."""
    options = {"--help"}
    waiting = [typer.main.get_command(commands.app)]
    while waiting:
        one = waiting.pop()
        waiting += getattr(one, "commands", {}).values()
        options |= {name for parameter in one.params for name in parameter.opts}
    text = re.sub(r"jq [^|]*", "", PAGE.read_text())
    assert set(_OPTION.findall(text.replace("`", " "))) <= options


@pytest.mark.parametrize("place", sorted({p for e, p, _ in _FENCE.findall(PAGE.read_text()) if e}))
def test_what_it_does_not_run_here_is_run_there(place):
    assert (ROOT / place).is_file()
