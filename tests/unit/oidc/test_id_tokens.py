"""ID tokens: each rule of OpenID Connect Core 1.0 section 3.1.3.7, broken by itself."""

from __future__ import annotations

from typing import Any

import pytest
from jwts_of_providers import (
    CLIENT_ID,
    ISSUER,
    NONCE,
    NOW,
    half_hash,
    id_claims,
    key_set,
    logout_claims,
    signed,
)

from tenantry.identity.connections.oidc import faults, id_token, jwts, key_sets
from tenantry.identity.connections.oidc.faults import OIDCError

SKEW = 90
TENANT = "6e4c6b0a-7a5d-4cf8-a6f0-0c4e7b6d8f11"
MANY = "https://login.microsoftonline.com/{tenantid}/v2.0"


def verify(claims, **expected: Any):
    algorithm = expected.pop("algorithm", "RS256")
    found = jwts.read(signed(claims, algorithm=algorithm), algorithms=(algorithm,))
    given = {"issuer": ISSUER, "client_id": CLIENT_ID, "nonce": NONCE, "now": NOW, "skew": SKEW}
    return id_token.verify(found, **{**given, **expected})


def test_a_good_token_says_who_it_is():
    found = jwts.read(signed(id_claims()), algorithms=("RS256",))
    jwts.verify(found, key_sets.read(key_set()))
    assert verify(id_claims()) == id_claims()


BROKEN = [
    ({"iss": None}, faults.ISSUER),
    ({"iss": ISSUER + "/"}, faults.ISSUER),
    ({"iss": ISSUER.upper()}, faults.ISSUER),
    ({"iss": [ISSUER]}, faults.ISSUER),
    ({"iss": {}}, faults.ISSUER),
    ({"aud": None}, faults.AUDIENCE),
    ({"aud": "another"}, faults.AUDIENCE),
    ({"aud": []}, faults.AUDIENCE),
    ({"aud": ["another", 7, None]}, faults.AUDIENCE),
    ({"aud": {CLIENT_ID: 1}}, faults.AUDIENCE),
    ({"aud": CLIENT_ID + " another"}, faults.AUDIENCE),
    ({"aud": [CLIENT_ID, "another"]}, faults.AUTHORIZED_PARTY),
    ({"aud": [CLIENT_ID, "another"], "azp": "another"}, faults.AUTHORIZED_PARTY),
    ({"azp": "another"}, faults.AUTHORIZED_PARTY),
    ({"azp": [CLIENT_ID]}, faults.AUTHORIZED_PARTY),
    ({"exp": None}, faults.CLAIM),
    ({"exp": str(NOW + 60)}, faults.CLAIM),
    ({"exp": True}, faults.CLAIM),
    ({"exp": 1e300}, faults.CLAIM),
    ({"exp": -1}, faults.CLAIM),
    ({"exp": NOW - SKEW}, faults.EXPIRED),
    ({"iat": None}, faults.CLAIM),
    ({"iat": [NOW]}, faults.CLAIM),
    ({"iat": NOW + SKEW + 1}, faults.EARLY),
    ({"nbf": NOW + SKEW + 1}, faults.EARLY),
    ({"nbf": "soon"}, faults.CLAIM),
    ({"nonce": None}, faults.NONCE),
    ({"nonce": ""}, faults.NONCE),
    ({"nonce": NONCE + "x"}, faults.NONCE),
    ({"nonce": NONCE.lower()}, faults.NONCE),
    ({"nonce": [NONCE]}, faults.NONCE),
    ({"nonce": "é"}, faults.NONCE),
    ({"sub": None}, faults.CLAIM),
    ({"sub": ""}, faults.CLAIM),
    ({"sub": 7}, faults.CLAIM),
    ({"sub": "x" * 256}, faults.CLAIM),
    ({"sub": "ann\x00"}, faults.CLAIM),
    ({"events": {}}, faults.NOT_A_JWT),
]


@pytest.mark.parametrize(("changes", "fault"), BROKEN)
def test_each_broken_rule_is_refused_by_its_name(changes, fault):
    with pytest.raises(OIDCError) as raised:
        verify(id_claims(**changes))
    assert raised.value.fault is fault
    assert NONCE not in str(raised.value)
    assert len(raised.value.description) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": [CLIENT_ID]},
        {"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID},
        {"azp": CLIENT_ID},
        {"exp": NOW - SKEW + 1},
        {"exp": NOW + 0.5},
        {"iat": NOW + SKEW},
        {"iat": 0},
        {"nbf": NOW + SKEW},
        {"sub": "x" * 255},
        {"sub": "Ann Müller"},
    ],
)
def test_what_the_rules_allow_is_taken(changes):
    assert verify(id_claims(**changes)) == id_claims(**changes)


def test_nothing_is_for_a_connection_without_issuer_or_client():
    for expected in ({"issuer": ""}, {"client_id": ""}):
        with pytest.raises(OIDCError):
            verify(id_claims(iss="", aud=""), **expected)


def test_an_issuer_of_many_tenants_is_that_of_the_tokens_own():
    mine = MANY.replace("{tenantid}", TENANT)
    assert verify(id_claims(iss=mine, tid=TENANT), issuer=MANY)
    for claims in (
        {"iss": mine},
        {"iss": mine, "tid": TENANT.replace("6", "7")},
        {"iss": MANY, "tid": "{tenantid}"},
        {"iss": mine, "tid": [TENANT]},
        {"iss": "https://login.microsoftonline.com/evil/x/v2.0", "tid": "evil/x"},
        {"iss": "https://login.microsoftonline.com.evil/v2.0", "tid": TENANT},
    ):
        with pytest.raises(OIDCError) as raised:
            verify(id_claims(**claims), issuer=MANY)
        assert raised.value.fault is faults.ISSUER


@pytest.mark.parametrize(
    ("algorithm", "size"), [("RS256", "256"), ("ES384", "384"), ("PS512", "512"), ("EdDSA", "512")]
)
def test_the_access_token_is_the_one_that_the_id_token_names(algorithm, size):
    good = id_claims(at_hash=half_hash("the access token", size))
    assert verify(good, algorithm=algorithm, access_token="the access token")
    assert verify(id_claims(), algorithm=algorithm, access_token="any")  # it need not say one
    for bent in (half_hash("another", size), "", 7, "é"):
        with pytest.raises(OIDCError) as raised:
            verify(id_claims(at_hash=bent), algorithm=algorithm, access_token="the access token")
        assert raised.value.fault is faults.AT_HASH


def test_a_sign_in_is_as_new_as_was_asked_for():
    assert verify(id_claims(auth_time=NOW - 60 - SKEW), max_age=60)
    assert verify(id_claims(auth_time=NOW), max_age=0)
    assert verify(id_claims())  # nobody asked
    with pytest.raises(OIDCError) as raised:
        verify(id_claims(auth_time=NOW - 61 - SKEW), max_age=60)
    assert raised.value.fault is faults.TOO_OLD
    for auth_time in (None, "now", True):
        with pytest.raises(OIDCError) as raised:
            verify(id_claims(auth_time=auth_time), max_age=60)
        assert raised.value.fault is faults.CLAIM


def test_a_logout_token_is_no_id_token():
    with pytest.raises(OIDCError):
        verify(logout_claims())
    with pytest.raises(OIDCError):
        verify(logout_claims(nonce=NONCE))
