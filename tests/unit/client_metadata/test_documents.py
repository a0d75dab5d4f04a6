"""Client ID metadata documents: URLs, contents, lifetimes, allowlists."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_clients import WITH_DOCUMENT

from tenantry.access.client_metadata import allowlist, documents, redirect_uris
from tenantry.access.client_metadata.documents import DocumentError

URL = "https://client.example/oauth/client.json"
JSON = "application/json"


def body(changes=None):
    document = {
        "client_id": URL,
        "client_name": "Client",
        "redirect_uris": ["https://client.example/callback"],
    }
    document |= changes or {}
    return json.dumps({name: value for name, value in document.items() if value is not None})


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (URL, "client.example"),
        ("https://client.example:8443/c", "client.example:8443"),
        ("https://xn--clade-vua.example/c", "xn--clade-vua.example"),
        ("https://client.example/a/", "client.example"),
    ],
)
def test_urls_of_documents(url, host):
    assert documents.check_url(url) == host


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://client.example/c", "https"),
        ("HTTPS://client.example/c", "https"),
        ("https://client.example", "path"),
        ("https://client.example/", "path"),
        ("https://client.example/c#f", "fragment"),
        ("https://client.example/c?x=1", "query"),
        ("https://user:pw@client.example/c", "user name"),
        ("https://client.example@evil.example/c", "user name"),
        ("https://client.example/a/../c", "'..'"),
        ("https://client.example/a/%2e%2E/c", "'..'"),
        ("https://client.example/./c", "'.'"),
        ("https://client.example/c\r\nx", "https"),
        ("https://clıent.example/c", "https"),
        ("https://client.example\\c", "https"),
        ("https:///c", "host"),
        ("https://client.example:0/c", "port"),
        ("https://client.example:x/c", "port"),
        ("https://[::1/c", "host"),
        ("https://client.example/" + "a" * 600, "512"),
    ],
)
def test_other_urls_are_refused(url, problem):
    with pytest.raises(DocumentError, match=problem):
        documents.check_url(url)


@given(st.text(max_size=60))
def test_a_check_of_any_url_ends_in_an_answer(text):
    with contextlib.suppress(DocumentError):
        assert documents.check_url(f"https://{text}")


@pytest.mark.parametrize("client", WITH_DOCUMENT, ids=lambda client: client.name)
def test_the_documents_of_known_clients(client):
    text = json.dumps({"client_id": client.client_id} | client.document).encode()
    parsed = documents.parse(client.client_id, text, content_type="application/json; charset=utf-8")
    native = parsed.application_type == "native"
    for uri in client.sent:
        assert redirect_uris.is_registered(uri, parsed.redirect_uris, native=native), uri
    for uri in client.refused:
        assert not redirect_uris.is_registered(uri, parsed.redirect_uris, native=native), uri


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"client_id": "https://other.example/c"}, "not its URL"),
        ({"client_id": URL + "/"}, "not its URL"),
        ({"client_id": None}, "not its URL"),
        ({"client_name": None}, "client_name"),
        ({"client_name": "  "}, "client_name"),
        ({"redirect_uris": None}, "redirect_uris"),
        ({"redirect_uris": ["javascript:x"]}, "javascript"),
        ({"client_secret": "s"}, "secret"),
        ({"client_secret_expires_at": 0}, "secret"),
        ({"token_endpoint_auth_method": "client_secret_basic"}, "none"),
        ({"token_endpoint_auth_method": "client_secret_jwt"}, "none"),
    ],
)
def test_documents_that_are_refused(changes, problem):
    with pytest.raises(DocumentError, match=problem):
        documents.parse(URL, body(changes).encode(), content_type=JSON)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"x"', '{"client_id": NaN}'])
def test_a_body_that_is_no_object_is_refused(text):
    with pytest.raises(DocumentError):
        documents.parse(URL, text.encode(), content_type=JSON)


@pytest.mark.parametrize(
    ("content_type", "accepted"),
    [
        (JSON, True),
        ("Application/JSON; charset=utf-8", True),
        ("application/oauth-client+json", True),
        ("text/html", False),
        ("", False),
        ("text/plain; application/json", False),
    ],
)
def test_media_types(content_type, accepted):
    if accepted:
        assert documents.parse(URL, body().encode(), content_type=content_type).name == "Client"
    else:
        with pytest.raises(DocumentError, match="application/json"):
            documents.parse(URL, body().encode(), content_type=content_type)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 3600),
        ("public, max-age=600", 600),
        ("max-age=1", 60),
        ("max-age=999999999", 86_400),
        ("max-age=99999999999999", 86_400),
        ("no-store", 60),
        ("private, No-Cache, max-age=600", 60),
        ("s-maxage=5", 3600),
    ],
)
def test_lifetimes(header, seconds):
    assert documents.lifetime(header) == seconds


@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        (("URL", URL), True),
        (("URL", "https://client.example"), True),
        (("URL", "https://client.example/oauth/"), True),
        (("URL", "https://client.example/oauth"), False),
        (("URL", "https://client.exampl"), False),
        (("URL", "https://other.example"), False),
        (("PREDEFINED", "claude"), False),
        (("PREDEFINED", "unknown"), False),
    ],
)
def test_allowlists(entry, allowed):
    assert allowlist.allows(URL, [("URL", "https://x.example"), entry]) is allowed
    assert not allowlist.allows(URL, [])


def test_an_origin_does_not_allow_a_host_that_begins_with_it():
    entries = [("URL", "https://client.example")]
    assert not allowlist.allows("https://client.example.evil.example/c", entries)
    assert not allowlist.allows("https://client.example:444/c", entries)


def test_well_known_clients_are_allowed_by_name():
    entries = [("PREDEFINED", "claude"), ("PREDEFINED", "vscode"), ("PREDEFINED", "opencode")]
    assert all(allowlist.allows(client.client_id, entries) for client in WITH_DOCUMENT)


@pytest.mark.parametrize("value", ["http://x.example", "https://x.example?a", "https://", "x"])
def test_entries_that_cannot_be_kept(value):
    allowlist.check("URL", "https://x.example/a")
    allowlist.check("PREDEFINED", "claude")
    with pytest.raises(ValueError, match="https URL"):
        allowlist.check("URL", value)
    with pytest.raises(ValueError, match="claude"):
        allowlist.check("PREDEFINED", value)
