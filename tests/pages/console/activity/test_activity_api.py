"""The calls that the console's pages of activity stand on: searches, keys, mail, the deployment."""

from __future__ import annotations

import json

import pytest
from wires import ApiError

from tenantry import settings
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import master_key
from tenantry.db.encryption import reencryption
from tenantry.db.lists import scanning
from tenantry.db.opening import open_database
from tenantry.events.email import service as mail
from tenantry.events.event_log import records


async def search(api, **narrow: object):
    return await api.event_records.search_events(**narrow)


async def test_events_are_searched_by_what_they_say(api, make, server):
    organization = await make.organization()
    (made,) = (await search(api, organization_id=organization["id"]))["events"]
    assert made["type"] == "organization.created"
    assert made["object_id"] == organization["id"]
    assert made["actor_type"] == "management_client"
    assert made["actor_id"] == server.client_id
    assert "after" not in made
    for narrow in (
        {"object_id": organization["id"]},
        {"actor_id": server.client_id, "event_types": ["organization.created"]},
        {"request_id": made["request_id"]},
        {"event_types": ["organization.created"], "start_time": made["occurred_at"]},
    ):
        found = await search(api, page_size=100, **narrow)
        assert made["id"] in {one["id"] for one in found["events"]}, narrow
    none = await search(api, object_id=organization["id"], actor_id="skc_1")
    assert not none.get("events")


async def test_one_event_has_all_that_is_recorded(api, make):
    organization = await make.organization()
    await api.organizations.update_organization(
        id=organization["id"], organization={"display_name": "After <b>"}
    )
    found = await search(
        api, organization_id=organization["id"], event_types=["organization.updated"]
    )
    (listed,) = found["events"]
    event = (await api.event_records.get_event_record(event_id=listed["id"]))["event"]
    assert event["after"]["display_name"] == "After <b>"
    assert event["before"]["display_name"] == organization["display_name"]
    assert {name: event[name] for name in listed} == dict(listed)
    for unknown in ("evt_1", "organization"):
        with pytest.raises(ApiError) as refused:
            await api.event_records.get_event_record(event_id=unknown)
        assert refused.value.code == "NOT_FOUND"


async def test_a_search_pages_back_through_all_that_there_is(api, make):
    organization = await make.organization()
    for number in range(4):
        await api.organizations.update_organization(
            id=organization["id"], organization={"display_name": f"Name {number}"}
        )
    seen, token = [], ""
    while True:
        page = await search(api, organization_id=organization["id"], page_size=2, page_token=token)
        seen += [one["id"] for one in page.get("events", [])]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
    page = await search(api, organization_id=organization["id"], page_size=2)
    with pytest.raises(ApiError) as refused:
        await search(api, page_token=page["next_page_token"])
    assert refused.value.fields == ["page_token"]


async def test_a_search_for_what_is_rare_goes_on_where_it_ended(api, make, monkeypatch, server):
    first = await make.organization()
    for _ in range(3):
        await make.organization()
    # The server looks through many at once; in this process a page looks through one.
    monkeypatch.setattr(scanning, "LOOKED_AT", 1)
    found, token, pages = [], "", 0
    async with _opened(server) as db:
        call = Call(SYSTEM, db, request_id="test")
        narrow = records.Filter(types=("organization.created",), object_id=first["id"])
        while not found:
            page = await records.search(call, narrow, page_size=10, page_token=token)
            found, token, pages = page.items, page.next_page_token, pages + 1
            assert found or token
    assert pages == 4
    assert found[0]["organization_id"] == first["id"]


