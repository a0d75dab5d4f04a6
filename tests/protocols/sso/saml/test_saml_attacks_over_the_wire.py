"""Hostile responses and messages, sent to the addresses of a running server: no session, no 500.

Numbers are those of the attack cases; all bent responses by themselves are in tests/unit/saml.
"""

from __future__ import annotations

import asyncio
import base64
import zlib
from urllib.parse import quote

import pytest
from connections_of_tests import arrive, connection, go, organization_of, path, start, switch
from hosted import answered, heading
from saml_attacks import ATTACKS, MALLORY, forge
from saml_idps import asked, post, provider, saml_connection
from saml_provider import GOOD, attribute, form, pair, pem
from sqlalchemy import bindparam, delete

from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import model
from tenantry.identity.connections.certificates.key_pairs import ensure
from tenantry.identity.connections.model import connections

GONE, FAILED = "This sign-in has ended", "Sign-in failed"
_DELETE = Statement(
    delete(connections).where(connections.c.id == bindparam("p_id")).returning(connections.c.id)
)
CALLBACK_TYPES = {
    "json": ("application/json", b'{"SAMLResponse": "x"}'),
    "multipart": ("multipart/form-data; boundary=x", b"--x--"),
    "text": ("text/plain", b"SAMLResponse=x"),
    "xml": ("application/xml", b"<a/>"),
    "none": ("", b"SAMLResponse=x"),
}


def taken(answer):
    """Whether a response led back to a sign-in."""
    return "/sso?arrival=" in answer.headers.get("location", "")


@pytest.mark.parametrize("good", ["assertion signed", "response signed", "both signed"])
async def test_no_forged_response_is_taken(place, application, visitor, good):
    """Attack cases 1 to 11."""
    conn = await saml_connection(place, saml_signing_option="NO_SIGNING")
    made = 0
    for name in ATTACKS:
        request = asked(await start(visitor, application, conn))
        forged = forge(name, provider(place, conn, request, good).xml())
        if forged is None or len(forged) > 300_000:
            continue
        made += 1
        answer = await post(visitor, conn, forged, request.relay_state)
        told = answered(answer)
        assert told["error"], name
        assert "code" not in told, name
        assert MALLORY not in told["error_description"], name
    assert made > 60


@pytest.mark.parametrize(
    "case", ["for another", "to another", "of another provider", "by another key", "old request"]
)
async def test_a_response_for_somebody_else_is_refused(place, application, visitor, case):
    """Attack cases 13 and 16: audience, recipient, issuer, key, InResponseTo."""
    conn, other = await saml_connection(place), await saml_connection(place)
    before = asked(await start(visitor, application, conn))
    request = asked(await start(visitor, application, conn))
    good, elsewhere = provider(place, conn, request), provider(place, other, request)
    bent = {
        "for another": good.but(audience=elsewhere.audience),
        "to another": good.but(recipient=elsewhere.recipient),
        "of another provider": good.but(issuer="https://evil.test", response_issuer=None),
        "by another key": good.but(key=pem(pair("evil").private_key)),
        "old request": good.but(answers=before.id, confirms=before.id),
    }[case]
    assert answered(await post(visitor, conn, bent, request.relay_state))["error"]


async def test_a_response_is_good_once(place, application, visitor):
    """Attack case 15."""
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    response = provider(place, conn, request)
    assert taken(await post(visitor, conn, response, request.relay_state))
    again = await post(visitor, conn, response, request.relay_state)
    assert (again.status_code, heading(again)) == (400, FAILED)
    # The same assertion, signed anew for another request.
    second = asked(await start(visitor, application, conn))
    anew = provider(place, conn, second).but(template=response.template)
    told = answered(await post(visitor, conn, anew, second.relay_state))
    assert told["error"] == "invalid_saml_response"
    assert "already used" in told["error_description"]


@pytest.mark.parametrize("begun_there", [False, True])
async def test_of_many_at_once_one_is_taken(place, application, visitor, begun_there):
    """Attack case 15: the same response, ten times in one moment."""
    await place.application(initiate_login_uri="https://app.example.com/login?from=portal")
    conn = await saml_connection(place, allow_idp_initiated_login=begun_there)
    request = None if begun_there else asked(await start(visitor, application, conn))
    response = provider(place, conn, request)
    relay_state = "x" if request is None else request.relay_state
    answers = await asyncio.gather(*(post(visitor, conn, response, relay_state) for _ in range(10)))
    good = [one for one in answers if taken(one) or "idp_initiated_login=" in str(one.headers)]
    assert len(good) == 1
    assert {one.status_code for one in answers} <= {303, 400}


