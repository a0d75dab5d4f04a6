"""The log of providers' requests: how it is written, bounded, read, and pruned."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import delete, insert

from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.tenants.directories import request_log
from tenantry.tenants.directories.model import Directory, DirectoryUser, directories
from tenantry.tenants.directories.request_log import RequestLog, directory_requests
from tenantry.tenants.organizations import service as organizations

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
_GIVEN = Statement(
    insert(directories).from_select(
        list(directories.c.keys()), rows_of("given", named(directories))
    )
)
_DELETE = Statement(delete(directories).returning(directories.c.id))


@pytest.fixture
async def directory(call):
    """A directory of an organization."""
    organization = await organizations.create(call, display_name="Acme", region_code="US")
    made = Directory(
        id="dir_1", organization_id=organization.id, name="Okta", create_time=1, update_time=1
    )
    await call.db.fetch_all(_GIVEN, given=spelled(named(directories), [made.to_row()]))
    return made


@pytest.fixture
async def log(db):
    """A log that is not yet written."""
    opened = RequestLog(db)
    yield opened
    await opened.close()


def _note(log, directory, **given: object):
    log.note(
        **{
            "organization_id": directory.organization_id,
            "directory_id": directory.id,
            "method": "POST",
            "path": "/Users",
            "query": "",
            "user_agent": "okta",
            "request_id": "req_1",
            "status": 201,
            "milliseconds": 3,
        }
        | given
    )


async def _all(db, directory, **narrow: object):
    return (await request_log.listing(db, directory, **narrow)).items


async def test_requests_are_written_together_and_read_the_latest_first(db, directory, log):
    _note(log, directory, path="/Users/1", resource_id="diruser_1", skipped=[{"reason": "a"}])
    _note(log, directory, path="/Users/2", status=409, error="userName is taken")
    assert await _all(db, directory) == []
    await log.close()
    second, first = await _all(db, directory)
    assert (first.path, second.path) == ("/Users/1", "/Users/2")
    assert first.skipped == ({"reason": "a"},)
    assert [r.path for r in await _all(db, directory, failed=True)] == ["/Users/2"]
    assert [r.path for r in await _all(db, directory, resource_id="diruser_1")] == ["/Users/1"]


async def test_pages_go_by_key(db, directory, log):
    for number in range(5):
        _note(log, directory, path=f"/Users/{number}")
    await log.close()
    page = await request_log.listing(db, directory, page_size=2)
    following = await request_log.listing(
        db, directory, page_size=2, page_token=page.next_page_token
    )
    paths = [request.path for request in (*page.items, *following.items)]
    assert paths == ["/Users/4", "/Users/3", "/Users/2", "/Users/1"]


async def test_a_payload_is_kept_without_passwords_and_within_bounds(db, directory, log):
    payload = {
        "userName": "ada",
        "Password": "s3cret",
        "members": [{"value": f"u{n}", "display": "Ada", "$ref": None} for n in range(5000)],
    }
    _note(log, directory, payload=payload)
    _note(log, directory, payload={"text": "x" * 100_000, "deep": json.loads("[" * 60 + "]" * 60)})
    _note(log, directory, payload={str(n): ["y" * 200] * 40 for n in range(40)})
    await log.close()
    huge, long, kept = [request.payload for request in await _all(db, directory)]
    assert kept["Password"] == "…"
    assert kept["members"][:1] == [{"value": "u0"}]
    assert kept["members"][-1] == "… and 4950 more"
    assert len(long["text"]) == 301
    assert huge == {"…": "more than is kept"}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "password", "value": "s3cret"},
        {"op": "Replace", "Value": ["s3cret"], "Path": f"{USER}:Password"},
        {"op": "replace", "value": {f"{USER}:password": "s3cret"}},
    ],
)
async def test_no_password_of_a_patch_is_kept(db, directory, log, operation):
    _note(log, directory, payload={"Operations": [operation, {"op": "remove", "path": "title"}]})
    await log.close()
    (request,) = await _all(db, directory)
    assert "s3cret" not in json.dumps(request.payload)
    assert request.payload["Operations"][1] == {"op": "remove", "path": "title"}


async def test_of_a_query_are_kept_the_values_of_scim_alone(db, directory, log):
    _note(log, directory, query="startIndex=1&Filter=id%20pr&access_token=s3cret&x&y=")
    await log.close()
    (request,) = await _all(db, directory)
    assert request.query == "startIndex=1&Filter=id%20pr&access_token=…&x&y=…"


async def test_a_nul_is_kept_as_a_sign_for_it(db, directory, log):
    _note(
        *(log, directory),
        user_agent="o\0kta",
        error="n\0 is unknown",
        resource_id="n\0",
        payload={"na\0me": ["a\0"]},
        skipped=[{"member": "n\0", "reason": "unknown"}],
    )
    await log.close()
    (request,) = await _all(db, directory)
    assert (request.user_agent, request.error) == ("o\ufffdkta", "n\ufffd is unknown")
    assert (request.resource_id, request.payload) == ("n\ufffd", {"na\ufffdme": ["a\ufffd"]})
    assert request.skipped == ({"member": "n\ufffd", "reason": "unknown"},)


async def test_requests_that_were_written_already_are_written_once(db, directory, log):
    _note(log, directory)
    written = log._later._noted.copy()
    await log.close()
    await log._write(written)
    assert len(await _all(db, directory)) == 1


async def test_of_a_directory_that_was_deleted_meanwhile_nothing_is_written(db, directory, log):
    _note(log, directory)
    await db.fetch_all(_DELETE)
    await log.close()
    assert log.waiting == 0
    assert await _all(db, directory) == []


async def test_a_persons_data_is_taken_out(db, directory, log):
    person = DirectoryUser(
        id="diruser_1",
        organization_id=directory.organization_id,
        directory_id=directory.id,
        user_name="Ada@acme.com",
        user_name_key="ada@acme.com",
        document={},
        create_time=1,
        update_time=1,
    )
    asked = {"method": "GET", "query": 'filter=userName eq "Ada@acme.com"'}
    _note(log, directory, resource_id="ada@acme.com", **asked)
    taken = "another user has the userName 'Ada@acme.com'"
    _note(log, directory, resource_id="diruser_1", payload={"userName": "Ada@acme.com"})
    _note(log, directory, resource_id="diruser_1", error=taken)
    _note(log, directory, resource_id="diruser_2", payload={"userName": "bob@acme.com"})
    await log.close()
    await request_log.erase(db, [person])
    kept = [(one.payload, one.query, one.error) for one in await _all(db, directory)]
    nothing = None, "", ""
    assert kept == [({"userName": "bob@acme.com"}, "", ""), (None, "", "…"), nothing, nothing]


async def test_requests_are_kept_for_thirty_days(db, directory, log, clock):
    clock.of(request_log, pruning)
    _note(log, directory)
    await log.close()
    clock.forward(29 * 86_400)
    _note(log, directory)
    await log.close()
    clock.forward(86_400 + 1)
    assert not await request_log.prune(db)
    assert len(await _all(db, directory)) == 1


def test_the_columns_are_those_of_the_record():
    fields = set(request_log.DirectoryRequest.__dataclass_fields__)
    assert fields == set(directory_requests.c.keys())
