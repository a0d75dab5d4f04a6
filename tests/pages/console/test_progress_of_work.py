"""Long work shows its progress: syncs of directories, re-encryption, verification of the log."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import lxml.html
import pytest
from google_workspaces import ADMIN, key_file
from operators_at_work import OPERATOR, enter, texts
from protobuf.wkt import Timestamp

from tenantry.access.data_keys import service as data_keys
from tenantry.db.encryption import reencryption
from tenantry.endpoints.console.directories import is_syncing
from tenantry.gen.tenantry.v1.directory_polling_pb import DirectoryPoll


@pytest.fixture
async def browser(http, database):
    return await enter(http, database, OPERATOR)


def live_parts(page):
    """The IDs of the parts of a page that the script reads again."""
    return lxml.html.fromstring(page).xpath("//main//*[@data-live]/@id")


async def test_a_directory_shows_the_progress_of_a_sync(browser, make, rest):
    acme = await make.organization()
    made = await rest.directories.create_directory(
        organization_id=acme["id"],
        directory={"directory_type": "POLL", "directory_provider": "GOOGLE"},
    )
    directory_id = made["directory"]["id"]
    path = f"/console/directories/{directory_id}"
    page = await browser.get(path)
    assert live_parts(page) == []
    assert "Sync in progress" not in page
    await rest.directory_polling.set_directory_credentials(
        organization_id=acme["id"],
        directory_id=directory_id,
        email=ADMIN,
        service_account_key=key_file(),
    )
    await rest.directories.enable_directory(organization_id=acme["id"], id=directory_id)
    page = await browser.get(path)
    assert live_parts(page) == ["sync"]
    assert "Sync in progress" in texts(page)
    assert re.search(r"<progress aria-label=", page)
    await rest.directories.disable_directory(organization_id=acme["id"], id=directory_id)
    assert live_parts(await browser.get(path)) == []


@pytest.mark.parametrize(
    ("under_way", "due_in_seconds", "expected"),
    [(True, None, True), (False, None, False), (False, -5, True), (False, 3600, False)],
)
def test_a_sync_that_is_due_counts_as_running(under_way, due_in_seconds, expected):
    poll = DirectoryPoll(under_way=under_way)
    if due_in_seconds is not None:
        due = datetime.now(UTC) + timedelta(seconds=due_in_seconds)
        poll.next_time = Timestamp.from_datetime(due)
    assert is_syncing(poll) is expected


async def test_health_shows_the_progress_of_re_encryption(browser, rest, clock, eventually):
    key = (await rest.keys.create_dek(key_type="ENVIRONMENT_KEY"))["dek"]
    await rest.keys.activate_dek(dek_version=key["dek_version"])

    async def is_under_way():
        return live_parts(await browser.get("/console/health")) == ["encryption"]

    await eventually(is_under_way)
    said = texts(await browser.get("/console/health"))
    done, total = map(int, re.search(r"(\d+) of (\d+) tables", said).groups())
    assert done < total
    clock.of(reencryption, data_keys).forward(3600)  # by then every process knows the key
    await rest.keys.reencrypt_data()
    page = await browser.get("/console/health")
    assert live_parts(page) == []
    assert "All values use this key" in texts(page)
