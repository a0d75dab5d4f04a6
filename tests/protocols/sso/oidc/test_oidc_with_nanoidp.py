"""A whole sign-in at nanoidp by OpenID Connect, which verifies our requests by itself."""

from __future__ import annotations

import httpx
import nano_idp
import pytest
from apis import unique
from connections_of_tests import arrive, connection, go, organization_of
from hosted import answered
from servers import free_port
from signins import claims_of

from tenantry.identity.connections import model

DATABASES = ("postgresql",)
# It takes a secret in the header as it is, and does not decode it (RFC 6749 section 2.3.1).
SECRET = "a-secret-of-ours-at-the-provider"


@pytest.fixture(scope="module")
async def peer(place, tmp_path_factory):
    """A connection to it, and the address of a person with an account there."""
    port = free_port()
    organization_id, domain = await organization_of(place)
    conn = await connection(
        place,
        model.OIDC,
        organization_id=organization_id,
        configuration_type=model.DISCOVERY,
        debug_enabled=True,
        secret=SECRET,
        settings={"issuer": f"http://127.0.0.1:{port}", "client_id": "tenantry"},
    )
    client = {
        "client_id": "tenantry",
        "client_secret": SECRET,
        "redirect_uris": [f"{place.server.url}/sso/v1/oidc/{conn.id}/callback"],
    }
    email = f"{unique('ann')}@{domain}"
    folder = tmp_path_factory.mktemp("nanoidp-oidc")
    with nano_idp.running(folder, email, port=port, oauth={"clients": [client]}):
        yield conn, email


async def test_somebody_signs_in(place, application, visitor, peer):
    conn, email = peer
    sent = await go(visitor, application, connection_id=conn.id)
    async with httpx.AsyncClient() as elsewhere:
        page = await elsewhere.get(sent.headers["location"], follow_redirects=True)
        for _ in range(5):
            page = await nano_idp.sign_in(elsewhere, page, email)
            if page.status_code != 200:
                break
    back = page.headers["location"]
    assert back.startswith(place.server.url), back
    done = await arrive(place, visitor, await visitor.get(back.removeprefix(place.server.url)))
    tokens = await application.tokens(visitor.http, answered(done)["code"])
    claims = claims_of(tokens["id_token"])
    assert claims["email"] == email
    assert claims["oid"] == conn.organization_id
