"""The test of a connection: anybody may begin one, and its browser alone sees the result."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from connections_of_tests import connection, path, switch
from hosted import heading

from tenantry.identity.connections import diagnostics, model
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.federation import requests

MANUAL = {
    "issuer": "https://idp.example.com",
    "authorize_uri": "https://idp.example.com/authorize",
    "client_id": "tenantry",
}
ANN = FederatedIdentity(
    subject="ann-7",
    email="ann@example.com",
    profile={"given_name": "Ann", "family_name": "<b>Lee</b>"},
    received={"email": "ann@example.com", "groups": ["Staff", "Admins"], "verified": True},
)


async def begun(place, visitor, conn):
    """Begin a test, and let the provider's answer be taken: its request of ours says which one."""
    sent = await visitor.get(path(conn, "test"))
    assert sent.status_code == 303, sent.text
    (state,) = parse_qs(urlsplit(sent.headers["location"]).query)["state"]
    request = await requests.take(place.database, state)
    assert request.auth_request_id is None
    return request.test_id


async def test_a_test_that_worked_shows_what_was_received_to_its_browser_alone(
    place, visitor, other_visitor
):
    conn = await connection(place, settings=MANUAL)
    await switch(place, conn, enabled=False)  # a test comes before the connection is enabled
    test_id = await begun(place, visitor, conn)
    shown = await diagnostics.succeed(place.database, test_id, ANN)
    page = await visitor.get(shown)
    assert (page.status_code, heading(page).strip()) == (200, "Test succeeded")
    for text in ("ann-7", "ann@example.com", "&lt;b&gt;Lee&lt;/b&gt;", "Staff", "Admins", "true"):
        assert text in page.text
    assert "<b>Lee" not in page.text
    assert page.headers["cache-control"] == "no-store"
    for hidden in (await other_visitor.get(shown), await visitor.get("/sso/v1/tests/test_1")):
        assert (hidden.status_code, heading(hidden)) == (404, "Test result not found")
        assert "ann" not in hidden.text


@pytest.mark.parametrize(
    ("language", "title", "remedy"),
    [
        ("en", "Test failed", "Set the audience"),
        ("de", "Test fehlgeschlagen", "Setzen Sie die Zielgruppe"),
    ],
)
async def test_a_test_that_failed_says_what_to_do(place, visitor, language, title, remedy):
    conn = await connection(place, settings=MANUAL)
    test_id = await begun(place, visitor, conn)
    fault = FederationError(
        "invalid_saml_response",
        "The assertion's audience is a<b, but the SP entity ID is https://x.example.",
        hint="Set the audience (SP entity ID, Identifier) at the identity provider to the SP "
        "entity ID.",
    )
    page = await visitor.get(
        await diagnostics.fail(place.database, test_id, fault), **{"accept-language": language}
    )
    assert (page.status_code, heading(page).strip()) == (200, title)
    assert "invalid_saml_response" in page.text
    assert remedy in page.text
    assert "a&lt;b" in page.text


async def test_a_browser_sees_the_tests_of_all_its_tabs(place, visitor):
    conn = await connection(place, settings=MANUAL)
    both = [await begun(place, visitor, conn) for _ in range(2)]
    for test_id in both:
        page = await visitor.get(f"/sso/v1/tests/{test_id}")
        assert heading(page).strip() == "Test in progress"
        assert f"/sso/v1/oidc/{conn.id}/test" in page.text


@pytest.mark.parametrize("cookie", ["", "x", "%%%", "QUJD", "=" * 4000])
async def test_a_cookie_that_is_not_ours_opens_nothing(place, visitor, cookie):
    conn = await connection(place, settings=MANUAL)
    test_id = await begun(place, visitor, conn)
    visitor.cookies["__Host-tenantry_tests"] = cookie
    assert (await visitor.get(f"/sso/v1/tests/{test_id}")).status_code == 404
    assert (await visitor.get(path(conn, "test"))).status_code == 303


@pytest.mark.parametrize("fault", ["draft", "other type", "unknown", "no simulator"])
async def test_only_a_connection_that_is_set_up_is_tested(place, visitor, fault):
    status = model.IN_PROGRESS if fault == "draft" else model.COMPLETED
    provider = model.IDP_SIMULATOR if fault == "no simulator" else "CUSTOM"
    conn = await connection(place, settings=MANUAL, status=status, provider=provider)
    wanted = {
        "draft": path(conn, "test"),
        "no simulator": path(conn, "test"),
        "other type": f"/sso/v1/saml/{conn.id}/test",
        "unknown": "/sso/v1/oidc/conn_1/test",
    }[fault]
    page = await visitor.get(wanted)
    assert (page.status_code, heading(page)) == (400, "Sign-in failed")
    assert "__Host-tenantry_tests" not in visitor.cookies


async def test_tests_from_one_network_are_counted(start_server, visitor, place):
    conn = await connection(place, settings=MANUAL)
    limit = int(place.settings.rate_limit_sign_ins.partition("/")[0])
    for _ in range(limit + 1):
        sent = await visitor.get(path(conn, "test"))
        if sent.status_code != 303:
            break
    assert sent.status_code == 429
    assert "retry-after" in sent.headers


async def test_a_fault_that_no_application_is_told_of_is_said_in_the_reader_s_language(
    place, visitor
):
    conn = await connection(place, model.SAML, settings={"allow_idp_initiated_login": False})
    said = []
    for language in ("en", "de"):
        headers = {"accept-language": language, "origin": "null", "sec-fetch-site": "cross-site"}
        form = {"SAMLResponse": "PGEvPg==", "RelayState": "a" * 43}
        page = await visitor.post(path(conn, "callback"), headers, **form)
        assert page.status_code == 400
        said += re.findall(r'<p class="note"><bdi>(.*?)</bdi>', page.text)
    assert len(set(said)) == 2
    assert said[0].startswith("No sign-in is waiting")
