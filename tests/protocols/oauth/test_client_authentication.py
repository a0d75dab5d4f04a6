"""How a client proves who it is; the same at each endpoint that clients call."""

from __future__ import annotations

import base64
import hmac
import random
import re
from collections import Counter
from typing import Any
from urllib.parse import quote

import pytest
from apis import refused
from joserfc.jwa import JWS_ALGORITHMS
from machines import Endpoint, basic, by_assertion, is_error, jwks, key_for, says, signed
from waiting import ends_within_a_second

from tenantry.endpoints.oauth import client_authentication
from tenantry.tenants.environment.effective import Effective

ENDPOINTS = ["/oauth/token", "/oauth/introspect", "/oauth/revoke"]
UNKNOWN = "m2morg_1234567890123456789"


@pytest.fixture(params=ENDPOINTS)
def endpoint(request, http):
    return Endpoint(http, request.param, grant_type="client_credentials", token="x")


async def test_by_form_and_by_basic_at_each_endpoint(endpoint, new):
    client = await new.machine()
    assert (await endpoint(client)).status_code == 200
    credentials = basic(client.id, client.secret)
    assert (await endpoint(headers=credentials)).status_code == 200
    assert (await endpoint(headers=credentials, client_id=client.id)).status_code == 200
    # RFC 7235: the scheme is read in any case.
    assert (
        await endpoint(headers={"authorization": "bASIC" + credentials["authorization"][5:]})
    ).status_code == 200


@pytest.mark.parametrize(
    ("encoded", "client_id", "secret"),
    [
        ("czZCaGRSa3F0MzpnWDFmQmF0M2JW", "s6BhdRkqt3", "gX1fBat3bV"),  # of RFC 6749 itself
        ("YSUzQWIrYzolQzMlQTklMkIrJTI1OiUzQQ==", "a:b c", "é+ %::"),  # a%3Ab+c:%C3%A9%2B+%25:%3A
    ],
)
def test_basic_credentials_are_form_encoded_within(encoded, client_id, secret):
    """RFC 6749 section 2.3.1."""
    read = client_authentication.by_basic(encoded, {})
    assert (read.client_id, read.secret) == (client_id, secret)


async def test_two_ways_at_once_are_refused(endpoint, new):
    client, other = await new.machine(), await new.machine()
    credentials = basic(client.id, client.secret)
    assertion = by_assertion(signed(says(client.id, "x"), key_for("ES256")))
    for answer in (
        await endpoint(client, headers=credentials),
        await endpoint(client, **assertion),
        await endpoint(headers=credentials, **assertion),
        await endpoint(headers=credentials, client_id=other.id),
    ):
        assert is_error(answer, "invalid_request")


