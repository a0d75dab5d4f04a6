"""A whole sign-in at an OpenID Provider of somebody else, and logouts of both sides."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode, urljoin

import httpx
import oidc_provider
import pytest
from apis import unique
from connections_of_tests import arrive, connection, go, organization_of
from hosted import answered
from servers import free_port
from signins import claims_of

from tenantry.identity.connections import model

pytestmark = pytest.mark.process

DATABASES = ("sqlite",)
SECRET = "a secret: of+ours/at the provider"
AFTER = "https://app.example.com/signed-out"


class Peer:
    """The provider, with a client for each way to authenticate; Ann has an account there."""

    def __init__(self, url, log, connections, email) -> None:
        self.url, self.log = url, log
        self.connections = connections  # by how their client authenticates
        self.email = email


@pytest.fixture(scope="module")
async def peer(place, tmp_path_factory):
    oidc_provider.install()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    organization_id, domain = await organization_of(place)
    email = f"{unique('ann')}@{domain}"
    made, clients = {}, []
    for method, auth_type in (
        ("client_secret_basic", "BASIC_AUTH"),
        ("client_secret_post", "URL_PARAMS"),
        ("private_key_jwt", "PRIVATE_KEY_JWT"),
    ):
        client_id = f"tenantry {method}"
        conn = await connection(
            place,
            model.OIDC,
            organization_id=organization_id,
            configuration_type=model.DISCOVERY,
            debug_enabled=True,
            secret=None if method == "private_key_jwt" else SECRET,
            settings={
                "issuer": url,
                "client_id": client_id,
                "token_auth_type": auth_type,
                "scopes": ["openid", "profile", "email", "groups"],
                "idp_logout_required": True,
            },
        )
        ours = f"{place.server.url}/sso/v1/oidc/{conn.id}"
        made[method] = conn
        clients.append(
            {
                "client_id": client_id,
                "token_endpoint_auth_method": method,
                "redirect_uris": [f"{ours}/callback"],
                "post_logout_redirect_uris": [f"{ours}/logout/callback"],
                "backchannel_logout_uri": f"{ours}/backchannel-logout",
                "backchannel_logout_session_required": True,
                **(
                    {"jwks_uri": f"{place.server.url}/keys"}
                    if method == "private_key_jwt"
                    else {"client_secret": SECRET}
                ),
            }
        )
    people = {
        "ann": {
            "email": email,
            "email_verified": True,
            "given_name": "Ann",
            "family_name": "Smith",
            "groups": ["staff"],
        }
    }
    folder = tmp_path_factory.mktemp("oidc-provider")
    with oidc_provider.running(folder, place.server, port, clients, people) as (started, log):
        yield Peer(started, log, made, email)


def form_of(page):
    form = re.findall(r"<form\b.*?</form>", page.text, re.DOTALL)[0]
    action = html.unescape(re.search(r'action="([^"]*)"', form)[1])
    fields = re.findall(r'name="([^"]*)"[^>]*value="([^"]*)"', form)
    return urljoin(str(page.url), action), dict(fields)


async def through(elsewhere, peer, location, **typed: str):
    """Go through the pages of the provider, until it sends the browser back to us."""
    page = await elsewhere.get(location)
    for _ in range(20):
        to = page.headers.get("location")
        if to is not None:
            to = urljoin(str(page.url), to)
            if not to.startswith(peer.url):
                return to
            page = await elsewhere.get(to)
        else:
            assert page.status_code == 200, page.text + peer.log.read_text()
            action, fields = form_of(page)
            page = await elsewhere.post(action, data=fields | typed)
    raise AssertionError(page.text)


async def signed_in(application, visitor, peer, method, elsewhere):
    """Sign in as Ann all the way; return the application's tokens."""
    place, conn = visitor.place, peer.connections[method]
    sent = await go(visitor, application, connection_id=conn.id)
    back = await through(elsewhere, peer, sent.headers["location"], login="ann", password="x")
    assert "iss=" in back  # RFC 9207
    came = await visitor.get(back.removeprefix(place.server.url))
    done = await arrive(place, visitor, came)
    assert "code=" in done.headers.get("location", ""), done.text + peer.log.read_text()
    return await application.tokens(visitor.http, answered(done)["code"])


async def is_alive(visitor, application):
    return "code" in answered(await visitor.get(application.path(prompt="none")))


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "private_key_jwt"])
async def test_somebody_signs_in(place, application, visitor, peer, method):
    async with httpx.AsyncClient() as elsewhere:
        tokens = await signed_in(application, visitor, peer, method, elsewhere)
    claims = claims_of(tokens["id_token"])
    assert claims["email"] == peer.email
    assert (claims["given_name"], claims["family_name"]) == ("Ann", "Smith")
    assert claims["oid"] == peer.connections[method].organization_id


async def test_our_logout_ends_the_session_there(place, visitor, peer):
    application = await place.application(post_logout_redirect_uris=[AFTER])
    async with httpx.AsyncClient() as elsewhere:
        tokens = await signed_in(application, visitor, peer, "client_secret_basic", elsewhere)
        query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": AFTER}
        sent = await visitor.get(f"/oidc/logout?{urlencode(query)}")
        assert sent.headers["location"].startswith(f"{peer.url}/session/end?")
        back = await through(elsewhere, peer, sent.headers["location"], logout="yes")
        done = await visitor.get(back.removeprefix(place.server.url))
        assert done.headers["location"] == AFTER
        # There is no session left: it asks for a name again.
        conn = peer.connections["client_secret_basic"]
        again = await go(visitor, application, connection_id=conn.id)
        page = await elsewhere.get(again.headers["location"], follow_redirects=True)
        assert 'name="login"' in page.text


async def test_a_logout_there_ends_our_session(place, application, visitor, peer):
    async with httpx.AsyncClient() as elsewhere:
        await signed_in(application, visitor, peer, "client_secret_post", elsewhere)
        assert await is_alive(visitor, application)
        page = await elsewhere.get(f"{peer.url}/session/end", follow_redirects=True)
        action, fields = form_of(page)
        ended = await elsewhere.post(action, data=fields | {"logout": "yes"}, follow_redirects=True)
        assert ended.status_code == 200, ended.text
    assert "told by the back channel" in peer.log.read_text()
    assert not await is_alive(visitor, application)
