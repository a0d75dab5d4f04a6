"""Logout tokens: each rule of OpenID Connect Back-Channel Logout 1.0 section 2.6."""

from __future__ import annotations

from typing import Any

import pytest
from jwts_of_providers import CLIENT_ID, ISSUER, NONCE, NOW, id_claims, logout_claims, signed

from tenantry.identity.connections.oidc import jwts, logout_token
from tenantry.identity.connections.oidc.faults import OIDCError

SKEW = 90


def verify(claims, **header: Any):
    found = jwts.read(signed(claims, **{"typ": "logout+jwt", **header}), algorithms=("RS256",))
    return logout_token.verify(found, issuer=ISSUER, client_id=CLIENT_ID, now=NOW, skew=SKEW)


def test_it_says_which_sessions_have_ended():
    found = verify(logout_claims())
    assert (found.subject, found.session_index) == ("248289761001", logout_claims()["sid"])
    assert found.jti == "bWJq"
    assert NOW + 120 + SKEW <= found.expires <= NOW + 122 + SKEW
    assert verify(logout_claims(sid=None)).session_index is None
    assert verify(logout_claims(sub=None)).subject is None


@pytest.mark.parametrize("typ", ["logout+jwt", "application/logout+jwt", "JWT", "jwt", None])
def test_its_type_is_that_of_the_specification_or_an_older_one(typ):
    assert verify(logout_claims(), typ=typ)


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "secevent+jwt"])
def test_a_token_of_another_type_is_no_logout(typ):
    with pytest.raises(OIDCError, match=r"is invalid: its typ is"):
        verify(logout_claims(), typ=typ)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"iat": None},
        {"iat": NOW + SKEW + 1},
        {"exp": NOW - SKEW},
        {"exp": "soon"},
        {"exp": None, "iat": NOW - 600 - SKEW},
        {"exp": NOW + 10**6, "iat": NOW - 600 - SKEW},
        {"events": None},
        {"events": {}},
        {"events": []},
        {"events": {"http://schemas.openid.net/event/backchannel-logout": None}},
        {"events": {"http://schemas.openid.net/event/other": {}}},
        {"nonce": NONCE},
        {"nonce": ""},
        {"sub": None, "sid": None},
        {"sub": 7},
        {"sub": ""},
        {"sid": ["x"]},
        {"sid": "x" * 256},
        {"sid": "\x00"},
        {"jti": None},
        {"jti": 7},
        {"jti": ""},
    ],
)
def test_each_broken_rule_is_refused(changes):
    with pytest.raises(OIDCError) as raised:
        verify(logout_claims(**changes))
    assert len(raised.value.description) < 1000


def test_an_id_token_is_no_logout():
    with pytest.raises(OIDCError):
        verify(id_claims(), typ="JWT")
    with pytest.raises(OIDCError):
        verify(id_claims(nonce=None), typ="JWT")
