"""The way by an organization's own provider: from an application to a code."""

from __future__ import annotations

from sqlalchemy import select
from valid_events import assert_all_valid
from visitors import MINUTE, Browser, Deciding, code_of, error_of, register_totp
from vouching import arrive, change, connect, own, register, sign_in_by, somebody

from tenantry import worker
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.events.event_log import sequencing
from tenantry.identity.federation import identities
from tenantry.identity.federation import sessions as federated_sessions
from tenantry.identity.sign_in import login_requirements
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import auth_requests

REQUESTS = Statement(select(auth_requests))


async def test_a_member_signs_in_by_the_provider_of_its_organization(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    await place.events()
    browser = Browser(place)
    request = await browser.begin(login_hint="ann@acme.example")
    assert request.state == states.SSO_PENDING
    assert (
        login_requirements.path(request) == f"/sso/v1/oidc/{connection.id}/start?login={request.id}"
    )
    identity = somebody(
        "Ann@acme.example",
        session_index="s-7",
        hint={"id_token": "ey"},
    )
    request = await arrive(browser, request, connection, identity)
    assert request.state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))
    session = await browser.session()
    assert (session.user_id, session.organization_id) == (user.id, acme.id)
    assert session.amr == (connection.id,)
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.login"]
    assert_all_valid(happened)
    (known,) = await place.identities(user.id)
    assert (known.connection_id, known.subject) == (connection.id, identity.subject)
    assert not known.is_proved  # by the domain alone
    (there,) = await federated_sessions.of_session(place.db, session.id)
    assert (there.subject, there.session_index) == (identity.subject, "s-7")
    assert there.hint == {"id_token": "ey"}


