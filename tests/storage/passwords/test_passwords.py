"""Passwords of people: rules for new ones, signing in, limits that lock nobody out, choosing."""

from __future__ import annotations

import asyncio
import hashlib
import time
import tracemalloc
import unicodedata

import bcrypt
import pytest
import recorded_events
from argon2 import PasswordHasher
from databases import call_from
from hypothesis import given, settings
from hypothesis import strategies as st
from people_with_passwords import EMAIL, HOME, PASSWORD, imported, person, row, session
from sampling import examples
from valid_events import assert_all_valid

from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.db.event_rows import log
from tenantry.events.email import service as email_service
from tenantry.events.email.rendering import Templates
from tenantry.identity.attempts import service as attempts
from tenantry.identity.authenticators.passwordless import service as passwordless
from tenantry.identity.authenticators.passwordless.proofs import code
from tenantry.identity.authenticators.passwords import guessable, hashes, service
from tenantry.identity.authenticators.passwords.service import Passwords
from tenantry.identity.security_notices import service as security_notices
from tenantry.identity.sessions import service as sessions
from tenantry.settings import load


async def sign_in(passwords, db, password=PASSWORD, *, email=EMAIL, address=HOME):
    return await passwords.sign_in(call_from(db, address), email=email, password=password)


async def refused(attempt):
    """The sentence about one that fails."""
    with pytest.raises((errors.InvalidArgument, errors.RateLimited)) as problem:
        await attempt
    return problem.value


@pytest.fixture
def quick(monkeypatch):
    """Guesses that cost nothing, and those that are looked at."""
    looked = []

    async def verify(_self, password, _hash, *, network=""):
        looked.append(password)
        return password == PASSWORD

    monkeypatch.setattr(Passwords, "verify", verify)
    monkeypatch.setattr(Passwords, "needs_upgrade", lambda _self, _hash: False)
    return looked


async def test_a_hash_is_argon2id_and_each_is_another(passwords):
    one, other = await passwords.hash(PASSWORD), await passwords.hash(PASSWORD)
    assert one != other
    assert one.startswith(f"$argon2id$v=19$m={service.MEMORY_KIB},t={service.PASSES},p=1$")
    assert hashes.problem(one) == ""
    assert not passwords.needs_upgrade(one)
    assert await passwords.verify(PASSWORD, one)
    assert not await passwords.verify(PASSWORD.title(), one)


async def test_nobody_has_a_password_and_it_costs_the_same_work(passwords, monkeypatch):
    assert not passwords.needs_upgrade(service._NOBODYS)
    verified = []
    real = hashes.verify
    monkeypatch.setattr(
        hashes, "verify", lambda word, text: verified.append(text) or real(word, text)
    )
    for word in ("", PASSWORD, "x" * 5000, "\ud800"):
        assert not await passwords.verify(word, None)
        assert not await passwords.verify(word, "")
    assert verified == [service._NOBODYS] * 8


async def test_a_password_is_the_same_however_its_characters_are_typed(passwords):
    composed = "pässwörd1"
    apart = unicodedata.normalize("NFD", composed)
    assert composed != apart
    known = await passwords.hash(apart)
    for given_ in (composed, apart):
        assert await passwords.verify(given_, known)
    # The maker of an imported hash did not normalize.
    old = bcrypt.hashpw(apart.encode(), bcrypt.gensalt(4)).decode()
    assert await passwords.verify(apart, old)
    assert not await passwords.verify(composed, old)


