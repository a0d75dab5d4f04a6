"""Applications are told that a session has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from logout_applications import PUBLIC_URL, Application, Worker, hang
from repository import PYTHONPATH
from signed_in import MASTER_KEY, begun, hasten, notices, rows

from tenantry.access.keys import service as keys
from tenantry.identity.sessions import service
from tenantry.identity.sessions.model import LOGOUT, REVOKED
from tenantry.identity.sessions.termination import back_channel
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.tenants.memberships import leaving
from tenantry.tenants.users import service as users

PROGRAM = Path(__file__).with_name("telling_worker.py")


@pytest.fixture
async def application():
    """An application that takes everything, unless a test says otherwise."""
    async with Application() as started:
        yield started


@pytest.fixture
def ended(call, new_member, new_application):
    """End a session that an application with these addresses has a part in."""

    async def end(*uris: str, status: str = LOGOUT, client_id: str = ""):
        client_id = client_id or await new_application(*uris)
        session, _ = await begun(call, await new_member(), client_id=client_id)
        return await service.end(call, session.id, status=status)

    return end


@pytest.fixture
async def signing(db):
    """The database has signing keys."""
    await keys.ensure(db)


@pytest.fixture
def distances(monkeypatch):
    """The seconds between attempts, a hundred times as many: none is due before a test says so."""
    seconds = tuple(100 * one for one in back_channel.RETRY_SECONDS)
    monkeypatch.setattr(back_channel, "RETRY_SECONDS", seconds)
    return seconds


pytestmark = pytest.mark.usefixtures("signing")


async def said(db, token):
    """The claims of a logout token, verified as an application does it."""
    published = KeySet.import_key_set(await KeyRing(db).published())
    return jwt.decode(token, published, algorithms=["RS256"])


@pytest.mark.parametrize("status", [LOGOUT, REVOKED])
async def test_a_logout_token_says_whose_session_has_ended(
    db, application, ended, eventually, *, status
):
    session = await ended(application.url(), status=status)
    async with Worker(db):
        await eventually(lambda: application.got)
    (got,) = application.got
    assert got.headers["content-type"] == "application/x-www-form-urlencoded"
    assert list(got.form) == ["logout_token"]
    token = await said(db, got.token)
    assert token.header["typ"] == "logout+jwt"
    claims = dict(token.claims)
    assert claims.pop("iss") == PUBLIC_URL
    assert claims.pop("aud") == session.clients[0][0]
    assert claims.pop("sub") == session.user_id
    assert claims.pop("sid") == session.id
    assert claims.pop("jti")
    assert claims.pop("exp") - claims["iat"] == 120
    assert abs(claims.pop("iat") - time.time()) < 60
    assert claims.pop("events") == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert claims == {}  # and no nonce
    await eventually(lambda: nothing_left(db))


async def test_a_person_whom_a_provider_alone_knows_is_told_of_by_that_to_the_end(
    db, call, application, eventually, *, new_member, new_application
):
    """Also when there is no such user any more."""
    user, client_id = await new_member(), await new_application(application.url())
    await begun(call, user, client_id=client_id, sub="conn_1;ann")
    await leaving.remove_user(call, users.UserIdentifier(user.id), forced=True)
    await service.end_all(call, user.id)
    async with Worker(db):
        await eventually(lambda: application.got)
    token = await said(db, application.got[0].token)
    assert token.claims["sub"] == "conn_1;ann"


async def nothing_left(db):
    return not await notices(db)


@pytest.mark.parametrize("status", [200, 202, 204])
async def test_whatever_answers_well_is_told_once(db, application, ended, eventually, *, status):
    application.answers["/logout"] = status
    await ended(application.url())
    async with Worker(db):
        await eventually(lambda: nothing_left(db))
    assert len(application.got) == 1


async def test_what_is_refused_is_not_sent_again(db, application, ended, eventually, caplog):
    application.answers["/logout"] = 400
    session = await ended(application.url())
    async with Worker(db):
        await eventually(lambda: nothing_left(db))
    assert len(application.got) == 1
    (warning,) = [r for r in caplog.records if r.message.startswith("logout notification rejected")]
    assert warning.fields["session"] == session.id


@pytest.mark.parametrize("status", [301, 401, 404, 500, 503])
@pytest.mark.usefixtures("distances")
async def test_what_is_not_taken_is_sent_again(db, application, ended, eventually, *, status):
    application.answers["/logout"] = [status, 200]
    await ended(application.url())

    async def waits():
        (notice,) = await notices(db)
        return notice["attempts"] == 1 and notice["due_time"] > notice["create_time"]

    async with Worker(db):
        await eventually(waits)
    assert len(application.got) == 1
    await hasten(db)
    async with Worker(db):  # the former one may sleep until the time that was set
        await eventually(lambda: nothing_left(db))
    first, second = [(await said(db, got.token)).claims for got in application.got]
    assert first["jti"] != second["jti"]
    assert first["sid"] == second["sid"]


async def test_it_is_tried_four_times_at_growing_distances(
    db, application, ended, eventually, distances, *, caplog
):
    application.answers["/logout"] = 500
    await ended(application.url())
    for attempt, seconds in enumerate(distances, start=1):

        async def is_later(attempt=attempt, seconds=seconds):
            (notice,) = await notices(db)
            left = notice["due_time"] / 1_000_000 - time.time()
            return notice["attempts"] == attempt and seconds - 100 < left <= seconds

        async with Worker(db):  # which may then sleep until the time that was set
            await eventually(is_later)
        assert len(application.got) == attempt
        await hasten(db)
    async with Worker(db):
        await eventually(lambda: nothing_left(db))
    assert len(application.got) == 4
    (warning,) = [
        record
        for record in caplog.records
        if record.message.endswith("failed after the last attempt")
    ]
    assert warning.levelno == logging.WARNING
    assert warning.fields["problem"] == "status 500"
    assert application.got[0].token not in caplog.text


async def test_an_address_that_is_not_allowed_gets_nothing(db, application, ended, eventually):
    await ended(application.url())
    async with Worker(db, outgoing_allow=""):

        async def tried():
            return (await notices(db))[0]["attempts"] == 1

        await eventually(tried)
    assert application.got == []


@pytest.mark.thorough
@pytest.mark.one_database
async def test_who_never_answers_does_not_hold_up_others(
    db, call, application, ended, eventually, *, new_application, new_member, monkeypatch
):
    monkeypatch.setattr(back_channel, "TIMEOUT_SECONDS", 600.0)
    application.answers["/slow"] = hang
    slow = await new_application(application.url("/slow"))
    user = await new_member()
    for _ in range(3 * back_channel._AT_AN_ADDRESS):
        await begun(call, user, client_id=slow)
    await service.end_all(call, user.id)
    async with Worker(db):
        await eventually(lambda: len(application.at("/slow")) >= back_channel._AT_AN_ADDRESS)
        await ended(application.url("/fast"))
        await eventually(lambda: application.at("/fast"))
    assert len(application.at("/slow")) < 2 * back_channel._AT_AN_ADDRESS


async def test_many_are_told_at_once_but_not_all(
    db, call, application, eventually, *, new_application, new_member
):
    client_id, user = await new_application(application.url()), await new_member()
    for _ in range(60):
        await begun(call, user, client_id=client_id)
    await service.end_all(call, user.id)
    async with Worker(db):
        await eventually(lambda: nothing_left(db))
    assert len(application.got) == 60
    assert application.most_open < 2 * back_channel._AT_AN_ADDRESS


@contextlib.contextmanager
def process(database_url, log):
    """A worker process of its own on the database."""
    named = {
        "TENANTRY_DATABASE_URL": database_url,
        "TENANTRY_OUTGOING_ALLOW": "127.0.0.0/8",
        "TENANTRY_PUBLIC_URL": PUBLIC_URL,
        "TENANTRY_MASTER_KEY": base64.b64encode(MASTER_KEY).decode(),
        "TENANTRY_CONFIG": os.devnull,
    }
    if database_url.startswith("sqlite"):
        path = Path(database_url.removeprefix("sqlite:///"))
        named |= {"TENANTRY_DATABASE_URL": "", "TENANTRY_DATA_DIR": str(path.parent)}
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, PROGRAM],
            env=os.environ | named | {"PYTHONPATH": PYTHONPATH},
            stdout=output,
            stderr=output,
        )
        try:
            yield started
        finally:
            started.kill()
            started.wait()


async def test_two_workers_share(
    db, call, database_url, tmp_path, *, application, eventually, new_application, new_member
):
    client_id, user = await new_application(application.url()), await new_member()
    with process(database_url, tmp_path / "one"), process(database_url, tmp_path / "two"):
        for log in ("one", "two"):
            await eventually(lambda log=log: (tmp_path / log).read_text().startswith("started"))
        for _ in range(100):
            await begun(call, user, client_id=client_id)
        ended = await service.end_all(call, user.id)
        await eventually(lambda: nothing_left(db))
    told = [(await said(db, got.token)).claims["sid"] for got in application.got]
    assert sorted(told) == [session.id for session in ended]  # each once


@pytest.mark.thorough
async def test_a_worker_that_is_killed_in_the_middle_loses_nothing(
    db, call, database_url, tmp_path, *, application, eventually, new_application, new_member
):
    application.answers["/logout"] = hang
    client_id, user = await new_application(application.url()), await new_member()
    for _ in range(5):
        await begun(call, user, client_id=client_id)
    ended = await service.end_all(call, user.id)
    with process(database_url, tmp_path / "one") as first:
        await eventually(lambda: len(application.got) == 5)
        first.kill()
        await asyncio.to_thread(first.wait)
    application.answers.clear()
    application.got.clear()
    assert {row["attempts"] for row in await notices(db)} == {1}
    await rows(db, "UPDATE logout_notices SET due_time = due_time - 30000000 RETURNING id")
    with process(database_url, tmp_path / "two"):
        await eventually(lambda: nothing_left(db))
    told = [(await said(db, got.token)).claims["sid"] for got in application.got]
    assert sorted(told) == [session.id for session in ended]