@pytest.mark.parametrize("relay_state", [None, "", "x", "y" * 43, "z" * 5000, "ü\u2028"])
async def test_a_response_needs_the_relay_state_of_its_request(
    place, application, visitor, relay_state
):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    page = await post(visitor, conn, provider(place, conn, request), relay_state)
    assert (page.status_code, heading(page)) == (400, FAILED)
    # The sign-in waits for its own still.
    assert taken(await post(visitor, conn, provider(place, conn, request), request.relay_state))


async def test_nobody_is_signed_in_to_the_account_of_another(
    place, application, visitor, other_visitor
):
    """Attack case 16, login CSRF: the response of one browser is posted by another."""
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    answer = await post(other_visitor, conn, provider(place, conn, request), request.relay_state)
    page = await arrive(place, other_visitor, answer)
    assert page.status_code in {404, 410}
    sent = await other_visitor.get(application.path(prompt="none"))
    assert "error=login_required" in sent.headers["location"]


async def test_a_response_is_taken_at_its_own_connection_only(place, application, visitor):
    """Attack case 18, mix-up: both connections trust the same provider."""
    conn, other = await saml_connection(place), await saml_connection(place)
    for to in ("own", "other"):
        request = asked(await start(visitor, application, conn))
        response = provider(place, conn if to == "own" else other, request)
        page = await post(visitor, other, response, request.relay_state)
        assert (page.status_code, heading(page)) == (400, FAILED)
    oidc = await connection(place, model.OIDC)
    request = asked(await start(visitor, application, conn))
    page = await post(visitor, oidc, provider(place, conn, request), request.relay_state)
    assert page.status_code == 400


async def test_the_provider_of_one_organization_opens_no_other(place, application, visitor):
    """Attack case 19: it vouches for a member of another one, whose domain that one owns."""
    acme, _ = await organization_of(place, "ann")
    other, domain = await organization_of(place, "bo")
    conn = await saml_connection(place, members={"organization_id": acme})
    request = asked(await go(visitor, application, connection_id=conn.id))
    email = f"bo@{domain}"
    response = provider(place, conn, request).but(
        subject=f"<saml:NameID>{email}</saml:NameID>", attributes=attribute("email", email)
    )
    came = await post(visitor, conn, response, request.relay_state)
    answer = await arrive(place, visitor, came)
    assert "code=" not in answer.headers.get("location", "")
    sent = await visitor.get(application.path(prompt="none", organization_id=other))
    assert "error=" in sent.headers["location"]


@pytest.mark.parametrize("case", ["disabled", "deleted"])
async def test_a_connection_that_goes_meanwhile_lets_nobody_in(place, application, visitor, case):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    if case == "disabled":
        await switch(place, conn, enabled=False)
    else:
        assert await place.database.fetch_one(_DELETE, p_id=conn.id)
    answer = await post(visitor, conn, provider(place, conn, request), request.relay_state)
    if case == "disabled":
        assert answered(answer)["error"] == "connection_not_active"
    else:
        assert (answer.status_code, heading(answer)) == (400, FAILED)


@pytest.mark.parametrize(
    "text",
    ["", "!", "a", "====", "PGEvPg", "PGEvPg==x", "\x00", "é", "%", "<a/>", "A" * 400_000],
)
async def test_a_text_that_is_no_response_is_refused(place, application, visitor, text):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    answer = await post(visitor, conn, text, request.relay_state)
    if "\x00" in text:
        assert answer.status_code == 400
    else:
        assert answered(answer)["error"] in {
            "invalid_saml_form_params",
            "malformed_saml_response",
            "invalid_saml_response",
        }


async def test_a_form_that_is_too_large_is_refused(place, visitor):
    conn = await saml_connection(place)
    for size, status in ((600_000, 413), (500_000, 400)):
        answer = await post(visitor, conn, "A" * size, "x")
        assert answer.status_code == status
    # Nowhere else is so much taken.
    answer = await visitor.post(path(conn, "slo"), SAMLRequest="A" * 100_000)
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", CALLBACK_TYPES)
async def test_another_kind_of_body_is_refused(place, visitor, kind):
    conn = await saml_connection(place)
    type_, body = CALLBACK_TYPES[kind]
    for to in ("callback", "slo"):
        answer = await visitor.http.post(
            path(conn, to), content=body, headers={"content-type": type_} if type_ else {}
        )
        assert answer.status_code == 415


