"""The console's pages of activity and access: as operators see and use them, over HTTP."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest
from apis import unique
from operators_at_work import OPERATOR, OWNER, enter, texts

from tenantry.events.email import service as mail
from tenantry.events.event_log import sequencing
from tenantry.identity.operators.model import READER
from tenantry.identity.sign_in.auth_requests import refusals
from tenantry.identity.sign_in.auth_requests.refusals import Refusal

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e"


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


@pytest.fixture
async def reader(http, database):
    """An operator with the role that reads."""
    return await enter(http, database, READER)


def secret_of(page):
    (found,) = re.findall(r'<code id="secret"[^>]*>([^<]+)</code>', page)
    return html.unescape(found)


async def test_an_application_from_its_making_to_its_end(browser):
    path = await browser.lands(
        "/console/applications/create", name=f"App {HOSTILE}"[:100], client_type="WEB_APP"
    )
    assert path.startswith("/console/applications/skc_")
    page = await browser.get(path)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    page = await browser.send(
        f"{path}/update",
        name="App",
        post_login_uris="https://app.example.com/callback\nhttps://app.example.com/other",
        post_logout_redirect_uris="",
        back_channel_logout_uris="",
        initiate_login_uri="",
        access_token_expiry="",
        scopes="",
    )
    assert "Changes saved." in texts(page)
    assert "https://app.example.com/other" in page
    wrong = await browser.send(
        f"{path}/update", name="App", post_login_uris="no address", initiate_login_uri=""
    )
    assert 'aria-invalid="true"' in wrong
    made = await browser.post(f"{path}/secrets/create", days="30")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    secret = secret_of(made.text)
    assert len(secret) > 20
    page = await browser.get(path)
    assert secret not in page
    (secret_id,) = re.findall(r"/secrets/(sec_\d+)/delete", page)
    page = await browser.send(f"{path}/secrets/{secret_id}/delete")
    assert secret_id not in page
    assert await browser.lands(f"{path}/delete") == "/console/applications"


async def test_scopes_are_made_switched_and_deleted(browser):
    name = f"invoices:{unique()}".replace("-", "")[:40]
    page = await browser.send(
        "/console/applications/scopes/create", name=name, description=HOSTILE[:60]
    )
    assert name in page
    assert "<script>alert" not in page
    wrong = await browser.send(
        "/console/applications/scopes/create", name="no scope!", description="x"
    )
    assert 'aria-invalid="true"' in wrong


async def test_an_api_key_is_shown_once_and_revoked(browser, make):
    organization = await make.organization()
    made = await browser.post(
        "/console/api-keys/create",
        organization_id=organization["id"],
        description=HOSTILE[:80],
        user_id="",
        days="7",
    )
    assert made.status_code == 200, made.text[-500:]
    secret = secret_of(made.text)
    listed = await browser.get(f"/console/api-keys?query={organization['id']}")
    assert secret not in listed
    assert "<script>alert" not in listed
    (token_id,) = set(re.findall(r"/console/api-keys/(apit_\d+)", listed))
    assert "7" in await browser.get(f"/console/api-keys/{token_id}")
    page = await browser.send(
        f"/console/api-keys/{token_id}/revoke", organization_id=organization["id"]
    )
    assert token_id not in page


async def test_keys_are_rotated_by_an_owner_alone(http, database, browser):
    assert (await browser.post("/console/keys/rotate")).status_code == 403
    page = await browser.get("/console/keys")
    assert "/console/keys/rotate" not in page
    assert "PRIVATE" not in page
    owner = await enter(http, database, OWNER)
    assert "/console/keys/rotate" in await owner.get("/console/keys")


async def test_an_event_shows_what_it_changed(browser, api, make):
    organization = await make.organization()
    await api.organizations.update_organization(
        id=organization["id"], organization={"display_name": HOSTILE[:80]}
    )
    page = await browser.get(
        f"/console/events?organization_id={organization['id']}&type=organization.updated"
    )
    (event_id,) = set(re.findall(r"/console/events/(evt_\d+)", page))
    shown = await browser.get(f"/console/events/{event_id}")
    assert "<script>alert" not in shown
    assert re.search(r"<ins>[^<]*&lt;script&gt;", shown)
    assert f"<del>{organization['display_name']}</del>" in shown
    nothing = await browser.get("/console/events?request_id=" + quote(HOSTILE))
    assert "<script>alert" not in nothing


async def test_the_log_is_verified_on_its_page(browser):
    answer = await browser.post("/console/events/verify", organization_id="")
    assert answer.status_code == 200
    assert re.search(r"\d+ events in \d+ chains verified: 0 problems", texts(answer.text))
    wrong = await browser.send("/console/events/verify", organization_id='"' * 40)
    assert re.search(r'<input id="chain"[^>]* value="(&#34;){40}"\s+aria-invalid="true"', wrong)
    assert "organization_id: " in texts(wrong)


async def test_events_are_exported(browser, http, make, database):
    organization = await make.organization()
    while await sequencing.sequence(database) == 0:
        pass
    answer = await http.get(
        f"/console/events/export?organization_id={organization['id']}",
        headers={"cookie": browser.cookie},
    )
    assert organization["id"] in answer.text
    assert "attachment" in answer.headers["content-disposition"]


async def test_a_webhook_from_its_making_to_its_end(browser):
    made = await browser.post(
        "/console/webhooks/create",
        url="https://hooks.example.com/in",
        description=HOSTILE[:80],
        types="organization.created\norganization.updated",
        organization_id="",
    )
    assert made.status_code == 200, made.text[-400:]
    assert secret_of(made.text).startswith("whsec_")
    (id_,) = set(re.findall(r"/console/webhooks/(whe_\d+)", made.text))
    path = f"/console/webhooks/{id_}"
    page = await browser.get(path)
    assert "<script>alert" not in page
    page = await browser.send(f"{path}/test", event_type="organization.created")
    (delivery,) = set(re.findall(r"/deliveries/(dlv_\d+)", page))
    shown = await browser.get(f"{path}/deliveries/{delivery}")
    assert "organization.created" in shown
    page = await browser.send(f"{path}/replay", start="2026-01-01T00:00", end="2026-01-02T00:00")
    assert "Queued for sending." in texts(page)
    page = await browser.send(f"{path}/disable")
    assert f"{path}/enable" in page
    rotated = await browser.post(f"{path}/rotate")
    assert secret_of(rotated.text) not in await browser.get(path)
    wrong = await browser.send(f"{path}/update", url="ftp://x", description="", types="nothing")
    assert 'aria-invalid="true"' in wrong
    assert await browser.lands(f"{path}/delete") == "/console/webhooks"


async def test_an_interceptor_from_its_making_to_its_end(browser):
    path = await browser.lands(
        "/console/interceptors/create",
        display_name=HOSTILE[:80],
        trigger_point="PRE_SIGNUP",
        api_url="https://hooks.example.com/ask",
        timeout_ms="1000",
        failure_policy="FAIL_OPEN",
    )
    page = await browser.get(path)
    assert "<script>alert" not in page
    assert f"{path}/disable" in await browser.send(f"{path}/enable")
    wrong = await browser.send(f"{path}/test", data="[1]")
    assert "must be a JSON object" in texts(wrong)
    assert secret_of((await browser.post(f"{path}/rotate")).text).startswith("whsec_")
    assert await browser.lands(f"{path}/delete") == "/console/interceptors"


async def test_mail_is_seen_without_its_text_and_sent_again(browser, database):
    mail_id = await mail.queue(
        database,
        template="invitation",
        recipient="jane@acme.example",
        variables={"link": "https://secret.example"},
    )
    await mail.failed(database, (await mail.find(database, mail_id))[0], HOSTILE)
    listed = await browser.get("/console/mail?state=FAILED")
    assert f"/console/mail/{mail_id}" in listed
    assert "<script>alert" not in listed
    page = await browser.get(f"/console/mail/{mail_id}")
    assert "secret.example" not in page
    assert "Queued" in await browser.send(f"/console/mail/{mail_id}/retry")


async def test_a_sign_in_is_found_by_what_a_person_reads(browser, database):
    error_id = refusals.issue(database, Refusal.REDIRECT_URI_UNKNOWN, "skc_1")
    page = await browser.get(f"/console/sign-ins?query={error_id}")
    assert Refusal.REDIRECT_URI_UNKNOWN.description in texts(page)
    for asked in ("err_nothing", HOSTILE, "a@acme.example"):
        assert "<script>alert" not in await browser.get(f"/console/sign-ins?query={quote(asked)}")


@pytest.mark.process
async def test_settings_and_health_are_shown_without_secrets(browser, server):
    settings = await browser.get("/console/settings")
    assert "public_url" in settings
    assert "Set at startup TENANTRY_LISTEN" in texts(settings)
    assert settings.count(">Default</td>") > settings.count("Set at startup")
    health = await browser.get("/console/health")
    assert "GiB free" in texts(health)
    answer = await browser.post("/console/health/examine")
    assert answer.status_code == 200
    assert "a Tenantry server responds" in texts(answer.text)
    for page in (settings, health):
        assert server.client_secret not in page


PAGES = (
    *("applications", "applications/scopes", "api-keys", "token-claims", "keys", "sign-ins"),
    "events",
    *("events/live", "webhooks", "interceptors", "mail", "settings", "health"),
)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_reader_sees_every_page_and_no_form(reader, language):
    for name in PAGES:
        page = await reader.get(f"/console/{name}", **{"accept-language": language})
        main = page[page.index("<main") : page.index("</main>")]
        assert 'method="post"' not in main, name
        assert len(page) < 100_000


async def test_a_reader_sends_no_form(reader):
    for path in (
        *("applications/create", "applications/scopes/create", "api-keys/create", "keys/rotate"),
        *("events/verify", "webhooks/create", "interceptors/create", "health/examine"),
        *("mail/mail_1/retry", "webhooks/whe_1/rotate", "interceptors/icp_1/test"),
        *(f"token-claims/{verb}" for verb in ("keep", "enable", "disable", "delete")),
    ):
        assert (await reader.post(f"/console/{path}")).status_code == 403, path


async def test_no_form_comes_from_another_site(browser, http):
    headers = {"cookie": browser.cookie, "sec-fetch-site": "cross-site"}
    for path in ("applications/create", "webhooks/create", "events/verify", "health/examine"):
        answer = await http.post(f"/console/{path}", data={"name": "x"}, headers=headers)
        assert answer.status_code == 403, path


async def test_what_is_gone_is_said_so(browser):
    for path in (
        *("applications/skc_1", "api-keys/apit_1", "sign-ins/areq_1", "events/evt_1"),
        *("webhooks/whe_1", "interceptors/icp_1", "mail/mail_1"),
    ):
        await browser.get(f"/console/{path}", status=404)


async def test_a_file_of_events_of_an_organization_that_cannot_be_is_refused_before_it_begins(
    browser,
):
    await browser.get("/console/events/export?organization_id=%00", status=400)
