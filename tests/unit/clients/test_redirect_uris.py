"""Which redirect URIs may be registered."""

from __future__ import annotations

import pytest

from tenantry.access.clients.uris import redirect_uris

BOTH = [
    "https://example.com",
    "https://example.com/callback/",
    "https://Example.com:8443/a%20b;c=d,e",
    "https://a_b.example.com/",
    "https://203.0.113.7/cb",
    "https://[2001:db8::1]:8443/cb",
    "https://xn--bcher-kva.example/cb",
    "https://{{org_slug}}.example.com/cb",
    "https://a.{{org_slug}}.example.com/cb",
    "https://{{domain}}/cb",
    "https://{{domain}}:8443/cb",
    "https://example.com/{{external_id}}/cb",
    "https://example.com/{{ext.id-1}}",
    "https://localhost.evil.com/cb",
    "https://x.example.com/" + "a" * (256 - 22 - 1),
]
DEVELOPMENT = [
    "http://example.com/cb",
    "http://localhost:3000/cb",
    "https://localhost",
    "http://app.localhost/",
    "http://127.0.0.1:1/",
    "http://127.1.2.3/",
    "http://[::1]:65535/cb",
    "https://*.example.com/cb",
    "http://*.example.co.uk:8080/",
    "http://*.localhost:3000/",
]
NATIVE = [
    "myapp://callback",
    "com.example.app:/oauth2redirect",
    "com.example.app:callback",
    "http://127.0.0.1/cb",
    "http://[::1]:5000/",
]
NOWHERE = [
    *("", " ", "example.com", "/callback", "//example.com", "https:example.com", "https:/x"),
    *("https://", "https:///cb", "https://:8443/", "https://example.com:/", "https://a..b/"),
    *("https://example.com:0/", "https://example.com:65536/", "https://example.com:8a/"),
    *("https://example.com/?a=b", "https://example.com?", "https://example.com/#", "https://x/#a"),
    *("https://user@example.com/", "https://a:b@example.com/", "https://example.com@evil.com/"),
    *("https://example.com\\@evil.com/", "https://evil.com\\.example.com/", "https://exa mple.com"),
    *("https://example.com/\n", "https://example.com/\x00", "https://bücher.example/"),
    *("https://example.com/<script>", 'https://example.com/"', "https://example.com/%zz"),
    *("https://example.com/a/../b", "https://example.com/%2e%2E/b", "https://example.com/./"),
    *("https://-a.example.com/", "https://a-.example.com/", "https://example.com./"),
    *("https://[::1/", "https://[::g]/", "https://::1/", "https://256.1.1.1/", "https://127.1/"),
    *("https://0x7f000001/", "https://2130706433/", "https://[v1.a]/"),
    "https://x.example.com/" + "a" * (257 - 22),
    *("https://*/", "https://*.com/", "https://*.co.uk/", "https://*.github.io/", "https://*."),
    *("https://a.*.example.com/", "https://*.*.example.com/", "https://a*.example.com/"),
    *("https://example.com/*", "https://*example.com/", "https://example.*/"),
    *("https://{{a}}.com/", "https://{{a}}.co.uk/", "https://{{a}}.{{b}}/", "https://a.{{b}}/"),
    *("https://{{a}}.{{b}}.com/", "https://{{a}}{{b}}/", "https://x{{a}}.example.com/"),
    *("https://*.{{a}}.com/", "https://example.com:{{port}}/", "https://example.com/x{{a}}"),
    *("https://example.com/{{a b}}", "https://example.com/{{}}", "https://example.com/{{a}"),
    *("https://example.com/{a}", "{{scheme}}://example.com/", "{{all}}"),
    *("ftp://example.com/", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"),
    *("JavaScript:alert(1)", "vbscript:x", "intent://x", "about:blank", "view-source:https://x"),
    *("1app://x", "my app://x", "://x", ":", "https", "myapp:", "urn:ietf:wg:oauth:2.0:oob?x"),
]


def takes(uri, *, production, native=False):
    try:
        redirect_uris.check(uri, production=production, native=native)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("uri", BOTH)
def test_https_urls_are_taken_everywhere(uri):
    assert takes(uri, production=True)
    assert takes(uri, production=False)


@pytest.mark.parametrize("uri", DEVELOPMENT)
def test_some_are_taken_outside_of_production_only(uri):
    assert takes(uri, production=False)
    assert not takes(uri, production=True)


@pytest.mark.parametrize("uri", NATIVE)
def test_some_are_taken_of_native_apps_only(uri):
    assert takes(uri, production=True, native=True)
    assert not takes(uri, production=True)


def test_a_native_app_has_loopback_addresses_and_no_name_for_them_in_production():
    assert not takes("http://localhost/cb", production=True, native=True)
    assert not takes("http://example.com/cb", production=True, native=True)


@pytest.mark.parametrize("uri", NOWHERE)
def test_anything_else_is_refused_everywhere(uri):
    for production in (True, False):
        for native in (True, False):
            assert not takes(uri, production=production, native=native)


@pytest.mark.parametrize(
    ("uri", "fine", "in_production"),
    [
        ("https://example.com/login?from=mail&x=%20", True, True),
        ("https://{{org_slug}}.example.com/login", True, True),
        ("http://localhost:3000/login", True, False),
        ("http://example.com/login", True, False),
        ("https://*.example.com/login", False, False),
        ("https://example.com/#login", False, False),
        ("https://a@example.com/", False, False),
        ("myapp://login", False, False),
        ("https://example.com/{{a}}?x={{b}}", True, True),
    ],
)
def test_pages_may_have_a_query_and_no_wildcard(uri, fine, in_production):
    def ok(*, production):
        try:
            redirect_uris.check_page(uri, production=production, templates=True)
        except ValueError:
            return False
        return True

    assert (ok(production=False), ok(production=True)) == (fine, in_production)


def test_where_logouts_are_told_has_no_template():
    with pytest.raises(ValueError, match="template"):
        redirect_uris.check_page("https://{{a}}.example.com/", production=False, templates=False)


@pytest.mark.parametrize(
    ("public_url", "development", "production"),
    [
        ("https://auth.example.com", False, True),
        ("https://auth.example.com", True, False),
        ("http://auth.example.com", False, False),
        ("https://localhost:8443", False, False),
        ("https://127.0.0.1:8443", False, False),
        ("https://[::1]", False, False),
        ("https://10.0.0.1", False, True),
    ],
)
def test_production_is_what_others_reach(public_url, development, production):
    assert redirect_uris.is_production(public_url, development=development) is production
