"""Matching redirect URIs: by every character, but for what a registered one leaves open."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.endpoints.oauth.authorization.redirects import MAX_CHARACTERS, is_registered
from tenantry.tenants.organizations.service import new as new_organization


class Ids:
    """Makes ids as a database does."""

    def new_id(self, prefix):
        return f"{prefix}1"


def organization(**members: Any):
    return new_organization(Ids(), region_code="US", display_name="Acme", **members)


ACME = organization(
    slug="acme",
    external_id="ext.1",
    metadata={
        "sub": "app",
        "host": "login.acme.com",
        "Mixed-Case": "Acme",
        "bare": "localhost",
        "address": "10.0.0.1",
        "dots": "..",
        "dot": ".",
        "slash": "a/b",
        "encoded": "a%2fb",
        "query": "a?b",
        "user": "a@b.com",
        "line": "a\r\nb",
        "star": "*",
        "template": "{{org_slug}}",
        "empty": "",
        "ending": "a\n",
        "umlaut": "müller",
        "dash": "-a",
    },
)


def stands(registered, uri, *, production=False, native=False, of=None):
    return is_registered(uri, [registered], production=production, native=native, organization=of)


EXACT = "https://app.example.com/callback"


@pytest.mark.parametrize("production", [False, True])
def test_a_uri_stands_for_itself(production):
    assert stands(EXACT, EXACT, production=production)
    assert stands("com.example.app:/done", "com.example.app:/done", production=production)


# Every form of "almost".
ALMOST = [
    "https://app.example.com/callback/",  # suffix
    "https://app.example.com/callbac",  # prefix
    "https://app.example.com/callback2",
    "https://app.example.com/callback/../evil",  # path traversal
    "https://app.example.com/./callback",
    "https://app.example.com/evil/../callback",
    "https://app.example.com//callback",
    "https://app.example.com/%63allback",  # encoded
    "https://app.example.com/callback%2f",  # encoded slash
    "https://app.example.com/callback%2F..%2Fevil",
    "https://app.example.com%2fcallback",
    "https://app.example.com/callback?",  # query
    "https://app.example.com/callback?next=https://evil.example",
    "https://app.example.com/callback#",  # fragment
    "https://app.example.com/callback#@evil.example",
    "https://app.example.com:443/callback",  # port
    "https://app.example.com:8443/callback",
    "https://app.example.com:/callback",
    "https://user@app.example.com/callback",  # userinfo
    "https://app.example.com@evil.example/callback",
    "https://app.example.com:x@evil.example/callback",
    "https://evil.example/https://app.example.com/callback",
    "https://evil.example?https://app.example.com/callback",
    "https://evil.example#https://app.example.com/callback",
    "https://APP.example.com/callback",  # case
    "https://app.example.com/Callback",
    "HTTPS://app.example.com/callback",
    "http://app.example.com/callback",  # scheme
    "https:app.example.com/callback",
    "https:/app.example.com/callback",
    "//app.example.com/callback",
    "/callback",
    "https://app.example.com./callback",  # trailing dot
    "https://app.example.com.evil.example/callback",
    "https://evil-app.example.com/callback",
    "https://evil.app.example.com/callback",
    "https://app.example.com\\@evil.example/callback",
    "https://app.example.com\\callback",
    "https://app.example.com/callback\\",
    "https://app.example.com/callback ",
    " https://app.example.com/callback",
    "https://app.example.com/callback\n",
    "https://app.example.com/callback\x00",
    "https://app.example.com/callback%00",
    "https://app.example.com/callback;a=b",
    "https://app.еxample.com/callback",  # homograph
    "https://app.example.com。/callback",
    "javascript://app.example.com/callback",
    "data:text/html,https://app.example.com/callback",
    "",
]


@pytest.mark.parametrize("uri", ALMOST)
def test_almost_the_same_is_not_the_same(uri):
    assert not stands(EXACT, uri, native=True, of=ACME)


def test_a_name_that_begins_with_localhost_is_not_this_machine():
    assert stands("http://localhost/cb", "http://localhost/cb")
    for uri in (
        "http://localhost.evil.com/cb",
        "http://localhost:3000/cb",
        "http://localhost@evil.com/cb",
        "http://127.0.0.1/cb",
    ):
        assert not stands("http://localhost/cb", uri, native=True)


WILD = "https://*.app.example.com/callback"


@pytest.mark.parametrize("label", ["acme", "a", "a-b", "acme--1", "x" * 63, "007"])
def test_a_star_stands_for_one_label_outside_of_production(label):
    uri = f"https://{label}.app.example.com/callback"
    assert stands(WILD, uri)
    assert not stands(WILD, uri, production=True)


@pytest.mark.parametrize(
    "label",
    [
        *("", "a.b", ".", "*", "-a", "a-", "a_b", "x" * 64, "a/b", "evil.example/", "a%2eb", "a@b"),
        *("a:b", "a?b", "a#b", "a\\b", "a b", "é", "a\n", "evil.example/callback#", "{{org_slug}}"),
    ],
)
def test_a_star_stands_for_nothing_else(label):
    assert not stands(WILD, f"https://{label}.app.example.com/callback")


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/callback",
        "https://.app.example.com/callback",
        "https://acme.app.example.com/callback/",
        "https://acme.app.example.com/evil/callback",
        "https://acme.app.example.com:8443/callback",
        "http://acme.app.example.com/callback",
        "https://acme.APP.example.com/callback",
        "https://acme.app.example.com.evil.example/callback",
        "https://app.example.com/callback.app.example.com/callback",
        "https://a.app.example.com/callback#.app.example.com/callback",
    ],
)
def test_what_is_around_a_star_stays(uri):
    assert not stands(WILD, uri)


def test_a_star_and_its_end_do_not_overlap():
    assert not stands("https://*.a.a/", "https://.a.a/")
    assert not stands("https://*.b", "https://.b")


@pytest.mark.parametrize(
    ("registered", "uri"),
    [
        ("https://{{org_slug}}.example.com/cb", "https://acme.example.com/cb"),
        ("https://{{sub}}.example.com/cb", "https://app.example.com/cb"),
        ("https://{{host}}/cb", "https://login.acme.com/cb"),
        ("https://{{host}}:8443/cb", "https://login.acme.com:8443/cb"),
        ("https://{{host}}", "https://login.acme.com"),
        ("https://example.com/{{external_id}}/cb", "https://example.com/ext.1/cb"),
        ("https://example.com/{{Mixed-Case}}", "https://example.com/Acme"),
        (
            "https://{{org_slug}}.example.com/{{external_id}}/{{sub}}",
            "https://acme.example.com/ext.1/app",
        ),
        ("com.example.app:/{{org_slug}}", "com.example.app:/acme"),
    ],
)
def test_a_template_stands_for_the_value_of_the_organization(registered, uri):
    assert stands(registered, uri, production=True, native=True, of=ACME)
    assert not stands(registered, uri, native=True)
    assert not stands(registered, uri, native=True, of=organization(slug="other"))
    assert not stands(registered, registered, native=True, of=ACME)
    assert not stands(registered, registered, native=True)


@pytest.mark.parametrize(
    "name",
    [
        *("missing", "dots", "slash", "encoded", "query", "user", "line", "star", "template"),
        *("empty", "ending", "umlaut"),
    ],
)
def test_a_value_that_is_not_clean_stands_for_nothing(name):
    value = ACME.metadata.get(name, "")
    for registered in (
        f"https://{{{{{name}}}}}.example.com/cb",
        f"https://{{{{{name}}}}}/cb",
        f"https://example.com/{{{{{name}}}}}",
        f"https://example.com/{{{{{name}}}}}/cb",
    ):
        for uri in (registered, registered.replace(f"{{{{{name}}}}}", value)):
            assert not stands(registered, uri, of=ACME)


@pytest.mark.parametrize("name", ["dot", "dots"])
def test_a_value_never_climbs_the_path(name):
    registered = f"https://example.com/{{{{{name}}}}}/cb"
    assert not stands(registered, f"https://example.com/{ACME.metadata[name]}/cb", of=ACME)


@pytest.mark.parametrize("name", ["host", "dash", "dot"])
def test_a_value_in_a_name_is_one_label(name):
    registered = f"https://{{{{{name}}}}}.example.com/cb"
    assert not stands(registered, f"https://{ACME.metadata[name]}.example.com/cb", of=ACME)


@pytest.mark.parametrize("name", ["bare", "address", "sub"])
def test_a_value_that_is_a_whole_host_is_a_domain_name(name):
    assert not stands(f"https://{{{{{name}}}}}/cb", f"https://{ACME.metadata[name]}/cb", of=ACME)


def test_a_value_cannot_bring_a_star():
    wild = organization(metadata={"sub": "*"})
    assert not stands("https://{{sub}}.example.com/cb", "https://evil.example.com/cb", of=wild)


def test_a_star_may_stand_before_a_template():
    registered = "https://*.{{org_slug}}.example.com/cb"
    assert stands(registered, "https://a.acme.example.com/cb", of=ACME)
    assert not stands(registered, "https://a.other.example.com/cb", of=ACME)
    assert not stands(registered, "https://a.acme.example.com/cb", of=ACME, production=True)


LOOPBACK = [("http://127.0.0.1/cb", "127.0.0.1"), ("http://[::1]:8080/cb", "[::1]")]


@pytest.mark.parametrize(("registered", "host"), LOOPBACK)
def test_a_native_app_listens_at_any_port_of_a_loopback_address(registered, host):
    for port in ("", ":1", ":8080", ":65535"):
        assert stands(registered, f"http://{host}{port}/cb", native=True, production=True)
        uri = f"http://{host}{port}/cb"
        assert stands(registered, uri) == (uri == registered)
    for uri in (
        f"http://{host}:0/cb",
        f"http://{host}:65536/cb",
        f"http://{host}:080/cb",
        f"http://{host}:8080",
        f"http://{host}:8080/cb/",
        f"http://{host}:8080/cb?x",
        f"http://{host}:8080@evil.com/cb",
        f"http://{host}.evil.com/cb",
        f"https://{host}:8080/cb",
        "http://localhost:8080/cb",
        "http://127.0.0.2:8080/cb",
        "http://127.1:8080/cb",
    ):
        assert not stands(registered, uri, native=True)


def test_one_of_several_is_enough_and_none_is_not():
    several = ["https://a.example.com/", EXACT]
    assert is_registered(EXACT, several, production=True)
    assert not is_registered(EXACT, [], production=True)


def test_nothing_long_is_looked_at():
    assert not stands("https://a" + "a" * MAX_CHARACTERS, "https://a" + "a" * MAX_CHARACTERS)


_parts = st.text(st.sampled_from("abAB.:/@%?#\\*-[]1 é\n"), max_size=20)
_uris = st.one_of(
    st.text(max_size=60),
    _parts.map("https://".__add__),
    _parts.map("http://127.0.0.1".__add__),
    st.sampled_from([EXACT, *ALMOST]),
)


@given(_uris, _uris, st.booleans())
def test_without_anything_left_open_only_equal_matches(registered, uri, production):
    if "{{" in registered or "://*." in registered:
        return
    assert stands(registered, uri, production=production) == (registered == uri)


@given(_parts, st.text(max_size=30))
def test_whatever_a_star_lets_in_stays_under_its_name(label, rest):
    uri = f"https://{label}{rest}.app.example.com/callback"
    if stands(WILD, uri):
        assert "." not in label + rest
        assert (label + rest).isascii()
        assert (label + rest).replace("-", "").isalnum()


@given(st.text(max_size=30))
def test_whatever_a_value_is_it_stays_in_its_place(value):
    of = organization(slug=value, external_id=value, metadata={"m": value})
    assert not stands("https://{{m}}.example.com/cb", "https://evil.example/cb", of=of)
    filled = f"https://example.com/{value}/cb"
    if stands("https://example.com/{{m}}/cb", filled, of=of):
        assert "/" not in value
        assert value not in {"", ".", ".."}
        assert value.isascii()
        assert value.isprintable()
