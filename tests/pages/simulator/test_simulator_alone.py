"""The simulator as a provider: what our own side asks it for, and whom it answers."""

from __future__ import annotations

import time

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from servers import LiveServer

from tenantry.core.errors import InvalidArgument
from tenantry.crypto.vault import Vault
from tenantry.identity.connections.oidc import id_token, jwts
from tenantry.identity.connections.oidc.authorization import challenge
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.providers.fetching import Fetching
from tenantry.identity.simulator import provider
from tenantry.identity.simulator.model import Person
from tenantry.identity.simulator.openid_provider import OpenIDProvider

URL = "https://localhost:8443"
CONNECTION = "conn_1"
ANN = Person("Ann@example.com", "Ann", "Lee", {"department": "Sales"})
ASKED = {
    "redirect_uri": f"{URL}/sso/v1/oidc/conn_1/callback",
    "nonce": "n-1",
    "code_challenge": challenge("v" * 43),
}


@pytest.fixture
def simulator():
    return provider.Simulator(Vault(b"k" * 32), URL)


@pytest.fixture
def openid(simulator):
    return OpenIDProvider(simulator)


@pytest.fixture
async def fetching(openid):
    made = Fetching((), near=openid)
    yield made
    await made.close()


def form(simulator, code, **changes: str):
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": ASKED["redirect_uri"],
        "code_verifier": "v" * 43,
        "client_id": CONNECTION,
        "client_secret": simulator.client_secret(CONNECTION),
    } | changes


async def test_our_side_asks_it_without_a_network(simulator, openid, fetching):
    metadata = await fetching.discover(simulator.issuer(CONNECTION))
    assert metadata.issuer == f"{URL}/simulator/conn_1"
    assert metadata.says_issuer
    code = openid.code(CONNECTION, ASKED, ANN)
    tokens = await fetching.exchange(CONNECTION, metadata.token_endpoint, form(simulator, code))
    read = jwts.read(tokens.id_token, algorithms=metadata.algorithms)
    keys = await fetching.keys(metadata.jwks_uri, algorithm=read.algorithm, kid=read.kid)
    jwts.verify(read, keys)
    claims = id_token.verify(
        read,
        issuer=metadata.issuer,
        client_id=CONNECTION,
        nonce="n-1",
        now=time.time(),
        skew=0,
    )
    assert claims["email"] == "Ann@example.com"
    assert (claims["name"], claims["department"]) == ("Ann Lee", "Sales")
    told = await fetching.userinfo(CONNECTION, metadata.userinfo_endpoint, tokens.access_token)
    assert (told["sub"], told["email_verified"]) == (claims["sub"], True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_secret": "x"},
        {"client_id": "conn_2"},
        {"code": "x"},
        {"code_verifier": "w" * 43},
        {"code_verifier": "ä"},
        {"redirect_uri": "https://app.example.com"},
        {"grant_type": "refresh_token"},
    ],
    ids=str,
)
async def test_a_code_is_good_for_its_request_alone(simulator, openid, fetching, wrong):
    sent = form(simulator, openid.code(CONNECTION, ASKED, ANN)) | wrong
    with pytest.raises(OIDCError, match="failed_to_exchange_token"):
        await fetching.exchange(CONNECTION, f"{URL}/simulator/conn_1/token", sent)


def test_all_processes_have_the_same_key_and_other_deployments_another():
    def public(key, url=URL):
        made = provider.Simulator(Vault(key), url).certificate.public_key()
        return made.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    assert public(b"k" * 32) == public(b"k" * 32, "https://localhost:9443")
    assert public(b"k" * 32) != public(b"l" * 32)


def test_a_person_is_the_same_however_the_address_is_spelled():
    assert Person("ann@example.com").subject == ANN.subject != Person("bob@example.com").subject


@pytest.mark.parametrize(
    "rows",
    [
        {"sub": "x"},
        {"iss": "x"},
        {f"n{n}": "x" for n in range(11)},
        {"n" * 101: "x"},
        {"n": "x" * 257},
        {"a\nb": "x"},
    ],
)
def test_attributes_are_bounded(rows):
    with pytest.raises(InvalidArgument):
        Person.of("ann@example.com", "", "", rows)


@pytest.mark.parametrize("setting", [{"development": "false"}, {}])
def test_it_is_not_there_unless_it_is_wanted(tmp_path, setting):
    server = LiveServer(tmp_path, background="false", **setting).fork()
    try:
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            for path in ("/simulator", "/simulator/conn_1", "/simulator/simulator.css"):
                assert http.get(path).status_code == 404
            assert "/simulator" not in http.get("/").text
        # But for the lines of the requests above.
        said = [line for line in server.log.read_text().splitlines() if '"request_id"' not in line]
        assert "/simulator" not in "\n".join(said)
    finally:
        server.stop()
