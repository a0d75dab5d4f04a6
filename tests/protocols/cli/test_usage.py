"""Help, wrong usage, and `tenantry env` in a shell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import commands
import pytest
from servers import TENANTRY, without_settings

LISTED = re.compile(r"│ ([a-z][a-z-]*) +[A-Z]")  # in the help, with its sentence


def output(server, *arguments: str):
    done = server.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "command",
    [
        *([], ["serve"], ["migrate"], ["env"], ["doctor"], ["client"], ["key"], ["events"]),
        *(["worker"], ["mail"], ["org"], ["user"], ["app"], ["auth-requests"], ["sso"]),
        *(["client", "create"], ["events", "tail"], ["sso", "decode"]),
    ],
)
def test_every_command_has_help(command, tmp_path):
    done = commands.run(*command, "--help", cwd=tmp_path, environment=without_settings())
    assert done.returncode == 0
    assert "Usage: tenantry" in done.stdout


def test_help_is_in_the_order_in_which_one_needs_things(tmp_path):
    done = commands.run("--help", cwd=tmp_path, environment=without_settings())
    named = [found[1] for line in done.stdout.splitlines() if (found := LISTED.match(line))]
    assert named[:5] == ["serve", "env", "init", "trust", "status"]
    some = ["serve", "org", "user", "app", "client", "events", "worker", "migrate", "master-key"]
    assert [name for name in named if name in some] == some
    done = commands.run("webhook", "--help", cwd=tmp_path, environment=without_settings())
    named = [found[1] for line in done.stdout.splitlines() if (found := LISTED.match(line))]
    assert named[:3] == ["create", "list", "show"]


@pytest.mark.parametrize("arguments", [["bogus"], ["client", "bogus"], ["serve", "--bogus"], []])
def test_wrong_usage_is_2(arguments, tmp_path):
    done = commands.run(*arguments, cwd=tmp_path, environment=without_settings())
    assert done.returncode == 2


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_env_lets_curl_work_in_a_real_shell(live_server):
    script = f"""
        set -euo pipefail
        eval "$({TENANTRY} env)"
        env -0 | grep -z -E '^(SCALEKIT|TENANTRY_CA)' | tr '\\0' '\\n' | sort
        curl --silent --fail "$SCALEKIT_ENVIRONMENT_URL/oauth/token" \\
          --data grant_type=client_credentials \\
          --data-urlencode "client_id=$SCALEKIT_CLIENT_ID" \\
          --data-urlencode "client_secret=$SCALEKIT_CLIENT_SECRET"
    """
    done = subprocess.run(
        ["bash", "-c", script],
        env=live_server.environment,
        cwd=live_server.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *variables, answer = done.stdout.splitlines()
    assert dict(line.split("=", 1) for line in variables) == {
        "SCALEKIT_CLIENT_ID": live_server.client_id,
        "SCALEKIT_CLIENT_SECRET": live_server.client_secret,
        "SCALEKIT_ENVIRONMENT_URL": live_server.url,
        "SCALEKIT_ENV_URL": live_server.url,
        "TENANTRY_CA": str(live_server.ca),
    }
    assert json.loads(answer)["access_token"]


def test_env_points_every_client_at_one_bundle(live_server):
    bundle = str(live_server.data_dir / "tls" / "bundle.pem")
    exported = output(live_server, "env")
    assert {name for name, value in exported.items() if value == bundle} == {
        *("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"),
    }


def test_env_survives_its_own_output(live_server):
    """In a shell that has it already, it prints the same, and our bundle does not grow."""
    again = live_server.run("env", "--json", **live_server.env)
    assert json.loads(again.stdout) == live_server.env
    bundle = (live_server.data_dir / "tls" / "bundle.pem").read_bytes()
    assert bundle.count(live_server.ca.read_bytes()) == 1


@pytest.mark.thorough
@pytest.mark.parametrize("times", [1, 2])
def test_a_shell_with_env_knows_our_command_in_any_folder(live_server, tmp_path, times):
    (tmp_path / "tenantry.toml").write_text("log_level = 'error'\n")
    script = f"""
        set -euo pipefail
        for _ in {" ".join("x" * times)}; do eval "$({TENANTRY} env)"; done
        mkdir other && cd other
        tenantry client list --json
        echo "$TENANTRY_CONFIG" >&2
        echo "$PATH" >&2
    """
    given = {"TENANTRY_DATA_DIR": str(live_server.data_dir), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", script],
        env=without_settings() | given,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    listed = {client["client_id"] for client in json.loads(done.stdout)}
    assert live_server.client_id in listed
    assert done.stderr.splitlines() == [
        str(tmp_path / "tenantry.toml"),
        f"{live_server.data_dir / 'bin'}:/usr/bin:/bin",
    ]