@given(word=st.text(max_size=40), other=st.text(max_size=40))
@settings(max_examples=examples(25))
def test_a_password_opens_its_own_hash_alone(word, other):
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    text = quick.hash(service._normal(word))
    same = service._normal(word) == service._normal(other)
    assert hashes.verify(service._normal(word).encode(), text)
    assert hashes.verify(service._normal(other).encode(), text) == same


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("", "at least 8"),
        ("1234567", "at least 8"),
        ("ä" * 7, "at least 8"),
        (unicodedata.normalize("NFD", "ä" * 7), "at least 8"),
        ("x" * 129, "at most 128"),
        ("\u0327\u0300" * 500_000, "at most 128"),
        ("ann.smith@example.com", "email address"),
        ("ANN.SMITH@example.com", "email address"),
        ("Ann.Smith", "email address"),
        ("correct horse", "breached"),
        ("password1", "common"),
        ("Password2027!", "common"),
        ("12345678", "common"),
        ("x" * 8, "common"),
        ("Smith-1999", "based on"),
        ("annsmith!", "based on"),
        ("Example123", "based on"),
        ("AcmeCloud2027!", "based on"),
    ],
)
async def test_a_new_password_must_be_a_good_one(tmp_path, password, says):
    listed = tmp_path / "list"
    listed.write_text(hashlib.sha1(b"correct horse").hexdigest().upper() + ":42\n")
    passwords = Passwords(breached=listed)
    known = load({"TENANTRY_APP_NAME": "Acme Cloud"})
    with pytest.raises(errors.InvalidArgument, match=says) as problem:
        passwords.check(password, email="Ann.Smith@example.com", settings=known)
    assert [v.field for v in problem.value.violations] == ["password"]
    assert not password or password not in problem.value.message


@pytest.mark.parametrize("password", ["password1", "ann12345", "x" * 8])
async def test_common_passwords_are_accepted_where_the_setting_allows(passwords, password):
    known = load({"TENANTRY_REJECT_COMMON_PASSWORDS": "false"})
    passwords.check(password, email="ann@example.com", settings=known)


@pytest.mark.parametrize("password", ["qwertz-uiop", "summer of 69", "Tenantry-Tenantry"])
async def test_a_minimum_strength_rejects_passwords_that_are_easy_to_guess(db, passwords, password):
    user = await imported(db, "x")
    known = load({"TENANTRY_PASSWORD_MIN_SCORE": "4", "TENANTRY_APP_NAME": "Tenantry"})
    with pytest.raises(errors.InvalidArgument, match="easy to guess") as problem:
        await passwords.choose(call_from(db), user.id, password, settings=known)
    assert [v.field for v in problem.value.violations] == ["password"]
    await passwords.choose(call_from(db), user.id, "lantern osprey gravel", settings=known)


async def test_the_list_takes_little_memory_and_time():
    guessable.is_common("warm up")
    tracemalloc.start()
    started = time.perf_counter()
    for number in range(100):
        assert not guessable.is_common(f"lantern {number} osprey")
    taken = time.perf_counter() - started
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(guessable._common_passwords()) < 400_000
    assert taken / 100 < 0.01  # ten times the millisecond that it may take
    assert peak < 100_000


async def test_a_very_long_password_is_refused_before_it_is_normalized(passwords, monkeypatch):
    """Putting marks in order takes time that grows with the square of their number."""

    def normal(_password):
        raise AssertionError

    monkeypatch.setattr(service, "_normal", normal)
    with pytest.raises(errors.InvalidArgument, match="at most 128"):
        passwords.check("\u0327\u0300" * 513, email="ann@example.com", settings=load({}))


@pytest.mark.parametrize(
    "password",
    [
        *("83719204", "xy" * 64, "äö" * 4, "\t " * 4, "🦄🐴" * 4, "a\x00b\nc def"),
        *("12345\n123456", "correct horse", "Jo9x-b8Ky", "joanna-beside-a-lake"),
    ],
)
async def test_and_may_have_any_characters(passwords, password):
    passwords.check(password, email="jo@example.com", settings=load({}))
    assert await passwords.verify(password, await passwords.hash(password))


async def test_a_person_signs_in_by_address_and_password(db, passwords):
    user = await imported(db, await passwords.hash(PASSWORD))
    for email in (EMAIL, EMAIL.lower(), EMAIL.upper()):
        assert await sign_in(passwords, db, email=email) == user.id


