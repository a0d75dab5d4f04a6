"""Settings: documented as they are, and refused with one line that names the wrong one."""

from __future__ import annotations

import re
import subprocess

import pytest
from repository import ROOT
from servers import TENANTRY, without_settings

from tenantry.settings import PREFIX
from tenantry.settings.table import declared

PAGE = ROOT / "docs" / "settings.md"


def run(*arguments: str, cwd, **settings: str):
    return subprocess.run(
        [TENANTRY, *arguments],
        cwd=cwd,
        env=without_settings() | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_has_every_setting_and_no_other():
    rows = re.findall(r"^\| `(TENANTRY_\w+)` \| (.*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    expected = [
        (PREFIX + f.name.upper(), f.metadata["default"], f.metadata["help"]) for f in declared()
    ]
    assert [(name, default.strip("` "), text) for name, default, text in rows] == expected


def test_the_example_of_the_page_can_be_used(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    (tmp_path / "tenantry.toml").write_text(example)
    done = run("doctor", "--settings", "--json", cwd=tmp_path)
    assert '"https://tenants.example.com"' in done.stdout
    assert '"value": "4"' in done.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LISTEN", "8443"),
        ("LISTEN", "localhost:8443"),
        ("LISTEN", "127.0.0.1:99999"),
        ("PUBLIC_URL", "localhost:8443"),
        ("PUBLIC_URL", "https://localhost/path"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("TLS_CERT", "/nowhere/cert.pem"),
        ("TLS_KEY", "/nowhere/key.pem"),
        ("CLEARTEXT", "maybe"),
        ("WORKERS", "0"),
        ("MASTER_KEY", "c2hvcnQ="),
        ("REGION", "XX"),
        ("CORS_ORIGINS", "example.com"),
        ("POOL_SIZE", "many"),
        ("LOG_LEVEL", "loud"),
        ("CONFIG", "/nowhere/tenantry.toml"),
        ("LISTNE", "127.0.0.1:8443"),
    ],
)
@pytest.mark.parametrize("command", ["serve", "env"])
def test_a_wrong_setting_stops_the_command_with_one_line(command, name, value, tmp_path):
    done = run(command, cwd=tmp_path, **{f"TENANTRY_{name}": value})
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(f"tenantry: TENANTRY_{name}: ")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_an_unknown_name_in_the_file_is_named(tmp_path):
    (tmp_path / "tenantry.toml").write_text('lisen = "127.0.0.1:8443"\n')
    done = run("serve", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "tenantry: TENANTRY_LISEN: is not a setting (in tenantry.toml)\n"


def test_a_certificate_without_its_key_is_refused(tmp_path):
    (tmp_path / "cert.pem").touch()
    done = run("serve", cwd=tmp_path, TENANTRY_TLS_CERT=str(tmp_path / "cert.pem"))
    assert done.returncode == 2
    assert done.stderr.startswith("tenantry: TENANTRY_TLS_KEY: is required")


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    done = run("serve", cwd=tmp_path, TENANTRY_DATA_DIR=str(tmp_path / "file" / "data"))
    assert done.returncode == 2
    assert done.stderr.startswith("tenantry: TENANTRY_DATA_DIR: ")
    assert done.stderr.count("\n") == 1


def test_secrets_are_not_printed(tmp_path):
    done = run(
        *("doctor", "--settings", "--json"),
        cwd=tmp_path,
        TENANTRY_MASTER_KEY="c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTI=",
        TENANTRY_DATABASE_URL="postgresql://tenantry:hidden@127.0.0.1:1/none",
    )
    assert "c2VjcmV0" not in done.stdout
    assert "hidden" not in done.stdout
    assert done.stdout.count('"value": "(set)"') == 2
