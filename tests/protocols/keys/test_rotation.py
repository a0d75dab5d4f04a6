"""Rotating the signing key: no token in flight fails, no verifier meets an unknown key."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest
from apis import access_token, base64url
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws, jwt
from joserfc.jwk import RSAKey
from sqlalchemy import bindparam, select, update
from waiting import ends_within_a_second
from wires import over_https

from tenantry import app, settings
from tenantry.access.keys import service as keys
from tenantry.access.keys.model import State, signing_keys
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.core.times import now
from tenantry.crypto import master_key
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.identity.tokens import key_ring
from tenantry.identity.tokens.key_ring import KeyRing

_RETIRE = Statement(
    update(signing_keys)
    .where(signing_keys.c.id == bindparam("p_id"))
    .values(retire_time=bindparam("p_retire_time"))
    .returning(signing_keys.c.id)
)
PAGE = "/api/v1/organizations?page_size=1"


@pytest.fixture(scope="module")
def server(request, live_server, start_server):
    """A server of this file's own: tokens of others are signed by keys that are retired here."""
    more = {}
    if "postgresql" in live_server.environment.get("TENANTRY_DATABASE_URL", ""):
        more["database_url"] = request.getfixturevalue("postgresql").fresh()
    started = start_server("rotation", **more)
    yield started
    started.stop()


@pytest.fixture(scope="module")
async def database(server):
    """Its database."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    async with open_database(known.database, master_key.load(known), pool_size=4) as opened:
        yield opened


@pytest.fixture(scope="module")
async def http(server):
    """A client of it."""
    async with over_https(server) as client:
        yield client


@pytest.fixture(scope="module")
async def token(server, http):
    """An access token of before all that is done here."""
    return await new_token(http, server)


@pytest.fixture
def system(database):
    """A call as the command line makes it."""
    return Call(SYSTEM, database, request_id="test")


@pytest.fixture
async def process(server, database):
    """The answer of another process of this deployment; each call starts one."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    async with AsyncExitStack() as closing:

        def start():
            known = replace(settings.load(environment), public_url=server.url)
            transport = httpx.ASGITransport(app=app.wire(known, database, closing))
            return httpx.AsyncClient(transport=transport, base_url=server.url)

        yield start


@pytest.fixture
def forgetful(monkeypatch):
    """Every process reads the keys anew each time."""
    monkeypatch.setitem(KeyRing.refresh.__kwdefaults__, "older_than", 0.0)
    monkeypatch.setattr(key_ring, "FRESH_SECONDS", 0.0)
    monkeypatch.setattr(key_ring, "RETRY_SECONDS", 0.0)


def key_of(loaded, token):
    (key,) = [key for key in loaded if key.id == kid_of(token)]
    return key


def kid_of(token):
    return jws.extract_compact(token.encode()).headers()["kid"]


async def new_token(http, server):
    return await access_token(http, server.client_id, server.client_secret)


