"""Charts and the setup checklist on the pages of the console."""

from __future__ import annotations

import re

import pytest
from operators_at_work import OPERATOR, enter
from signed_in import rows

from tenantry.core.times import now
from tenantry.db.activity import counters
from tenantry.db.activity.counters import Count
from tenantry.db.activity.model import Kind
from tenantry.identity.operators.model import OWNER, READER
from tenantry.identity.overview import checklist


@pytest.fixture
async def visitor(http, database):
    return await enter(http, database, OPERATOR)


async def _shown(visitor, path):
    return await visitor.get(f"/console/{path}")


def _card(page, id_):
    found = re.search(rf'aria-labelledby="{id_}-title">.*?</section>', page, re.DOTALL)
    assert found, id_
    return found[0]


async def test_the_overview_counts_sign_ins_by_method(visitor, database):
    before = await _shown(visitor, "overview")
    assert 'id="sign-ins-title"' in before
    counts = {
        (Kind.SIGN_INS, "passkey", now()): Count(41_000_000, 3),
        (Kind.SIGN_INS, "none", now()): Count(5_000_000, 5_000_000),
    }
    await counters.add(database, counts)
    for range_ in ("24h", "7d", "30d"):
        page = await _shown(visitor, f"overview?range={range_}")
        card = _card(page, "sign-ins")
        # Other tests may have counted a few more.
        assert re.search(r"^Passkey: (40,999,99|41,000,)", card, re.MULTILINE)
        assert re.search(r"^Failed: 5,000,0", card, re.MULTILINE)
        assert not re.search(r"^\S*none:", card, re.MULTILINE)
        assert f'href="/console/overview?range={range_}" aria-current="page"' in page


async def test_an_unknown_range_is_the_default(visitor):
    page = await _shown(visitor, "overview?range=%3Cscript%3E")
    assert 'href="/console/overview?range=24h" aria-current="page"' in page


async def test_names_are_escaped(visitor, database, rest):
    made = await rest.clients.create_client(
        client={"name": "<b>&amp;Bold</b>", "client_type": "WEB_APP"}
    )
    key = (Kind.API_CALLS, made["client"]["id"], now())
    await counters.add(database, {key: Count(10**9, 10**6)})
    page = await _shown(visitor, "health")
    assert "<b>&amp;Bold" not in page
    assert "&lt;b&gt;&amp;amp;Bold" in _card(page, "calls-of-clients")
    own = await _shown(visitor, f"applications/{made['client']['id']}")
    assert "1,000,000,000 in total, 1,000,000 failed" in _card(own, "calls")


async def test_an_endpoint_has_its_attempts_latency_and_backlog(visitor, database, rest):
    made = await rest.webhooks.create_endpoint(endpoint={"url": "https://example.com/charted"})
    id_ = made["endpoint"]["id"]
    page = await _shown(visitor, f"webhooks/{id_}")
    assert "No data in this period" in _card(page, "attempts")
    at = now()
    await counters.add(database, {(Kind.WEBHOOK_ATTEMPTS, id_, at): Count(200, 1, 200 * 35)})
    await counters.raise_to(database, Kind.WEBHOOK_BACKLOG, {id_: 17}, at)
    page = await _shown(visitor, f"webhooks/{id_}")
    assert "200 in total, 1 failed · 99.5 % succeeded" in _card(page, "attempts")
    assert "35 ms on average" in _card(page, "latency")
    assert "Peak: 17" in _card(page, "backlog")
    assert "https://example.com/charted" in _card(
        await _shown(visitor, "webhooks"), "success-rates"
    )


async def test_a_directory_has_its_requests(visitor, database, rest, make):
    organization = await make.organization()
    made = await rest.directories.create_directory(
        organization_id=organization["id"],
        directory={"directory_type": "SCIM", "directory_provider": "OKTA"},
    )
    id_ = made["directory"]["id"]
    await counters.add(database, {(Kind.DIRECTORY_SYNCS, id_, now()): Count(12, 2, 120)})
    page = await _shown(visitor, f"directories/{id_}")
    assert "12 in total, 2 failed" in _card(page, "syncs")
    assert "10 ms on average" in _card(page, "latency")
    assert "Sync requests by directory" in await _shown(visitor, "directories")


async def test_charts_have_no_inline_style_or_script(visitor):
    page = await _shown(visitor, "overview")
    assert not re.search(r"\sstyle=|<style|<script(?! src=)|\son\w+=", page)


async def test_a_secret_comes_with_code_that_uses_it(visitor, rest, database, http):
    made = await rest.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    id_ = made["client"]["id"]
    owner = await enter(http, database, OWNER)
    answer = await owner.post(f"/console/applications/{id_}/secrets/create", days="")
    secret = re.search(r'<code id="secret"[^>]*>([^<]+)', answer.text)[1]
    assert answer.text.count(secret) >= 5
    for language in ("curl", "node", "python", "go"):
        assert f'<code id="snippet-{language}">' in answer.text


async def test_dismissing_needs_an_operator_and_hides_the_checklist(http, database, visitor):
    reader = await enter(http, database, READER)
    # Another test may have dismissed it.
    await rows(database, f"DELETE FROM stored_values WHERE name = '{checklist.DOCUMENT}'")
    assert "overview/dismiss" in await _shown(visitor, "overview")
    page = await _shown(reader, "overview")
    assert "setup-title" in page
    assert "overview/dismiss" not in page
    assert (await reader.post("/console/overview/dismiss")).status_code == 403
    answer = await visitor.post("/console/overview/dismiss")
    assert answer.status_code == 303
    assert "setup-title" not in await _shown(visitor, "overview")
