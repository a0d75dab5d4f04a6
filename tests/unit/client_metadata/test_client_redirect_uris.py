"""Redirect URIs of third-party clients."""

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.access.client_metadata import redirect_uris

CALLBACK = "https://client.example/callback"


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK,
        "https://client.example",
        "https://client.example:8443/callback?tenant=1",
        "http://127.0.0.1/callback",
        "http://[::1]:9000/callback",
        "http://localhost:3118/callback",
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_web_and_loopback_uris_are_accepted(uri, native):
    redirect_uris.check(uri, native=native)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("", "1 to 1000 characters"),
        ("https://client.example/" + "a" * 1000, "1 to 1000 characters"),
        ("/callback", "absolute"),
        ("https://client.example/#fragment", "fragment"),
        ("https://client.example\\@evil.example/", "characters"),
        ("https://client.example/a b", "characters"),
        ("https://client.example/%zz", "characters"),
        ("https://*.client.example/", "characters"),
        ("https://{{org_slug}}.client.example/", "characters"),
        ("https://clıent.example/", "characters"),
        ("https:client.example/", "must start with"),
        ("https:///callback", "host"),
        ("https://client..example/", "host"),
        ("https://user@client.example/", "user name"),
        ("https://client.example:0/", "port"),
        ("https://client.example:70000/", "port"),
        ("https://client.example:/", "port"),
        ("http://client.example/callback", "https"),
        ("http://127.0.0.1.evil.example/callback", "https"),
        ("http://127.0.0.2/callback", "https"),
        ("http://0.0.0.0/callback", "https"),
        ("http://app.localhost/callback", "https"),
        ("https://app.localhost/callback", "loopback"),
        ("https://client.example/../admin", "'..'"),
        ("https://client.example/%2e%2e/admin", "'..'"),
        ("https://client.example/a%2F..%2Fadmin", "'..'"),
        ("javascript:alert(1)", "not allowed"),
        ("JavaScript://%0aalert(1)", "not allowed"),
        ("data:text/html,x", "not allowed"),
        ("file:///etc/passwd", "not allowed"),
        ("vbscript:x", "not allowed"),
        ("blob:https://client.example/1", "not allowed"),
        ("intent://x#Intent", "fragment"),
        ("cursor:", "path"),
        ("cursor://", "path"),
    ],
)
def test_other_uris_are_refused(uri, problem):
    with pytest.raises(ValueError, match=problem):
        redirect_uris.check(uri, native=True)


def test_private_use_schemes_are_for_native_clients():
    redirect_uris.check("cursor://anysphere.cursor-mcp/oauth/callback", native=True)
    with pytest.raises(ValueError, match="application_type native"):
        redirect_uris.check("cursor://anysphere.cursor-mcp/oauth/callback", native=False)


@pytest.mark.parametrize(
    ("uris", "implied"),
    [
        ([CALLBACK], "web"),
        (["http://localhost/cb", "http://127.0.0.1/cb"], "native"),
        (["com.example.app:/cb"], "native"),
        ([CALLBACK, "http://localhost/cb"], "web"),
        ([CALLBACK, "com.example.app:/cb"], "native"),
        (["javascript:alert(1)"], "web"),
        ([], "web"),
    ],
)
def test_the_application_type_follows_from_the_uris(uris, implied):
    assert redirect_uris.implied_type(uris) == implied


def test_one_refused_uri_does_not_refuse_the_others():
    three = ["cursor://anysphere/cb", "https://www.cursor.com/cb", "http://localhost:8787/cb"]
    accepted = redirect_uris.accept(three, "web")
    assert accepted.uris == (three[1], three[2])
    assert len(accepted.problems) == 1
    assert redirect_uris.accept(three, None).uris == tuple(three)
    assert redirect_uris.accept([*three, three[1]], None).uris == tuple(three)


@pytest.mark.parametrize(
    ("registered", "sent", "native", "expected"),
    [
        (CALLBACK, CALLBACK, False, True),
        (CALLBACK, CALLBACK + "/", False, False),
        (CALLBACK, CALLBACK + "?x=1", False, False),
        (CALLBACK, "https://CLIENT.example/callback", False, False),
        ("https://client.example", "https://client.example/", False, True),
        ("https://client.example/", "https://client.example", False, True),
        ("https://client.example?a=1", "https://client.example/?a=1", False, True),
        ("http://localhost/cb", "http://localhost:3118/cb", True, True),
        ("http://localhost:1/cb", "http://localhost/cb", True, True),
        ("http://localhost/cb", "http://localhost:3118/cb", False, False),
        ("http://localhost:3118/cb", "http://localhost:3118/cb", False, True),
        ("http://localhost/cb", "http://127.0.0.1:3118/cb", True, False),
        ("http://127.0.0.1/", "http://127.0.0.1:33418", True, True),
        ("http://[::1]/cb", "http://[::1]:9/cb", True, True),
        ("http://localhost/cb", "http://localhost:3118/cb/", True, False),
        ("http://localhost/cb", "http://localhost:99999/cb", True, False),
        ("http://localhost/cb", "http://localhost:031/cb", True, False),
        ("http://localhost/cb", "http://localhost:1@evil.example/cb", True, False),
        ("http://localhost/cb", "http://localhost.evil.example/cb", True, False),
        ("http://localhost/cb", "https://localhost/cb", True, False),
        ("cursor://a/cb", "cursor://a/cb", True, True),
        ("cursor://a/cb", "cursor://a/cb/", True, False),
    ],
)
def test_matching(registered, sent, native, expected):
    assert redirect_uris.is_registered(sent, [registered], native=native) is expected


@given(
    st.text(alphabet=string.printable, max_size=60),
    st.booleans(),
)
def test_a_text_behind_a_registered_host_changes_nothing_but_the_port(text, native):
    registered = "http://localhost/cb"
    sent = f"http://localhost{text}/cb"
    if redirect_uris.is_registered(sent, [registered], native=native):
        assert text == "" or (native and text[0] == ":" and text[1:].isdigit())


@given(st.text(max_size=80))
def test_a_check_of_any_text_ends_in_an_answer(text):
    for native in (True, False):
        with contextlib.suppress(ValueError):
            redirect_uris.check(text, native=native)
            assert redirect_uris.is_registered(text, [text], native=native)
