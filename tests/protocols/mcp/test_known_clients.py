"""The clients of MCP, replayed: registration, authorization, token, refresh."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from authorizations import CHALLENGE, VERIFIER, SignedIn, with_cookies
from mcp_clients import CLIENTS, WITH_DOCUMENT

from tenantry.access.client_metadata import documents
from tenantry.access.client_metadata.fetching import Document, DocumentFetcher


@pytest.fixture
def signed_in(make, database):
    """Makes signed-in people."""
    return SignedIn(make, database)


@pytest.fixture
def published(monkeypatch):
    """Documents by their URL, in the place of hosts on the internet."""
    found = {}

    async def read(_self, url):
        body = json.dumps({"client_id": url} | found[url]).encode()
        return Document(documents.parse(url, body, content_type="application/json"), 3600)

    monkeypatch.setattr(DocumentFetcher, "_read", read)
    return found


class Browser:
    """The browser of a signed-in person, and the endpoints of a resource."""

    def __init__(self, http, server_url, resource, session, cookie) -> None:
        self.http = http
        self.url = server_url
        self.resource = resource
        self.session = session
        self.cookies = cookie
        self.issuer = f"{server_url}/resources/{resource.id}"

    async def metadata(self):
        path = f"/.well-known/oauth-authorization-server/resources/{self.resource.id}"
        return (await self.http.get(path)).json()

    async def authorize(self, client_id: str, redirect_uri: str, **parameters: str):
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **parameters,
        }
        path = f"/resources/{self.resource.id}/authorize?{urlencode(query)}"
        return await self.http.get(path, headers=with_cookies(self.cookies))

    async def allow(self, response):
        """Allow what the consent page asks for; return the members of the answer."""
        path = response.headers["location"]
        assert path.startswith("/login/areq_"), path
        cookie = response.headers["set-cookie"].partition(";")[0]
        headers = {"cookie": f"{self.cookies}; {cookie}", "origin": self.url}
        page = await self.http.get(path, headers=headers)
        assert 'value="allow"' in page.text, page.text
        form = {"decision": "allow"}
        sent = await self.http.post(f"{path}/consent", headers=headers, data=form)
        for line in sent.headers.get_list("set-cookie"):
            if "_session=" in line:
                self.cookies = line.partition(";")[0]
        return answer_of(sent)

    async def token(self, secret: str = "", **form: str):
        """Redeem a grant; with a secret, by HTTP Basic."""
        path = f"/resources/{self.resource.id}/token"
        auth = (form.pop("client_id"), secret) if secret else None
        return await self.http.post(path, data=form, auth=auth)


def answer_of(response):
    assert response.status_code == 303, response.text
    url = response.headers["location"]
    return {**dict(parse_qsl(urlsplit(url).query)), "": url.partition("?")[0]}


@pytest.fixture
async def browser(http, rest, new_resource, signed_in, server):
    scope = await new_resource.permission()
    resource = await new_resource(scopes=[scope], enable_cimd=True)
    session, cookie = await signed_in()
    return Browser(http, server.url, resource, session, cookie)


def parameters_of(client, resource):
    parameters = dict(client.parameters)
    if parameters.pop("resource", False):
        parameters["resource"] = resource.resource_uri
    return parameters


async def whole_flow(browser, client, client_id, secret=""):
    """From an authorization request to a refreshed token, for each URI that the client sends."""
    parameters = parameters_of(client, browser.resource)
    credentials = {"client_id": client_id, "secret": secret}
    for uri in client.sent:
        response = await browser.authorize(client_id, uri, **parameters)
        if response.headers["location"].startswith("/login/"):
            answer = await browser.allow(response)
        else:
            answer = answer_of(response)
        assert answer[""] == uri
        assert answer["iss"] == browser.issuer
        assert answer["state"] == "s"
        sent = {"resource": parameters["resource"]} if "resource" in parameters else {}
        response = await browser.token(
            grant_type="authorization_code",
            code=answer["code"],
            redirect_uri=uri,
            code_verifier=VERIFIER,
            **credentials,
            **sent,
        )
        assert response.status_code == 200, response.text
        tokens = response.json()
        assert browser.resource.scopes[0] in tokens["scope"].split()
        refreshed = await browser.token(
            grant_type="refresh_token", refresh_token=tokens["refresh_token"], **credentials, **sent
        )
        assert refreshed.status_code == 200, refreshed.text
        assert refreshed.json()["refresh_token"]
    for uri in client.refused:
        response = await browser.authorize(client_id, uri, **parameters)
        assert response.headers["location"].startswith("/login/error/"), uri


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
async def test_clients_that_register(browser, client):
    endpoint = (await browser.metadata())["registration_endpoint"]
    path = endpoint.removeprefix(browser.url)
    made = (await browser.http.post(path, json=client.registration)).json()
    secret = made.get("client_secret", "")
    if client.name == "claude_code":  # registered with one port, without the documented one
        assert made["redirect_uris"] == ["http://localhost:3118/callback"]
    await whole_flow(browser, client, made["client_id"], secret)


@pytest.mark.parametrize("client", WITH_DOCUMENT, ids=lambda client: client.name)
async def test_clients_with_a_document(browser, client, published):
    metadata = await browser.metadata()
    assert metadata["client_id_metadata_document_supported"] is True
    assert "none" in metadata["token_endpoint_auth_methods_supported"]
    published[client.client_id] = client.document
    await whole_flow(browser, client, client.client_id)


async def test_a_client_with_a_document_is_known_only_by_its_url(browser, rest, published):
    """By its internal ID, which tokens contain, it would be used without its document."""
    client = WITH_DOCUMENT[0]
    published[client.client_id] = client.document
    accepted = await browser.authorize(client.client_id, client.sent[0])
    assert accepted.headers["location"].startswith("/login/areq_")
    listed = await rest.clients.list_resource_clients(resource_id=browser.resource.id)
    (stored,) = listed["clients"]
    refused = await browser.authorize(stored["client_id"], client.sent[0])
    assert refused.headers["location"].startswith("/login/error/")


async def test_a_resource_without_registration_says_so(http, new_resource):
    resource = await new_resource(disable_dynamic_client_registration=True)
    path = f"/.well-known/oauth-authorization-server/resources/{resource.id}"
    metadata = (await http.get(path)).json()
    assert "registration_endpoint" not in metadata
    assert metadata["client_id_metadata_document_supported"] is False
