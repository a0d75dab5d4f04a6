"""Any query gets an answer of the application's, a page, or a refusal, and never a 500."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

from authorizations import CHALLENGE, LOGOUT_URI, REDIRECT_URI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sampling import examples

NAMES = [
    *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce"),
    *("prompt", "max_age", "login_hint", "domain", "domain_hint", "organization_id", "provider"),
    *("connection_id", "ui_locales", "id_token_hint", "code_challenge", "code_challenge_method"),
    *("resource", "request", "request_uri", "registration", "claims", "display", "confirm"),
    *("post_logout_redirect_uri", "logout_hint", "unknown"),
]
# Good values too: only a request that passes one check meets the next.
VALUES = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(max_codepoint=0x7F), max_size=30),
    st.binary(max_size=10),
    st.sampled_from(
        [
            *("code", "query", "form_post", "openid", "openid offline_access", "none", "login"),
            *("create", "select_account", "0", "1", "9999999999", "S256", "plain", "org_1"),
            *("a@example.com", "example.com", "de en", "\x00", "\r\n", "\u2028", "🙂", "a" * 3000),
            *(CHALLENGE, REDIRECT_URI, LOGOUT_URI, "skc_1", "eyJhbGciOiJub25lIn0.e30."),
        ]
    ),
)
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=8)
_RELAXED = settings(
    deadline=None,
    max_examples=examples(150),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def is_sane(answer, *redirect_uris: str):
    assert answer.status_code in {200, 303, 400, 429}, answer.text
    if answer.status_code == 303:
        url = urlsplit(answer.headers["location"])
        target = f"{url.scheme}://{url.netloc}{url.path}" if url.scheme else ""
        own = not url.scheme and not url.netloc and url.path.startswith("/")
        assert own or target in redirect_uris, answer.headers["location"]
    return True


@given(pairs=PAIRS)
@_RELAXED
async def test_any_authorization_request_is_answered(application, pairs):
    good = [
        ("response_type", "code"),
        ("client_id", application.id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid"),
    ]
    given_names = {name for name, _ in pairs}
    base = [pair for pair in good if pair[0] not in given_names]
    for query in (urlencode(base + pairs), urlencode(pairs), urlencode(good + pairs)):
        answer = await application.http.get(f"/oauth/authorize?{query}")
        assert is_sane(answer, REDIRECT_URI)


@given(pairs=PAIRS)
@_RELAXED
async def test_any_logout_request_is_answered(application, pairs):
    query = urlencode([("client_id", application.id), *pairs])
    assert is_sane(await application.http.get(f"/oidc/logout?{query}"), LOGOUT_URI)
    assert is_sane(
        await application.http.post(
            "/oidc/logout",
            content=query,
            headers={
                "content-type": "application/x-www-form-urlencoded",
                "sec-fetch-site": "same-origin",
            },
        ),
        LOGOUT_URI,
    )


@given(raw=st.binary(max_size=60), cookies=st.text(st.characters(max_codepoint=0xFF), max_size=40))
@_RELAXED
async def test_any_bytes_are_answered(application, raw, cookies):
    """Faulty percent-encoding, and odd cookies."""
    query = quote(raw, safe="%&=+;/?:@!$'()*,~[]{}|^`\\")
    kept = "".join(c for c in cookies if c.isprintable())
    headers = {"cookie": f"__Host-tenantry_session={kept}".strip().encode("latin-1")}
    for path in ("/oauth/authorize", "/oidc/logout"):
        answer = await application.http.get(f"{path}?{query}", headers=headers)
        assert is_sane(answer, REDIRECT_URI, LOGOUT_URI)
