"""A person that a directory has put out comes back by no way in, and is out at once (attack 43)."""

from __future__ import annotations

import pytest
from directory_worlds import directory_of, prove
from sqlalchemy import select
from visitors import Browser, code_of, error_of, register_passkey
from vouching import arrive, connect, connect_social, sign_in_by, somebody

from tenantry.access.api_tokens import reading as api_tokens
from tenantry.access.api_tokens import service as tokens_service
from tenantry.core import errors
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.identity.grants import refresh_tokens, subjects
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.sessions.model import REVOKED, sessions
from tenantry.identity.sessions.termination import deleted_users
from tenantry.identity.sign_in.auth_requests import states
from tenantry.tenants.memberships import invitations, leaving
from tenantry.tenants.users import service as users

ADA = "ada@acme.example"
_STATUS = Statement(select(sessions.c.status))


async def nothing(*_: object) -> None: ...


@pytest.fixture
async def acme(place):
    return await place.organization("Acme")


@pytest.fixture
async def other(place):
    return await place.organization("Other")


@pytest.fixture
async def connection(place, acme):
    """The organization's own provider, which takes people in."""
    return await connect(place, acme, "acme.example", jit_provisioning_with_sso_enabled=True)


@pytest.fixture
async def okta(place, acme, connection):
    """The organization's directory."""
    return await directory_of(place.db, acme, "acme.example")


async def sign_in(place, connection):
    browser = Browser(place)
    return await sign_in_by(browser, connection, somebody(ADA)), browser


async def test_sessions_and_tokens_end_at_once(place, acme, okta, connection):
    person = await okta.create("ada")
    answer, browser = await sign_in(place, connection)
    assert code_of(answer)
    subject = await subjects.find_of_cookie(place.db, browser.session_secret)
    family = refresh_tokens.new_id(place.db)
    await refresh_tokens.begin(
        place.db, family, place.client, subject, scope="openid offline_access"
    )
    token = refresh_tokens.first(place.db, family)
    made, text = await tokens_service.create(
        place.operator,
        prefix="key_",
        organization_id=acme.id,
        user_id=person.user_id,
        custom_claims={},
        expire_time=None,
        description="",
    )
    key = api_tokens.key_of(text)
    assert (await api_tokens.read(place.db, [key]))[key].id == made.id
    await okta.change(person, active=False)
    assert await browser.session() is None
    assert await subjects.find_of_cookie(place.db, browser.session_secret) is None
    with pytest.raises(InvalidGrant):
        await refresh_tokens.refresh(place.operator, place.client, token)
    assert await api_tokens.read(place.db, [key]) == {}
    # In again: the old session is over none the less.
    await okta.change(await okta.person("ada"), active=True)
    while await sequencing.sequence(place.db, nothing) == 0:
        pass
    while await deleted_users.run(place.db) == 0.0:
        pass
    assert {row["status"] for row in await place.db.fetch_all(_STATUS)} == {REVOKED}
    assert await browser.session() is None
    with pytest.raises(InvalidGrant):
        await refresh_tokens.refresh(place.operator, place.client, token)


@pytest.mark.parametrize("way", ["inactive", "deleted"])
async def test_no_provider_lets_them_in(place, acme, okta, connection, way):
    person = await okta.create("ada")
    elsewhere = await connect(place, acme)
    await (okta.change(person, active=False) if way == "inactive" else okta.remove(person))
    for by in (connection, elsewhere):
        answer = await sign_in_by(Browser(place), by, somebody(ADA))
        assert error_of(answer) == "user_not_active"


async def test_no_proof_of_their_own_lets_them_in(place, acme, other):
    """By mail, passkey or a social provider, named or chosen, with a session elsewhere or none."""
    await prove(place.db, acme.id, "acme.example")
    okta = await directory_of(place.db, acme, "acme.example")
    person = await okta.create("ada")
    user = await place.user(person.user_id)
    await place.join(other, user)
    google = await connect_social(place)
    device = await register_passkey(place, user)
    await okta.change(person, active=False)

    async def by_email(browser, request):
        return await browser.prove(request, ADA)

    async def by_passkey(browser, request):
        challenge_id, options = await browser.sign_in.passkey_options(browser.call, request)
        return browser.take(
            await browser.sign_in.verify_passkey(
                browser.call, request, challenge_id, device.get(options)
            )
        )

    async def by_google(browser, request):
        return await arrive(browser, request, google, somebody(ADA, email_verified=True))

    for way in (by_email, by_passkey, by_google):
        browser = Browser(place)
        request = await way(browser, await browser.begin(organization_id=acme.id))
        assert request.state == states.FAILED, way
        assert request.error["error_description"] == "you are not a member of this organization"
        browser = Browser(place)
        request = await way(browser, await browser.begin())
        if request.state != states.ORGANIZATION_SELECTED:
            choices = await browser.sign_in.choices(browser.call, request)
            assert [one.id for one in choices] == [other.id]
            with pytest.raises(errors.NotFound):
                await browser.sign_in.choose_organization(browser.call, request, acme.id)
            request = await browser.sign_in.choose_organization(browser.call, request, other.id)
        assert request.organization_id == other.id
        assert code_of(await browser.complete(request))
        silent = await browser.begin(prompt=("none",), organization_id=acme.id)
        assert error_of(silent)
    with pytest.raises(errors.InvalidArgument, match="no invitation to resend"):
        await invitations.resend(place.operator, acme.id, person.user_id, days=15)