async def test_nothing_of_the_answer_is_left_in_the_log(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(acme, email="ann@acme.example")
    browser = Browser(place)
    request = await browser.begin(login_hint="ann@acme.example")
    request = await arrive(browser, request, connection, somebody("ann@acme.example"))
    assert request.facts.identity
    await browser.complete(request)
    (row,) = await place.db.fetch_all(REQUESTS)
    assert "identity" not in row["facts"]
    assert row["connection_id"] == connection.id


async def test_a_stranger_of_the_domain_becomes_a_member(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.events()
    browser = Browser(place)
    profile = {"given_name": "Ann", "family_name": "Bee", "locale": "not a language at all"}
    identity = somebody("ann@acme.example", profile=profile)
    assert code_of(await sign_in_by(browser, connection, identity, organization_id=acme.id))
    session = await browser.session()
    user = await place.user(session.user_id)
    assert (user.email, user.email_verified) == ("ann@acme.example", True)
    assert user.profile["given_name"] == "Ann"
    (membership,) = user.memberships
    assert (membership.status, membership.provisioning_method) == ("ACTIVE", "jit_using_sso")
    assert [role.name for role in membership.roles] == ["member"]
    happened = await place.events()
    assert [event["type"] for event in happened] == [
        *("user.created", "user.organization_membership_created", "user.login")
    ]
    assert_all_valid(happened)


async def test_a_user_of_elsewhere_is_linked_by_the_domain_alone(place):
    acme, other = await place.organization("Acme"), await place.organization("Other")
    connection = await connect(place, acme, "acme.example")
    user = await place.member(other, email="ann@acme.example")
    browser = Browser(place)
    answer = await sign_in_by(browser, connection, somebody("ann@acme.example"))
    assert code_of(answer)
    session = await browser.session()
    assert (session.user_id, session.organizations) == (user.id, (acme.id,))


async def test_nobody_is_taken_in_where_the_connection_does_not_say_so(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example", jit_provisioning_with_sso_enabled=False)
    browser = Browser(place)
    answer = await sign_in_by(browser, connection, somebody("ann@acme.example"))
    assert error_of(answer) == "unauthorized"
    invited = await place.member(acme, email="bob@acme.example", invited=True)
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, somebody("bob@acme.example")))
    (membership,) = (await place.user(invited.id)).memberships
    assert membership.status == "ACTIVE"


async def test_an_organization_takes_in_as_many_as_it_has_seats(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(acme)
    await place.seats(acme, 1)
    answer = await sign_in_by(Browser(place), connection, somebody("ann@acme.example"))
    assert error_of(answer) == "access_denied"
    assert "limit of 1" in answer.members["error_description"]
    await place.seats(acme, 2)
    assert code_of(await sign_in_by(Browser(place), connection, somebody("ann@acme.example")))


async def test_an_interceptor_decides_on_strangers(new_place):
    place = await new_place(outgoing_allow="127.0.0.0/8")
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    async with Deciding(place, "PRE_SIGNUP") as interceptor:
        interceptor.answer = {
            "decision": "DENY",
            "error": {"code": "NO", "message": "Not on Fridays."},
        }
        answer = await sign_in_by(Browser(place), connection, somebody("ann@acme.example"))
        assert error_of(answer) == "access_denied"
        assert answer.members["error_description"] == "Not on Fridays."
        (got,) = interceptor.got
        context = got["interceptor_context"]
        assert context["user_email"] == "ann@acme.example"
        assert [one["id"] for one in context["connection_details"]] == [connection.id]


async def test_a_member_with_another_address_proves_the_inbox_once(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@elsewhere.example")
    identity = somebody("ann@elsewhere.example")
    browser = Browser(place)
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, identity)
    assert request.state == states.VERIFICATION_SENT
    assert request.user_id is None
    code = await place.code("ann@elsewhere.example")
    request = browser.take(await browser.sign_in.verify_code(browser.call, request, code))
    assert request.state == states.ORGANIZATION_SELECTED
    assert code_of(await browser.complete(request))
    session = await browser.session()
    assert (session.user_id, session.amr) == (user.id, (connection.id,))
    (known,) = await place.identities(user.id)
    assert known.is_proved
    again = Browser(place)
    assert code_of(await sign_in_by(again, connection, identity, organization_id=acme.id))
    # Once for each subject: another one is another person until it is proved.
    request = await again.begin(organization_id=acme.id, prompt=("login",))
    request = await arrive(again, request, connection, somebody("ann@elsewhere.example"))
    assert request.state == states.VERIFICATION_SENT


async def test_the_link_of_the_mail_proves_it_in_the_same_browser_alone(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(acme, email="ann@elsewhere.example")
    browser, elsewhere = Browser(place), Browser(place, address="192.0.2.8")
    request = await browser.begin(organization_id=acme.id)
    request = await arrive(browser, request, connection, somebody("ann@elsewhere.example"))
    token = await place.link_token("ann@elsewhere.example")
    stranger = elsewhere.sign_in.verify_link_elsewhere
    assert await stranger(elsewhere.call, request.id, token) is None
    request = browser.take(await browser.sign_in.verify_link(browser.call, request, token))
    assert code_of(await browser.complete(request))


async def test_an_address_without_a_place_is_refused(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await place.member(email="ann@elsewhere.example")  # of another organization
    for email in ("ann@elsewhere.example", "nobody@elsewhere.example", "ann@sub.acme.example"):
        answer = await sign_in_by(
            Browser(place), connection, somebody(email), organization_id=acme.id
        )
        assert error_of(answer) == "invalid_user_domain"
    assert await place.emails() == []


async def test_a_claimed_domain_is_none_before_it_is_proved(place):
    acme = await place.organization()
    connection = await connect(place, acme)
    await place.claim(acme, "acme.example")
    answer = await sign_in_by(Browser(place), connection, somebody("ann@acme.example"))
    assert error_of(answer) == "invalid_user_domain"
    request = await Browser(place).begin(login_hint="ann@acme.example")
    assert request.state == states.IN_PROGRESS


async def test_the_subject_is_the_person_whatever_the_address_becomes(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example", "acme.test")
    browser = Browser(place)
    identity = somebody("ann@acme.example", subject="ann-7")
    assert code_of(await sign_in_by(browser, connection, identity))
    user_id = (await browser.session()).user_id
    other = await place.member(acme, email="new@acme.test")
    renamed = somebody("new@acme.test", subject="ann-7")
    again = Browser(place)
    assert code_of(await sign_in_by(again, connection, renamed))
    assert (await again.session()).user_id == user_id != other.id
    assert (await place.user(user_id)).email == "ann@acme.example"
    (known,) = await place.identities(user_id)
    assert known.email == "new@acme.test"


async def test_a_domain_that_went_away_takes_its_trust_along(place):
    """The account's own address counts: one that the provider says now could be of anybody."""
    acme = await place.organization()
    connection = await connect(place, acme, "acme.test")
    domain = await own(place, acme, "acme.example")
    identity = somebody("ann@acme.example", subject="ann-7")
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, connection, identity))
    await place.disown(acme, domain)
    renamed = somebody("mallory@acme.test", subject="ann-7")
    request = await browser.begin(organization_id=acme.id, prompt=("login",))
    request = await arrive(browser, request, connection, renamed)
    assert (request.state, request.email) == (states.VERIFICATION_SENT, "ann@acme.example")


async def test_a_provider_that_names_people_anew_each_time_leaves_few_rows(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    newest = [somebody("ann@acme.example") for _ in range(identities.MOST + 2)]
    for identity in newest:
        assert code_of(await sign_in_by(Browser(place), connection, identity))
    kept = await place.identities(user.id)
    assert len(kept) == identities.MOST
    assert newest[-1].subject in {one.subject for one in kept}


async def test_what_a_provider_said_goes_when_the_membership_ends(place):
    acme, other = await place.organization(), await place.organization("Globex")
    here = await connect(place, acme, "acme.example")
    there = await connect(place, other, "globex.example")
    user = await place.member(acme, other, email="ann@acme.example")
    colleague = somebody("ben@acme.example")
    assert code_of(await sign_in_by(Browser(place), here, colleague))
    ann = somebody(user.email, subject="ann-7")
    browser = Browser(place)
    assert code_of(await sign_in_by(browser, here, ann))
    request = await browser.begin(organization_id=other.id, prompt=("login",))
    request = await arrive(browser, request, there, somebody(user.email))
    request = await browser.sign_in.verify_code(
        browser.call, request, code=await place.code(user.email)
    )
    assert code_of(await browser.complete(request))
    assert len(await place.identities(user.id)) == 2
    await place.leave(acme, user)
    await depart(place)
    (left,) = await place.identities(user.id)
    assert left.connection_id == there.id
    assert await identities.find(place.db, here.id, colleague.subject)
    # A person that comes back is known again.
    assert code_of(await sign_in_by(browser, here, ann, prompt=("login",)))
    assert (await identities.find(place.db, here.id, "ann-7"))[0].user_id == user.id


async def test_somebody_who_is_back_before_the_worker_comes_stays_known(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    ann = somebody(user.email, subject="ann-7")
    assert code_of(await sign_in_by(Browser(place), connection, ann))
    await place.leave(acme, user)
    assert code_of(await sign_in_by(Browser(place), connection, ann))
    await depart(place)
    (known,) = await place.identities(user.id)
    assert known.subject == "ann-7"


async def nothing(*_: object) -> None: ...


async def depart(place) -> None:
    """Have the worker come to all departures."""
    (job,) = (job for job in worker.jobs(place.settings) if job.name == "departures")
    while await sequencing.sequence(place.db, nothing) == 0:
        pass
    while await job.run(place.db) == 0.0:
        pass


async def test_roles_follow_groups_as_far_as_the_mapping_names_them(place):
    acme = await place.organization()
    await place.role("editor")
    await place.role("auditor")
    connection = await connect(
        place, acme, "acme.example", group_roles={"Editors": "editor", "Gone": "no_such_role"}
    )
    browser = Browser(place)

    async def roles(*groups: str) -> set[str]:
        identity = somebody("ann@acme.example", subject="ann-7", groups=groups)
        answer = await sign_in_by(browser, connection, identity, prompt=("login",))
        assert code_of(answer)
        user = await place.user((await browser.session()).user_id)
        return {role.name for role in user.memberships[0].roles}

    assert await roles("Editors", "Gone", "Others") == {"member", "editor"}
    assert await roles("Others") == {"member"}
    await place.give(acme, (await browser.session()).user_id, "auditor")
    assert await roles("Editors") == {"member", "editor", "auditor"}


async def test_the_last_admin_stays_one_whatever_the_groups_say(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example", group_roles={"Admins": "admin"})
    identity = somebody("ann@acme.example", groups=("Admins",), subject="ann-7")
    assert code_of(await sign_in_by(Browser(place), connection, identity))
    assert code_of(await sign_in_by(Browser(place), connection, somebody("bob@acme.example")))
    browser = Browser(place)
    assert code_of(
        await sign_in_by(browser, connection, somebody("ann@acme.example", subject="ann-7"))
    )
    user = await place.user((await browser.session()).user_id)
    assert "admin" in {role.name for role in user.memberships[0].roles}


async def test_a_profile_follows_the_provider_where_that_is_wanted(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    identity = somebody("ann@acme.example", profile={"given_name": "Ann"}, subject="ann-7")
    assert code_of(await sign_in_by(Browser(place), connection, identity))
    assert "given_name" not in (await place.user(user.id)).profile
    await change(place, connection, settings={"sync_user_profile_on_login": True})
    await place.events()
    assert code_of(await sign_in_by(Browser(place), connection, identity))
    assert (await place.user(user.id)).profile["given_name"] == "Ann"
    happened = await place.events()
    assert [event["type"] for event in happened] == ["user.updated", "user.login"]
    assert_all_valid(happened)


async def test_no_second_factor_of_ours_is_asked_for_by_the_organizations_own(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    user = await place.member(acme, email="ann@acme.example")
    await register_totp(place, user)
    assert code_of(await sign_in_by(Browser(place), connection, somebody(user.email)))


async def test_the_session_ends_no_later_than_the_providers(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    browser = Browser(place)
    end = now() + 5 * MINUTE
    identity = somebody("ann@acme.example", session_expire_time=end)
    assert code_of(await sign_in_by(browser, connection, identity))
    assert (await browser.session()).absolute_expire_time == end


async def test_sessions_end_from_the_provider(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    browsers = []
    for index in ("s-1", "s-2"):
        browser = Browser(place)
        identity = somebody("ann@acme.example", subject="ann-7", session_index=index)
        assert code_of(await sign_in_by(browser, connection, identity))
        browsers.append(browser)
    await place.events()
    other = await connect(place, acme)
    end = federated_sessions.end
    assert await end(place.operator, other.id, subject="ann-7") == 0
    assert await end(place.operator, connection.id, subject="ann-8") == 0
    assert await end(place.operator, connection.id, subject="ann-7", session_index="s-1") == 1
    assert await browsers[0].session() is None
    assert await browsers[1].session() is not None
    assert await end(place.operator, connection.id, subject="ann-7") == 1
    assert await browsers[1].session() is None
    assert await end(place.operator, connection.id, session_index="s-2") == 0
    happened = await place.events()
    assert [event["type"] for event in happened if "logout" in event["type"]] == [
        *("user.logout", "user.logout")
    ]


async def test_only_attributes_that_are_registered_are_kept(place):
    acme = await place.organization()
    connection = await connect(place, acme, "acme.example")
    await register(place, "department")
    await register(place, "desk", enabled=False)
    await register(place, "roles")
    claims = {"department": "Sales", "desk": "4a", "roles": ["admin"], "shoe": 42}
    browser = Browser(place)
    answer = await sign_in_by(browser, connection, somebody("ann@acme.example", claims=claims))
    assert code_of(answer)
    (known,) = await place.identities((await browser.session()).user_id)
    assert known.claims == {"department": "Sales"}
