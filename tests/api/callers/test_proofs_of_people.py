"""How a person signs in is changed by themselves: by a fresh sign-in on our own pages."""

from __future__ import annotations

import pytest
from apis import Api, refused
from signins import ALL

from tenantry.identity.tokens import api_scopes


@pytest.fixture
async def person(signins, make):
    """An admin, their session and its secret."""
    user = await make.user(membership={"roles": [{"name": "admin"}]})
    return user, *await signins.session(user)


def calls(api, session):
    return (
        api.webauthn.begin_registration(),
        api.webauthn.delete_credential(credential_id="pk_1234567890123456789"),
        api.webauthn.update_credential(credential_id="pk_1234567890123456789", display_name="Mine"),
        api.sessions.revoke_session(session_id=session.id),
    )


async def test_no_access_token_changes_how_its_person_signs_in(wire, person, signins):
    """With any scope: an application passes it on."""
    _, session, _ = person
    app = await signins.application(scopes=list(api_scopes.NAMES))
    for scope in ("openid", ALL, " ".join((ALL, *api_scopes.NAMES))):
        token = (await signins.tokens(app, session, scope=scope))["access_token"]
        api = Api(wire, (("authorization", f"Bearer {token}"),))
        for call in calls(api, session):
            with refused("PERMISSION_DENIED", says="requires the session cookie"):
                await call
        assert await api.users.get_current_user()


async def test_a_session_whose_sign_in_is_old_changes_no_proof(wire, person, signins):
    _, session, secret = person
    api = Api(wire).sending(cookie=f"__Host-tenantry_session={secret}")
    assert (await api.webauthn.begin_registration())["options"]
    await signins.run(
        "UPDATE sessions SET auth_time = auth_time - :ago WHERE id = :id RETURNING id",
        ago=11 * 60_000_000,
        id=session.id,
    )
    with refused("PERMISSION_DENIED", error_code="REAUTHENTICATION_REQUIRED"):
        await api.webauthn.begin_registration()
    assert await api.users.get_current_user()