async def test_a_pending_invitation_ends(place, acme, okta):
    user = await place.member(acme, email=ADA, invited=True)
    token = (await place.link(ADA)).rpartition("/")[2]
    await okta.create("ada", active=False)
    browser = Browser(place)
    with pytest.raises(errors.NotFound):
        await browser.sign_in.accept_invitation(browser.call, token, session=None)
    assert (await place.user(user.id)).memberships[0].status == "INACTIVE"


@pytest.mark.parametrize("how", ["membership", "account", "never", "alias"])
async def test_nor_with_a_new_account_or_a_membership_that_was_removed(  # noqa: PLR0917
    place, acme, other, okta, connection, how
):
    email, known = ADA, {}
    if how == "alias":
        email, known = (
            "a.l@acme.example",
            {"emails": [{"value": ADA}, {"value": "a.l@acme.example"}]},
        )
    person = await okta.create("ada", active=how != "never", **known)
    if how != "never":
        await okta.change(person, active=False)
    if how == "membership":
        await place.join(other, await place.user(person.user_id))
        await place.leave(acme, await place.user(person.user_id))
    if how == "account":
        await leaving.remove_user(place.operator, users.UserIdentifier(person.user_id), forced=True)
    answer = await sign_in_by(Browser(place), connection, somebody(email))
    assert error_of(answer) == "user_not_active"
    # Nor while the directory is disabled: nobody has asked for the person.
    await okta.switch(enabled=False)
    answer = await sign_in_by(Browser(place), connection, somebody(email))
    assert error_of(answer) == "user_not_active"
    await okta.switch(enabled=True)
    if how == "membership":
        user = await place.user(person.user_id)
        for invited in (True, False):
            with pytest.raises(errors.InvalidArgument, match="has this user as inactive"):
                await place.join(acme, user, invited=invited)
    else:
        for invited in (True, False):
            with pytest.raises(
                (errors.InvalidArgument, errors.Duplicate),
            ):
                await place.member(acme, email=email, invited=invited)
    await okta.switch(enabled=False)
    if how == "membership":
        await place.join(acme, user)
        answer = await sign_in_by(Browser(place), connection, somebody(email))
        assert code_of(answer)


async def test_whom_the_directory_does_not_manage_is_untouched(place, acme, okta, connection):
    person = await okta.create("ada")
    await okta.change(person, active=False)
    answer = await sign_in_by(Browser(place), connection, somebody("grace@acme.example"))
    assert code_of(answer)


async def test_an_administrator_lets_somebody_in_again_once_the_directory_is_off(
    place, acme, okta, connection
):
    person = await okta.create("ada")
    await okta.change(person, active=False)
    user = await place.user(person.user_id)
    with pytest.raises(errors.InvalidArgument, match="has this user as inactive"):
        await place.join(acme, user)
    await okta.switch(enabled=False)
    assert error_of((await sign_in(place, connection))[0]) == "user_not_active"
    with pytest.raises(errors.InvalidArgument, match="send_invitation_email=false"):
        await place.join(acme, user, invited=True)
    await place.join(acme, user)
    assert await okta.status("ada") == "ACTIVE"
    assert code_of((await sign_in(place, connection))[0])
    with pytest.raises(errors.Duplicate):
        await place.join(acme, user)


async def test_a_membership_that_is_off_can_be_removed(place, acme, okta):
    person = await okta.create("ada")
    await okta.change(person, active=False)
    await place.leave(acme, await place.user(person.user_id))
    assert await okta.status("ada") is None


async def test_in_modular_mode_the_sign_in_is_refused(new_place):
    place = await new_place(authentication_mode="MODULAR_AUTH")
    acme = await place.organization("Acme")
    connection = await connect(place, acme, jit_provisioning_with_sso_enabled=True)
    okta = await directory_of(place.db, acme, "acme.example")
    okta.is_modular = True
    ada = somebody(ADA)
    person = await okta.create("ada")

    async def sign_in():
        return await sign_in_by(Browser(place), connection, ada, connection_id=connection.id)

    assert code_of(await sign_in())
    person = await okta.change(person, active=False)
    assert error_of(await sign_in()) == "user_not_active"
    await okta.change(person, active=True)
    assert code_of(await sign_in())
