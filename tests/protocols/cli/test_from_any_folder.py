"""Commands find the server from any shell, and make nothing where none has been."""

from __future__ import annotations

import json
import shutil
import subprocess

import commands
import pytest
from servers import TENANTRY, LiveServer, free_port, without_settings

READING = [
    ("env",),
    ("doctor",),
    ("client", "list"),
    ("mail", "list"),
    ("webhook", "list"),
    ("interceptor", "list"),
    ("events", "tail"),
    ("events", "verify"),
    ("export",),
]


def run(*command: str, cwd, **variables: str):
    return commands.run(*command, cwd=cwd, environment=without_settings() | variables)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A server whose settings no other shell has."""
    started = LiveServer(tmp_path_factory.mktemp("server")).fork()
    yield started
    started.stop()


@pytest.mark.thorough
def test_env_prints_the_url_of_the_server_that_runs_whatever_the_shell_is_set_to(alone, tmp_path):
    expected = alone.env
    assert expected["SCALEKIT_ENVIRONMENT_URL"] == alone.url
    folder = str(alone.data_dir)
    for others in (
        {},
        {"TENANTRY_LISTEN": f"127.0.0.1:{free_port()}"},
        {"TENANTRY_PUBLIC_URL": "https://elsewhere.example.com"},
    ):
        done = run("env", "--json", cwd=tmp_path, TENANTRY_DATA_DIR=folder, **others)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == expected
    assert list(tmp_path.iterdir()) == []


def test_what_a_start_says_to_run_next_works_in_any_folder(alone, tmp_path):
    (line,) = [one for one in alone.logged("Version").splitlines() if "Run next" in one]
    command = line.split("Run next")[1].strip()
    done = subprocess.run(
        ["bash", "-c", f'{command}; echo "$SCALEKIT_ENVIRONMENT_URL $SCALEKIT_CLIENT_ID"'],
        cwd=tmp_path,
        env=without_settings(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == [alone.url, alone.client_id]


@pytest.mark.thorough
@pytest.mark.parametrize("another", [False, True], ids=["no-other", "another-tenantry"])
def test_a_shell_has_the_program_on_its_path_and_keeps_its_own_python(alone, tmp_path, another):
    """Else its `pip install` would change the libraries of the server."""
    if another:
        (tmp_path / "tenantry").write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / "tenantry").chmod(0o755)
    own = shutil.which("python3", path="/usr/bin:/bin")
    known = f"{tmp_path}:/usr/bin:/bin"
    again = f'eval "$({TENANTRY} env)"; echo "$PATH"; '
    done = subprocess.run(
        ["bash", "-c", f"{again}{again}tenantry env --json; command -v python3 pip python"],
        cwd=tmp_path,
        env={"PATH": known, "TENANTRY_DATA_DIR": str(alone.data_dir)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first, second, *printed = done.stdout.splitlines()
    assert first == second == f"{alone.data_dir}/bin:{known}"
    assert json.loads("".join(line for line in printed if line[0] in "{} ")) == alone.env
    assert str(own) in printed
    assert not [line for line in printed if line.startswith(str(TENANTRY.parent))]


@pytest.mark.thorough
def test_of_a_server_that_has_stopped_the_settings_are_told(tmp_path):
    server = LiveServer(tmp_path).fork()
    server.stop()
    folder = str(server.data_dir)
    url = "https://elsewhere.example.com"
    done = run("env", "--json", cwd=tmp_path, TENANTRY_DATA_DIR=folder, TENANTRY_PUBLIC_URL=url)
    assert json.loads(done.stdout)["SCALEKIT_ENVIRONMENT_URL"] == url


@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_a_reading_command_in_another_folder_makes_nothing_and_names_it(command, tmp_path):
    done = run(*command, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path / "data") in done.stdout + done.stderr
    if command != ("doctor",):
        assert done.returncode == 1
