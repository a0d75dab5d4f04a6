"""A new key of a provider locks nobody out, and forged signatures ask for keys once a minute."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from connections_of_tests import arrive, go, organization_of
from hosted import answered, deployment
from idp_metadata_pages import MetadataPage
from jwts_of_providers import jwk, private_key
from oidc_sign_ins import oidc_connection, signed_in
from openid_providers import OpenIDProvider
from saml_idps import asked, post, provider, saml_connection
from saml_provider import IDP, attribute, pair, pem
from test_oidc_logout import is_alive, logout_token, tell
from test_saml_logout import is_signed_in, send, their_request
from test_saml_logout import signed_in as signed_in_by_saml
from valid_events import assert_all_valid_of

from tenantry.identity.connections import reading, service
from tenantry.identity.connections.saml.certificates import base64_of

# People come from many networks.
SETTINGS = {"sign_in_methods": "email,passkey,password", "trusted_proxies": "127.0.0.0/8"}


@pytest.fixture(scope="module")
async def place(start_server):
    """A deployment for development, which reads metadata without TLS of connections that say so."""
    server = start_server("new-keys", outgoing_allow="127.0.0.0/8", development="true", **SETTINGS)
    async with deployment(server) as opened:
        yield opened
    server.stop()
    await assert_all_valid_of(server)


@pytest.fixture
async def page():
    """Metadata of the provider, as of today."""
    async with MetadataPage() as started:
        started.entity_id = IDP
        started.certificates = [base64_of(pair("idp").certificate)]
        yield started


@pytest.fixture
async def openid():
    async with OpenIDProvider() as started:
        yield started


def by_metadata(page):
    """The members of a connection that follows the metadata."""
    return {"debug_enabled": True}, {"idp_metadata_url": page.url}


def new_certificate(page, name="new"):
    page.certificates = [base64_of(pair(name).certificate)]


async def come_back(place, application, conn, email, *, key="new", good="assertion signed"):
    """Sign in by a browser of its own; this key signs the response."""
    async with place.visitor() as visitor:
        request = asked(await go(visitor, application, connection_id=conn.id))
        response = provider(place, conn, request, good).but(
            attributes=attribute("email", email), key=pem(pair(key).private_key)
        )
        return await arrive(
            place, visitor, await post(visitor, conn, response, request.relay_state)
        )


@pytest.mark.one_of("assertion signed", "response signed", "both signed")
@pytest.mark.parametrize("good", ["assertion signed", "response signed", "both signed"])
async def test_the_first_response_by_a_new_certificate_signs_in(place, application, page, good):
    organization_id, domain = await organization_of(place, "ann")
    members, settings = by_metadata(page)
    conn = await saml_connection(
        place, members={**members, "organization_id": organization_id}, **settings
    )
    email = f"ann@{domain}"
    answer = await come_back(place, application, conn, email, key="idp", good=good)
    assert "code" in answered(answer)
    assert page.asked == 0
    new_certificate(page)
    answer = await come_back(place, application, conn, email, good=good)
    assert "code" in answered(answer)
    assert page.asked == 1
    # The certificate that has gone is not taken any more.
    answer = await come_back(place, application, conn, email, key="idp", good=good)
    assert answered(answer)["error"] == "signature_validation_failed"


async def test_forged_responses_ask_once_and_other_faults_never(place, application, visitor, page):
    members, settings = by_metadata(page)
    conn = await saml_connection(place, members=members, **settings)
    for good, changes in (
        ("assertion signed", {"audience": "https://other.test"}),
        ("assertion signed", {"issuer": "https://other.test"}),
        ("assertion signed", {"signs": ()}),
    ):
        request = asked(await go(visitor, application, connection_id=conn.id))
        response = provider(place, conn, request, good).but(**changes)
        await post(visitor, conn, response, request.relay_state)
    assert page.asked == 0
    for _ in range(5):
        answer = await come_back(place, application, conn, "ann@acme.test", key="evil")
        assert answered(answer)["error"] == "signature_validation_failed"
    assert page.asked == 1


async def test_a_connection_without_a_url_asks_nobody(place, application):
    conn = await saml_connection(place, members={"debug_enabled": True})
    answer = await come_back(place, application, conn, "ann@acme.test")
    assert answered(answer)["error"] == "signature_validation_failed"
    assert (await reading.find(place.database, conn.id)).refresh_time is None


async def test_metadata_of_another_entity_takes_over_nothing(place, application, page):
    members, settings = by_metadata(page)
    conn = await saml_connection(place, members=members, **settings)
    new_certificate(page, "evil")
    page.entity_id = "https://evil.test/metadata"
    answer = await come_back(place, application, conn, "ann@acme.test", key="evil")
    assert answered(answer)["error"] == "signature_validation_failed"
    assert page.asked == 1
    after = await reading.find(place.database, conn.id)
    assert after.settings["idp_certificates"] == conn.settings["idp_certificates"]


@pytest.mark.thorough
async def test_a_metadata_host_that_hangs_holds_up_nobody_else(place, application, visitor, page):
    members, settings = by_metadata(page)
    conn = await saml_connection(place, members=members, **settings)
    page.hold = asyncio.Event()
    waiting = asyncio.create_task(come_back(place, application, conn, "ann@acme.test", key="evil"))
    await asyncio.wait_for(page.came.wait(), 60)
    for _ in range(20):
        assert (await visitor.http.get("/livez")).status_code == 200
    assert not waiting.done()
    assert answered(await waiting)["error"] == "signature_validation_failed"
    page.hold.set()


async def following(place, conn, page):
    """Have a connection follow metadata from now on."""
    members, settings = by_metadata(page)
    after = replace(conn, settings={**conn.settings, **settings}, **members)
    async with place.database.transaction() as db:
        await service.write(db, after)


@pytest.mark.parametrize(
    ("binding", "key"),
    [("HTTP_REDIRECT", "new"), ("HTTP_POST", "new"), ("HTTP_REDIRECT", "evil")],
)
async def test_a_logout_request_by_a_new_certificate_ends_the_session(  # noqa: PLR0917 - fixtures
    place, application, visitor, page, binding, key
):
    one = await signed_in_by_saml(place, application, visitor)
    await following(place, one.conn, page)
    new_certificate(page)
    await send(visitor, one, their_request(one, by=key), binding)
    assert await is_signed_in(visitor, application) is (key == "evil")
    assert page.asked == 1


async def test_a_key_under_the_same_kid_signs_in_at_once(
    place, application, visitor, other_visitor, openid
):
    conn = await oidc_connection(place, openid)
    await signed_in(visitor, application, conn, openid)
    replaced(openid, "second")
    assert (await signed_in(other_visitor, application, conn, openid))["id_token"]
    assert len(openid.at("/keys")) == 2


async def test_a_logout_token_by_a_key_under_the_same_kid_is_taken(
    place, application, visitor, openid
):
    conn = await oidc_connection(place, openid)
    await signed_in(visitor, application, conn, openid)
    replaced(openid, "third")
    assert (await tell(visitor, conn, logout_token(openid))).status_code == 200
    assert not await is_alive(visitor, application)
    openid.key = private_key("forged")
    for _ in range(5):
        assert (await tell(visitor, conn, logout_token(openid))).status_code == 400
    assert len(openid.at("/keys")) == 2


def replaced(openid, name):
    """Let the provider sign by another key of the same name."""
    openid.key = private_key(name)
    openid.keys = [jwk(private_key(name), kid="k1", use="sig", alg="RS256")]
