"""A whole sign-in at an identity provider of somebody else: from an application to its tokens."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import nano_idp
import pytest
from apis import unique
from connections_of_tests import arrive, connection, go, organization_of
from cryptography.hazmat.primitives.serialization import Encoding
from hosted import answered
from joserfc import jwt
from joserfc.jwk import KeySet
from saml_idps import asked

from tenantry.identity.connections import model
from tenantry.identity.connections.key_pairs import ensure
from tenantry.identity.connections.saml import certificates, idp_metadata

DATABASES = ("sqlite",)


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
        async with httpx.AsyncClient() as elsewhere:
            answer = await elsewhere.get(f"{url}/saml/metadata")
        yield organization_id, email, idp_metadata.read(answer.content)


@pytest.mark.parametrize("binding", ["HTTP_REDIRECT", "HTTP_POST"])
async def test_somebody_signs_in(place, application, visitor, peer, binding):
    organization_id, email, read = peer
    conn = await connection(
        place,
        model.SAML,
        organization_id=organization_id,
        settings={
            "idp_entity_id": read.entity_id,
            "idp_sso_url": next(iter(read.sso_urls.values())),
            "idp_certificates": [
                {"id": "1", "certificate": certificates.base64_of(one)} for one in read.certificates
            ],
            "idp_sso_request_binding": binding,
            "want_request_signed": True,
            "saml_signing_option": "SAML_ONLY_ASSERTION_SIGNING",
        },
    )
    sent = await go(visitor, application, connection_id=conn.id)
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
    assert action == f"{place.server.url}/sso/v1/saml/{conn.id}/callback"
    came = await visitor.http.post(urlsplit(action).path, data=fields)
    answer = await arrive(place, visitor, came)
    tokens = await application.tokens(visitor.http, answered(answer)["code"])
    keys = KeySet.import_key_set((await visitor.http.get("/keys")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["email"] == email
    assert claims["oid"] == organization_id
    assert claims["amr"] == [conn.id]
