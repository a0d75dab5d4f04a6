"""Invitations: sent again while they hold, made anew when they have run out, dead after that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from apis import moment, refused
from members import expire, invited, mail_to
from sqlalchemy import bindparam, select, update

from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import Email
from tenantry.settings import load
from tenantry.tenants.memberships import invitations
from tenantry.tenants.users.model import memberships

ROW = Statement(select(memberships).where(memberships.c.user_id == bindparam("p_user_id")))
ACCEPT = Statement(
    update(memberships)
    .where(memberships.c.user_id == bindparam("p_user_id"))
    .values(status="ACTIVE", accept_time=1, join_time=1, invite_digest=None)
    .returning(memberships.c.id)
)
URL = "https://tenantry.example"
SETTINGS = load({"TENANTRY_PUBLIC_URL": URL})


@pytest.fixture
async def organization(make):
    return await make.organization("Analytical Engines")


@pytest.fixture
async def user(rest, organization):
    return await invited(rest, organization, membership={"inviter_email": "boss@example.com"})


async def resend(api, organization, user):
    answer = await api.users.resend_invite(organization_id=organization["id"], id=user["id"])
    return answer["invite"]


async def row_of(database, user):
    return dict(await database.fetch_one(ROW, p_user_id=user["id"]))


async def shown(database, row):
    """The worker's variables for the mail of one row of the outbox."""
    return await invitations.email_variables(database, Email.from_row(row), SETTINGS)


async def test_a_valid_invitation_is_sent_again_as_it_is(api, organization, user, database):
    (place,) = user["memberships"]
    first = await row_of(database, user)
    for count in (1, 2):
        invite = await resend(api, organization, user)
        assert invite == {
            "organization_id": organization["id"],
            "user_id": user["id"],
            "inviter_email": "boss@example.com",
            "status": "PENDING_INVITE",
            "created_at": place["created_at"],
            "expires_at": place["expires_at"],
            "resent_at": invite["resent_at"],
            "resent_count": count,
        }
        assert datetime.now(UTC) - moment(invite["resent_at"]) < timedelta(minutes=1)
    again = await row_of(database, user)
    assert again["invite_digest"] == first["invite_digest"]
    queued = await mail_to(database, user)
    assert [json.loads(row["variables"])["reminder"] for row in queued] == [False, True, True]
    links = {(await shown(database, row))["link"] for row in queued}
    assert len(links) == 1
    (read,) = (await api.users.get_user(id=user["id"]))["user"]["memberships"]
    assert read == place


async def test_an_expired_invitation_shows_as_such(api, organization, user, database):
    await expire(database, user)
    for users in (
        [(await api.users.get_user(id=user["id"]))["user"]],
        (await api.users.list_organization_users(organization_id=organization["id"]))["users"],
        (await api.users.search_users(query=user["email"]))["users"],
    ):
        (place,) = users[0]["memberships"]
        assert place["membership_status"] == "INVITE_EXPIRED"


async def test_an_expired_invitation_is_made_anew(api, organization, user, database):
    old = await row_of(database, user)
    await expire(database, user)
    invite = await resend(api, organization, user)
    assert invite["status"] == "PENDING_INVITE"
    assert invite["resent_count"] == 1
    assert moment(invite["expires_at"]) - moment(invite["resent_at"]) == timedelta(days=15)
    new = await row_of(database, user)
    assert new["invite_digest"] not in {None, old["invite_digest"]}
    first, second = await mail_to(database, user)
    assert json.loads(second["variables"])["reminder"] is False
    assert await shown(database, first) is None
    assert (await shown(database, second))["link"].startswith(f"{URL}/invitations/")
    (place,) = (await api.users.get_user(id=user["id"]))["user"]["memberships"]
    assert place["membership_status"] == "PENDING_INVITE"


async def test_resending_is_an_event_without_a_secret(api, organization, user, database, events):
    await events.new()
    await resend(api, organization, user)
    (event,) = await events.new()
    assert (event["type"], event["object"]) == ("user.invitation_resent", "OrgMembership")
    assert event["organization_id"] == organization["id"]
    assert "resent_count" not in event["before"]["membership"]
    assert event["after"]["membership"]["resent_count"] == 1
    row = await row_of(database, user)
    assert row["invite_digest"] not in repr(event)


async def test_the_mail_shows_what_holds_when_it_goes_out(api, organization, user, database):
    (queued,) = await mail_to(database, user)
    await api.organizations.update_organization(
        id=organization["id"], organization={"display_name": "Difference Engines"}
    )
    row = await row_of(database, user)
    content = await shown(database, queued)
    link = content.pop("link")
    told = {
        "organization_name": "Difference Engines",
        "user_name": "",
        "inviter_email": "boss@example.com",
        "expire_time": row["expire_time"],
        "reminder": False,
    }
    assert content.items() >= told.items()
    token = link.removeprefix(f"{URL}/invitations/")
    assert len(token) == 43
    assert hashlib.sha256(token.encode()).hexdigest() == row["invite_digest"]
    assert token not in repr(queued) + repr(row)


@pytest.mark.parametrize("what", ["leaves", "deleted", "accepted", "expired", "organization"])
@pytest.mark.wires("rest")
async def test_a_mail_whose_invitation_is_over_is_not_sent(api, organization, user, database, what):
    (queued,) = await mail_to(database, user)
    if what == "leaves":
        await api.users.delete_membership(organization_id=organization["id"], id=user["id"])
    elif what == "deleted":
        await api.users.delete_user(id=user["id"])
    elif what == "accepted":
        await database.fetch_all(ACCEPT, p_user_id=user["id"])
    elif what == "expired":
        await expire(database, user)
    else:
        await api.organizations.delete_organization(id=organization["id"])
    assert await shown(database, queued) is None


@pytest.mark.wires("rest")
async def test_an_old_invitation_does_not_open_a_new_membership(api, organization, user, database):
    (old,) = await mail_to(database, user)
    await api.users.delete_membership(organization_id=organization["id"], id=user["id"])
    await api.users.create_membership(
        organization_id=organization["id"], id=user["id"], membership={}
    )
    assert await shown(database, old) is None
    _, new = await mail_to(database, user)
    assert await shown(database, new)


@pytest.mark.wires("rest")
async def test_a_token_of_one_organization_opens_no_other(api, make, user, database):
    (queued,) = await mail_to(database, user)
    other = await make.organization()
    await api.users.create_membership(organization_id=other["id"], id=user["id"], membership={})
    mail = Email.from_row(queued)
    moved = replace(mail, organization_id=other["id"])
    assert await invitations.email_variables(database, moved, SETTINGS) is None
    assert await invitations.email_variables(database, mail, SETTINGS)


async def test_who_is_a_member_has_no_invitation(api, make, organization, user, database):
    member = await make.user(organization["id"])
    await database.fetch_all(ACCEPT, p_user_id=user["id"])
    for one in (member, user):
        with refused("INVALID_ARGUMENT", says="membership is ACTIVE"):
            await resend(api, organization, one)


async def test_ids_of_another_form_are_refused(api, organization, user):
    for place, who in (
        (organization, {"id": "usr_1"}),
        (organization, {"id": "ada" * 7}),
        ({"id": "acme"}, user),
    ):
        with refused("INVALID_ARGUMENT"):
            await resend(api, place, who)
