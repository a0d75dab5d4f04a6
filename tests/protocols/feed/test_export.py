"""The export of the log: oldest first, with its proof, and safe to open in a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from apis import access_token, moment, unique
from feeds import EXPORT, lines
from servers import without_settings

from tenantry.core.caller import SYSTEM
from tenantry.core.event import Event
from tenantry.events.event_log import chain, exporting, following, sequencing

# A formula that a spreadsheet would run, in a name that a customer chose.
FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\tx", "\rx", "＝1", '"quoted", x']


@pytest.fixture
async def organization(make, rest, sealed):
    """An organization with five events in the log."""
    made = await make.organization(external_id=unique())
    for number in range(4):
        await rest.organizations.update_organization(
            id=made["id"], organization={"display_name": f"Acme {number}"}
        )
    await sealed()
    return made


def rows_of(text):
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_ndjson_holds_every_column_and_its_proof(client, organization):
    answer = await client.get(EXPORT, params={"organization_id": organization["id"]})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.ndjson"'
    exported = lines(answer.text)
    assert [event["type"] for event in exported] == [
        "organization.created",
        *["organization.updated"] * 4,
    ]
    positions = [event["position"] for event in exported]
    assert positions == sorted(positions)
    assert [event["number"] for event in exported] == [1, 2, 3, 4, 5]
    assert all(tuple(event) == exporting.COLUMNS for event in exported)
    first, second = exported[:2]
    assert first["before"] is None
    assert second["before"] == first["after"]
    assert first["actor"]["type"] == "management_client"
    assert first["request_id"].startswith("req_")


async def test_who_has_the_file_can_check_the_chain_without_us(client, organization):
    answer = await client.get(EXPORT, params={"organization_id": organization["id"]})
    previous = ""
    for event in lines(answer.text):
        at = moment(event["occurred_at"])
        content = {
            name: event[name]
            for name in exporting.COLUMNS
            if name
            not in {"position", "chain", "number", "salt", "content_hash", "hash", "erasure"}
        }
        content["occurred_at"] = int(at.timestamp()) * 1_000_000 + at.microsecond
        spelled = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        salted = event["salt"].encode() + b"\n" + spelled
        assert hashlib.sha256(salted).hexdigest() == event["content_hash"]
        assert chain.link(previous, {**event, "event_id": event["id"]}) == event["hash"]
        previous = event["hash"]
    assert previous


async def test_csv_holds_the_same(client, organization):
    query = {"organization_id": organization["id"]}
    answer = await client.get(EXPORT, params=query | {"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="events.csv"'
    as_json = lines((await client.get(EXPORT, params=query)).text)
    rows = rows_of(answer.text)
    assert tuple(rows[0]) == exporting.COLUMNS
    assert len(rows) == len(as_json) == 5
    for row, event in zip(rows, as_json, strict=True):
        for name, value in event.items():
            if name in {"actor", "before", "after", "context"}:
                assert (json.loads(row[name]) if row[name] else None) == value
            else:
                assert row[name] == ("" if value is None else str(value))


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_cell_is_no_formula(formula):
    written = exporting._csv([[exporting.safe_cell(formula), exporting.safe_cell("Acme")]])
    ((cell, plain),) = csv.reader(io.StringIO(written.decode(), newline=""))
    assert plain == "Acme"
    assert cell == (formula if formula.startswith('"') else f"'{formula}")


async def test_no_cell_of_an_export_is_a_formula(db):
    """Whichever column holds what somebody else chose."""
    for number, formula in enumerate(FORMULAS):
        await db.record(
            Event(
                type="organization.updated",
                actor=SYSTEM.actor,
                request_id=formula,
                organization_id=f"{formula}{number}",
                after={"id": formula, "display_name": formula},
            )
        )
    await sequencing.sequence(db)
    order = exporting.Order(exporting.Format.CSV)
    pieces = [piece async for piece in exporting.pieces(db, order)]
    rows = rows_of(b"".join(pieces).decode())
    assert len(rows) == len(FORMULAS)
    assert [json.loads(row["after"])["id"] for row in rows] == FORMULAS
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in set("=+-@\t\r＝")]
    assert [row["request_id"].removeprefix("'") for row in rows] == FORMULAS


async def test_it_is_narrowed_by_types(client, organization, make, sealed):
    await make.client(organization["id"])
    await sealed()
    query = {"organization_id": organization["id"]}
    every = lines((await client.get(EXPORT, params=query)).text)
    assert every[-1]["type"] == "client.created"  # all there are, not only the published ones
    query["event_types"] = ["client.created", "organization.created"]
    some = lines((await client.get(EXPORT, params=query)).text)
    assert [event["type"] for event in some] == ["organization.created", "client.created"]


@pytest.mark.parametrize("narrowed", [True, False])
async def test_it_is_narrowed_by_time_with_both_ends(client, organization, narrowed):
    query = {"organization_id": organization["id"]}
    every = lines((await client.get(EXPORT, params=query)).text)
    times = [event["occurred_at"] for event in every]
    span = {"start_time": times[1], "end_time": times[3]}
    found = lines((await client.get(EXPORT, params=(query if narrowed else {}) | span)).text)
    assert [event["id"] for event in found] == [event["id"] for event in every[1:4]]
    since = lines((await client.get(EXPORT, params=query | {"start_time": times[2]})).text)
    assert [event["id"] for event in since] == [event["id"] for event in every[2:]]
    nothing = await client.get(EXPORT, params={"end_time": "2016-01-01T00:00:00+02:00"})
    assert nothing.text == ""


async def test_a_long_log_is_exported_whole(client, happen, database, sealed):
    organization_id = f"org_{unique()}"
    names = [str(number) for number in range(following.PAGE + 10)]
    async with database.transaction() as session:
        await happen(organization_id, *names, session=session)
    await sealed()
    found = lines((await client.get(EXPORT, params={"organization_id": organization_id})).text)
    assert [event["after"]["display_name"] for event in found] == names
    whole = lines((await client.get(EXPORT)).text)
    positions = [event["position"] for event in whole]
    assert positions == list(range(1, await following.head(database) + 1))
    times = sorted((event["occurred_at"] for event in whole), key=moment)
    timed = await client.get(EXPORT, params={"start_time": times[0], "end_time": times[-1]})
    assert lines(timed.text)[: len(whole)] == whole


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "xlsx"}, "format"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"start_time": "2026-01-01"}, "start_time"),
        ({"start_time": "2026-01-01T00:00:00"}, "start_time"),
        ({"end_time": "2026-02-30T00:00:00Z"}, "end_time"),
        ({"start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"}, "end_time"),
        ({"event_types": "role.renamed"}, "event_types[0]"),
        ({"after": "evt_1"}, "after"),
    ],
)
async def test_bad_input_is_refused_by_its_name(client, query, field):
    answer = await client.get(EXPORT, params=query)
    assert answer.status_code == 400
    (detail,) = answer.json()["details"]
    assert [v["field"] for v in detail["validation_error_info"]["field_violations"]] == [field]


async def test_only_a_management_client_may_export(http, client, make):
    assert (await http.get(EXPORT)).status_code == 401
    organization = await make.organization()
    cookie = await make.portal_session(http, organization["id"])
    assert (await http.get(EXPORT, headers={"cookie": cookie})).status_code == 403
    own = await access_token(http, *await make.client(organization["id"]))
    refused = await http.get(EXPORT, headers={"authorization": f"Bearer {own}"})
    assert refused.status_code == 403


async def run(server, *arguments: str):
    """Run `tenantry events export` with the settings of a server."""
    return await asyncio.to_thread(
        subprocess.run,
        [str(Path(sys.executable).with_name("tenantry")), "events", "export", *arguments],
        env=without_settings() | {k: v for k, v in server.environment.items() if "TENANTRY" in k},
        capture_output=True,
        check=False,
        timeout=60,
    )


async def test_the_command_writes_the_same_file(server, client, organization, tmp_path):
    query = {"organization_id": organization["id"]}
    for kind in ("ndjson", "csv"):
        served = await client.get(EXPORT, params=query | {"format": kind})
        options = ["--organization", organization["id"], "--format", kind]
        printed = await run(server, *options)
        assert printed.returncode == 0, printed.stderr
        assert printed.stdout == served.content
        file = tmp_path / f"events.{kind}"
        written = await run(server, *options, "--output", str(file))
        assert written.returncode == 0
        assert file.read_bytes() == served.content
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.thorough
async def test_the_command_is_narrowed_and_says_what_is_wrong(server, client, organization):
    every = lines((await client.get(EXPORT, params={"organization_id": organization["id"]})).text)
    times = [event["occurred_at"] for event in every]
    options = ["--start-time", times[1], "--end-time", times[3], "--type", "organization.updated"]
    done = await run(server, *options)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["id"] for event in found] == [event["id"] for event in every[1:4]]
    for wrong in (["--type", "role.renamed"], ["--start-time", "soon"], ["--format", "xlsx"]):
        done = await run(server, *wrong)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr
