"""An attacker's requests to the real server, on both databases: refused, never a crash."""

from __future__ import annotations

import base64
import json

import httpx
import pytest
from wires import over_https

from tenantry.gen.scalekit.v1.organizations import organizations_pb as organizations

pytestmark = pytest.mark.parametrize(
    "live_server", ["sqlite", "postgresql"], indirect=True, scope="session"
)
ORGANIZATIONS = "/api/v1/organizations"
LONG = "x" * 5000
JSON = {"content-type": "application/json"}
HEADER = '{"alg":"ES256","typ":"JWT","kid":%s}'


def segment(text: str) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@pytest.fixture
def client(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as opened:
        form = {
            "grant_type": "client_credentials",
            "client_id": live_server.client_id,
            "client_secret": live_server.client_secret,
        }
        token = opened.post("/oauth/token", data=form).json()["access_token"]
        opened.headers["authorization"] = f"Bearer {token}"
        yield opened


@pytest.fixture
def organization_id(client):
    answer = client.post(ORGANIZATIONS, json={"display_name": "Acme"})
    assert answer.status_code == 201
    return answer.json()["organization"]["id"]


def refused(answer, statuses=(400,)):
    assert answer.status_code in statuses, answer.text
    assert answer.headers["x-request-id"]
    json.dumps(answer.json())


@pytest.mark.parametrize("text", ["%00", "a%00b", "%00%00"])
def test_a_nul_in_an_address_is_refused(client, organization_id, text):
    for path in (
        f"{ORGANIZATIONS}/{text}",
        f"{ORGANIZATIONS}/{organization_id}{text}",
        f"{ORGANIZATIONS}:external/{text}",
        f"{ORGANIZATIONS}/{organization_id}/portal_links/{text}",
        f"/magicLink/{text}",
        f"{ORGANIZATIONS}?external_id={text}",
        f"{ORGANIZATIONS}?metadata.{text}={text}",
        f"{ORGANIZATIONS}?page_token={text}",
        f"{ORGANIZATIONS}:search?query=abc{text}",
    ):
        for verb in ("GET", "DELETE"):
            refused(client.request(verb, path), (400, 405))


def test_a_nul_in_a_body_is_refused(client, organization_id):
    for members in (
        {"display_name": "a\0"},
        {"display_name": "a", "external_id": "\0"},
        {"display_name": "a", "metadata": {"key": "\0"}},
        {"display_name": "a", "metadata": {"ke\0y": "a"}},
    ):
        refused(client.post(ORGANIZATIONS, json=members))
        refused(client.patch(f"{ORGANIZATIONS}/{organization_id}", json=members))
    branding = {"customization_settings": {"a": [{"b": "\0"}]}, "source": "CUSTOM"}
    path = f"{ORGANIZATIONS}/{organization_id}/portal_customizations"
    refused(client.put(path, json=branding))


def test_a_nul_in_credentials_is_refused(client):
    form = {"grant_type": "client_credentials"}
    for members in (
        {"client_id": "\0", "client_secret": "a"},
        {"client_id": "skc_1", "client_secret": "\0"},
    ):
        refused(client.post("/oauth/token", data=form | members), (400, 401))
    for pair in (b"\0:a", b"a:\0", b"%00:%00", b"\xff:a"):
        basic = {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
        refused(client.post("/oauth/token", data=form, headers=basic), (400, 401))


@pytest.mark.parametrize(
    "value",
    [
        *(
            "Bearer a.b.c",
            "Bearer " + LONG,
            "Bearer",
            "Basic eDp5",
            "Bearer é",
            "x" * 99,
        ),
        "Bearer eyJhbGciOiJub25lIn0.e30.",
        "Bearer " + ".".join(["e30"] * 5),
        "Bearer , ,Bearer ,,",
        ",".join(["Bearer a.b.c"] * 2000),
        f"Bearer {segment('[' * 20_000)}.e30.e30",
        f"Bearer {segment('[]')}.e30.e30",
        f"Bearer {segment('{}')}.e30.e30",
        *(f"Bearer {segment(HEADER % number)}.e30.e30" for number in ("NaN", "1e400", "9" * 999)),
    ],
)
def test_a_token_that_is_none_is_unauthenticated(client, value):
    answer = client.get(ORGANIZATIONS, headers=[(b"authorization", value.encode())])
    refused(answer, (401,))
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "body",
    [
        b'{"metadata": {' + b",".join(b'"k%d": "v"' % n for n in range(60_000)) + b"}}",
        b'{"display_name": "a", "display_name": "b", "display_name": 1}',
        b'{"display_name": "\\ud800"}',
        b'{"display_name": "\xed\xa0\x80"}',
        b'{"display_name": 1e400}',
        b'{"display_name": ' + b"[" * 100_000,
        b'{"region_code": ' + b"9" * 100_000 + b"}",
        b'{"display_name": "' + b"a" * 1_000_000 + b'"}',
        b'{"' + b"a" * 1_000_000 + b'": 1}',
    ],
)
def test_a_body_made_to_break_the_parser_is_refused(client, body):
    answer = client.post(ORGANIZATIONS, content=body, headers=JSON)
    refused(answer)
    assert len(answer.content) < 5000


@pytest.mark.parametrize("size", ["-1", "4294967296", "1.5", "0x10", " 1", "9" * 5000, ""])
def test_a_page_size_that_is_none_is_refused(client, size):
    refused(client.get(ORGANIZATIONS, params={"page_size": size}))


@pytest.mark.parametrize("size", ["0", "1", "100", "101", "4294967295", "1e9"])
def test_a_page_is_never_larger_than_100(client, size):
    answer = client.get(ORGANIZATIONS, params={"page_size": size})
    assert answer.status_code == 200
    assert len(answer.json()["organizations"]) <= 100


def test_what_a_proxy_may_say_of_us_is_not_believed(client, organization_id, live_server):
    lies = {
        "host": "evil.test",
        "x-forwarded-host": "evil.test",
        "x-forwarded-proto": "http",
        "forwarded": "host=evil.test",
        "x-http-method-override": "DELETE",
        "x-original-url": "/healthz",
        "x-rewrite-url": "/healthz",
    }
    path = f"{ORGANIZATIONS}/{organization_id}/portal_links"
    answer = client.put(path, headers=lies)
    assert answer.status_code == 200, answer.text
    assert answer.json()["link"]["location"].startswith(live_server.url + "/")
    answer = client.get("/.well-known/openid-configuration", headers=lies)
    assert answer.json()["issuer"] == live_server.url
    assert client.get(f"{ORGANIZATIONS}/{organization_id}", headers=lies).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/api/v1/organizations/../organizations",
            "/api/v1/./organizations",
            "/api//v1/organizations",
        ),
        *(
            "/api/v1/organizations%2F",
            "/API/v1/organizations",
            "/api/v1/organizations/",
            "/api\\v1",
        ),
        *("/api/v1%2forganizations", "/api/v1/organizations;x=y", "/api/v1/organizations%20"),
    ],
)
def test_a_path_that_only_looks_like_one_of_ours_is_not_found(client, path):
    target = str(client.base_url) + path
    request = client.build_request("GET", target)
    request.extensions["target"] = path.encode()
    refused(client.send(request), (400, 404))


def test_what_is_given_by_grpc_beyond_the_rules_is_refused(client, organization_id):
    """Binary messages can say what JSON cannot: numbers of enums, unknown fields."""
    path = "/scalekit.v1.organizations.OrganizationService"
    headers = {"content-type": "application/proto"}

    def call(rpc, message):
        return client.post(f"{path}/{rpc}", content=message, headers=headers)

    unknown_field = b"\xfa\x7f\x04evil"
    asked = organizations.GetOrganizationRequest.from_json(json.dumps({"id": organization_id}))
    answer = call("GetOrganization", asked.to_binary() + unknown_field)
    assert answer.status_code == 200
    assert b"evil" not in answer.content
    created = organizations.CreateOrganizationRequest.from_json(
        json.dumps({"organization": {"display_name": "Acme", "region_code": 77}})
    )
    refused(call("CreateOrganization", created.to_binary()))
    refused(call("CreateOrganization", b""))
    refused(call("CreateOrganization", b"\xff" * 1000))


async def test_a_body_that_is_too_large_over_http2_gets_its_answer(live_server):
    """A client that waits for room to send the rest is told all the same."""
    async with over_https(live_server, http2=True) as client:
        for path, size in (("/api/v1/auth:discovery", 1 << 20), (ORGANIZATIONS, 3 << 20)):
            answer = await client.post(path, content=b" " * size, headers=JSON)
            assert answer.http_version == "HTTP/2"
            assert answer.status_code == 413


@pytest.mark.parametrize("size", [(1 << 20) + 1, 3 << 20])
def test_a_body_that_is_too_large_is_refused_in_our_shape(client, size):
    def pieces():
        for start in range(0, size, 65536):
            yield b" " * min(65536, size - start)

    for content in (b" " * size, pieces()):
        answer = client.post(ORGANIZATIONS, content=content, headers=JSON)
        refused(answer, (413,))
        assert answer.json()["details"][0]["error_code"] == "PAYLOAD_TOO_LARGE"
    assert client.get("/healthz").status_code == 200
