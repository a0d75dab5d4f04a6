"""Interceptors are asked as documented, and their answers, or failures, decide."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import recorded_events
from interceptor_receivers import (
    ALLOWED,
    a_call,
    breaks_off,
    configured,
    denied,
    drip,
    hang,
    interceptor,
    moved,
)
from scalekit import ScalekitClient
from sqlalchemy import text
from standardwebhooks import Webhook, WebhookVerificationError

from tenantry.core import errors
from tenantry.core.caller import Origin
from tenantry.db import ttl_cache
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors import authorization, breakers, registry, service
from tenantry.events.interceptors.model import (
    PRE_M2M_TOKEN_CREATION,
    PRE_SESSION_CREATION,
    PRE_SIGNUP,
)
from tenantry.events.interceptors.service import Interceptors

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148"
JANE = {"user_email": "jane@acme.com", "user_id": "usr_1", "organization_id": "org_1"}


async def run(interceptors, db, trigger=PRE_SESSION_CREATION, context=None, data=None):
    origin = Origin("203.0.113.7", PHONE)
    return await interceptors.run(
        a_call(db, origin=origin), trigger, context=context or JANE, data=data or {}
    )


def sdk():
    """The official SDK; nobody is asked to verify."""
    return ScalekitClient.__new__(ScalekitClient)


async def executed(db):
    """The events of requests to interceptors, the oldest first."""
    found = await recorded_events.after(db, "", limit=1000)
    return [event for event in found if event["type"] == "interceptor.executed"]


async def test_without_an_interceptor_nothing_is_asked(interceptors, db):
    assert await run(interceptors, db) == service.NOTHING
    assert not await interceptors.runs(PRE_SESSION_CREATION)
    assert await executed(db) == []


async def test_a_request_is_what_the_reference_says(interceptors, db, receiver):
    made, secret = await interceptor(db, receiver.url())
    before = datetime.now(UTC)
    data = {"user": {"id": "usr_1", "name": "Jané 🐘"}}
    await run(interceptors, db, data=data)
    (got,) = receiver.got
    assert (got.verb, got.headers["content-type"]) == ("POST", "application/json")
    assert got.content.keys() == {"display_name", "trigger_point", "interceptor_context", "data"}
    assert got.content["display_name"] == made.display_name
    assert got.content["trigger_point"] == PRE_SESSION_CREATION
    assert got.content["data"] == data
    at = got.context.pop("triggered_at")
    assert abs((datetime.fromisoformat(at) - before).total_seconds()) < 60
    assert at.endswith("Z")
    assert len(at) == len("2026-01-05T14:48:00.123Z")
    assert {name: got.context[name] for name in got.context if name != "triggered_at"} == {
        **JANE,
        "environment_id": db.environment_id,
        "user_agent": PHONE,
        "device_type": "Mobile",
        "ip_address": "203.0.113.7",
        "region": "",
        "city": "",
    }
    # The official SDK takes it, as bytes and as text, and so does the standard's own library.
    for payload in (got.body, got.body.decode()):
        assert sdk().verify_interceptor_payload(secret, got.headers, payload)
    for prefix in ("interceptor", "webhook"):
        named = {
            f"webhook-{part}": got.headers[f"{prefix}-{part}"]
            for part in ("id", "timestamp", "signature")
        }
        Webhook(secret).verify(got.body, named)
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(got.body + b" ", named)
    assert got.headers["interceptor-id"].startswith("icc_")


async def test_of_a_client_no_address_is_told(interceptors, db, receiver):
    await interceptor(db, receiver.url(), trigger_point=PRE_M2M_TOKEN_CREATION)
    await run(interceptors, db, PRE_M2M_TOKEN_CREATION, {"client_id": "m2morg_1"})
    assert receiver.got[0].context.keys() == {
        *("environment_id", "user_agent", "device_type", "triggered_at", "client_id"),
    }


async def test_every_request_has_an_id_of_its_own(interceptors, db, receiver):
    await interceptor(db, receiver.url())
    for _ in range(3):
        await run(interceptors, db)
    assert len({got.headers["interceptor-id"] for got in receiver.got}) == 3


async def test_a_rotated_secret_signs_beside_the_one_before_for_a_day(interceptors, db, receiver):
    made, first = await interceptor(db, receiver.url())
    _, second = await registry.rotate_secret(a_call(db), made.id)
    assert first != second
    await run(interceptors, db)
    for secret in (first, second):
        Webhook(secret).verify(receiver.got[0].body, receiver.got[0].headers)
    await db.fetch_all(_write("UPDATE interceptors SET previous_secret_expire_time = 1"))
    interceptors.forget(made.id)
    await run(interceptors, db)
    Webhook(second).verify(receiver.got[1].body, receiver.got[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(first).verify(receiver.got[1].body, receiver.got[1].headers)


def _write(sql):
    statement = Statement(text(sql))
    statement.is_read = False
    return statement


async def test_secrets_are_sealed_and_in_no_event(interceptors, db, receiver):
    auth = {"type": "API_KEY", "header_name": "X-Key", "api_key": "the-api-key-quince"}
    made, secret = await interceptor(db, receiver.url(), auth_config=auth)
    await run(interceptors, db)
    assert receiver.got[0].headers["x-key"] == "the-api-key-quince"
    rows = await db.fetch_all(Statement(text("SELECT * FROM interceptors")))
    told = json.dumps([list(map(str, dict(row).values())) for row in rows])
    told += json.dumps(await recorded_events.after(db, "", limit=1000), default=str)
    key = secret.removeprefix("whsec_")
    for hidden in (secret, key, base64.b64decode(key).hex(), "the-api-key-quince"):
        assert hidden not in told
    assert made.secret_suffix == secret[-4:]


async def test_claims_are_merged_in_the_order_of_the_interceptors(interceptors, db, receiver):
    for number in (1, 2):
        await interceptor(db, receiver.url(f"/{number}"))
    receiver.answers["/1"] = {**ALLOWED, "response": {"claims": {"tier": "gold", "seats": 1}}}
    receiver.answers["/2"] = {**ALLOWED, "response": {"claims": {"seats": 2}}, "more": 1}
    verdict = await run(interceptors, db)
    assert verdict.claims == {"tier": "gold", "seats": 2}
    assert [got.path for got in receiver.got] == ["/1", "/2"]


async def test_the_first_that_denies_stops_the_chain(interceptors, db, receiver):
    for number in (1, 2, 3):
        await interceptor(db, receiver.url(f"/{number}"))
    receiver.answers["/2"] = denied("Your trial is over.", "TRIAL_OVER")
    with pytest.raises(errors.Intercepted, match=r"^Your trial is over\.$") as raised:
        await run(interceptors, db)
    assert (raised.value.reason, raised.value.name) == ("TRIAL_OVER", "INTERCEPTOR_DENIED")
    assert (raised.value.code.name, raised.value.status) == ("PERMISSION_DENIED", 403)
    assert [got.path for got in receiver.got] == ["/1", "/2"]


@pytest.mark.parametrize(
    "error",
    [
        None,
        "no",
        {},
        {"code": "NO"},
        {"message": "why"},
        {"code": "", "message": "why"},
        {"code": "NO", "message": ""},
        {"code": "N" * 51, "message": "why"},
        {"code": "NO", "message": "w" * 501},
        {"code": "NO", "message": 1},
        {"code": "NO", "message": "w\0"},
    ],
)
async def test_a_denial_without_a_good_message_is_told_in_our_words(
    interceptors, db, receiver, error
):
    # Also where failures are passed over: a DENY is not a failure.
    await interceptor(db, receiver.url(), failure_policy="FAIL_OPEN")
    receiver.answers["/ask"] = {"decision": "DENY", "error": error}
    with pytest.raises(errors.Intercepted, match=r"does not allow this.*help@example\.com"):
        await run(interceptors, db)


async def test_somebody_who_signs_up_is_placed_into_an_organization(interceptors, db, receiver):
    await interceptor(db, receiver.url(), trigger_point=PRE_SIGNUP)
    place = {"external_organization_id": "acme", "roles": ["admin", "billing"]}
    response = {"create_organization_membership": place, "claims": {"ignored": 1}}
    receiver.answers["/ask"] = {**ALLOWED, "response": response}
    verdict = await run(interceptors, db, PRE_SIGNUP)
    assert (verdict.membership, verdict.claims) == (place, {})
    for wrong in (
        {},
        {"organization_id": "org_1", "external_organization_id": "acme"},
        {"organization_id": 1},
        {"organization_id": "org_1", "roles": "admin"},
        {"organization_id": "org_1", "roles": [""]},
        {"organization_id": "org_1", "roles": ["r"] * 51},
        [],
    ):
        receiver.answers["/ask"] = {
            **ALLOWED,
            "response": {"create_organization_membership": wrong},
        }
        with pytest.raises(errors.Intercepted, match="does not allow"):
            await run(interceptors, db, PRE_SIGNUP)
        interceptors._breakers = breakers.Breakers()


UNUSABLE = {
    "no JSON": (b"yes", "INVALID_RESPONSE"),
    "no UTF-8": (b'{"decision": "ALLOW", "x": "\xff"}', "INVALID_RESPONSE"),
    "a list": (["ALLOW"], "INVALID_RESPONSE"),
    "nothing": (b"", "INVALID_RESPONSE"),
    "no decision": ({}, "INVALID_RESPONSE"),
    "lower case": ({"decision": "allow"}, "INVALID_RESPONSE"),
    "true": ({"decision": True}, "INVALID_RESPONSE"),
    "claims no object": ({**ALLOWED, "response": {"claims": [1]}}, "INVALID_RESPONSE"),
    "response no object": ({**ALLOWED, "response": "fine"}, "INVALID_RESPONSE"),
    "claims too large": (
        {**ALLOWED, "response": {"claims": {"x": "y" * 4096}}},
        "INVALID_RESPONSE",
    ),
    "a NUL": ({**ALLOWED, "response": {"claims": {"x": "\0"}}}, "INVALID_RESPONSE"),
    "deep": (b'{"decision":"ALLOW","response":' + b'{"a":' * 40 + b"1" + b"}" * 41, "INVALID"),
    "very deep": (b'{"decision":"ALLOW","response":' + b"[" * 30_000, "INVALID_RESPONSE"),
    "huge": (b" " * 65_537 + b'{"decision": "ALLOW"}', "TOO_LARGE"),
    "201": (201, "HTTP_STATUS"),
    "204": (204, "HTTP_STATUS"),
    "403": (403, "HTTP_STATUS"),
    "500": (500, "HTTP_STATUS"),
    "never": (hang, "NO_ANSWER"),
    "without end": (drip, "NO_ANSWER"),
    "broken off": (breaks_off, "NO_ANSWER"),
}


@pytest.mark.parametrize(("answer", "code"), UNUSABLE.values(), ids=UNUSABLE)
async def test_what_is_no_answer_is_a_failure_for_the_policy(
    interceptors, db, receiver, answer, code
):
    receiver.answers |= {"/closed": answer, "/open": answer}
    await interceptor(db, receiver.url("/open"), failure_policy="FAIL_OPEN", timeout_ms=400)
    assert (await run(interceptors, db)).claims == {}
    closed, _ = await interceptor(db, receiver.url("/closed"), timeout_ms=400)
    interceptors.forget(closed.id)
    with pytest.raises(errors.Intercepted, match="does not allow"):
        await run(interceptors, db)
    told = [
        (event["context"]["interceptor_status"], event["context"]["interceptor_decision"])
        for event in await executed(db)
    ]
    assert told == [("FAILURE", "ALLOW"), ("FAILURE", "ALLOW"), ("FAILURE", "DENY")]
    assert (await executed(db))[-1]["after"]["failure"].startswith(code)


async def test_a_redirect_is_not_followed_and_nothing_is_sent_twice(interceptors, db, receiver):
    receiver.answers["/ask"] = moved(receiver.url("/elsewhere"))
    await interceptor(db, receiver.url())
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    assert [got.path for got in receiver.got] == ["/ask"]


async def test_nobody_there_is_a_failure(interceptors, db):
    await interceptor(db, "http://127.0.0.1:9/")
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    (event,) = await executed(db)
    assert event["after"]["failure"] == "NO_ANSWER"
    assert "127.0.0.1" not in json.dumps(event["after"])


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
    ],
)
async def test_only_public_addresses_are_asked(db, url):
    """Also where the row says otherwise: the address is judged when it is used."""
    made, _ = await interceptor(db, "https://public.example.com/")
    await db.fetch_all(_write(f"UPDATE interceptors SET api_url = '{url}'"))
    running = Interceptors(db, configured(outgoing_allow="", development="false"))
    with pytest.raises(errors.Intercepted):
        await run(running, db)
    await running.close()
    (event,) = await executed(db)
    assert event["after"]["failure"] == "ADDRESS_REFUSED"
    assert event["context"]["interceptor_id"] == made.id


async def test_the_events_say_what_happened_and_nothing_of_people(interceptors, db, receiver):
    made, _ = await interceptor(db, receiver.url())
    await run(interceptors, db)
    receiver.answers["/ask"] = denied("Jane may not.", "JANE")
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    first, second = await executed(db)
    assert first["context"] == {
        "interceptor_id": made.id,
        "interceptor_status": "SUCCESS",
        "interceptor_decision": "ALLOW",
    }
    assert first["organization_id"] == "org_1"
    assert first["after"].pop("duration_ms") >= 0
    assert first["after"] == {
        "id": made.id,
        "display_name": "Policy",
        "trigger_point": PRE_SESSION_CREATION,
        "status": "SUCCESS",
        "decision": "ALLOW",
        "user_id": "usr_1",
    }
    assert second["after"]["error_code"] == "JANE"
    assert "jane@acme.com" not in json.dumps([first["after"], second["after"]])
    assert "may not" not in json.dumps(second["after"])


async def test_when_it_was_last_asked_is_written_beside_the_request(interceptors, db, receiver):
    made, _ = await interceptor(db, receiver.url())
    await run(interceptors, db)
    await interceptors._uses.close()
    assert (await registry.get(db, made.id)).last_executed_time is not None


async def test_what_is_disabled_elsewhere_is_asked_no_more_within_a_second(
    interceptors, db, receiver, monkeypatch
):
    made, _ = await interceptor(db, receiver.url())
    receiver.answers["/ask"] = denied("No.")
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    await registry.disable(a_call(db), made.id)
    later = time.monotonic() + 1.0
    monkeypatch.setattr(ttl_cache, "time", SimpleNamespace(monotonic=lambda: later))
    await run(interceptors, db)


async def test_many_at_once_look_once(interceptors, db, receiver, monkeypatch):
    await interceptor(db, receiver.url())
    looks = 0
    fetch_all = db.fetch_all

    async def counted(statement, **params: Any):
        nonlocal looks
        looks += statement is service._ENABLED
        return await fetch_all(statement, **params)

    monkeypatch.setattr(db, "fetch_all", counted)
    await asyncio.gather(*(run(interceptors, db) for _ in range(20)))
    assert looks == 1
    assert len(receiver.got) == 20


async def test_nothing_is_asked_within_a_transaction(interceptors, db, receiver):
    await interceptor(db, receiver.url())
    async with db.transaction() as session:
        with pytest.raises(RuntimeError):
            await run(interceptors, session)
    assert receiver.got == []


async def test_what_fails_again_and_again_is_left_alone_for_a_while(
    interceptors, db, receiver, monkeypatch
):
    at = time.monotonic()
    monkeypatch.setattr(breakers, "time", SimpleNamespace(monotonic=lambda: at))
    receiver.answers["/ask"] = 500
    await interceptor(db, receiver.url(), failure_policy="FAIL_OPEN")
    for _ in range(breakers.FAILURES + 3):
        await run(interceptors, db)
    assert len(receiver.got) == breakers.FAILURES
    assert (await executed(db))[-1]["after"]["failure"] == "NOT_ASKED"
    at += breakers.OPEN_SECONDS
    # One finds out whether it is well again, and it is not.
    for _ in range(3):
        await run(interceptors, db)
    assert len(receiver.got) == breakers.FAILURES + 1
    at += breakers.OPEN_SECONDS
    receiver.answers["/ask"] = ALLOWED
    for _ in range(3):
        await run(interceptors, db)
    assert len(receiver.got) == breakers.FAILURES + 4


async def test_denials_are_no_failures(interceptors, db, receiver):
    receiver.answers["/ask"] = denied("No.")
    await interceptor(db, receiver.url())
    for _ in range(breakers.FAILURES + 3):
        with pytest.raises(errors.Intercepted, match=r"No\."):
            await run(interceptors, db)
    assert len(receiver.got) == breakers.FAILURES + 3


async def test_a_slow_one_holds_up_no_other(interceptors, db, receiver):
    came = asyncio.Event()

    async def hang_all(request):
        if len(receiver.at("/slow")) == 50:
            came.set()
        await hang(request)

    receiver.answers["/slow"] = hang_all
    slow = {"trigger_point": PRE_SIGNUP, "timeout_ms": 10_000}
    await interceptor(db, receiver.url("/slow"), **slow)
    await interceptor(db, receiver.url("/fast"))
    waiting = [asyncio.create_task(run(interceptors, db, PRE_SIGNUP)) for _ in range(50)]
    await came.wait()
    await run(interceptors, db)
    assert not any(one.done() for one in waiting)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_all_of_a_trigger_have_a_time_together(interceptors, db, receiver, monkeypatch):
    monkeypatch.setattr(service, "ALL_SECONDS", 0.5)
    receiver.answers["/1"] = hang
    for number in (1, 2):
        await interceptor(db, receiver.url(f"/{number}"), failure_policy="FAIL_OPEN")
    await run(interceptors, db)
    assert receiver.at("/2") == []
    assert [event["after"]["failure"] for event in await executed(db)] == ["NO_ANSWER", "NOT_ASKED"]


async def test_claims_of_several_have_one_limit(interceptors, db, receiver):
    for number in (1, 2):
        await interceptor(db, receiver.url(f"/{number}"), failure_policy="FAIL_OPEN")
        claims = {f"claim{number}": "x" * 3000}
        receiver.answers[f"/{number}"] = {**ALLOWED, "response": {"claims": claims}}
    assert (await run(interceptors, db)).claims.keys() == {"claim1"}


OAUTH2 = {
    "type": "OAUTH2",
    "client_id": "us & them",
    "client_secret": "s:cret/quince",
    "scope": "ask invoices",
}


async def test_an_access_token_is_fetched_once_and_used_until_it_ends(
    interceptors, db, receiver, monkeypatch
):
    at = time.monotonic()
    monkeypatch.setattr(authorization, "time", SimpleNamespace(monotonic=lambda: at))
    receiver.answers["/token"] = {"access_token": "tok-1", "expires_in": 3600}
    auth = {**OAUTH2, "token_url": receiver.url("/token")}
    await interceptor(db, receiver.url(), auth_config=auth)
    await asyncio.gather(*(run(interceptors, db) for _ in range(5)))
    (fetched,) = receiver.at("/token")
    pair = base64.b64decode(fetched.headers["authorization"].removeprefix("Basic "))
    assert pair == b"us+%26+them:s%3Acret%2Fquince"
    assert fetched.body == b"grant_type=client_credentials&scope=ask+invoices"
    assert {got.headers["authorization"] for got in receiver.at("/ask")} == {"Bearer tok-1"}
    # One that is refused is replaced, for the next request: nothing is sent twice.
    receiver.answers |= {"/ask": 401, "/token": {"access_token": "tok-2", "expires_in": 31}}
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    receiver.answers["/ask"] = ALLOWED
    await run(interceptors, db)
    assert receiver.at("/ask")[-1].headers["authorization"] == "Bearer tok-2"
    assert len(receiver.at("/token")) == 2
    at += 1.0
    await run(interceptors, db)
    assert len(receiver.at("/token")) == 3


@pytest.mark.parametrize(
    "answer", [500, b"no", {}, {"access_token": ""}, {"access_token": "a\r\nb"}, hang]
)
async def test_without_an_access_token_nothing_is_asked(interceptors, db, receiver, answer):
    receiver.answers["/token"] = answer
    auth = {**OAUTH2, "token_url": receiver.url("/token")}
    await interceptor(db, receiver.url(), auth_config=auth, timeout_ms=400)
    with pytest.raises(errors.Intercepted):
        await run(interceptors, db)
    assert receiver.at("/ask") == []
    assert "quince" not in json.dumps((await executed(db))[0]["after"])


async def test_the_token_url_is_watched_too(db, receiver):
    auth = {**OAUTH2, "token_url": receiver.url("/token")}
    await interceptor(db, "https://public.example.com/", auth_config=auth)
    running = Interceptors(db, configured(outgoing_allow="", development="false"))
    with pytest.raises(errors.Intercepted):
        await run(running, db)
    await running.close()
    assert receiver.got == []
    assert (await executed(db))[0]["after"]["failure"] == "ADDRESS_REFUSED"
    with pytest.raises(errors.InvalidArgument, match="token_url"):
        await registry.create(
            a_call(db),
            {
                "display_name": "Policy",
                "trigger_point": PRE_SIGNUP,
                "api_url": "https://public.example.com/",
                "auth_config": auth,
            },
            allow=(),
        )
