"""Without a mail server: mail is kept, encrypted, and shown by the development pages."""

from __future__ import annotations

import json
from html import unescape

import looks
import pytest
from mail_servers import LINK, deliver, delivery, hasten, invite, state
from sqlalchemy import select

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import tallies
from tenantry.db.sql.statements import Statement
from tenantry.events.email import service
from tenantry.events.email.model import mail

ADDRESS = "https://tenants.example:8443"
_ROWS = Statement(select(mail))


async def keep(db, recipient="ann@example.com", **variables: object):
    mail_id = await invite(db, recipient, **variables)
    await deliver(delivery(), db)
    return mail_id


async def test_it_is_kept_and_can_be_read(db):
    mail_id = await keep(db)
    found, content = await service.find(db, mail_id)
    assert (found.state, found.attempts, found.problem) == ("KEPT", 1, None)
    assert content.subject == "You are invited to join Acme Corp"
    assert LINK in content.text
    assert LINK in content.html


async def test_what_it_says_is_sealed(db):
    await keep(db)
    (row,) = await db.fetch_all(_ROWS)
    stored = "".join(str(row[name]) for name in mail.columns.keys())  # noqa: SIM118
    assert "t0ken" not in stored
    assert "invitations/" not in stored


async def test_the_newest_is_listed_first(db):
    made = [await invite(db, f"person{n}@example.com") for n in range(5)]
    assert [one.id for one in await service.newest(db, limit=3)] == made[::-1][:3]
    assert await service.find(db, "mail_0") is None


async def test_old_mail_is_forgotten_and_what_waits_is_not(db, monkeypatch):
    kept = await keep(db)
    waiting = await invite(db)
    for days, left in ((29, {kept, waiting}), (31, {waiting})):
        later = now() + days * 24 * 3600 * 1_000_000
        monkeypatch.setattr(service, "now", lambda later=later: later)
        while await service.prune(db):
            pass
        assert {one.id for one in await service.newest(db, limit=9)} == left


async def test_a_mail_is_queued_with_the_change_that_causes_it(db):
    """As another room does it: its own insert first, the mail behind it."""
    both = Statement(
        tallies.insert().values(name="trial", slot=0, n=1).returning(tallies.c.n), service.INSERT
    )
    event = Call(SYSTEM, db, request_id="test").event("client.created", after={})
    row = service.row(db, template="invitation", recipient="ann@example.com", variables={})
    made = await db.apply(both, event, **row)
    assert made["n"] == 1
    assert (await state(db, row["mail_id"])).state == "QUEUED"
    with pytest.raises(DuplicateKey):
        await db.apply(both, event, **{**row, "mail_id": "mail_2"})
    assert await service.find(db, "mail_2") is None


async def test_the_door_lists_and_shows_mail(db, get):
    assert "No emails yet" in (await get("/dev/mail")).body.decode()
    first = await keep(db, "ann@example.com")
    waiting = await invite(db, "bob@example.com")
    page = (await get("/dev/mail")).body.decode()
    assert page.index(waiting) < page.index(first)
    assert "ann@example.com" in page
    shown = (await get(f"/dev/mail/{first}")).body.decode()
    assert "You are invited to join Acme Corp" in shown
    assert LINK in shown
    unsent = (await get(f"/dev/mail/{waiting}")).body.decode()
    assert "bob@example.com" in unsent
    assert "<iframe" not in unsent
    for unknown in ("mail_0", "x", "%27"):
        with pytest.raises(errors.NotFound):
            await get(f"/dev/mail/{unknown}")


async def test_the_door_opens_to_its_own_name_only(db, get):
    for host in ("localhost:8443", "127.0.0.1", "[::1]:1", "tenants.example"):
        assert (await get("/dev/mail", host)).status == 200
    for host in ("evil.example", "evil.example:8443", "", "[", "localhost.evil.example"):
        for path in ("/dev/mail", "/dev/mail.json", "/dev/mail/mail_1", "/dev/mail/dev.css"):
            with pytest.raises(errors.RouteNotFound):
                await get(path, host)


async def test_a_local_server_is_closed_to_a_proxy(db, get):
    for name in ("forwarded", "via", "x_forwarded_for", "x_forwarded_host"):
        assert (await get("/dev/mail", "localhost", **{name: "a"})).status == 200
        with pytest.raises(errors.RouteNotFound):
            await get("/dev/mail", "localhost", local=True, **{name: "a"})
    assert (await get("/dev/mail", "localhost", local=True)).status == 200


async def test_the_list_shows_what_lets_its_reader_in(db, get):
    await keep(db)
    page = (await get("/dev/mail")).body.decode()
    assert "You are invited to join Acme Corp" in page
    assert f'href="{LINK}"' in page


