"""A backslash, u and four zeros are a text like any other: a NUL alone is refused, on every route.

`strict_json.has_nul` decides. Directories have the same in `tests/protocols/scim/test_protocol.py`.
"""

from __future__ import annotations

import json

import pytest
from apis import refused, unique
from sqlalchemy import bindparam, select

from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors import answers
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.connections.oidc import profile
from tenantry.identity.federation import attributes
from tenantry.identity.federation.model import federated_identities
from tenantry.identity.sign_in.federated import completion

SIX, NUL = "a\\u0000b", "a\0b"
BOTH = pytest.mark.parametrize(("text", "is_taken"), [(SIX, True), (NUL, False)], ids=["6", "nul"])


@pytest.mark.everywhere
@pytest.mark.wires("rest", "grpc", "connect")
@BOTH
async def test_a_call(api, text, is_taken):
    new = {"display_name": text, "metadata": {"plan": text}}
    if not is_taken:
        with refused("INVALID_ARGUMENT", says="NUL"):
            await api.organizations.create_organization(organization=new)
        return
    made = (await api.organizations.create_organization(organization=new))["organization"]
    found = (await api.organizations.get_organization(id=made["id"]))["organization"]
    assert (found["display_name"], found["metadata"]) == (text, {"plan": text})
    settings = {"a": [{text: text}]}
    shown = await api.organizations.update_organization_branding(
        organization_id=made["id"], source=2, customization_settings=settings
    )
    assert json.dumps(dict(shown), default=dict)


@pytest.mark.everywhere
@BOTH
async def test_a_row_of_an_import(http, token, rest, text, is_taken):
    email = f"{unique('ada')}@example.com"
    organization = (
        await rest.organizations.create_organization(organization={"display_name": "Acme"})
    )["organization"]
    row = {"email": email, "organization_id": organization["id"]}
    row |= {"given_name": text, "metadata": {"plan": text}}
    answer = await http.post(
        "/api/v1/users:import",
        content=json.dumps(row).encode(),
        headers={"authorization": f"Bearer {token}", "content-type": "application/x-ndjson"},
    )
    report = answer.json()
    if not is_taken:
        assert report["refusals"] == [
            {"line": 1, "field": "", "reason": "must not contain a NUL character"}
        ]
        return
    assert report["refused"] == 0
    (found,) = (await rest.users.search_users(query=email))["users"]
    assert found["user_profile"]["given_name"] == text
    assert found["metadata"] == {"plan": text}


@BOTH
def test_claims_of_an_interceptor(text, is_taken):
    for claims in ({"x": text}, {text: 1}, {"x": [{"y": text}]}):
        if is_taken:
            answers.check_size(claims)
        else:
            with pytest.raises(answers.Invalid, match="NUL"):
                answers.check_size(claims)


@BOTH
def test_claims_and_attributes_of_a_provider(text, is_taken):
    claims = {"email": "ada@example.com", "name": text, "groups": [{"x": text}]}
    found = profile.values(claims, {})
    assert ("name" in found, "groups" in found) == (is_taken, is_taken)
    spelled = json.dumps({"x": text})
    assert attributes._typed("OBJECT", [spelled]) == ({"x": text} if is_taken else None)


@pytest.mark.everywhere
@BOTH
async def test_custom_attributes_of_a_person_at_a_provider(db, monkeypatch, text, is_taken):
    """Values with a NUL are left out, and all others are kept unchanged, in either database."""

    async def known(_db, _kind):
        return [_Attribute("level"), _Attribute("rank")]

    monkeypatch.setattr(completion.user_attributes, "of_kind", known)
    claims = {"level": {"x": [text]}, "rank": 1}
    identity = FederatedIdentity(subject="s", email="a@example.com", claims=claims)
    kept = await completion._claims(db, identity)
    assert kept == (claims if is_taken else {"rank": 1})
    echoed = select(bindparam("p_claims", type_=federated_identities.c.claims.type).label("claims"))
    row = await db.fetch_one(Statement(echoed), p_claims=json.dumps(kept))
    assert json.loads(row["claims"]) == kept


class _Attribute:
    enabled = True

    def __init__(self, key: str) -> None:
        self.key = key
