"""The configuration of pgBackRest: pgBackRest itself takes it, and no secret stands in it."""

from __future__ import annotations

import configparser
import shutil
import subprocess

import pytest
from repository import ROOT

FOLDER = ROOT / "deploy" / "pgbackrest"


def test_it_is_encrypted_by_a_passphrase_that_is_yet_to_be_made():
    parser = configparser.ConfigParser()
    parser.read(FOLDER / "pgbackrest.conf")
    assert parser["global"]["repo1-cipher-type"] == "aes-256-cbc"
    assert parser["global"]["repo1-cipher-pass"] == "CHANGE-ME"
    assert "tenantry" in parser
    assert "--stanza=tenantry" in (FOLDER / "postgresql.conf").read_text()


def test_pgbackrest_takes_every_option(tmp_path):
    program = shutil.which("pgbackrest")
    if program is None:
        pytest.skip("pgbackrest is not installed")
    text = (FOLDER / "pgbackrest.conf").read_text()
    text = text.replace("/var/lib/pgbackrest", str(tmp_path / "repo"))
    (tmp_path / "pgbackrest.conf").write_text(text)
    (tmp_path / "repo").mkdir()
    logs = (f"--log-path={tmp_path}", f"--lock-path={tmp_path}", "--log-level-console=warn")
    done = subprocess.run(
        [program, f"--config={tmp_path}/pgbackrest.conf", "--stanza=tenantry", *logs, "info"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stdout + done.stderr