@pytest.mark.parametrize("body", [b"", b"SAMLResponse=a&SAMLResponse=b", b"%ff=%ff", b"&" * 60])
async def test_a_form_of_other_fields_is_refused(place, visitor, body):
    conn = await saml_connection(place)
    for to in ("callback", "slo", "slo/callback"):
        answer = await visitor.http.post(
            path(conn, to),
            content=body,
            headers={"content-type": "application/x-www-form-urlencoded"},
        )
        assert answer.status_code == 400


async def test_only_a_form_comes_to_the_callback(place, application, visitor):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    response = form(provider(place, conn, request).xml())
    query = f"?SAMLResponse={quote(response, safe='')}&RelayState={request.relay_state}"
    for verb in ("GET", "HEAD", "PUT", "DELETE"):
        answer = await visitor.http.request(verb, path(conn, "callback") + query)
        assert answer.status_code == 405
    assert taken(await post(visitor, conn, provider(place, conn, request), request.relay_state))


@pytest.mark.parametrize("name", ["SAMLRequest", "SAMLResponse"])
@pytest.mark.parametrize(
    "message",
    [
        zlib.compress(b"<a>" + b" " * 20_000_000, wbits=-15),
        zlib.compress(zlib.compress(b" " * 50_000_000, wbits=-15), wbits=-15),
        zlib.compress(b"<!DOCTYPE a><a/>", wbits=-15),
        zlib.compress(b"<a/>", wbits=-15) + b"more",
        b"<a/>",
        b"",
    ],
    ids=["bomb", "bomb in a bomb", "document type", "more after it", "plain", "nothing"],
)
async def test_a_redirect_that_is_no_logout_is_refused(place, visitor, name, message):
    conn = await saml_connection(place)
    value = quote(base64.b64encode(message).decode(), safe="")
    answer = await visitor.get(path(conn, f"slo?{name}={value}&RelayState=x"))
    assert (answer.status_code, heading(answer)) == (400, FAILED)


@pytest.mark.parametrize(
    "query", ["", "?", "?SAMLRequest", "?SAMLRequest=x&SAMLRequest=y", "?%00=%ff", "?a=b", "?&&="]
)
async def test_a_logout_without_a_message_is_refused(place, visitor, query):
    conn = await saml_connection(place)
    for to in ("slo", "slo/callback"):
        answer = await visitor.get(path(conn, to) + query)
        assert (answer.status_code, heading(answer)) == (400, FAILED)


async def test_an_assertion_for_our_key_says_nothing_of_it_by_its_errors(
    place, application, visitor
):
    """Attack case 10: one answer for a wrong key, a wrong tag and a wrong padding."""
    ours = (await ensure(place.database)).current.pair
    conn = await saml_connection(place)
    said = set()
    for name, key in (
        ("assertion signed and encrypted", pair("somebody")),
        ("assertion signed and encrypted", ours),
    ):
        request = asked(await start(visitor, application, conn))
        xml = provider(place, conn, request, name).but(for_=key).xml()
        # The last value is that of the data.
        cut = xml.rfind(b"</xenc:CipherValue>")
        bent = xml[: cut - 8] + b"AAAAAAAA" + xml[cut:]
        told = answered(await post(visitor, conn, bent, request.relay_state))
        said.add((told["error"], told["error_description"]))
    assert len(said) == 1


@pytest.mark.process
async def test_nothing_of_a_response_is_in_the_log_of_the_server(
    place, application, visitor, hosted_server
):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    response = provider(place, conn, request)
    await post(visitor, conn, response.but(audience="https://sp.test"), request.relay_state)
    request = asked(await start(visitor, application, conn))
    answer = await post(visitor, conn, GOOD["both signed"], request.relay_state)
    assert answered(answer)["error"]
    log = hosted_server.log.read_text(encoding="utf-8", errors="replace")
    for hidden in (request.relay_state, form(response.xml())[:60], "ann@acme.test"):
        assert hidden not in log