def _opened(server):
    known = settings.load(
        {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    )
    return open_database(known.database, master_key.load(known), pool_size=2)


async def test_a_wrong_search_is_told_its_field(api):
    for narrow, field in (
        ({"event_types": ["nothing.happened"]}, "event_types[0]"),
        (
            {"start_time": "2026-02-01T00:00:00Z", "end_time": "2026-01-01T00:00:00Z"},
            "end_time",
        ),
        ({"page_size": 101}, "page_size"),
    ):
        with pytest.raises(ApiError) as refused:
            await search(api, **narrow)
        assert refused.value.fields == [field]


async def test_the_log_is_verified(api, make):
    organization = await make.organization()
    whole = await api.event_records.verify_events()
    assert whole["finished"] is True
    assert "problem_count" not in whole or whole["problem_count"] == "0"
    one = await api.event_records.verify_events(organization_id=organization["id"])
    assert one["finished"] is True


async def test_signing_keys_are_listed_and_no_private_part_is(api):
    keys = (await api.signing_keys.list_signing_keys())["keys"]
    assert {"current", "next"} <= {key["state"] for key in keys if key["algorithm"] == "RS256"}
    assert all(key["public_key"].startswith("-----BEGIN PUBLIC KEY") for key in keys)
    assert "PRIVATE" not in json.dumps([dict(key) for key in keys])


async def test_saml_key_pairs_are_listed(api):
    pairs = (await api.saml_key_pairs.list_saml_key_pairs()).get("key_pairs", [])
    assert all(pair["certificate"].startswith("-----BEGIN CERTIFICATE") for pair in pairs)


async def test_mail_is_listed_without_what_it_says(api, make, database):
    organization = await make.organization()
    mail_id = await mail.queue(
        database,
        template="invitation",
        recipient="Jane@Acme.example",
        variables={"organization_name": "Acme", "secret_link": "https://secret"},
        organization_id=organization["id"],
    )
    found = await api.mail.list_mail(recipient="jane@ACME.example", state="QUEUED")
    assert mail_id in {one["id"] for one in found["mail"]}
    one = (await api.mail.get_mail(mail_id=mail_id))["mail"]
    assert one["recipient"] == "Jane@Acme.example"
    assert "secret" not in json.dumps(dict(one))
    with pytest.raises(ApiError) as refused:
        await api.mail.get_mail(mail_id="mail_1")
    assert refused.value.code == "NOT_FOUND"


async def test_mail_that_failed_is_sent_again(api, make, database, events):
    mail_id = await mail.queue(
        database, template="invitation", recipient="a@acme.example", variables={}
    )
    await mail.failed(database, (await mail.find(database, mail_id))[0], "550 no")
    assert (await api.mail.get_mail(mail_id=mail_id))["mail"]["state"] == "FAILED"
    again = (await api.mail.retry_mail(mail_id=mail_id))["mail"]
    assert again["state"] == "QUEUED"
    (event,) = [one for one in await events.new() if one["type"] == "mail.retried"]
    assert event["after"] == {"id": mail_id, "template": "invitation"}
    await mail.sent(database, (await mail.find(database, mail_id))[0])
    with pytest.raises(ApiError) as refused:
        await api.mail.retry_mail(mail_id=mail_id)
    assert refused.value.code == "INVALID_ARGUMENT"


async def test_a_token_is_found_by_its_id_with_its_last_use(api, make):
    organization = await make.organization()
    made = await api.tokens.create_token(
        token={"organization_id": organization["id"], "description": "CI <i>"}
    )
    found = await api.api_token_records.get_api_token(token_id=made["token_id"])
    assert found["token_info"]["description"] == "CI <i>"
    assert found.get("last_used_time") is None
    assert made["token"] not in json.dumps(found["token_info"])
    for unknown in ("apit_1", made["token"][:32]):
        with pytest.raises(ApiError) as refused:
            await api.api_token_records.get_api_token(token_id=unknown)
        assert refused.value.code == "NOT_FOUND"


async def test_sign_ins_are_searched(api):
    for narrow in (
        {},
        {"email": "nobody@acme.example"},
        {"status": "FAILED", "error": "access_denied"},
        {"method": "PASSKEY", "organization_id": "org_1"},
        {"connection_id": "conn_1", "client_id": "skc_1", "email": "x"},
    ):
        found = await api.sign_ins.list_sign_ins(**narrow)
        assert narrow == {} or not found.get("sign_ins")
    with pytest.raises(ApiError) as refused:
        await api.sign_ins.list_sign_ins(method="%")
    assert refused.value.fields == ["method"]


@pytest.mark.process
async def test_health_says_what_ends_and_what_room_is_left(api):
    now = await api.deployment.get_health()
    assert now["ready"] is True
    assert not now.get("held")
    assert 0 < int(now["disk_free"]) <= int(now["disk_total"])
    tls = next(one for one in now["certificates"] if one["use"] == "tls")
    assert tls["days_left"] > 30
    encryption = now["encryption"]
    assert encryption["data_key_version"] >= 1
    assert encryption["reencrypted_table_count"] <= encryption["table_count"]
    assert encryption["table_count"] == len(reencryption.TABLES)


@pytest.mark.process
async def test_the_checks_of_the_doctor_are_run_by_the_server(api):
    findings = {one["check"]: one for one in (await api.deployment.examine())["findings"]}
    assert findings["database"]["ok"] is True
    assert findings["address"]["text"].startswith("a Tenantry server responds")
