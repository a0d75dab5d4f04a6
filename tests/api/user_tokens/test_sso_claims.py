"""The claims that a provider's word becomes: custom attributes, and the identity itself."""

from __future__ import annotations

import json
from types import SimpleNamespace

import jwt
import pytest
from vouching import connect, connect_social, somebody

from tenantry.identity.federation import sessions as federated_sessions
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds


@pytest.fixture
def place(signins):
    """The parts of a deployment that `vouching` needs."""
    return SimpleNamespace(db=signins.database, operator=signins.call)


async def vouch(place, session, connection, **claims: object) -> None:
    """Have a connection vouch for the person of a session, as a completed sign-in does."""
    identity = somebody("ann@acme.example")
    async with place.db.transaction() as db:
        assert await federated_sessions.keep(
            db,
            session.id,
            connection.id,
            identity,
            user_id=session.user_id,
            is_proved=False,
            claims=claims,
        )


async def test_custom_attributes_and_the_identity_are_claims(signins, place, make):
    user = await make.user()
    session, _ = await signins.session(user)
    organization = SimpleNamespace(id=session.organization_id)
    connection = await connect(place, organization)
    await vouch(place, session, connection, department="Sales", level=["a", "b"], picture="no")
    tokens = await signins.tokens(session=session)
    told = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (told["department"], told["level"]) == ("Sales", ["a", "b"])
    claims = (await signins.userinfo(tokens["access_token"])).json()
    assert claims["department"] == "Sales"
    assert claims["sub"] == user["id"]
    (identity,) = claims["identities"]
    attributes = json.loads(identity.pop("provider_raw_attributes"))
    assert attributes["department"] == "Sales"
    assert identity == {
        "connection_id": connection.id,
        "organization_id": organization.id,
        "connection_type": "OIDC",
        "provider_name": "OKTA",
        "social": False,
    }
    access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert "department" not in access


async def test_an_organizations_attributes_are_told_for_it_alone(signins, place, make):
    session, _ = await signins.session(await make.user())
    elsewhere = SimpleNamespace(id=(await make.user())["memberships"][0]["organization_id"])
    await vouch(place, session, await connect(place, elsewhere), department="Secret")
    tokens = await signins.tokens(session=session)
    told = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert "department" not in told
    assert "identities" not in told
    await vouch(place, session, await connect_social(place, enabled=False), plan="pro")
    tokens = await signins.tokens(session=session)
    told = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert told["plan"] == "pro"
    claims = (await signins.userinfo(tokens["access_token"])).json()
    assert [one["social"] for one in claims["identities"]] == [True]


async def test_a_session_of_modular_mode_keeps_its_sub_in_the_other_one(signins, place, make):
    user, app = await make.user(), await signins.application()
    organization = SimpleNamespace(id=user["memberships"][0]["organization_id"])
    connection = await connect(place, organization)
    sub = f"{connection.id};ann"
    session, _ = await sessions.begin(
        signins.call,
        user_id=user["id"],
        organization_id=organization.id,
        client_id=None,
        amr=[connection.id],
        bounds=Bounds(480, None),
        custom_claims={},
        sub=sub,
    )
    tokens = await signins.tokens(app, session)
    tokens = await signins.refreshed(app, tokens["refresh_token"])
    told = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert told["sub"] == sub
    assert (await signins.userinfo(tokens["access_token"])).json()["sub"] == sub
    for name in ("access_token", "refresh_token"):
        assert (await signins.introspect(app, tokens[name]))["sub"] == sub
