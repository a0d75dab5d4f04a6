"""The refresh_token grant: another token after each use, and the end of a family."""

from __future__ import annotations

import asyncio
import base64
import struct
import time

import pytest
from signins import ALL, SignIns, claims_of, is_refused

from tenantry.crypto import vault
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import LOGOUT, REVOKED, Bounds

MINUTE = 60_000_000


@pytest.fixture
async def app(signins):
    """A confidential application."""
    return await signins.application()


@pytest.fixture
async def session(signins, make):
    """A session."""
    return (await signins.session(await make.user()))[0]


@pytest.fixture
async def first(signins, app, session):
    """The first refresh token of a family."""
    return (await signins.tokens(app, session))["refresh_token"]


async def _row(signins: SignIns, app):
    (row,) = await signins.run("SELECT * FROM refresh_tokens WHERE client_id = :c", c=app.id)
    return row


async def _age(signins: SignIns, app, seconds=31):
    """Let the last rotation be so long ago."""
    await signins.run(
        "UPDATE refresh_tokens SET rotate_time = rotate_time - :us WHERE client_id = :c",
        us=seconds * 1_000_000,
        c=app.id,
    )


async def test_a_refresh_gives_new_tokens(signins, app, session, first):
    answer = await signins.refresh(app, first)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (tokens["token_type"], tokens["expires_in"], tokens["scope"]) == ("Bearer", 299, ALL)
    assert tokens["refresh_token"] != first
    claims = claims_of(tokens["access_token"])
    assert (claims["sid"], claims["sub"]) == (session.id, session.user_id)
    assert claims["oid"] == session.organization_id


async def test_it_goes_on_and_on(signins, app, first):
    token, seen = first, {first}
    for _ in range(5):
        token = (await signins.refreshed(app, token))["refresh_token"]
        assert token not in seen
        seen.add(token)
    assert (await _row(signins, app))["generation"] == 6


async def test_a_public_application_refreshes_too(signins, session):
    app = await signins.application("SPA")
    first = (await signins.tokens(app, session))["refresh_token"]
    assert (await signins.refresh(app, first)).status_code == 200


async def test_attack_30_parallel_refreshes_all_succeed_with_one_successor(signins, app, first):
    found = await asyncio.gather(*(signins.refreshed(app, first) for _ in range(8)))
    (successor,) = {tokens["refresh_token"] for tokens in found}
    assert len({tokens["access_token"] for tokens in found}) == 8
    assert (await signins.refresh(app, successor)).status_code == 200


async def test_attack_30_within_the_grace_the_former_token_is_answered_with_the_current_one(
    signins, app, first
):
    second = (await signins.refreshed(app, first))["refresh_token"]
    await _age(signins, app, 25)
    assert (await signins.refreshed(app, first))["refresh_token"] == second
    # The grace is not drawn out by it.
    await _age(signins, app, 6)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")


async def test_attack_30_reuse_after_the_grace_ends_the_family(
    signins, app, session, first, events
):
    newer = await signins.refreshed(app, first)
    await _age(signins, app)
    await events.new()
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    (event,) = await events.new()
    assert event["type"] == "session.refresh_token_reused"
    assert event["organization_id"] == session.organization_id
    assert event["after"] == {
        "id": session.id,
        "user_id": session.user_id,
        "organization_id": session.organization_id,
        "client_id": app.id,
        "refresh_token_id": (await _row(signins, app))["id"],
    }
    assert is_refused(await signins.refresh(app, newer["refresh_token"]), "invalid_grant")
    assert (await signins.userinfo(newer["access_token"])).status_code == 401
    # Told once, and the session goes on.
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    assert not await events.new()
    assert (await signins.tokens(app, session))["refresh_token"]


async def test_attack_30_one_of_two_generations_ago_ends_the_family_at_once(signins, app, first):
    second = (await signins.refreshed(app, first))["refresh_token"]
    third = (await signins.refreshed(app, second))["refresh_token"]
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    assert is_refused(await signins.refresh(app, third), "invalid_grant")


async def test_attack_30_another_family_of_the_session_is_left_alone(signins, app, session, first):
    other = await signins.application()
    others = (await signins.tokens(other, session))["refresh_token"]
    second = (await signins.refreshed(app, first))["refresh_token"]
    await signins.refreshed(app, second)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    assert (await signins.refresh(other, others)).status_code == 200


