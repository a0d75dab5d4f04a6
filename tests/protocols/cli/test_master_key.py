"""The master key: one for all that make it at once, and only whole."""

from __future__ import annotations

import base64
import shlex
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenantry.crypto import master_key
from tenantry.settings import SettingError, load


@pytest.fixture
def settings(tmp_path):
    return load({"TENANTRY_DATA_DIR": str(tmp_path / "data")})


def test_it_is_made_once_and_for_its_owner_alone(settings):
    key = master_key.load(settings)
    assert len(key.key) == 32
    assert master_key.load(settings) == key
    assert master_key.file(settings).stat().st_mode & 0o777 == 0o600
    assert list(settings.data_dir.iterdir()) == [master_key.file(settings)]


def test_all_who_make_it_at_once_get_the_same(settings, monkeypatch):
    numbers = iter(range(100))
    monkeypatch.setattr("os.getpid", lambda: next(numbers))  # as if each were a process
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: master_key.load(settings), range(16)))
    assert len(keys) == 1
    assert list(settings.data_dir.iterdir()) == [master_key.file(settings)]


@pytest.mark.parametrize("content", ["", "no base64!", base64.b64encode(b"short").decode()])
def test_a_file_with_something_else_is_named(settings, content):
    settings.data_dir.mkdir()
    master_key.file(settings).write_text(content)
    with pytest.raises(SettingError, match=r"^TENANTRY_MASTER_KEY: .*master\.key does not hold"):
        master_key.load(settings)


def test_a_setting_goes_before_the_file(tmp_path):
    given = base64.b64encode(bytes(32)).decode()
    found = load({"TENANTRY_DATA_DIR": str(tmp_path / "data"), "TENANTRY_MASTER_KEY": given})
    assert master_key.load(found) == master_key.LocalKey(bytes(32))
    assert not (tmp_path / "data").exists()


GIVEN = base64.b64encode(b"c" * 32).decode()


def of_command(script):
    """The key that a command of the settings gives, a line of Python."""
    command = shlex.join([sys.executable, "-c", script])
    return master_key.find(load({"TENANTRY_MASTER_KEY_COMMAND": command}))


def test_a_command_prints_it():
    assert of_command(f"print({GIVEN!r})") == master_key.LocalKey(b"c" * 32)


def test_no_shell_runs_the_command(tmp_path):
    made = tmp_path / "made"
    found = load({"TENANTRY_MASTER_KEY_COMMAND": f"echo {GIVEN}; touch {made}"})
    with pytest.raises(SettingError, match="what it prints does not hold 32 bytes"):
        master_key.find(found)
    assert not made.exists()


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("print('not it')", "what it prints does not hold 32 bytes in base64"),
        ("import sys; print('s3cret', file=sys.stderr); sys.exit(3)", "has ended with status 3"),
        ("print('x' * 100_000_000)", "prints more than 1024 bytes"),
        ("", "what it prints does not hold 32 bytes in base64"),
    ],
)
def test_a_command_that_fails_is_named_and_what_it_says_is_not_shown(script, said, capfd):
    with pytest.raises(SettingError) as problem:
        of_command(script)
    assert str(problem.value) == f"TENANTRY_MASTER_KEY_COMMAND: {said}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("command", ["/no/such/command", "'unfinished"])
def test_a_command_that_cannot_be_run_is_named(command):
    with pytest.raises(SettingError, match=r"^TENANTRY_MASTER_KEY_COMMAND: cannot be run: "):
        master_key.find(load({"TENANTRY_MASTER_KEY_COMMAND": command}))


def test_a_command_that_does_not_end_is_ended_with_all_that_it_started(monkeypatch):
    monkeypatch.setattr(master_key, "_COMMAND_SECONDS", 0.5)
    started = time.monotonic()
    with pytest.raises(SettingError, match="has not ended within"):
        of_command("import subprocess; subprocess.run(['sleep', '600'])")
    assert time.monotonic() - started < 60


def test_a_command_beside_a_key_is_refused():
    found = load({"TENANTRY_MASTER_KEY": GIVEN, "TENANTRY_MASTER_KEY_COMMAND": "echo x"})
    with pytest.raises(SettingError, match="is set together with the key itself"):
        master_key.find(found)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("hsm://slot/1", "nothing here knows hsm://; aws-kms://, gcp-kms://, vault-transit://"),
        ("gcp-kms://projects/p", "is to be gcp-kms://projects/P/locations/L/keyRings/R"),
        ("vault-transit://host:8200", "is to be vault-transit://host:8200/key"),
        ("vault-transit://h/k?mounted=x", "mounted is no member of vault-transit://"),
        ("vault-transit://h/k?tls=no", "tls=no is for a server on this machine"),
        ("aws-kms://k?region=", "is to be aws-kms://key"),
    ],
)
def test_a_url_that_says_nothing_is_refused_in_a_line(url, said, monkeypatch):
    monkeypatch.delenv("AWS_REGION", raising=False)
    with pytest.raises(SettingError) as problem:
        master_key.find(load({"TENANTRY_MASTER_KEY": url}))
    assert str(problem.value).startswith(f"TENANTRY_MASTER_KEY: {said}")


def test_a_plug_in_of_another_package_is_found_by_its_scheme(monkeypatch):
    class Held:
        def load(self):
            return lambda url: (url, "opened")

    def entry_points(*, group, name):
        return [Held()] if (group, name) == ("tenantry.master_keys", "hsm") else []

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    assert master_key.of_text("hsm://slot/1") == ("hsm://slot/1", "opened")