async def test_without_credentials_it_is_invalid_client(endpoint, new):
    client = await new.machine()
    for form in ({}, {"client_id": client.id}, {"client_secret": client.secret}):
        answer = await endpoint(**form)
        assert is_error(answer, "invalid_client", 401)
        assert "www-authenticate" not in answer.headers
    answer = await endpoint(headers=basic(client.id, "wrong"))
    assert is_error(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_a_bearer_header_is_not_looked_at(endpoint, new, token):
    client = await new.machine()
    assert (await endpoint(client, headers={"authorization": f"Bearer {token}"})).status_code == 200
    answer = await endpoint(headers={"authorization": f"Bearer {token}"})
    assert is_error(answer, "invalid_client", 401)


async def test_only_the_way_that_is_set_counts(server, process, new):
    client, key = await new.machine(), key_for("ES256")
    await new.set_up(client, jwks=jwks(key))

    async def works():
        ask = process().token  # which has never seen the client
        return {
            "client_secret_post": (await ask(client)).status_code,
            "client_secret_basic": (await ask(headers=basic(client.id, client.secret))).status_code,
            "private_key_jwt": (
                await ask(**by_assertion(signed(says(client.id, server.url), key)))
            ).status_code,
        }

    ways = await works()
    assert {*ways.values()} == {200}
    for only in ways:
        await new.set_up(client, token_endpoint_auth_method=only)
        assert await works() == {way: 200 if way == only else 401 for way in ways}


async def test_names_that_no_client_can_have_are_unknown_ones(server, endpoint, new):
    """Neither of them reaches the database, where it would fail for others as well."""
    for name in ("a\x00", "a\ud800", "\U0001f600", "m2morg_1\n", "m2morg_", "x" * 5000):
        encoded = base64.b64encode(f"{name}:x".encode(errors="replace")).decode()
        answer = await endpoint(headers={"authorization": f"Basic {encoded}"})
        assert is_error(answer, "invalid_client", 401)
        assertion = signed(says(name, server.url, jti=name), key_for("ES256"))
        assert is_error(await endpoint(**by_assertion(assertion)), "invalid_client", 401)


async def test_a_description_is_of_the_characters_that_the_rfc_allows(http):
    """RFC 6749 section 5.2, whatever the name of a member that is repeated."""
    name = quote('"\\é\n')
    for path in ENDPOINTS:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = await http.post(path, content=f"{name}=1&{name}=2", headers=headers)
        assert is_error(answer, "invalid_request")
        description = answer.json()["error_description"]
        assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", description), description


async def test_two_secrets_work_side_by_side_until_one_goes(rest, make, new, oauth):
    """Two secrets in rotation."""
    organization = await make.organization()
    place = {"organization_id": organization["id"]}
    client = await new.machine(organization["id"])
    assert (await oauth.token(client)).status_code == 200
    place["client_id"] = client.id
    added = await rest.clients.create_organization_client_secret(**place)
    new = {"client_secret": added["plain_secret"]}
    # At once, although the client was seen without it a moment ago.
    assert (await oauth.token(client, **new)).status_code == 200
    assert (await oauth.token(client)).status_code == 200
    first = (await rest.clients.get_organization_client(**place))["client"]["secrets"][0]["id"]
    await rest.clients.delete_organization_client_secret(**place, secret_id=first)
    await ends_within_a_second(lambda: oauth.issues(client))
    assert is_error(await oauth.token(client), "invalid_client", 401)
    assert (await oauth.token(client, **new)).status_code == 200


async def test_a_secret_that_is_inactive_or_expired_is_wrong(rest, new, oauth):
    client = await new.application()
    (secret,) = (await rest.clients.get_client(client_id=client.id))["client"]["secrets"]
    which = {"client_id": client.id, "secret_id": secret["id"]}
    await rest.clients.update_client_secret(**which, secret={"status": "INACTIVE"})
    assert is_error(await oauth.token(client), "invalid_client", 401)
    await rest.clients.update_client_secret(**which, secret={"status": "ACTIVE"})
    assert (await oauth.token(client)).status_code == 200


async def test_an_unknown_client_and_a_wrong_secret_are_one_answer(endpoint, new):
    client = await new.machine()
    assert (await endpoint(client)).status_code == 200
    answers = [
        await endpoint(client_id=UNKNOWN, client_secret="wrong"),
        await endpoint(client_id=client.id, client_secret="wrong"),
        await endpoint(client_id="x" * 5000, client_secret="wrong"),
        await endpoint(client_id=client.id + "0", client_secret=client.secret),
    ]
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1
    assert is_error(answers[0], "invalid_client", 401)


@pytest.fixture
def work(monkeypatch, database):
    """Counts what a request makes the server do."""
    done: Counter[str] = Counter()

    def counted(owner, name, what):
        real = getattr(owner, name)

        def call(*arguments: Any, **named: Any) -> Any:
            done[what] += 1
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, call)

    async def unchanged(*_: Any) -> None:
        """The settings in effect, which are read by the clock and for no request."""

    monkeypatch.setattr(Effective, "refresh", unchanged)
    counted(hmac, "compare_digest", "comparisons")
    counted(database, "fetch_all", "statements")
    for algorithm in JWS_ALGORITHMS:
        counted(type(algorithm), "verify", "signatures")
    return done


