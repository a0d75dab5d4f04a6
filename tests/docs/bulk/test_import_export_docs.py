"""The samples of docs/import-export.md do what it says, from top to bottom."""

from __future__ import annotations

import json
import os
import re
import subprocess

import httpx
import pytest
from repository import ROOT
from servers import TENANTRY, LiveServer

from tenantry.transfer.bulk.rows import COLUMNS

TEXT = (ROOT / "docs" / "import-export.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
NDJSON, ANSWER = (text for language, text in BLOCKS if language == "json")
(CSV,) = (text for language, text in BLOCKS if language == "csv")
(TABLE,) = (text for language, text in BLOCKS if language == "text")
TRY, IMPORT, CALL, EXPORT, RESTORE, LEAVE, ARRIVE = (
    text for language, text in BLOCKS if language == "sh"
)


@pytest.fixture
def own_server(tmp_path):
    server = LiveServer(tmp_path).fork()
    yield server
    server.stop()


def shell(server, script, **variables: str):
    return subprocess.run(
        ["bash", "-ec", script],
        cwd=server.folder,
        env=server.environment
        | server.env
        | {"PATH": f"{TENANTRY.parent}:{os.environ['PATH']}"}
        | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows_of(table):
    return [line.split() for line in table.splitlines() if line.strip(" ─-")]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "content"),
    [("users.ndjson", NDJSON), ("users.csv", CSV)],
)
def test_the_samples_run(own_server, name, content):
    (own_server.folder / name).write_text(content, encoding="utf-8")
    tried = shell(own_server, TRY.replace("users.ndjson", name))
    assert rows_of(tried.stdout)[-1] == ["4", "rows,", "1", "would", "be", "refused"]
    done = shell(own_server, IMPORT.replace("users.ndjson", name))
    assert done.returncode == 1
    assert rows_of(done.stdout) == rows_of(TABLE)
    refusal = json.loads((own_server.folder / "refused.ndjson").read_text())
    assert (refusal["line"], refusal["field"]) == (4 if name == "users.ndjson" else 5, "email")

    form = {
        "grant_type": "client_credentials",
        "client_id": own_server.client_id,
        "client_secret": own_server.client_secret,
    }
    token = httpx.post(f"{own_server.url}/oauth/token", data=form, verify=own_server.trust).json()
    script = CALL.replace("users.ndjson", name)
    if name == "users.csv":
        script = script.replace("application/x-ndjson", "text/csv")
    called = shell(own_server, script, ACCESS_TOKEN=token["access_token"])
    expected = json.loads(ANSWER)
    expected["refusals"][0]["line"] = refusal["line"]
    assert json.loads(called.stdout) == expected

    assert shell(own_server, EXPORT).returncode == 0
    moved = shell(own_server, RESTORE, TENANTRY_DATA_DIR=str(own_server.folder / "new"))
    assert moved.returncode == 0, moved.stderr
    assert ["membership", "3"] in rows_of(moved.stdout)

    left = shell(own_server, LEAVE)
    assert left.returncode == 0, left.stderr
    other = {"TENANTRY_DATA_DIR": str(own_server.folder / "other")}
    arrived = shell(own_server, f"tenantry migrate\n{ARRIVE}", **other)
    assert arrived.returncode == 0, arrived.stderr
    assert "Would be imported" in arrived.stdout
    assert ["membership", "2"] in rows_of(arrived.stdout)


def test_every_column_is_described():
    described = set(re.findall(r"`(\w+)`", TEXT.partition("### Columns")[2].partition("###")[0]))
    assert described >= COLUMNS.keys()