async def test_whatever_is_wrong_the_answer_is_the_same(db, passwords):
    await imported(db, await passwords.hash(PASSWORD))
    await imported(db, None, "bob@example.com")
    wrong = [
        await refused(sign_in(passwords, db, "wrong", address="192.0.2.2")),
        await refused(sign_in(passwords, db, email="bob@example.com")),
        await refused(sign_in(passwords, db, "", email="bob@example.com")),
        await refused(sign_in(passwords, db, email="nobody@example.com")),
    ]
    assert {(one.message, one.code, one.violations) for one in wrong} == {
        (wrong[0].message, wrong[0].code, wrong[0].violations)
    }
    assert wrong[0].message == "password: incorrect email address or password"
    assert [v.field for v in wrong[0].violations] == ["password"]


@pytest.mark.one_database
async def test_and_takes_the_same_work(db, passwords):
    """Processor time of the threads that hash, for that is what a network would tell."""
    await imported(db, await passwords.hash(PASSWORD))
    await imported(db, None, "bob@example.com")

    async def cost(email):
        best = float("inf")
        for n in range(4):
            start = time.process_time()
            await refused(sign_in(passwords, db, "wrong", email=email, address=f"192.0.2.{n}"))
            best = min(best, time.process_time() - start)
        return best

    wrong, without, unknown = [
        await cost(email) for email in (EMAIL, "bob@example.com", "nobody@example.com")
    ]
    assert max(wrong, without, unknown) < 3 * min(wrong, without, unknown)


async def test_an_imported_hash_is_replaced_when_its_person_signs_in(db, passwords):
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    user = await imported(db, old)
    await refused(sign_in(passwords, db, "wrong"))
    assert (await row(db, user))["password_hash"] == old
    assert await sign_in(passwords, db) == user.id
    new = (await row(db, user))["password_hash"]
    assert not passwords.needs_upgrade(new)
    assert await sign_in(passwords, db) == user.id
    assert (await row(db, user))["password_hash"] == new


async def test_what_was_chosen_meanwhile_stays(db, passwords, monkeypatch):
    old = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    user = await imported(db, old)
    real = Passwords.hash

    async def hash_while_another_is_chosen(self, password, *, network):
        monkeypatch.setattr(Passwords, "hash", real)
        await self.choose(call_from(db), user.id, "battery staple", settings=load({}))
        return await real(self, password, network=network)

    monkeypatch.setattr(Passwords, "hash", hash_while_another_is_chosen)
    await sign_in(passwords, db)
    await refused(sign_in(passwords, db))
    assert await sign_in(passwords, db, "battery staple") == user.id


async def test_ten_guesses_in_ten_minutes_however_many_at_once(db, passwords, quick, clock):
    clock.of(attempts)
    await imported(db, "x")
    guesses = (sign_in(passwords, db, f"guess{n}") for n in range(300))
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(one, errors.InvalidArgument) for one in outcomes) == 10
    assert len(quick) == 10
    problem = await refused(sign_in(passwords, db))
    assert problem.code == errors.Code.RESOURCE_EXHAUSTED
    assert "code sent to your email address" in problem.message
    assert 1 <= int(problem.headers["retry-after"]) <= 600
    clock.forward(601)
    assert await sign_in(passwords, db)


async def test_for_unknown_addresses_it_counts_alike(db, passwords, quick):
    for _ in range(10):
        await refused(sign_in(passwords, db, email="nobody@example.com"))
    assert isinstance(
        await refused(sign_in(passwords, db, email="Nobody@example.com")), errors.RateLimited
    )


async def test_a_stranger_elsewhere_does_not_lock_the_owner_out(db, passwords, quick):
    user = await imported(db, "x")
    for n in range(30):
        await refused(sign_in(passwords, db, f"guess{n}", address="198.51.100.66"))
    assert await sign_in(passwords, db) == user.id
    await refused(sign_in(passwords, db, address="2001:db8:1:2::3", password="wrong"))
    for n in range(30):
        address = f"2001:db8:6:6:{n:x}::1"  # one network
        await refused(sign_in(passwords, db, f"guess{n}", address=address))
    assert len(quick) == 10 + 1 + 1 + 10