async def is_good(http, token):
    answer = await http.get(PAGE, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in {200, 401}, answer.text
    return answer.status_code == 200


async def published(http):
    return [key["kid"] for key in (await http.get("/keys")).json()["keys"]]


async def states(database, algorithm="RS256"):
    loaded = await keys.load(database)
    return {key.id: key.state for key in loaded if key.algorithm == algorithm}


async def test_the_next_key_signs_and_a_new_one_comes_after_it(system, database):
    before = await states(database)
    (current,) = [kid for kid, state in before.items() if state is State.CURRENT]
    (following,) = [kid for kid, state in before.items() if state is State.NEXT]
    assert (await keys.rotate(system))["RS256"] == following
    after = await states(database)
    assert after[current] is State.RETIRED
    assert after[following] is State.CURRENT
    (new,) = after.keys() - before.keys()
    assert after[new] is State.NEXT


async def test_every_token_is_signed_by_a_key_published_before_its_time(
    system, process, server, forgetful
):
    async with process() as http:
        tokens = []
        for _ in range(5):
            known = await published(http)
            await keys.rotate(system)
            tokens.append(await new_token(http, server))
            assert kid_of(tokens[-1]) in known
        assert len({kid_of(token) for token in tokens}) == 5
        assert {kid_of(token) for token in tokens} <= {*await published(http)}
        assert all([await is_good(http, token) for token in tokens])


async def test_a_process_that_has_not_read_the_keys_since_knows_them(system, process, server):
    """Two rotations within seconds: a token may then be of a key made after the last look."""
    async with process() as first, process() as second:
        assert await is_good(first, await new_token(first, server))
        await keys.rotate(system)
        await keys.rotate(system)
        tokens = [await new_token(second, server) for _ in range(5)]
        assert all(await asyncio.gather(*(is_good(first, token) for token in tokens)))


async def test_unknown_keys_do_not_make_it_read_again_and_again(process, token, monkeypatch):
    read = []
    load = keys.load

    async def counted(db):
        read.append(1)
        return await load(db)

    monkeypatch.setattr(keys, "load", counted)
    _, claims, signature = token.split(".")
    forged = [
        ".".join([base64url(b'{"alg":"RS256","kid":"snk_%d"}' % n), claims, signature])
        for n in range(50)
    ]
    async with process() as http:
        assert not any(await asyncio.gather(*(is_good(http, one) for one in forged)))
    assert len(read) <= 3


async def test_under_load_5_rotations_refuse_nobody(system, server, http, eventually):
    """Over TLS and in cleartext: two event loops, each with its own view of the keys."""
    refusals, calls, done = [], 0, asyncio.Event()

    async def caller(mine, other):
        nonlocal calls
        while not done.is_set():
            token = await new_token(mine, server)
            for where in (mine, other, mine):
                calls += 1
                if not await is_good(where, token):
                    refusals.append(kid_of(token))

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as cleartext:
        callers = [asyncio.create_task(caller(http, cleartext)) for _ in range(4)]
        callers += [asyncio.create_task(caller(cleartext, http)) for _ in range(4)]
        for rotations in range(6):
            until = calls + 24
            await eventually(lambda until=until: calls >= until)
            if rotations < 5:
                await keys.rotate(system)
        done.set()
        await asyncio.gather(*callers)
    assert refusals == []


async def test_a_token_from_before_all_of_them_still_works(http, token):
    assert await is_good(http, token)


async def test_after_a_revocation_no_key_of_before_is_good_anywhere(
    system, process, server, database, forgetful
):
    """Nor a token of it that a process has seen before, nor a next key that signed nothing yet."""
    async with process() as first, process() as second:
        token = await new_token(first, server)
        assert await is_good(first, token)
        assert await is_good(second, token)
        before = await keys.load(database)
        current = await keys.revoke(system)
        assert not await is_good(first, token)
        assert not await is_good(second, token)
        forged = [
            jwt.encode(
                {"alg": key.algorithm, "kid": key.id, "typ": "JWT"},
                jwt.decode(token, RSAKey.import_key(key_of(before, token).public_pem)).claims,
                RSAKey.import_key(key.private_pem),
            )
            for key in before
            if key.algorithm == "RS256"
        ]
        assert len(forged) > 1
        for each in forged:
            assert not await is_good(second, each)
        assert {*await published(second)}.isdisjoint(key.id for key in before)
        anew = await new_token(second, server)
        assert kid_of(anew) == current["RS256"]
        assert await is_good(first, anew)
    assert sorted((await states(database)).values()) == [State.CURRENT, State.NEXT]
    told = [one for one in await log.last(database, limit=4) if one["type"].endswith("revoked")]
    assert current["RS256"] in {one["after"]["current"] for one in told}


async def test_a_server_refuses_tokens_within_a_second_of_a_revocation(http, server):
    token = await new_token(http, server)
    asked = {"headers": {"authorization": f"Bearer {token}"}, "json": {"now": True}}
    before = {*await published(http)}
    answer = await http.post("/api/v1/signing-keys:rotate", **asked)
    assert answer.status_code == 200, answer.text
    assert before.isdisjoint(key["id"] for key in answer.json()["keys"])
    await ends_within_a_second(lambda: is_good(http, token))
    assert before.isdisjoint(await published(http))
    assert await is_good(http, await new_token(http, server))


async def test_a_retired_key_is_gone_when_its_last_token_has_expired(
    system, process, server, database, forgetful
):
    async with process() as http:
        token = await new_token(http, server)
        kid = kid_of(token)
        (key,) = [key for key in await keys.load(database) if key.id == kid]
        await keys.rotate(system)
        assert kid in await published(http)
        long_ago = now() - (keys.LONGEST_TOKEN_SECONDS + 1) * 1_000_000
        await database.fetch_one(_RETIRE, p_id=kid, p_retire_time=long_ago)
        assert kid not in await published(http)
        claims = jwt.decode(token, RSAKey.import_key(key.public_pem)).claims
        forged = jwt.encode(
            {"alg": "RS256", "kid": kid}, claims | {"jti": "x"}, RSAKey.import_key(key.private_pem)
        )
        assert not await is_good(http, forged)
        await keys.rotate(system)
        assert kid not in await states(database)


async def test_rotations_at_once_leave_one_current_and_one_next(system, database):
    for outcome in await asyncio.gather(
        *(keys.rotate(system) for _ in range(4)), return_exceptions=True
    ):
        assert isinstance(outcome, dict | RuntimeError)
    alive = [state for state in (await states(database)).values() if state is not State.RETIRED]
    assert sorted(alive) == [State.CURRENT, State.NEXT]


@pytest.fixture
async def fresh(database_url):
    """Opens a database of its own, with the keys of a new deployment, as several processes do."""
    async with AsyncExitStack() as opened:

        async def open_one():
            return await opened.enter_async_context(
                open_database(database_url, b"k" * 32, pool_size=4)
            )

        await keys.ensure(await open_one())
        yield open_one


async def test_keys_of_another_algorithm_are_made_when_asked_for_and_one_pair_whoever_asks(fresh):
    several = [await fresh() for _ in range(4)]
    assert await states(several[0], "ES256") == {}
    assert len(await states(several[0])) == 2
    await asyncio.gather(*(keys.ensure_algorithm(db, "ES256") for db in several * 3))
    made = await states(several[0], "ES256")
    assert sorted(made.values()) == [State.CURRENT, State.NEXT]
    async with several[0].transaction() as within:
        await keys.ensure_algorithm(within, "ES256")
    assert await states(several[1], "ES256") == made
    assert len(await states(several[1])) == 2


async def test_keys_that_were_begun_during_the_migrations_are_stored(database_url):
    async with open_database(database_url, b"k" * 32) as db:
        begun = keys.begin()
        await keys.ensure(db, begun)
        stored = {key.public_pem for key in await keys.load(db)}
    made = {
        (await each)
        .public_key()
        .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        .decode()
        for each in begun
    }
    assert len(stored) == 2
    assert stored == made


async def test_a_process_that_knows_no_such_key_yet_signs_with_it_all_the_same(fresh):
    first, second = await fresh(), await fresh()
    rings = [KeyRing(db) for db in (first, second)]
    for ring in rings:
        await ring.refresh()
    await keys.ensure_algorithm(first, "ES256")
    tokens = [(await ring.signer("ES256"))({"a": 1}) for ring in rings]
    (current,) = [
        kid for kid, state in (await states(first, "ES256")).items() if state is State.CURRENT
    ]
    assert {kid_of(token) for token in tokens} == {current}
    key = await rings[0].verifying(current)
    assert [jwt.decode(token, key, algorithms=["ES256"]).claims for token in tokens] == [
        {"a": 1}
    ] * 2


async def test_without_such_keys_they_are_made_rather_than_fail(fresh):
    rings = [KeyRing(await fresh()) for _ in range(3)]
    signers = await asyncio.gather(*(ring.signer("ES256") for ring in rings))
    assert len({signer.key_id for signer in signers}) == 1


async def test_each_algorithm_rotates(fresh):
    db = await fresh()
    system = Call(SYSTEM, db, request_id="test")
    assert [*await keys.rotate(system)] == ["RS256"]
    await keys.ensure_algorithm(db, "ES256")
    before = {name: await states(db, name) for name in keys.ALGORITHMS}
    current = await keys.rotate(system)
    assert [*current] == ["RS256", "ES256"]
    for name, kid in current.items():
        assert before[name][kid] is State.NEXT
        after = await states(db, name)
        assert after[kid] is State.CURRENT
        assert [*after.values()].count(State.NEXT) == 1
    events = (await log.last(db, limit=2))[-2:]
    assert [event["after"]["algorithm"] for event in events] == ["RS256", "ES256"]
    assert [event["after"]["current"] for event in events] == [*current.values()]


async def test_they_rotate_by_themselves_once_they_have_signed_for_long(fresh, clock):
    """Two workers do it once; each algorithm has its own age."""
    workers = [await fresh() for _ in range(2)]
    db, clock = workers[0], clock.of(keys)

    async def look(days=90):
        await asyncio.gather(*(keys.rotate_due(one, days=days) for one in workers))
        return await states(db), await states(db, "ES256")

    before, _ = await look()
    clock.forward(60 * 86400)
    await keys.ensure_algorithm(db, "ES256")
    assert (await look())[0] == before
    clock.forward(31 * 86400)
    assert (await look(days=0))[0] == before
    after, other = await look()
    assert sorted(after.values()) == [State.CURRENT, State.NEXT, State.RETIRED]
    assert sorted(other.values()) == [State.CURRENT, State.NEXT]
    for state, then in ((State.CURRENT, State.RETIRED), (State.NEXT, State.CURRENT)):
        (kid,) = [kid for kid, was in before.items() if was is state]
        assert after[kid] is then
    assert await look() == (after, other)
    clock.forward(86400 + 1)  # no token of the former one is in force any more
    assert State.RETIRED not in (await states(db)).values()
    kinds = [event["type"] for event in await log.last(db, limit=9)]
    assert kinds == ["signing_key.rotated"]


async def test_private_keys_are_sealed_at_rest(database):
    for row in await database.fetch_all(Statement(select(signing_keys))):
        for column in signing_keys.columns:
            assert "PRIVATE" not in str(row[column.name])
