"""Interceptors have a say in invitations and in tokens of clients, over every way to ask."""

from __future__ import annotations

import jwt
import pytest
from apis import access_token, refused, unique
from interceptor_receivers import ALLOWED, denied

INVITATION, TOKEN = "PRE_USER_INVITATION", "PRE_M2M_TOKEN_CREATION"


async def test_an_invitation_is_asked_for_first(asking, making, watching, receiver):
    await watching(INVITATION, receiver.url())
    organization = await making.organization("Acme")
    email = f"{unique('jane')}@example.com"
    invited = await asking.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": email}
    )
    (got,) = receiver.got
    assert got.content["data"] == {"organization": {"id": organization["id"], "name": "Acme"}}
    assert got.context["user_email"] == email
    assert got.context["organization_id"] == organization["id"]
    assert "user_id" not in got.context
    other = await making.organization("Other")
    await asking.users.create_membership(
        organization_id=other["id"], id=invited["user"]["id"], membership={}
    )
    assert receiver.got[1].context["user_id"] == invited["user"]["id"]
    assert receiver.got[1].context["user_email"] == email


async def test_one_that_is_denied_leaves_nothing(asking, making, watching, receiver):
    user = await making.user()
    organization = await making.organization()
    made = await watching(INVITATION, receiver.url())
    receiver.answers["/ask"] = denied("Ask your admin first.")
    email = f"{unique('jane')}@example.com"
    keyed = asking.sending(idempotency_key=unique("key"))
    for api in (asking, keyed):
        with refused(
            "PERMISSION_DENIED", says="^Ask your admin first", error_code="INTERCEPTOR_DENIED"
        ):
            await api.users.create_user_and_membership(
                organization_id=organization["id"], user={"email": email}
            )
        with refused("PERMISSION_DENIED", error_code="INTERCEPTOR_DENIED"):
            await api.users.create_membership(
                organization_id=organization["id"], id=user["id"], membership={}
            )
    listed = await asking.users.list_organization_users(organization_id=organization["id"])
    assert listed["users"] == []
    # The key is not used up by it.
    await asking.interceptors.disable_interceptor(id=made["id"])
    await keyed.users.create_user_and_membership(
        organization_id=organization["id"], user={"email": email}
    )


async def test_who_joins_at_once_is_not_invited(asking, making, watching, receiver):
    await watching(INVITATION, receiver.url())
    receiver.answers["/ask"] = denied("No.")
    user = await making.user()
    await asking.users.create_membership(
        organization_id=(await making.organization())["id"],
        id=user["id"],
        membership={},
        send_invitation_email=False,
    )
    assert receiver.got == []


async def test_nobody_is_asked_about_an_organization_that_is_not_there(asking, watching, receiver):
    await watching(INVITATION, receiver.url())
    with refused("NOT_FOUND"):
        await asking.users.create_user_and_membership(
            organization_id="org_1234567890123456789", user={"email": "jane@example.com"}
        )
    assert receiver.got == []


@pytest.fixture
async def machine(asking, making):
    """A client of an organization: its organization, its id, its secret."""
    organization = (await making.organization())["id"]
    for name in ("invoices:read", "invoices:write"):
        try:
            await asking.clients.create_scope(scope={"scope_name": name, "description": name})
        except Exception:  # noqa: BLE001 - another test made it
            continue
    client_id, secret = await making.client(
        organization,
        scopes=["invoices:read"],
        audience=["https://api.example.com"],
        custom_claims=[{"key": "plan", "value": "free"}],
    )
    return organization, client_id, secret


def claims(token):
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_clients_token_is_asked_for_first(asking, watching, receiver, machine):
    organization, client_id, secret = machine
    await watching(TOKEN, receiver.url())
    await access_token(asking.wire.http, client_id, secret)
    (got,) = receiver.got
    assert got.context["client_id"] == client_id
    assert got.content["data"] == {
        "m2m_token_claims": {
            "client_id": client_id,
            "claims": {
                "custom_claims": {"plan": "free"},
                "oid": organization,
                "scope": "invoices:read",
                "scopes": ["invoices:read"],
            },
        }
    }


async def test_claims_of_the_answer_are_in_the_token(asking, watching, receiver, machine):
    organization, client_id, secret = machine
    await watching(TOKEN, receiver.url())
    given = {
        "custom_claims": {"seats": 3},
        "scope": "invoices:write",
        "aud": "https://other.example.com",
        "tier": "gold",
    }
    receiver.answers["/ask"] = {**ALLOWED, "response": {"claims": given}}
    http = asking.wire.http
    answer = await http.post(
        "/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(client_id, secret),
    )
    assert answer.json()["scope"] == "invoices:write"
    token = answer.json()["access_token"]
    found = claims(token)
    assert found["scopes"] == ["invoices:write"]
    assert found["aud"] == ["https://other.example.com"]
    assert found["custom_claims"] == {"plan": "free", "seats": 3}
    assert found["tier"] == "gold"
    assert (found["sub"], found["client_id"], found["oid"]) == (client_id, client_id, organization)
    # It is a token like any other.
    answer = await http.post("/oauth/introspect", data={"token": token}, auth=(client_id, secret))
    assert answer.json()["active"] is True
    assert answer.json()["scope"] == "invoices:write"


@pytest.mark.parametrize("name", ["iss", "sub", "client_id", "oid", "exp", "jti"])
async def test_who_it_is_for_is_not_theirs_to_say(asking, watching, receiver, machine, name):
    _, client_id, secret = machine
    await watching(TOKEN, receiver.url())
    receiver.answers["/ask"] = {**ALLOWED, "response": {"claims": {name: "org_1"}}}
    answer = await asking.wire.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "access_denied")


async def test_a_denial_is_an_error_of_the_token_endpoint(asking, watching, receiver, machine):
    _, client_id, secret = machine
    made = await watching(TOKEN, receiver.url())
    receiver.answers["/ask"] = denied("No access beyond the plan “free”.")
    answer = await asking.wire.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret)
    )
    assert (answer.status_code, answer.headers["cache-control"]) == (400, "no-store")
    assert answer.json() == {
        "error": "access_denied",
        "error_description": "No access beyond the plan ?free?.",
    }
    filter_ = {
        "event_types": ["interceptor.executed"],
        "interceptor_id": made["id"],
        "interceptor_status": "SUCCESS",
        "interceptor_decision": "DENY",
    }
    (told,) = (await asking.events.list_events(filter=filter_))["events"]
    assert told["data"]["client_id"] == client_id


async def test_the_management_client_is_nobodys_to_deny(asking, asking_server, watching, receiver):
    await watching(TOKEN, receiver.url())
    receiver.answers["/ask"] = denied("No.")
    await access_token(asking.wire.http, asking_server.client_id, asking_server.client_secret)
    assert receiver.got == []
