"""Answers of providers by browser and by their token endpoint, and profiles from claims."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import unquote_plus

import pytest
from jwts_of_providers import ISSUER

from tenantry.identity.connections.oidc import callback, faults, profile, tokens
from tenantry.identity.connections.oidc.callback import CallbackResponse
from tenantry.identity.connections.oidc.faults import OIDCError


def fault_of(call: Any, *args: Any, **named: Any):
    with pytest.raises(OIDCError) as raised:
        call(*args, **named)
    assert len(raised.value.description) < 1000
    return raised.value.fault


def test_an_answer_is_of_the_connections_issuer():
    for members in ({}, {"iss": ISSUER}):
        callback.hold_to_issuer(CallbackResponse(members), ISSUER, says_issuer=False)
    callback.hold_to_issuer(CallbackResponse({"iss": ISSUER}), ISSUER, says_issuer=True)
    for iss in ("", "https://evil.example", f"{ISSUER}/"):
        for says in (True, False):
            found = fault_of(
                callback.hold_to_issuer, CallbackResponse({"iss": iss}), ISSUER, says_issuer=says
            )
            assert found is faults.ANSWER_ISSUER
    found = fault_of(callback.hold_to_issuer, CallbackResponse({}), ISSUER, says_issuer=True)
    assert found is faults.NO_ANSWER_ISSUER


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "authentication_not_completed"),
        ("login_required", "user_login_required"),
        ("interaction_required", "user_login_required"),
        ("temporarily_unavailable", "server_error"),
        ("unauthorized_client", "invalid_request"),
        ("<script>\u202e\n", "invalid_request"),
        ("x" * 100_000, "invalid_request"),
    ],
)
def test_an_error_of_the_provider_is_told_in_a_sentence(error, code):
    members = {"error": error, "error_description": "no\x00\r\n" * 1000, "code": "a code"}
    with pytest.raises(OIDCError) as raised:
        callback.code(CallbackResponse(members))
    assert raised.value.code == code
    assert raised.value.description.isprintable()
    assert len(raised.value.description) < 400


def test_an_answer_without_a_code_is_none():
    assert callback.code(CallbackResponse({"code": "a code"})) == "a code"
    for members in ({}, {"code": ""}, {"code": "x" * 10_000}):
        assert fault_of(callback.code, CallbackResponse(members)) is faults.PARAMETER


def test_client_and_secret_are_encoded_as_in_a_form_before_they_are_joined():
    header = tokens.basic("a:client é", "s+c/r:t %")
    pair = base64.b64decode(header.removeprefix("Basic ")).decode()
    client, _, secret = pair.partition(":")
    assert (unquote_plus(client), unquote_plus(secret)) == ("a:client é", "s+c/r:t %")


def answer(**members: Any):
    return json.dumps({"access_token": "at", "token_type": "Bearer", **members}).encode()


def test_the_tokens_of_an_answer():
    found = tokens.read(200, answer(id_token="a.b.c", token_type="bearer"), secrets=())
    assert (found.access_token, found.id_token) == ("at", "a.b.c")
    assert tokens.read(200, answer(), secrets=()).id_token is None
    form = b"access_token=gho_1&scope=user&token_type=bearer"
    assert tokens.read(200, form, secrets=(), form_allowed=True).access_token == "gho_1"
    assert fault_of(tokens.read, 200, form, secrets=()) is faults.EXCHANGE_ANSWER


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (200, b""),
        (200, b"[]"),
        (200, b"{}"),
        (200, answer(access_token=7)),
        (200, answer(access_token="")),
        (200, answer(access_token="a\r\nb")),
        (200, answer(access_token="é")),
        (200, answer(access_token="x" * 70_000)),
        (200, answer(token_type="DPoP")),
        (200, answer(token_type=["Bearer"])),
        (200, answer(id_token={})),
        (200, b'{"access_token":' * 200),
    ],
)
def test_an_answer_that_is_none_is_said_so(status, document):
    assert fault_of(tokens.read, status, document, secrets=()) is faults.EXCHANGE_ANSWER


def test_a_refusal_says_the_providers_words_and_no_secret():
    document = json.dumps(
        {
            "error": "invalid_grant",
            "error_description": "the code c-0-d-e was not issued to the client with s3cret",
        }
    ).encode()
    with pytest.raises(OIDCError) as raised:
        tokens.read(400, document, secrets=("c-0-d-e", "s3cret", ""))
    assert raised.value.code == "failed_to_exchange_token"
    assert "status 400, invalid_grant, the code … was" in raised.value.description
    assert "s3cret" not in raised.value.description
    # GitHub answers its errors with 200.
    assert fault_of(tokens.read, 200, document, secrets=()) is faults.EXCHANGE_REFUSED
    assert fault_of(tokens.read, 500, b"<html>", secrets=()) is faults.EXCHANGE_REFUSED


def test_a_profile_has_the_standard_claims_and_those_of_the_mapping():
    claims = {
        "sub": "1",
        "email": "ann@example.com",
        "given_name": "Ann",
        "groups": ["Staff", "Admins"],
        "user": {"dept": "Sales", "level": 7, "active": True, "place": {"floor": 3}},
        "a.b": "its very name",
        "a": {"b": "the path"},
        "none": None,
    }
    mapping = {
        "department": "user.dept",
        "level": "user.level",
        "active": "user.active",
        "place": "user.place",
        "ab": "a.b",
        "nothing": "none",
        "absent": "user.dept.more",
    }
    assert profile.values(claims, mapping) == {
        "email": ("ann@example.com",),
        "given_name": ("Ann",),
        "groups": ("Staff", "Admins"),
        "department": ("Sales",),
        "level": ("7",),
        "active": ("true",),
        "place": ('{"floor": 3}',),
        "ab": ("its very name",),
    }
    mapped = {"email": "upn", "given_name": "nick"}
    found = profile.values({"upn": "a@b.example", "given_name": "Ann", "nick": "A"}, mapped)
    assert found == {"email": ("a@b.example",), "given_name": ("A",)}


def test_without_an_address_there_is_no_profile():
    for email in (None, "", [], [None], "a\x00b", "x" * 3000):
        with pytest.raises(OIDCError, match="email claim email is missing") as raised:
            profile.values({"email": email, "sub": "1"}, {})
        assert raised.value.code == "mandatory_attribute_missing"
    with pytest.raises(OIDCError, match=r"upn is missing\. Claims received: email, sub"):
        profile.values({"email": "a@b.example", "sub": "1"}, {"email": "upn"})


def test_only_the_providers_own_word_makes_an_address_verified():
    for verified, expected in (
        *((True, True), ("true", True), (False, False), ("false", False)),
        *((1, False), (None, False), (["true"], False), ("True", False)),
    ):
        claims = {"email": "a@b.example", "email_verified": verified}
        assert profile.email_verified(claims, {}) is expected
        assert not profile.email_verified(claims, {"email": "upn"})


def test_a_token_that_says_all_needs_no_more():
    claims = {"email": "a@b.example", "given_name": "A", "family_name": "B"}
    assert not profile.lacks(claims, {})
    assert profile.lacks(claims, {"department": "dept"})
    assert profile.lacks({"email": "a@b.example"}, {})
    assert not profile.lacks({**claims, "given_name": None, "nick": "A"}, {"given_name": "nick"})
