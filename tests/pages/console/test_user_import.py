"""Import of users in the console: dry run, errors by line, progress, files that cannot be read."""

from __future__ import annotations

import pytest
from apis import unique
from in_process import AsgiClient
from operators_at_work import OPERATOR, OWN, OWNER, Browser, enter, texts

from tenantry.core import errors
from tenantry.endpoints.console import user_imports
from tenantry.identity.operators.model import READER
from tenantry.transfer.bulk import importing


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OWNER)


async def sent(browser, content, **members: str):
    """The answer to an upload of a file."""
    return await browser.http.post(
        "/console/people/import/run",
        data=members,
        files={"file": ("users.csv", content.encode(), "text/csv")},
        headers={"cookie": browser.cookie, **OWN},
    )


def rows(mark, count=3):
    lines = ["email,external_id,organization_external_id,organization_name"]
    lines += [f"user{n}-{mark}@example.com,{mark}-{n},{mark},Acme {mark}" for n in range(count)]
    return "\n".join(lines) + "\n"


async def found(rest, mark):
    listed = await rest.users.search_users(query=mark, page_size=30)
    return {user["email"] for user in listed.get("users", [])}


async def test_a_dry_run_reports_errors_by_line_and_changes_nothing(browser, rest):
    mark = unique()
    content = rows(mark) + "not an address,,,\n"
    answer = await sent(browser, content, dry_run="true", create_organizations="true")
    page = texts(answer.text)
    assert answer.status_code == 200
    assert "1 row was rejected." in page
    assert "5 email" in page
    assert "Users 3 0 0" in page
    assert "Organizations 1" in page
    assert await found(rest, mark) == set()


async def test_an_import_creates_users_and_shows_its_progress(browser, rest, monkeypatch):
    monkeypatch.setattr(user_imports, "_BATCH_ROWS", 2)
    mark = unique()
    answer = await sent(browser, rows(mark), create_organizations="true")
    page = texts(answer.text)
    assert "2 rows processed 3 rows processed" in page
    assert "All rows imported." in page
    assert await found(rest, mark) == {f"user{n}-{mark}@example.com" for n in range(3)}
    again = texts((await sent(browser, rows(mark))).text)
    assert "Users 0 0 3" in again


async def test_unknown_organizations_are_rejected_by_default(browser, rest):
    mark = unique()
    page = texts((await sent(browser, rows(mark, 1))).text)
    assert "1 row was rejected." in page
    assert "organization_external_id" in page
    assert await found(rest, mark) == set()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is required"),
        ("color\nred\n", "color: is not a column"),
        ("external_id\n7\n", "email: is a required column"),
        ("PK\x03\x04", "is a ZIP archive"),
        ("x" * (user_imports.MAX_FILE + 1), "must be at most 4 MiB"),
    ],
)
async def test_a_file_that_cannot_be_read_is_a_problem_of_the_form(browser, content, said):
    answer = await sent(browser, content)
    assert answer.status_code == 303
    page = await browser.get(answer.headers["location"])
    assert said in texts(page)
    assert 'aria-invalid="true"' in page


@pytest.mark.parametrize("role", [READER, OPERATOR])
async def test_only_owners_import_users(http, database, rest, role):
    """A file can set passwords, with which an operator could sign in as a user."""
    operator = await enter(http, database, role)
    mark = unique()
    assert (await sent(operator, rows(mark), create_organizations="true")).status_code == 403
    assert "/console/people/import" not in await operator.get("/console/people")
    assert await found(rest, mark) == set()


async def test_a_failure_of_the_database_ends_the_page_with_the_rows_so_far(
    browser, rest, monkeypatch
):
    monkeypatch.setattr(user_imports, "_BATCH_ROWS", 1)
    take, taken = importing._Importing.take, []

    async def fail(self, batch):
        if taken:
            raise errors.Busy
        taken.append(batch)
        return await take(self, batch)

    monkeypatch.setattr(importing._Importing, "take", fail)
    mark = unique()
    page = texts((await sent(browser, rows(mark), create_organizations="true")).text)
    assert "The import stopped" in page
    assert "1 row in the file" in page
    assert await found(rest, mark) == {f"user0-{mark}@example.com"}


@pytest.mark.parametrize(("role", "status"), [("", 401), (OPERATOR, 403), (OWNER, 413)])
async def test_a_body_is_read_only_for_operators_who_import_users(http, database, role, status):
    operator = await enter(http, database, role) if role else Browser(http, "")
    too_large = "x" * 2 * user_imports.MAX_FILE
    assert (await sent(operator, too_large)).status_code == status


async def test_closing_the_page_stops_the_import(browser, server, rest, monkeypatch):
    monkeypatch.setattr(user_imports, "_BATCH_ROWS", 1)
    mark = unique()
    request = browser.http.build_request(
        "POST",
        "/console/people/import/run",
        data={"create_organizations": "true"},
        files={"file": ("users.csv", rows(mark, 25).encode(), "text/csv")},
        headers={"cookie": browser.cookie, **OWN},
    )

    async def leaving(scope, receive, send):
        async def sending(event):
            if b" rows processed" in event.get("body", b""):
                raise ConnectionResetError
            await send(event)

        await server.application(scope, receive, sending)

    await AsgiClient(leaving)(
        "POST", "/console/people/import/run", await request.aread(), **request.headers
    )
    imported = len(await found(rest, mark))
    assert 0 < imported < 25
    # Nothing runs on: a later request sees the same rows.
    assert len(await found(rest, mark)) == imported