async def test_a_program_reads_the_list_or_what_one_person_got(db, get):
    kept = await keep(db)
    waiting = await invite(db, "Bob+news@EXAMPLE.com")
    response = await get("/dev/mail.json")
    assert response.headers["cache-control"] == "no-store"
    unsent, shown = json.loads(response.body)["mail"]
    assert (unsent["id"], unsent["state"]) == (waiting, "QUEUED")
    assert unsent.keys() == {"id", "recipient", "template", "state", "create_time"}
    assert (shown["id"], shown["link"], shown["code"]) == (kept, LINK, "")
    assert shown["subject"] == "You are invited to join Acme Corp"
    assert LINK in shown["text"]
    for query, ids in {
        "recipient=ann%40EXAMPLE.com": [kept],
        "recipient=bob%2Bnews%40example.com&other=1": [waiting],
        "recipient=": [waiting, kept],
        "recipient=ann": [],
    }.items():
        listed = json.loads((await get(f"/dev/mail.json?{query}")).body)["mail"]
        assert [one["id"] for one in listed] == ids, query
    for query in ("recipient=%ff", "&" * 20):
        with pytest.raises(errors.InvalidArgument):
            await get(f"/dev/mail.json?{query}")


async def test_the_log_tells_it_in_development_alone(db, caplog):
    caplog.set_level("INFO")
    await invite(db)
    await deliver(delivery(development="false"), db)
    assert LINK not in str([vars(record) for record in caplog.records])
    mail_id = await invite(db, "ann@example.com")
    await deliver(delivery(development="true"), db)
    (told,) = [r.fields for r in caplog.records if getattr(r, "fields", {}).get("mail") == mail_id]
    assert (told["to"], told["link"]) == ("ann@example.com", LINK)


async def test_what_a_mail_holds_is_text_on_the_page(db, get):
    name = "</iframe><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    mail_id = await keep(db, organization_name=name, inviter_email=name)
    response = await get(f"/dev/mail/{mail_id}")
    page = response.body.decode()
    assert "<script" not in page
    assert page.count("</iframe>") == 1
    assert "<img" not in page
    frame = unescape(page.partition('srcdoc="')[2].partition('"></iframe>')[0])
    assert "<script" not in frame
    assert frame == (await service.find(db, mail_id))[1].html.rstrip("\n") + "\n"
    policy = response.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= {*policy}
    assert "script-src" not in response.headers["content-security-policy"]
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page


@pytest.fixture
async def visit(browser, get):
    """Open a page of the sink; what the browser complains of fails the test."""
    contexts, complaints = [], []

    async def serve(route):
        response = await get(route.request.url.removeprefix(ADDRESS))
        await route.fulfill(
            status=response.status, headers=response.headers, body=response.body.decode()
        )

    async def visit(path, width=1200, scheme="light"):
        context = await browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        await context.route(f"{ADDRESS}/dev/**", serve)
        await context.route(f"{ADDRESS}/favicon.svg", lambda route: route.fulfill(status=204))
        await page.goto(ADDRESS + path)
        return page

    yield visit
    for context in contexts:
        await context.close()
    assert [c for c in complaints if not c.startswith("Blocked script execution")] == []


@pytest.mark.one_database
@pytest.mark.one_of("360", "1200", "light", "dark")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
async def test_the_pages_in_a_browser(db, visit, tmp_path, width, scheme):
    mail_id = await keep(db)
    await keep(db, f"{'long.' * 30}@example.com")
    await keep(db, "no address")
    page = await visit("/dev/mail", width, scheme)
    await page.screenshot(path=tmp_path / f"list-{width}-{scheme}.png")
    await looks.check(page)
    await page.get_by_role("link", name="ann@example.com").click()
    await page.wait_for_url(f"**/{mail_id}")
    await page.screenshot(path=tmp_path / f"mail-{width}-{scheme}.png", full_page=True)
    await looks.check(page)
    framed = page.frames[1]
    await looks.check(framed)
    box = await framed.get_by_role("link", name="Accept invitation").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    # Its style was not blocked.
    button = framed.get_by_role("link", name="Accept invitation")
    radius = await button.evaluate("e => getComputedStyle(e).borderRadius")
    assert radius == "9px"


@pytest.mark.thorough
@pytest.mark.one_database
async def test_the_list_is_up_to_date_by_itself_and_the_focus_stays(db, visit, get):
    first = await keep(db, "ann@example.com")
    page = await visit("/dev/mail")
    await page.locator(f"#{first}").focus()
    second = await keep(db, "bob@example.com")
    await page.locator(f"#{second}").wait_for()
    assert await page.evaluate("document.activeElement.id") == first
    without_scripts = (await get("/dev/mail")).body.decode()
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in without_scripts


@pytest.mark.one_database
async def test_a_mail_in_its_frame_runs_nothing(db, visit, monkeypatch):
    """Even when a template of the operator's holds a script."""
    mail_id = await keep(db)
    await hasten(db)
    script = "<p id=p>before</p><script>parent.document.title='owned';alert(1)</script>"
    found, content = await service.find(db, mail_id)

    async def other(_db, _id):
        return found, service.Content(content.subject, content.text, script)

    monkeypatch.setattr(service, "find", other)
    page = await visit(f"/dev/mail/{mail_id}")
    assert await page.frames[1].locator("#p").inner_text() == "before"
    assert "owned" not in await page.title()
