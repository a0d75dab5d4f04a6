"""The log of a sign-in by a provider: its steps, and how it was proved, for the operator."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused
from connections_of_tests import arrive, go, organization_of
from cryptography.hazmat.primitives import hashes
from hosted import answered
from oidc_sign_ins import local, oidc_connection
from openid_providers import ANN, CLIENT_ID, OpenIDProvider
from saml_idps import asked, post, provider, saml_connection
from saml_provider import GCM, IDP, attribute, pair, pem

from tenantry.db.sql.schema import to_json
from tenantry.identity.federation import evidence


async def newest(place, conn):
    """The newest sign-in by a connection, as the command shows it, and as it prints it."""
    given = ("sso", "failures", "--all", "--connection", conn.id, "--limit", "1")
    shown, printed = [
        await asyncio.to_thread(place.server.run, *given, *more) for more in (("--json",), ())
    ]
    assert (shown.returncode, printed.returncode) == (0, 0), shown.stderr
    (found,) = json.loads(shown.stdout)
    await assert_the_api_says_the_same(place, found)
    return found, printed.stdout


async def assert_the_api_says_the_same(place, found):
    answer = await place.api.sign_ins.get_sign_in(auth_request_id=found["auth_request_id"])
    told = answer["sign_in"]
    for name in ("status", "email", "organization_id", "connection_id", "connection_type"):
        assert told.get(name, "") == found[name]
    assert [(one["state"], int(one["milliseconds"])) for one in told["steps"]] == [
        (one["state"], one["milliseconds"]) for one in found["steps"]
    ]
    evidence = told.get("evidence", {})
    assert {name: value for name, value in evidence.items() if value} == found["evidence"]
    error = told.get("error", {})
    for name in ("error", "error_description", "remedy"):
        assert error.get(name, "") == found.get(name, "")
    assert error.get("meaning", "") == found.get("means", "")


async def test_an_organization_s_admin_sees_its_own_alone(place, application, visitor):
    organization_id, _ = await organization_of(place)
    other_id, _ = await organization_of(place)
    conn = await saml_connection(place, members={"organization_id": organization_id})
    request = asked(await go(visitor, application, connection_id=conn.id))
    bent = provider(place, conn, request).but(audience="https://other.test")
    await arrive(place, visitor, await post(visitor, conn, bent, request.relay_state))
    id_ = (await newest(place, conn))[0]["auth_request_id"]
    for of, status in ((organization_id, 200), (other_id, 404)):
        cookie = await place.make.portal_session(visitor.http, of)
        answer = await visitor.http.get(
            f"/api/v1/logs/authentication/requests/{id_}", headers={"cookie": cookie}
        )
        assert answer.status_code == status, answer.text
        assert ("https://other.test" in answer.text) is (status == 200)
    for unknown in ("areq_1", "areq_x", "x" * 32):
        with refused("NOT_FOUND"):
            await place.api.sign_ins.get_sign_in(auth_request_id=unknown)


async def test_an_organization_sees_how_its_connections_fare(place, application, visitor):
    organization_id, domain = await organization_of(place, "ann")
    conn = await saml_connection(place, members={"organization_id": organization_id})
    other_id, _ = await organization_of(place)
    signs_in = place.api.sign_ins

    async def state():
        answer = await signs_in.list_last_sign_ins(organization_id=organization_id)
        (one,) = answer["last_sign_ins"]
        assert one["connection_id"] == conn.id
        return one

    assert not {"last_sign_in_time", "last_failure_time", "last_error"} & (await state()).keys()
    request = asked(await go(visitor, application, connection_id=conn.id))
    bent = provider(place, conn, request).but(audience="https://other.test")
    await arrive(place, visitor, await post(visitor, conn, bent, request.relay_state))
    failed = await state()
    assert "https://other.test" in failed["last_error"]["error_description"]
    assert failed["last_error"]["remedy"]
    (listed,) = (await signs_in.list_failed_sign_ins(connection_id=conn.id))["sign_ins"]
    assert listed["error"] == failed["last_error"]
    for of, status in ((organization_id, 200), (other_id, 404)):
        cookie = {"cookie": await place.make.portal_session(visitor.http, of)}
        for path in (
            f"organizations/{organization_id}/last-sign-ins",
            f"connections/{conn.id}/failed-sign-ins",
            f"connections/{conn.id}/test-requests",
        ):
            answer = await visitor.http.get(f"/api/v1/{path}", headers=cookie)
            assert answer.status_code == status, path
    request = asked(await go(visitor, application, connection_id=conn.id))
    sent = attribute("email", f"ann@{domain}")
    good = provider(place, conn, request, "both signed").but(attributes=sent)
    assert answered(
        await arrive(place, visitor, await post(visitor, conn, good, request.relay_state))
    )["code"]
    worked = await state()
    assert worked["last_sign_in_time"] > worked["last_failure_time"]
    assert "last_error" not in worked


async def test_saml(place, application, visitor):
    organization_id, domain = await organization_of(place, "ann")
    conn = await saml_connection(place, members={"organization_id": organization_id})
    request = asked(await go(visitor, application, connection_id=conn.id))
    sent = attribute("email", f"ann@{domain}") + attribute("salary", "a lot")
    good = provider(place, conn, request, "both signed").but(attributes=sent)
    done = await arrive(place, visitor, await post(visitor, conn, good, request.relay_state))
    assert answered(done)["code"]
    found, printed = await newest(place, conn)
    assert found["status"] == "SUCCESS"
    assert [one["state"] for one in found["steps"]][-3:] == [
        *("SSO_AUTHENTICATED", "ORGANIZATION_SELECTED", "AUTHENTICATION_COMPLETED")
    ]
    assert all(one["milliseconds"] >= 0 for one in found["steps"])
    kept = found["evidence"]
    assert kept["audience"] == [f"{place.server.url}/sso/v1/saml/{conn.id}"]
    assert kept["attributes"] == ["email", "salary"]
    assert kept["name_id_format"].endswith(":emailAddress")
    assert kept.keys() >= {"issuer", "issued", "not_before", "not_on_or_after", "authn_instant"}
    assert kept["signatures"] == [f"{element}: {PROVED}" for element in ("Response", "Assertion")]
    assert "attributes  email, salary" in printed
    for secret in ("a lot", "ann@acme.test", f"ann@{domain}"):
        assert secret not in json.dumps(kept)


async def test_openid_connect(place, application, visitor):
    async with OpenIDProvider() as idp:
        organization_id, domain = await organization_of(place, "ann")
        conn = await oidc_connection(place, idp, domain=False, organization_id=organization_id)
        idp.person = ANN | {"sub": "sub-1", "email": f"ann@{domain}"}
        there = await go(visitor, application, connection_id=conn.id)
        back = local(visitor, idp.answer_to(there.headers["location"]))
        done = await arrive(place, visitor, await visitor.get(back))
        assert answered(done)["code"]
    kept = (await newest(place, conn))[0]["evidence"]
    assert (kept["issuer"], kept["audience"]) == (idp.issuer, [CLIENT_ID])
    assert kept["signatures"] == ["ID token: RS256, by k1"]
    assert kept["scopes"] == ["openid", "profile", "email"]
    assert {"sub", "email", "nonce", "exp"} <= set(kept["claims"])
    assert domain not in json.dumps(kept)


PERSISTENT = (
    '<saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">8c1f</saml:NameID>'
)
BY = pair("idp").certificate.fingerprint(hashes.SHA256()).hex()
PROVED, NOT_PROVED = f"rsa-sha256, sha256, by {BY}", "rsa-sha256, sha256, not verified"


@pytest.mark.parametrize(
    ("changes", "error", "signatures", "facts"),
    [
        (
            {"audience": "https://other.test"},
            "invalid_saml_response",
            [f"Assertion: {PROVED}"],
            {"audience": ["https://other.test"], "issuer": IDP},
        ),
        (
            {"destination": "https://old.test/acs", "recipient": "https://old.test/acs"},
            "invalid_acs_url",
            [f"Assertion: {NOT_PROVED}"],
            {"destination": "https://old.test/acs", "recipient": ["https://old.test/acs"]},
        ),
        (
            {"key": pem(pair("sp").private_key), "signs": ("Assertion", "Response")},
            "signature_validation_failed",
            [f"Response: {NOT_PROVED}", f"Assertion: {NOT_PROVED}"],
            {"attributes": ["email", "firstName", "groups", "lastName"]},
        ),
        (
            {"encryption": GCM, "signs": ("Response",)},
            "invalid_saml_response",
            [f"Response: {PROVED}"],
            {"issuer": IDP, "audience": None, "attributes": None},
        ),
        (
            {"attributes": attribute("mail2", "ann@acme.test"), "subject": PERSISTENT},
            "mandatory_attribute_missing",
            [f"Assertion: {PROVED}"],
            {"attributes": ["mail2"]},
        ),
    ],
    ids=["audience", "destination", "certificate", "encryption", "attributes"],
)
async def test_saml_that_is_refused(  # noqa: PLR0917
    place, application, visitor, changes, error, signatures, facts
):
    conn = await saml_connection(place)
    request = asked(await go(visitor, application, connection_id=conn.id))
    bent = provider(place, conn, request).but(**changes)
    done = await arrive(place, visitor, await post(visitor, conn, bent, request.relay_state))
    assert answered(done)["error"] == error
    found, printed = await newest(place, conn)
    kept = found["evidence"]
    assert (found["status"], found["error"]) == ("FAILED", error)
    assert kept["signatures"] == signatures
    assert {name: kept.get(name) for name in facts} == facts
    assert f"signatures  {', '.join(signatures)}" in printed
    assert "ann@acme.test" not in json.dumps(kept)
    if "encryption" not in changes:
        assert kept.keys() >= {"destination", "issued", "not_before", "not_on_or_after"}
        assert kept["name_id_format"].startswith("urn:oasis:names:tc:SAML:")


async def test_an_assertion_that_comes_again_is_told_with_its_facts(place, application, visitor):
    conn = await saml_connection(place)
    first = asked(await go(visitor, application, connection_id=conn.id))
    good = provider(place, conn, first)
    await post(visitor, conn, good, first.relay_state)
    again = asked(await go(visitor, application, connection_id=conn.id))
    # It answers no request by name, so that it is held to its ID alone.
    bent = good.but(answers=again.id, confirms=again.id)
    done = await arrive(place, visitor, await post(visitor, conn, bent, again.relay_state))
    assert answered(done)["error"] == "invalid_saml_response"
    kept = (await newest(place, conn))[0]["evidence"]
    assert (kept["issuer"], kept["signatures"]) == (IDP, [f"Assertion: {PROVED}"])


@pytest.mark.parametrize(
    ("claims", "kid", "error", "signature", "facts"),
    [
        ({"aud": "other"}, "k1", "invalid_id_token", "by k1", {"audience": ["other"]}),
        (
            {"iss": "https://x.test"},
            "k1",
            "invalid_id_token",
            "by k1",
            {"issuer": "https://x.test"},
        ),
        ({}, "k9", "invalid_id_token", "by k9, not verified", {"audience": [CLIENT_ID]}),
        ({"email": None}, "k1", "mandatory_attribute_missing", "by k1", {"audience": [CLIENT_ID]}),
        ({"aud": {"a": 1}}, "k1", "invalid_id_token", "by k1", {"audience": ["{'a': 1}"]}),
    ],
    ids=["audience", "issuer", "key", "email", "shape"],
)
async def test_an_id_token_that_is_refused(  # noqa: PLR0917
    place, application, visitor, claims, kid, error, signature, facts
):
    async with OpenIDProvider(userinfo_endpoint=None) as idp:
        conn = await oidc_connection(place, idp)
        idp.claims, idp.kid = claims, kid
        there = await go(visitor, application, connection_id=conn.id)
        back = local(visitor, idp.answer_to(there.headers["location"]))
        done = await arrive(place, visitor, await visitor.get(back))
    assert answered(done)["error"] == error
    kept = (await newest(place, conn))[0]["evidence"]
    assert kept["signatures"] == [f"ID token: RS256, {signature}"]
    assert {name: kept[name] for name in facts} == facts
    assert "nonce" in kept["claims"]
    assert ANN["sub"] not in json.dumps(kept)


async def test_a_person_that_is_not_let_in(place, application, visitor):
    organization_id, _ = await organization_of(place)
    conn = await saml_connection(place, members={"organization_id": organization_id})
    request = asked(await go(visitor, application, connection_id=conn.id))
    good = provider(place, conn, request)
    done = await arrive(place, visitor, await post(visitor, conn, good, request.relay_state))
    assert answered(done)["error"] == "invalid_user_domain"
    found, printed = await newest(place, conn)
    assert (found["status"], found["error"]) == ("FAILED", "invalid_user_domain")
    assert found["steps"][-1]["state"] == "AUTHENTICATION_FAILED"
    assert found["evidence"]["issuer"]
    assert "AUTHENTICATION_FAILED after" in printed


def test_the_facts_are_bounded():
    names = [f"n{number}" * 200 for number in range(500)]
    kept = evidence.bounded({"issuer": "x" * 5000, "empty": "", "kid": "a\nb", "claims": names})
    assert kept == {"issuer": "x" * 300, "kid": "a?b"}
    few = evidence.bounded({"claims": [f"n{number}" for number in range(500)]})
    assert len(few["claims"]) == 60
    assert len(to_json(few)) < 6000
