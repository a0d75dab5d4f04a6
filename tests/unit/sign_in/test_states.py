"""The table of transitions: by itself, and walked at random through the rooms."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil

import pytest
from databases import MASTER_KEY
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sampling import examples
from visitors import Browser, Place, configured, next_code, register_totp

from tenantry.core import errors
from tenantry.db.opening import open_database
from tenantry.gen.scalekit.v1.auth.auth_pb import AuthState
from tenantry.identity.connections import environment as connections
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import FAILED, INITIATED, PENDING, SUCCESS, AuthRequest

FIRST_FACTORS = {
    states.OTP_VERIFIED,
    states.LINK_VERIFIED,
    states.PASSWORD_VERIFIED,
    states.WEBAUTHN_VERIFIED,
    states.SSO_AUTHENTICATED,
    states.SESSION_FOUND,
}


def ways(start: str, end: str, seen: tuple[str, ...] = ()):
    """All ways through the table that go nowhere twice; only one state is before the end."""
    if start == end:
        yield (*seen, start)
        return
    following = states.TABLE[start]
    if end in following:
        following = {end}
    for state in sorted(following - {*seen, start}):
        yield from ways(state, end, (*seen, start))


def test_every_state_of_the_table_is_in_it():
    named = set().union(*states.TABLE.values())
    assert named | {states.IN_PROGRESS} == set(states.TABLE)


def test_names_are_those_of_the_contract_or_ours():
    contract = set(AuthState.__members__)
    assert set(states.TABLE) - states.OURS <= contract
    assert not states.OURS & contract


def test_no_way_leads_to_a_code_without_a_proof():
    before = [state for state, following in states.TABLE.items() if states.COMPLETED in following]
    assert before == [states.ORGANIZATION_SELECTED]
    found = list(ways(states.IN_PROGRESS, states.COMPLETED))
    assert found
    assert all(FIRST_FACTORS & set(way) for way in found)
    assert all(way[-2] == states.ORGANIZATION_SELECTED for way in found)


def test_no_way_leads_past_a_second_factor_that_is_asked_for():
    for way in ways(states.IN_PROGRESS, states.COMPLETED):
        if states.SECOND_FACTOR_PENDING in way:
            after = way[way.index(states.SECOND_FACTOR_PENDING) + 1]
            assert after == states.SECOND_FACTOR_VERIFIED


def test_a_proof_is_never_lost_nor_given_twice():
    """A recognized person is not asked for their name again: a new request would be.

    But for an organization that their session does not open, and by the provider of their own:
    from there on all that was proved before counts for nothing. Nor but for a policy of the
    organization that requires a recent sign-in.
    """
    switchers = {
        *(states.ORGANIZATION_SWITCHER, states.ORGANIZATION_SWITCHER_SIGNUP),
        states.ORGANIZATION_SELECTED,
        states.CONSENT_PENDING,  # where the organization can be changed
    }
    for state in states.PROVED - switchers:
        assert not states.TABLE[state] & {states.IN_PROGRESS, states.LINK_OTP_SENT}
    for way in ways(states.IN_PROGRESS, states.COMPLETED):
        begun = max(place for place, state in enumerate(way) if state in states.UNPROVED)
        assert len(FIRST_FACTORS & set(way[begun:])) == 1


def test_what_has_ended_stays_so():
    assert {states.COMPLETED, states.FAILED} == states.FINAL


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (states.IN_PROGRESS, INITIATED),
        (states.LINK_OTP_SENT, INITIATED),
        (states.SECOND_FACTOR_PENDING, PENDING),
        (states.ORGANIZATION_SIGNUP, PENDING),
        (states.ORGANIZATION_SELECTED, PENDING),
        (states.COMPLETED, SUCCESS),
        (states.FAILED, FAILED),
    ],
)
def test_the_log_says_how_far_it_has_come(state, status):
    assert states.status(state) == status


def test_a_way_that_is_not_in_the_table_is_refused():
    states.check(states.IN_PROGRESS, states.PASSWORD_VERIFIED, states.ORGANIZATION_SELECTED)
    for way in (
        (states.IN_PROGRESS, states.ORGANIZATION_SELECTED),
        (states.LINK_OTP_SENT, states.COMPLETED),
        (states.IN_PROGRESS, states.OTP_VERIFIED, states.COMPLETED),
        (states.FAILED, states.IN_PROGRESS),
    ):
        with pytest.raises(states.OutOfStep):
            states.check(*way)


class Ground:
    """The deployment that all walks are in: a new one for each would take most of the time."""

    def __init__(self, template, folder) -> None:
        self.loop = asyncio.new_event_loop()
        self.stack = contextlib.AsyncExitStack()
        self.place = self.loop.run_until_complete(self._open(shutil.copy(template, folder)))

    async def _open(self, path) -> Place:
        db = await self.stack.enter_async_context(
            open_database(f"sqlite:///{path}", MASTER_KEY, pool_size=2)
        )
        await connections.ensure(db)
        place = Place(db, configured())
        await place.open()
        self.stack.push_async_callback(place.close)
        return place

    def close(self) -> None:
        self.loop.run_until_complete(self.stack.aclose())
        self.loop.close()


PEOPLE = ("member", "two_factors", "invited", "stranger")


class SignInMachine(RuleBasedStateMachine):
    """Steps in any order, from three browsers, with requests as they are and as they were.

    Proofs are kept here, too, apart from the rooms: nobody gets a code without.
    """

    ground: Ground

    def run(self, step):
        """The outcome of a step; None where it is refused, as most of them are."""
        try:
            return self.ground.loop.run_until_complete(step)
        except (errors.InvalidArgument, errors.NotFound, errors.RateLimited):
            return None

    @initialize()
    def settle(self) -> None:
        place = self.place = self.ground.place

        async def settled() -> None:
            acme, other = await place.organization(), await place.organization("Other")
            self.organizations = (acme.id, other.id, "org_1")
            member = await place.member(acme, other)
            careful = await place.member(acme)
            invited = await place.member(acme, invited=True)
            self.app, self.recovery = await register_totp(place, careful)
            self.emails = {
                "member": member.email,
                "two_factors": careful.email,
                "invited": invited.email,
                "stranger": f"who{next(_NUMBERS)}@new.example",
            }
            self.careful_id = careful.id

        self.ground.loop.run_until_complete(settled())
        self.browsers = [
            Browser(place, address=f"198.18.{next(_NUMBERS) % 250}.{n}") for n in range(3)
        ]
        self.requests: list[AuthRequest] = []  # also as they were
        self.proved: dict[str, str] = {}  # whose inbox, by request
        self.second: set[str] = set()  # requests whose second factor was given
        self.began: dict[str, int] = {}  # by which browser

    def pick(self, data) -> AuthRequest:
        """Often the newest one, or nobody would get far."""
        newest = st.just(len(self.requests) - 1)
        return self.requests[data.draw(newest | st.integers(0, len(self.requests) - 1), "request")]

    def keep(self, request: AuthRequest | None) -> None:
        if request is not None:
            self.browsers[self.began[request.id]].take(request)
            self.requests.append(request)

    @rule(n=st.integers(0, 2), prompt=st.sampled_from([(), ("login",), ("select_account",)]))
    def begin(self, n, prompt) -> None:
        begun = self.run(self.browsers[n].begin(prompt=prompt))
        if isinstance(begun, AuthRequest):
            self.began[begun.id] = n
            self.keep(begun)
            if begun.state != states.IN_PROGRESS:
                # By the session that is there.
                assert self.run(self.browsers[n].session()).user_id == begun.user_id
                self.proved[begun.id] = begun.email
                self.second.add(begun.id)
        else:
            assert self.run(self.browsers[n].session()) is not None

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), who=st.sampled_from(PEOPLE))
    def start_email(self, data, who) -> None:
        request = self.pick(data)
        step = self.place.sign_in.start_email(self.call(request), request, email=self.emails[who])
        self.keep(self.run(step))

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), right=st.booleans(), link=st.booleans())
    def prove(self, data, right, link) -> None:
        request = self.pick(data)
        if request.email is None or not request.facts.passwordless:
            return
        sign_in, call = self.place.sign_in, self.call(request)
        if not right:
            wrong = sign_in.verify_link if link else sign_in.verify_code
            assert self.run(wrong(call, request, "000000x")) is None
            return
        secret = self.place.link_token if link else self.place.code
        given = self.run(secret(request.email))
        step = sign_in.verify_link if link else sign_in.verify_code
        moved = self.run(step(call, request, given))
        if moved is not None:
            self.proved[request.id] = request.email
            self.keep(moved)

    @rule(n=st.integers(0, 2), who=st.sampled_from(PEOPLE))
    def come_and_prove(self, n, who) -> None:
        """Three steps at once: they are in the beginning of every way."""
        begun = self.run(self.browsers[n].begin(prompt=("login",)))
        self.began[begun.id] = n
        self.keep(begun)
        sign_in, call = self.place.sign_in, self.call(begun)
        sent = self.run(sign_in.start_email(call, begun, email=self.emails[who]))
        if sent is None:
            return  # too many mails
        self.keep(sent)
        code = self.run(self.place.code(sent.email))
        moved = self.run(sign_in.verify_code(call, sent, code))
        if moved is not None:
            self.proved[sent.id] = sent.email
            self.keep(moved)

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), how=st.sampled_from(["app", "recovery", "wrong"]))
    def second_factor(self, data, how) -> None:
        request = self.pick(data)
        code = "123456"
        if how == "app":
            code = next_code(self.app)
        elif how == "recovery" and self.recovery:
            code = self.recovery[0]
        moved = self.run(self.place.sign_in.verify_second_factor(self.call(request), request, code))
        if moved is not None:
            assert how != "wrong"
            if how == "recovery":
                self.recovery.pop(0)
            self.second.add(request.id)
            self.keep(moved)

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def choose(self, data) -> None:
        request = self.pick(data)
        organization_id = data.draw(st.sampled_from(self.organizations), "organization")
        self.keep(
            self.run(
                self.place.sign_in.choose_organization(self.call(request), request, organization_id)
            )
        )

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def sign_up(self, data) -> None:
        request = self.pick(data)
        self.keep(
            self.run(
                self.place.sign_in.sign_up(self.call(request), request, organization_name="Mine")
            )
        )

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), cancelled=st.booleans())
    def end(self, data, cancelled) -> None:
        request = self.pick(data)
        browser = self.browsers[self.began[request.id]]
        if cancelled:
            answer = self.run(self.place.sign_in.cancel(browser.call, request))
            assert answer is None or "error" in answer.members
            return
        answer = self.run(browser.complete(request))
        if answer is None or "error" in answer.members:
            return
        # A code: of the person whose inbox was proved for this request, by all factors there are.
        assert request.id in self.proved
        session = self.run(browser.session())
        user = self.run(self.place.user(session.user_id))
        assert user.email == self.proved[request.id] == request.email
        if user.id == self.careful_id:
            assert request.id in self.second
        places = {one.organization_id: one.status for one in user.memberships}
        assert places[session.organization_id] == "ACTIVE"

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def another_browser_finds_nothing(self, data) -> None:
        request = self.pick(data)
        for n, browser in enumerate(self.browsers):
            found = self.run(browser.again(request))
            assert found is None or n == self.began[request.id]

    def call(self, request: AuthRequest):
        return self.browsers[self.began[request.id]].call


_NUMBERS = itertools.count()


def test_nobody_gets_a_code_without_a_proof_whatever_they_try(sqlite_template, tmp_path):
    SignInMachine.ground = Ground(sqlite_template, tmp_path / "walks.db")
    try:
        run_state_machine_as_test(
            SignInMachine,
            settings=settings(
                max_examples=examples(40),
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            ),
        )
    finally:
        SignInMachine.ground.close()
