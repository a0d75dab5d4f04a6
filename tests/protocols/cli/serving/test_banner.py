"""The lines that a start prints: the command to run next, and whether to trust the certificate."""

from __future__ import annotations

import subprocess

import pytest

from tenantry.crypto import credentials
from tenantry.server import banner, certificates
from tenantry.server.certificates import stores
from tenantry.settings import load


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A folder like a clone in which `make serve` has run."""
    folder = tmp_path / "a clone"
    program = folder / ".venv/bin/tenantry"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "export FOUND=$1"\n')
    program.chmod(0o755)
    (folder / "Makefile").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PWD", str(folder))
    monkeypatch.setattr(banner, "program", lambda: program)
    monkeypatch.setattr(
        credentials, "read", lambda _folder: credentials.Credentials("skc_1", "secret")
    )
    return folder


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.strip().startswith(name)]
    return line.split(name)[1].strip()


def test_a_clone_is_told_the_line_of_the_readme(clone, tmp_path):
    settings = load({"TENANTRY_CONFIG": "/dev/null"})
    command = row(banner.text(settings), "Run next")
    assert command.endswith('&& eval "$(.venv/bin/tenantry env)"')
    done = subprocess.run(
        ["sh", "-c", f"{command}; echo $FOUND"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "env\n"


def test_another_data_folder_is_named(clone, tmp_path):
    settings = load({"TENANTRY_DATA_DIR": str(tmp_path / "data"), "TENANTRY_CONFIG": "/dev/null"})
    assert f"TENANTRY_DATA_DIR={tmp_path / 'data'}" in row(banner.text(settings), "Run next")


class TrustStore:
    def __init__(self, *, is_trusted) -> None:
        self.is_trusted = is_trusted

    def has(self, _root):
        return self.is_trusted


@pytest.mark.parametrize(
    ("trusted", "is_told"), [((), True), ((False, False), True), ((False, True), False)]
)
def test_trust_is_not_suggested_again(clone, monkeypatch, trusted, is_told):
    settings = load({"TENANTRY_CONFIG": "/dev/null"})
    certificates.ensure(settings)
    found = [TrustStore(is_trusted=each) for each in trusted]
    monkeypatch.setattr(stores, "of_machine", lambda *_folders: found)
    assert ("tenantry trust" in banner.text(settings)) is is_told


def test_trust_is_suggested_without_a_certificate_or_a_home_folder(clone, monkeypatch):
    settings = load({"TENANTRY_CONFIG": "/dev/null"})
    assert "tenantry trust" in banner.text(settings)
    certificates.ensure(settings)

    def home():
        raise RuntimeError

    monkeypatch.setattr("pathlib.Path.home", home)
    assert "tenantry trust" in banner.text(settings)
