"""The log of a sign-in by a provider: its steps, and how it was proved, for the operator."""

from __future__ import annotations

import asyncio
import json

import pytest
from connections_of_tests import arrive, go, organization_of
from cryptography.hazmat.primitives import hashes
from hosted import answered
from oidc_sign_ins import local, oidc_connection
from openid_providers import ANN, OpenIDProvider
from saml_idps import asked, post, provider, saml_connection
from saml_provider import attribute, pair

from tenantry.db.schema import to_json
from tenantry.identity.federation import evidence

pytestmark = pytest.mark.one_database


async def newest(place, conn):
    """The newest sign-in by a connection, as the command shows it, and as it prints it."""
    given = ("sso", "failures", "--all", "--connection", conn.id, "--limit", "1")
    shown, printed = [
        await asyncio.to_thread(place.server.run, *given, *more) for more in (("--json",), ())
    ]
    assert (shown.returncode, printed.returncode) == (0, 0), shown.stderr
    (found,) = json.loads(shown.stdout)
    return found, printed.stdout


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
    by = pair("idp").certificate.fingerprint(hashes.SHA256()).hex()
    assert kept["signatures"] == [
        f"{element}: rsa-sha256, sha256, by {by}" for element in ("Response", "Assertion")
    ]
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
    assert (kept["issuer"], kept["algorithm"], kept["kid"]) == (idp.issuer, "RS256", "k1")
    assert kept["scopes"] == ["openid", "profile", "email"]
    assert {"sub", "email", "nonce", "exp"} <= set(kept["claims"])
    assert domain not in json.dumps(kept)


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