async def test_an_unknown_client_takes_the_work_of_a_wrong_secret(
    server, process, work, rest, make
):
    """Counted, not timed."""
    here = process()
    organization = await make.organization()
    client_id, secret = await make.client(organization["id"])
    for _ in range(3):
        await rest.clients.create_organization_client_secret(
            organization_id=organization["id"], client_id=client_id
        )
    key, other = key_for("ES256"), key_for("ES256", 1)
    await rest.client_settings.update_client_settings(
        client_id=client_id, settings={"jwks": jwks(key)}
    )
    forms = {
        "secret": lambda id_: {"client_id": id_, "client_secret": "wrong"},
        "key": lambda id_: by_assertion(signed(says(id_, server.url), other)),
    }
    for way, form in forms.items():
        counts = []
        for known in (client_id, UNKNOWN):
            for _ in range(2):  # the first reads the client, the second finds it in memory
                work.clear()
                assert (await here.token(**form(known))).status_code == 401
                counts.append(dict(work))
        assert counts[:2] == counts[2:], way
        assert counts[0]["comparisons" if way == "secret" else "signatures"]
    assert (await here.token(client_id=client_id, client_secret=secret)).status_code == 200


async def test_an_application_may_be_kept_to_addresses(process, new, rest):
    client = await new.application(
        ip_allowlist={
            "opted_in": True,
            "cidrs": [{"value": "203.0.113.0/24"}, {"value": "2001:db8::/32"}],
        }
    )
    inside = [process(address) for address in ("203.0.113.7", "2001:db8::1", "::ffff:203.0.113.9")]
    outside = [process(address) for address in ("203.0.114.7", "2001:db9::1", "127.0.0.1")]
    tokens = []
    for there in inside:
        answer = await there.token(client)
        assert answer.status_code == 200, answer.text
        tokens.append(answer.json()["access_token"])
    page = {"page_size": 1}
    headers = {"authorization": f"Bearer {tokens[0]}"}
    path = "/api/v1/organizations"
    assert (await inside[1].http.get(path, params=page, headers=headers)).status_code == 200
    for there in outside:
        answer = await there.token(client)
        assert is_error(answer, "invalid_client", 401)
        # A caller's own word about its address does not count.
        for spoofed in ({}, {"x-forwarded-for": "203.0.113.7"}, {"forwarded": "for=203.0.113.7"}):
            answer = await there.http.get(path, params=page, headers=headers | spoofed)
            assert answer.status_code == 403
            assert answer.json()["details"][0]["error_code"] == "PERMISSION_DENIED"
    with refused("PERMISSION_DENIED"):
        await rest.sending(authorization=headers["authorization"]).organizations.list_organization()


async def test_wrong_credentials_are_counted_by_the_real_address(process, new):
    """Neither a header nor another client id gets around it."""
    client = await new.machine()

    mine = f"2001:db8:{random.getrandbits(16):x}:{random.getrandbits(16):x}::1"
    here = process(mine, rate_limit_failures="5/hour")
    for number in range(5):
        answer = await here.token(
            client_id=f"{UNKNOWN[:-1]}{number}",
            client_secret="wrong",
            headers={"x-forwarded-for": f"192.0.2.{number}"},
        )
        assert is_error(answer, "invalid_client", 401)
    answer = await here.token(client, client_secret="wrong")
    assert answer.status_code == 429
    assert answer.json()["error"] == "temporarily_unavailable"
    assert int(answer.headers["retry-after"]) >= 1
    # Nobody is locked out by it: neither behind the same address, nor elsewhere.
    elsewhere = process("198.51.100.2", rate_limit_failures="5/hour")
    for there in (here, elsewhere):
        assert (await there.token(client)).status_code == 200


@pytest.mark.process
async def test_no_answer_or_log_has_a_secret(server, endpoint, new, events):
    client = await new.machine()
    assertion = signed(says(client.id, "https://else.example"), key_for("ES256"))
    answers = [
        await endpoint(client),
        await endpoint(client, client_id=UNKNOWN),
        await endpoint(headers=basic(UNKNOWN, client.secret)),
        await endpoint(client, client_id=None),
        await endpoint(**by_assertion(assertion)),
    ]
    for answer in answers:
        assert client.secret not in answer.text
        assert assertion not in answer.text
    log = server.log.read_text()
    assert client.secret not in log
    assert assertion not in log
    assert client.secret not in str(await events.new())