async def test_strangers_everywhere_leave_the_owner_the_code_by_mail(db, passwords, quick, clock):
    clock.of(attempts)
    user = await imported(db, "x")
    for n in range(150):
        await refused(sign_in(passwords, db, f"guess{n}", address=f"198.51.100.{n}"))
    assert len(quick) == service.GUESSES_IN_ALL
    problem = await refused(sign_in(passwords, db))
    assert isinstance(problem, errors.RateLimited)
    sent = await passwordless.send(call_from(db), email=EMAIL, link_uri=None, seconds=300)
    right = code(db, sent.id, 1)
    assert (await passwordless.verify_code(call_from(db), sent.id, right)).email == EMAIL
    clock.forward(3601)
    assert await sign_in(passwords, db) == user.id


async def test_who_knows_the_password_begins_anew(db, passwords, quick):
    await imported(db, "x")
    for _ in range(service.GUESSES_IN_ALL + 1):
        await sign_in(passwords, db)
    for _ in range(5):
        for _ in range(9):
            await refused(sign_in(passwords, db, "wrong"))
        await sign_in(passwords, db)


async def test_choosing_ends_the_other_sessions_and_tells_the_person(db, passwords, caplog):
    user = await imported(db, await passwords.hash(PASSWORD))
    mine, theirs = await session(db, user), await session(db, user)
    newest = (await log.last(db, limit=1))[-1]["id"]
    caller = Caller(
        *(Kind.USER_SESSION, user.id, user.memberships[0].organization_id),
        session_id=(await sessions.find(db, mine)).id,
    )
    await passwords.choose(
        call_from(db, caller=caller), user.id, "battery staple", settings=load({})
    )
    assert await sessions.find(db, mine)
    assert await sessions.find(db, theirs) is None
    await refused(sign_in(passwords, db))
    assert await sign_in(passwords, db, "battery staple") == user.id
    stored = await row(db, user)
    assert not passwords.needs_upgrade(stored["password_hash"])
    assert stored["password_time"] is not None
    assert stored["revision"] == user.revision + 1

    happened = await recorded_events.after(db, newest, limit=10)
    assert_all_valid(happened)
    assert [one["type"] for one in happened] == ["user.password_changed", "user.logout"]
    assert happened[0]["after"]["id"] == user.id
    assert happened[0]["actor"] == {"type": "user_session", "id": user.id}
    written = str(happened) + caplog.text
    assert "battery" not in written
    assert "argon2" not in written

    (notice,) = await email_service.newest(db, limit=9)
    shown = await security_notices.email_variables(
        db, notice, load({"TENANTRY_APP_NAME": "Acme", "TENANTRY_CONFIG": "/dev/null"})
    )
    content = Templates(None).render(notice.template, shown)
    assert (notice.recipient, content.subject) == (EMAIL, "Your Acme password was changed")
    assert EMAIL in content.text


async def test_of_a_reset_all_sessions_end(db, passwords):
    user = await person(db)
    secrets = [await session(db, user) for _ in range(3)]
    await passwords.choose(call_from(db), user.id, "battery staple", settings=load({}))
    assert [await sessions.find(db, secret) for secret in secrets] == [None] * 3


async def test_a_password_that_is_not_good_changes_nothing(db, passwords):
    user = await imported(db, await passwords.hash(PASSWORD))
    secret = await session(db, user)
    for bad in ("short", EMAIL):
        await refused(passwords.choose(call_from(db), user.id, bad, settings=load({})))
    with pytest.raises(errors.NotFound):
        await passwords.choose(call_from(db), "usr_1", "battery staple", settings=load({}))
    assert await sessions.find(db, secret)
    assert await sign_in(passwords, db) == user.id
    assert await email_service.newest(db, limit=9) == []


async def test_what_waits_at_the_end_is_given_up():
    passwords = Passwords(breached=None, threads=1)
    tasks = [asyncio.create_task(passwords.hash(f"password{n}")) for n in range(20)]
    await asyncio.sleep(0)
    await passwords.close()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert any(isinstance(one, asyncio.CancelledError) for one in done)
