"""Client metadata of registrations (RFC 7591)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp_clients import CLIENTS

from tenantry.access.client_metadata import metadata, redirect_uris
from tenantry.access.client_metadata.metadata import MetadataError

CALLBACK = "https://client.example/callback"


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_the_registrations_of_known_clients(client):
    parsed = metadata.parse(client.registration)
    assert parsed.name == client.registration["client_name"]
    assert parsed.grant_types == ("authorization_code", "refresh_token")
    method = client.registration["token_endpoint_auth_method"]
    assert parsed.token_endpoint_auth_method == method
    native = parsed.application_type == "native"
    for uri in client.sent:
        assert redirect_uris.is_registered(uri, parsed.redirect_uris, native=native), uri
    for uri in client.refused:
        assert not redirect_uris.is_registered(uri, parsed.redirect_uris, native=native), uri


@pytest.mark.parametrize(
    ("members", "error", "description"),
    [
        ({}, "invalid_redirect_uri", "missing"),
        ({"redirect_uris": []}, "invalid_redirect_uri", "missing"),
        ({"redirect_uris": None}, "invalid_redirect_uri", "missing"),
        ({"redirect_uris": CALLBACK}, "invalid_redirect_uri", "list"),
        ({"redirect_uris": [1]}, "invalid_redirect_uri", "list"),
        ({"redirect_uris": [CALLBACK] * 21}, "invalid_redirect_uri", "20"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri", "javascript"),
        ({"redirect_uris": ["http://client.example/"]}, "invalid_redirect_uri", "https"),
        ({"response_types": ["token"]}, "invalid_client_metadata", "response_types"),
        ({"response_types": "code"}, "invalid_client_metadata", "response_types"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata", "grant_types"),
        ({"client_name": 1}, "invalid_client_metadata", "client_name"),
        ({"scope": ["a"]}, "invalid_client_metadata", "scope"),
        ({"scope": "a" * 2001}, "invalid_client_metadata", "scope"),
        (
            {"token_endpoint_auth_method": "tls_client_auth"},
            "invalid_client_metadata",
            "token_endpoint_auth_method",
        ),
    ],
)
def test_what_cannot_work_is_refused(members, error, description):
    with pytest.raises(MetadataError, match=description) as refused:
        metadata.parse({"redirect_uris": [CALLBACK]} | members if members else members)
    assert refused.value.error == error


def test_unknown_members_and_nulls_are_ignored():
    parsed = metadata.parse(
        {
            "redirect_uris": [CALLBACK],
            "resource": "https://api.example/mcp",
            "client_uri": None,
            "scope": None,
            "grant_types": None,
            "contacts": ["x"],
            "software_id": 7,
            "jwks": {"keys": []},
        }
    )
    assert parsed.client_uri is None
    assert parsed.grant_types == ("authorization_code", "refresh_token")
    assert parsed.name == "MCP client at client.example"


def test_a_client_that_wants_no_refresh_tokens_gets_none():
    parsed = metadata.parse({"redirect_uris": [CALLBACK], "grant_types": ["authorization_code"]})
    assert parsed.grant_types == ("authorization_code",)


@pytest.mark.parametrize(
    "uri",
    [
        *("javascript:alert(1)", "http://client.example/", "//client.example", 5, ["x"]),
        *("https://user@client.example/", "https://", 'https://client.example/"x', "x" * 1001),
    ],
)
def test_a_page_that_we_would_not_link_to_is_left_out(uri):
    parsed = metadata.parse({"redirect_uris": [CALLBACK], "policy_uri": uri, "logo_uri": uri})
    assert parsed.policy_uri is None
    assert parsed.logo_uri is None


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("redirect_uris", "client_name", "scope", "grant_types", "response_types"),
                *("token_endpoint_auth_method", "application_type", "logo_uri", "client_uri"),
                *("description", "tos_uri"),
            ]
        ),
        _json | st.just([CALLBACK]),
    )
)
def test_any_members_are_parsed_or_refused(members):
    with contextlib.suppress(MetadataError):
        parsed = metadata.parse(members)
        assert parsed.redirect_uris
        assert parsed.name