async def _unknown_tokens(signins: SignIns, app, first):
    row = await _row(signins, app)
    number = int(row["id"].removeprefix("rft_"))
    packed = base64.urlsafe_b64decode(first.removeprefix("tnrt_") + "=")
    stranger = vault.Vault(b"s" * 32)

    def text(content):
        return "tnrt_" + base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    class Elsewhere:
        vault = stranger

    return {
        "of another deployment": refresh_tokens._text(Elsewhere, row["id"], 1),
        "of another generation": text(packed[:8] + struct.pack(">I", 2) + packed[12:]),
        "of an older generation": text(packed[:8] + struct.pack(">I", 0) + packed[12:]),
        "of another family": text(struct.pack(">Q", number + 1) + packed[8:]),
        "of a family that is not there": refresh_tokens._text(
            signins.database, "rft_1234567890123456789", 1
        ),
        "without its HMAC": text(packed[:12] + bytes(32)),
        "cut short": first[:-1],
        "longer": first + "A",
        "padded": first + "=",
        "of another prefix": first.replace("tnrt_", "tnrx_"),
        "nothing at all": "tnrt_",
        "no token": "é",
        "very long": "tnrt_" + "A" * 60_000,
    }


async def test_attack_30_a_token_that_we_never_made_revokes_nothing(signins, app, first, events):
    await events.new()
    for what, text in (await _unknown_tokens(signins, app, first)).items():
        assert is_refused(await signins.refresh(app, text), "invalid_grant"), what
    assert not await events.new()
    assert (await signins.refresh(app, first)).status_code == 200


async def test_attack_30_another_client_gets_nothing_and_ends_nothing(signins, app, first):
    second = (await signins.refreshed(app, first))["refresh_token"]
    await _age(signins, app)
    for other in (await signins.application(), await signins.application("SPA")):
        assert is_refused(await signins.refresh(other, second), "invalid_grant")
        assert is_refused(await signins.refresh(other, first), "invalid_grant")
    assert (await signins.refresh(app, second)).status_code == 200


@pytest.mark.parametrize("status", [REVOKED, LOGOUT])
async def test_attack_30_no_refresh_after_the_session(signins, app, session, first, status):
    await sessions.end(signins.call, session.id, status=status)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")


async def test_attack_30_no_refresh_after_the_session_has_lapsed(signins, app, session, first):
    lapsed = "UPDATE sessions SET lapse_time = :past WHERE id = :id"
    await signins.run(lapsed, past=session.create_time - 1, id=session.id)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")


async def test_attack_30_no_refresh_after_leaving_the_organization(signins, make, app):
    organization = await make.organization()
    await make.user(organization["id"])
    session, _ = await signins.session(await make.user(organization["id"]))
    first = (await signins.tokens(app, session))["refresh_token"]
    await signins.run(
        "UPDATE memberships SET status = 'INACTIVE' WHERE user_id = :u", u=session.user_id
    )
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    await signins.run(
        "UPDATE memberships SET status = 'ACTIVE' WHERE user_id = :u", u=session.user_id
    )
    second = (await signins.refreshed(app, first))["refresh_token"]
    await signins.rest.users.delete_membership(
        organization_id=organization["id"], id=session.user_id
    )
    assert is_refused(await signins.refresh(app, second), "invalid_grant")


async def test_attack_30_no_refresh_after_the_organization_or_the_user_is_deleted(
    signins, make, app, session, first
):
    await signins.rest.organizations.delete_organization(id=session.organization_id)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")
    session, _ = await signins.session(await make.user())
    first = (await signins.tokens(app, session))["refresh_token"]
    await signins.rest.users.delete_user(id=session.user_id)
    assert is_refused(await signins.refresh(app, first), "invalid_grant")


async def test_nothing_is_left_of_a_deleted_application(signins, app, first):
    await signins.rest.clients.delete_client(client_id=app.id)
    # At once without its families, and within a second without the client itself.
    answer = await signins.refresh(app, first)
    assert answer.json()["error"] in {"invalid_grant", "invalid_client"}
    rows = "SELECT id FROM refresh_tokens WHERE client_id = :c"
    assert not await signins.run(rows, c=app.id)


async def test_attack_30_a_refresh_has_the_roles_of_now(signins, make, app):
    permission = await make.permission()
    role = await make.role(permissions=[permission["name"]])
    user = await make.user(membership={"roles": [{"name": role["name"]}]})
    session, _ = await signins.session(user)
    tokens = await signins.tokens(app, session)
    assert claims_of(tokens["access_token"])["roles"] == [role["name"]]
    lesser = await make.role()
    await signins.rest.users.update_membership(
        organization_id=session.organization_id,
        id=user["id"],
        membership={"roles": [{"name": lesser["name"]}]},
    )
    tokens = await signins.refreshed(app, tokens["refresh_token"])
    claims = claims_of(tokens["access_token"])
    assert claims["roles"] == [lesser["name"]]
    assert "permissions" not in claims
    # And when the role itself changes.
    await signins.rest.roles.add_permissions_to_role(
        role_name=lesser["name"], permission_names=[permission["name"]]
    )
    tokens = await signins.refreshed(app, tokens["refresh_token"])
    assert claims_of(tokens["access_token"])["permissions"] == [permission["name"]]


