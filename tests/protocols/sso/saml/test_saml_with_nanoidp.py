"""A whole sign-in at an identity provider of somebody else: from an application to its tokens."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import parse_qsl, urlsplit

import httpx
import nano_idp
import pytest
from apis import unique
from browsers import chromium
from connections_of_tests import arrive, go, organization_of
from cryptography.hazmat.primitives.serialization import Encoding
from hosted import answered, deployment
from joserfc import jwt
from joserfc.jwk import KeySet
from playwright.async_api import Error
from saml_idps import asked

from tenantry.identity.connections.certificates.key_pairs import ensure

BINDINGS = ["HTTP_REDIRECT", "HTTP_POST"]


@pytest.fixture(scope="module")
async def place(start_server):
    """A deployment for development: there a provider may be asked without TLS."""
    server = start_server("nanoidp", outgoing_allow="127.0.0.0/8", development="true")
    async with deployment(server) as opened:
        yield opened


@pytest.fixture(scope="module")
async def peer(place, tmp_path_factory):
    """It takes signed requests only; one person signs in there, of an organization's domain."""
    folder = tmp_path_factory.mktemp("nanoidp")
    organization_id, domain = await organization_of(place)
    ours = (await ensure(place.database)).current.pair.certificate
    pem = folder / "sp.pem"
    pem.write_bytes(ours.public_bytes(Encoding.PEM))
    saml = {
        "want_authn_requests_signed": True,
        "sp_certificates": [str(pem)],
        "strict_binding": True,
        "export_groups": True,
    }
    email = f"{unique('ann')}@{domain}"
    with nano_idp.running(folder, email, saml=saml) as url:
        yield organization_id, email, url


async def connected(place, peer, binding):
    """A connection to it, by the address of its metadata, as an admin makes one; its id."""
    organization_id, _, url = peer
    connections = place.api.connections
    named = {"provider": "CUSTOM", "type": "SAML"}
    made = await connections.create_connection(organization_id=organization_id, connection=named)
    given = {"organization_id": organization_id, "id": made["connection"]["id"]}
    config = {
        "idp_metadata_url": f"{url}/saml/metadata",
        "idp_sso_request_binding": binding,
        "want_request_signed": True,
        "saml_signing_option": "SAML_ONLY_ASSERTION_SIGNING",
    }
    changed = await connections.update_connection(
        **given, connection={**named, "debug_enabled": True, "saml_config": config}
    )
    assert changed["connection"]["status"] == "COMPLETED", changed
    assert (await connections.enable_connection(**given))["enabled"]
    return given["id"]


@pytest.mark.parametrize("binding", BINDINGS)
async def test_somebody_signs_in(place, application, visitor, peer, binding):
    organization_id, email, _ = peer
    connection_id = await connected(place, peer, binding)
    sent = await go(visitor, application, connection_id=connection_id)
    async with httpx.AsyncClient(follow_redirects=True) as elsewhere:
        if binding == "HTTP_REDIRECT":
            page = await elsewhere.get(sent.headers["location"])
        else:
            message = asked(sent)
            fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', sent.text))
            page = await elsewhere.post(message.url, data=fields)
        assert page.status_code == 200, page.text
        posts = await nano_idp.sign_in(elsewhere, page, email)
    action, fields = nano_idp.form_of(posts)
    assert action == f"{place.server.url}/sso/v1/saml/{connection_id}/callback"
    came = await visitor.http.post(urlsplit(action).path, data=fields)
    answer = await arrive(place, visitor, came)
    tokens = await application.tokens(visitor.http, answered(answer)["code"])
    keys = KeySet.import_key_set((await visitor.http.get("/keys")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["email"] == email
    assert claims["oid"] == organization_id
    assert claims["amr"] == [connection_id]


@pytest.mark.thorough
@pytest.mark.parametrize("binding", BINDINGS)
async def test_somebody_signs_in_by_a_browser(place, application, peer, binding):
    """Forms send themselves from site to site, and cookies come along where they must."""
    _, email, _ = peer
    connection_id = await connected(place, peer, binding)
    async with chromium(place.server) as browser:
        page = await (await browser.new_context()).new_page()
        await page.goto(place.server.url + application.path(connection_id=connection_id))
        await page.fill("[name=username]", email.partition("@")[0])
        await page.fill("[name=password]", nano_idp.PASSWORD)
        came = await answer_to(page, application, page.click("button[type=submit]"))
        async with place.visitor() as elsewhere:
            tokens = await application.tokens(elsewhere.http, came["code"])
        assert tokens["id_token"]
        # The same browser, from the same application, is signed in.
        silent = place.server.url + application.path(prompt="none")
        assert "code" in await answer_to(page, application, page.goto(silent))


async def answer_to(page, application, step):
    """The parameters that a browser takes to the application, of which there is no server."""
    async with page.expect_request(f"{application.redirect_uri}**") as found:
        with contextlib.suppress(Error):
            await step
    return dict(parse_qsl(urlsplit((await found.value).url).query))
