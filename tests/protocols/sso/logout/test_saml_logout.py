"""Single logout by SAML: a session ends with the one at the identity provider, both ways."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from apis import unique
from connections_of_tests import arrive, go, organization_of, path, start
from hosted import answered, heading
from lxml import etree
from saml_idps import SLO_URL, asked, post, provider, saml_connection
from saml_provider import EMAIL_FORMAT, IDP, attribute, form, pair, pem, sign

from tenantry.core.times import MINUTE, SECOND, now
from tenantry.identity.connections.certificates.key_pairs import ensure
from tenantry.identity.connections.saml import bindings, logout
from tenantry.identity.connections.saml.trust import NameID, Trust

LEFT = "https://app.example.com/left"
BINDINGS = ["HTTP_REDIRECT", "HTTP_POST"]


@pytest.fixture
async def application(place):
    """An application that people come back to after a logout."""
    return await place.application(post_logout_redirect_uris=[LEFT])


async def signed_in(place, application, visitor, **settings: object):
    """Sign somebody in by the provider; return the connection, the address and the tokens."""
    organization_id, domain = await organization_of(place, "ann")
    conn = await saml_connection(place, members={"organization_id": organization_id}, **settings)
    email = f"ann@{domain}"
    request = asked(await go(visitor, application, connection_id=conn.id))
    subject = f'<saml:NameID Format="{EMAIL_FORMAT}" NameQualifier="q">{email}</saml:NameID>'
    response = provider(place, conn, request).but(
        subject=subject, attributes=attribute("email", email)
    )
    came = await post(visitor, conn, response, request.relay_state)
    answer = await arrive(place, visitor, came)
    tokens = await application.tokens(visitor.http, answered(answer)["code"])
    base = f"{place.server.url}/sso/v1/saml/{conn.id}"
    return SimpleNamespace(conn=conn, email=email, tokens=tokens, base=base)


async def is_signed_in(visitor, application):
    sent = await visitor.get(application.path(prompt="none"))
    return "code=" in sent.headers["location"]


async def our_certificate(place):
    return (await ensure(place.database)).current.pair.certificate


def their_request(one, *, by="idp", index="_session", to="slo", subject=None):
    message = logout.logout_request(
        identifier=unique("_l"),
        sp_entity_id=IDP,
        slo_url=f"{one.base}/{to}",
        name_id=NameID(subject or one.email, EMAIL_FORMAT, "q"),
        session_index=index,
        now=now(),
        not_on_or_after=now() + MINUTE,
    )
    return SimpleNamespace(message=message, id=message.get("ID"), by=by)


async def send(visitor, one, theirs, binding, *, to="slo", name="SAMLRequest", relay_state="r 1"):
    """Bring a message of the provider by a binding."""
    if binding == "HTTP_REDIRECT":
        url = bindings.redirect(
            f"{one.base}/{to}", name, theirs.message, relay_state=relay_state, pair=pair(theirs.by)
        )
        return await visitor.get(path(one.conn, f"{to}?{urlsplit(url).query}"))
    signed = sign(theirs.message, pem(pair(theirs.by).private_key))
    return await visitor.post(
        path(one.conn, to),
        headers={"origin": "https://idp.test", "sec-fetch-site": "cross-site"},
        **{name: form(etree.tostring(signed)), "RelayState": relay_state},
    )


@pytest.mark.parametrize("to", ["slo", "slo/callback"])
@pytest.mark.parametrize("binding", BINDINGS)
async def test_the_provider_ends_our_session_and_is_told(place, application, visitor, binding, to):
    one = await signed_in(place, application, visitor, idp_slo_request_binding=binding)
    assert await is_signed_in(visitor, application)
    theirs = their_request(one, to=to)
    answer = await send(visitor, one, theirs, binding, to=to)
    told = asked(answer, "SAMLResponse")
    assert told.relay_state == "r 1"
    assert told.root.get("InResponseTo") == theirs.id
    their_trust = Trust(
        idp_entity_id=one.base,
        idp_certificates=(await our_certificate(place),),
        sp_entity_id=IDP,
        acs_urls=(),
        slo_urls=(SLO_URL,),
    )
    if binding == "HTTP_REDIRECT":
        received = bindings.read_query(urlsplit(told.url).query, "SAMLResponse")
    else:
        received = form(etree.tostring(told.root))
    assert logout.read_response(received, their_trust).success
    assert not await is_signed_in(visitor, application)
    sessions = await place.api.sessions.get_user_sessions(
        user_id=(await place.api.users.search_users(query=one.email))["users"][0]["id"]
    )
    assert [session["status"] for session in sessions["sessions"]] == ["logout"]
    # The same request a second time ends nothing more.
    again = await send(visitor, one, theirs, "HTTP_REDIRECT", to=to)
    assert again.status_code == 400
    assert "invalid_saml_request" in again.text


async def test_without_an_index_all_sessions_of_the_person_end(place, application, visitor):
    one = await signed_in(place, application, visitor)
    await send(visitor, one, their_request(one, index=None), "HTTP_REDIRECT")
    assert not await is_signed_in(visitor, application)


@pytest.mark.parametrize(
    "case", ["another key", "another person", "another index", "another connection", "unsigned"]
)
async def test_nobody_else_ends_a_session(place, application, visitor, case):
    one = await signed_in(place, application, visitor)
    theirs = their_request(one)
    refused = True
    if case == "another key":
        theirs = their_request(one, by="somebody")
    elif case == "another person":
        theirs, refused = their_request(one, subject="bo@acme.test"), False
    elif case == "another index":
        theirs, refused = their_request(one, index="_other"), False
    elif case == "another connection":
        # It trusts the same provider, and the request names its address: only its sessions end.
        other = await saml_connection(place)
        elsewhere = SimpleNamespace(
            conn=other, email=one.email, base=one.base.replace(one.conn.id, other.id)
        )
        answer = await send(visitor, elsewhere, their_request(elsewhere), "HTTP_REDIRECT")
        assert answer.status_code == 303
    if case == "unsigned":
        url = bindings.redirect(
            f"{one.base}/slo", "SAMLRequest", theirs.message, relay_state=None, pair=None
        )
        answer = await visitor.get(path(one.conn, f"slo?{urlsplit(url).query}"))
    elif case != "another connection":
        answer = await send(visitor, one, theirs, "HTTP_REDIRECT")
    if case != "another connection":
        assert answer.status_code == (400 if refused else 303)
    assert await is_signed_in(visitor, application)


@pytest.mark.parametrize("binding", BINDINGS)
async def test_our_logout_ends_the_session_at_the_provider_too(
    place, application, visitor, binding
):
    one = await signed_in(
        place, application, visitor, idp_slo_required=True, idp_slo_request_binding=binding
    )
    query = f"?id_token_hint={one.tokens['id_token']}&post_logout_redirect_uri={LEFT}&state=s%201"
    sent = asked(await visitor.get(f"/oidc/logout{query}"))
    assert not await is_signed_in(visitor, application)
    assert sent.url.startswith(SLO_URL)
    their_trust = Trust(
        idp_entity_id=one.base,
        idp_certificates=(await our_certificate(place),),
        sp_entity_id=IDP,
        acs_urls=(),
        slo_urls=(SLO_URL,),
    )
    if binding == "HTTP_REDIRECT":
        received = bindings.read_query(urlsplit(sent.url).query, "SAMLRequest")
    else:
        received = form(etree.tostring(sent.root))
    request = logout.read_request(received, their_trust, now=now(), skew=SECOND)
    assert request.name_id == NameID(one.email, EMAIL_FORMAT, "q")
    assert request.session_indexes == ("_session",)
    message = logout.logout_response(
        identifier=unique("_l"),
        sp_entity_id=IDP,
        slo_url=f"{one.base}/slo",
        in_response_to=sent.id,
        now=now(),
        success=True,
    )
    theirs = SimpleNamespace(message=message, by="idp")
    back = await send(
        visitor, one, theirs, binding, name="SAMLResponse", relay_state=sent.relay_state
    )
    assert back.status_code == 303
    assert back.headers["location"] == f"{LEFT}?state=s%201"
    again = await send(
        visitor, one, theirs, "HTTP_REDIRECT", name="SAMLResponse", relay_state=sent.relay_state
    )
    assert again.status_code == 400  # the way is over


async def test_without_an_address_to_come_back_to_our_own_page_says_it(place, application, visitor):
    one = await signed_in(place, application, visitor, idp_slo_required=True)
    sent = asked(await visitor.get(f"/oidc/logout?id_token_hint={one.tokens['id_token']}"))
    # The provider says nothing that we could verify: ours is over all the same.
    back = await visitor.get(path(one.conn, f"slo?SAMLResponse=fZ&RelayState={sent.relay_state}"))
    assert back.status_code == 400  # not a message at all
    message = logout.logout_response(
        identifier="_x",
        sp_entity_id=IDP,
        slo_url=f"{one.base}/slo",
        in_response_to="_other",
        now=now(),
        success=False,
    )
    theirs = SimpleNamespace(message=message, by="somebody")
    back = await send(
        visitor, one, theirs, "HTTP_POST", name="SAMLResponse", relay_state=sent.relay_state
    )
    assert back.headers["location"] == f"{place.server.url}/oidc/logout"
    page = await visitor.get("/oidc/logout")
    assert heading(page) == "You are signed out"


async def test_a_connection_that_does_not_ask_for_it_is_left_alone(place, application, visitor):
    one = await signed_in(place, application, visitor)
    query = f"?id_token_hint={one.tokens['id_token']}&post_logout_redirect_uri={LEFT}"
    answer = await visitor.get(f"/oidc/logout{query}")
    assert answer.headers["location"] == LEFT


async def test_the_way_of_a_sign_in_is_none_of_a_logout(place, application, visitor):
    one = await signed_in(place, application, visitor, idp_slo_required=True)
    sent = asked(await visitor.get(f"/oidc/logout?id_token_hint={one.tokens['id_token']}"))
    page = await post(visitor, one.conn, provider(place, one.conn, None), sent.relay_state)
    assert page.status_code == 400
    request = asked(await start(visitor, application, one.conn))
    theirs = SimpleNamespace(message=their_request(one).message, by="idp")
    theirs.message.tag = theirs.message.tag.replace("LogoutRequest", "LogoutResponse")
    page = await send(
        visitor,
        one,
        theirs,
        "HTTP_REDIRECT",
        name="SAMLResponse",
        relay_state=request.relay_state,
    )
    assert page.status_code == 400