async def test_attack_31_a_refresh_narrows_the_scope_and_never_widens_it(signins, app, session):
    tokens = await signins.tokens(app, session, scope="openid email offline_access")
    tokens = await signins.refreshed(app, tokens["refresh_token"], scope="openid")
    assert tokens["scope"] == "openid"
    assert claims_of(tokens["access_token"])["scopes"] == ["openid"]
    for scope in ("openid profile", "admin", "openid email offline_access profile"):
        answer = await signins.refresh(app, tokens["refresh_token"], scope=scope)
        assert is_refused(answer, "invalid_scope")
    for scope in ('"', "openid  email", "openid\nemail"):
        answer = await signins.refresh(app, tokens["refresh_token"], scope=scope)
        assert is_refused(answer, "invalid_scope")
    # None of it has used the token up, and the granted scopes stay granted (RFC 6749 section 6).
    tokens = await signins.refreshed(app, tokens["refresh_token"])
    assert tokens["scope"] == "openid email offline_access"


async def _session_row(signins: SignIns, session):
    (row,) = await signins.run("SELECT * FROM sessions WHERE id = :id", id=session.id)
    return row


async def test_a_refresh_is_activity_and_puts_off_the_idle_end(signins, make, app):
    session, _ = await signins.session(await make.user(), bounds=Bounds(60, 10))
    first = (await signins.tokens(app, session))["refresh_token"]
    back = "last_active_time = last_active_time - :us, idle_expire_time = idle_expire_time - :us"
    await signins.run(
        f"UPDATE sessions SET {back}, lapse_time = lapse_time - :us WHERE id = :id",
        us=5 * MINUTE,
        id=session.id,
    )
    before = await _session_row(signins, session)
    await signins.refreshed(app, first)
    after = await _session_row(signins, session)
    assert after["last_active_time"] >= before["last_active_time"] + 5 * MINUTE
    assert after["idle_expire_time"] == after["last_active_time"] + 10 * MINUTE
    assert after["lapse_time"] == after["idle_expire_time"]
    assert after["absolute_expire_time"] == before["absolute_expire_time"]


async def test_a_refresh_never_puts_off_the_absolute_end(signins, make, app):
    session, _ = await signins.session(await make.user(), bounds=Bounds(60, 59))
    first = (await signins.tokens(app, session))["refresh_token"]
    soon = time.time_ns() // 1000 + MINUTE
    await signins.run(
        "UPDATE sessions SET absolute_expire_time = :soon, lapse_time = :soon WHERE id = :id",
        soon=soon,
        id=session.id,
    )
    await signins.refreshed(app, first)
    after = await _session_row(signins, session)
    assert (after["lapse_time"], after["absolute_expire_time"]) == (soon, soon)
    assert after["idle_expire_time"] > soon


async def test_without_an_idle_limit_there_is_no_idle_end(signins, app, session, first):
    await signins.refreshed(app, first)
    after = await _session_row(signins, session)
    assert after["idle_expire_time"] is None
    assert after["lapse_time"] == session.absolute_expire_time
    assert after["last_active_time"] > session.last_active_time


async def test_a_revocation_that_comes_meanwhile_wins(signins, app, session, first):
    """The session ends after the refresh has read it, and before it writes."""
    seen = await refresh_tokens.find(signins.database, first)
    assert seen is not None
    assert seen.is_good
    await sessions.end(signins.call, session.id, status=REVOKED)
    rotated = await signins.database.apply(
        refresh_tokens._ROTATE,
        p_id=seen.id,
        p_session_id=session.id,
        p_seen=seen.generation,
        p_now=time.time_ns() // 1000,
    )
    assert rotated is None
    row = await _session_row(signins, session)
    assert row["status"] == REVOKED
    assert (await _row(signins, app))["generation"] == 1


async def test_refreshes_while_the_session_is_revoked(signins, make, app):
    """In any order, nothing of it works afterwards, and nothing fails in another way."""
    for _ in range(3):
        session, _ = await signins.session(await make.user())
        first = (await signins.tokens(app, session))["refresh_token"]
        *answers, _ = await asyncio.gather(
            *(signins.refresh(app, first) for _ in range(4)),
            sessions.end(signins.call, session.id, status=REVOKED),
        )
        for answer in answers:
            assert answer.status_code in {200, 400}, answer.text
            if answer.status_code == 200:
                newest = answer.json()["refresh_token"]
                assert is_refused(await signins.refresh(app, newest), "invalid_grant")
        assert is_refused(await signins.refresh(app, first), "invalid_grant")


async def test_nothing_of_a_token_is_stored(signins, app, first):
    row = await _row(signins, app)
    assert first.removeprefix("tnrt_")[16:] not in str(tuple(row))
    assert first not in str(tuple(row))


async def test_what_is_required(signins, app):
    answer = await signins.ask(app, grant_type="refresh_token")
    assert is_refused(answer, "invalid_request")
    assert "refresh_token" in answer.json()["error_description"]


async def test_an_application_that_may_not_refresh_is_refused(signins, first):
    app = await signins.application(grant_types=["authorization_code"])
    assert is_refused(await signins.refresh(app, first), "unauthorized_client")
