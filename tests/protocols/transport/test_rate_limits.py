"""Rate limits of requests: counts, headers of answers, and refusals."""

from __future__ import annotations

import base64

import pytest
import trial
from in_process import AsgiClient

from tenantry.core.errors import HTTP_STATUS, Code
from tenantry.gen.google.rpc.status_pb import Status
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ErrorInfo
from tenantry.rate_limits.memory import Memory
from tenantry.rate_limits.rates import Limit, Rates

SHAPE = "/trial/shapes/s1"
SHOW = f"/{trial.SERVICE}/Show"
GRPC, WEB, JSON = "application/grpc", "application/grpc-web+proto", "application/json"
EMPTY = b"\x00\x00\x00\x00\x00"  # one empty message of gRPC


@pytest.fixture
def limited(pb, trial_database, service):
    """Start an application with limits, such as `client="2/hour"`; call it from addresses."""

    def start(trusted_proxies=(), **limits: str):
        rates = Rates({name: Limit(name, rate, Memory()) for name, rate in limits.items()})
        entry = trial.wire(
            pb, trial_database, service=service, rates=rates, trusted_proxies=trusted_proxies
        )

        def caller(peer="203.0.113.1", authorization="Bearer client"):
            return AsgiClient(entry, peer=peer, authorization=authorization)

        return caller

    return start


def left(answer):
    """The members of RateLimit: name and how many requests are left."""
    members = answer.headers["ratelimit"].split(", ")
    assert len(members) == len(answer.headers["ratelimit-policy"].split(", "))
    named = (member.split(";") for member in members)
    return {name.strip('"'): int(remaining.removeprefix("r=")) for name, remaining, _ in named}


def over_rest(ask):
    return ask("GET", SHAPE)


def over_connect(ask):
    return ask("POST", SHOW, b"{}", content_type=JSON)


def over_grpc(ask):
    return ask("POST", SHOW, EMPTY, content_type=GRPC)


def over_grpc_web(ask):
    return ask("POST", SHOW, EMPTY, content_type=WEB)


WIRES = [over_rest, over_connect, over_grpc, over_grpc_web]


def refused(call, answer):
    """Check an answer as its wire says that a limit is used up; return its metadata."""
    if call in (over_rest, over_connect):
        assert answer.status == HTTP_STATUS[Code.RESOURCE_EXHAUSTED] == 429
        assert int(answer.headers["retry-after"]) >= 1
        if call is over_rest:
            assert (answer.json["code"], answer.error["error_code"]) == (8, "RATE_LIMITED")
        else:
            assert answer.json["code"] == "resource_exhausted"
            assert answer.json["details"]
        return answer.headers
    metadata = answer.headers | answer.trailers
    if call is over_grpc_web and "grpc-status" not in metadata:
        lines = answer.body[5:].decode().splitlines()
        metadata |= dict(line.split(": ", 1) for line in lines)
    assert (answer.status, metadata["grpc-status"]) == (200, "8")
    packed = Status.from_binary(base64.b64decode(metadata["grpc-status-details-bin"] + "=="))
    (detail,) = packed.details
    assert ErrorInfo.from_binary(detail.value).error_code == "RATE_LIMITED"
    assert int(metadata["retry-after"]) >= 1
    return metadata


@pytest.mark.parametrize("call", WIRES)
@pytest.mark.parametrize("limit", ["client", "address"])
async def test_what_is_over_the_limit_is_refused_on_every_wire(limited, service, call, limit):
    ask = limited(**{limit: "2/hour"})()
    for remaining in (1, 0):
        answer = await call(ask)
        assert answer.headers["ratelimit-policy"] == f'"{limit}";q=2;w=3600'
        assert left(answer) == {limit: remaining}
        assert "retry-after" not in answer.headers
    for _ in range(2):
        metadata = refused(call, await call(ask))
        assert metadata["ratelimit-policy"] == f'"{limit}";q=2;w=3600'
        assert metadata["ratelimit"] == f'"{limit}";r=0;t={metadata["retry-after"]}'
    assert service.answered == 2


async def test_where_no_limit_is_set_no_answer_speaks_of_one(limited):
    for call in WIRES:
        answer = await call(limited()())
        assert not {"ratelimit", "ratelimit-policy", "retry-after"} & set(answer.headers)


async def test_both_limits_are_told_in_one_list(limited):
    ask = limited(address="9/minute", client="2/hour")()
    for call, remaining in ((over_rest, 1), (over_grpc, 0)):
        answer = await call(ask)
        assert answer.headers["ratelimit-policy"] == '"address";q=9;w=60, "client";q=2;w=3600'
        assert left(answer) == {"address": 7 + remaining, "client": remaining}
    answer = await over_rest(ask)
    assert answer.status == 429
    assert left(answer) == {"address": 6, "client": 0}


async def test_errors_have_the_headers_too(limited):
    caller = limited(address="99/minute", client="99/minute")
    for asgi_client, verb, target, body, status in [
        (caller(), "GET", "/trial/nowhere", None, 404),
        (caller(), "PATCH", "/healthz/x", None, 404),
        (caller(), "DELETE", "/trial/hello", None, 405),
        (caller(), "POST", SHOW, b"x" * (2 << 20), 413),
        (caller(authorization="Bearer nobody"), "GET", SHAPE, None, 401),
    ]:
        answer = await asgi_client(verb, target, body)
        assert answer.status == status
        assert left(answer).keys() == {"address"}, target
    answer = await caller()("PUT", SHAPE, b"nonsense", content_type=JSON)
    assert answer.status == 400
    assert left(answer).keys() == {"address", "client"}
    answer = await caller()("POST", f"/{trial.SERVICE}/Misbehave", {"text": "crash it"})
    assert answer.status == 500
    assert left(answer).keys() == {"address", "client"}


async def test_an_address_is_refused_before_anything_is_read(limited, service):
    """Any caller, with credentials or without, at any path but those of balancers."""
    caller = limited(address="1/hour")
    await caller(authorization="Bearer nobody")("GET", SHAPE)
    for asgi_client in (caller(), caller(authorization="Bearer nobody")):
        for verb, target, body in [
            *(("GET", SHAPE, None), ("GET", "/trial/nowhere", None), ("OPTIONS", SHAPE, None)),
            *(("GET", "/trial/hello", None), ("POST", "/trial/form", b"a=b")),
            *(("POST", SHOW, b"nonsense"), ("POST", SHOW, b"x" * (2 << 20))),
        ]:
            answer = await asgi_client(verb, target, body)
            assert answer.status == 429, target
        for path in ("/livez", "/readyz", "/healthz"):
            assert (await asgi_client("GET", path)).status == 200
    assert service.answered == 0
    assert (await over_rest(caller(peer="203.0.113.2"))).status == 200


async def test_the_count_of_a_client_is_its_own_wherever_it_calls_from(limited):
    caller = limited(client="1/hour")
    assert (await over_rest(caller())).status == 200
    assert (await over_rest(caller(peer="203.0.113.2"))).status == 429
    # A session in the portal is no client, nor is nobody.
    for authorization in ("Bearer reader", "Bearer nobody"):
        for _ in range(2):
            answer = await over_rest(caller(authorization=authorization))
            assert answer.status != 429
            assert "ratelimit" not in answer.headers


async def test_an_invented_address_does_not_escape_the_limit(limited):
    """Nor does it use up another address's share."""
    caller = limited(address="2/hour", trusted_proxies=("10.0.0.0/8",))
    statuses = []
    for n in range(4):
        invented = f"198.51.100.{n}"
        answer = await caller()(
            "GET",
            SHAPE,
            x_forwarded_for=[invented, "10.0.0.1"],
            x_real_ip=invented,
            forwarded=f"for={invented}",
            x_envoy_external_address=invented,
        )
        statuses.append(answer.status)
    assert statuses == [200, 200, 429, 429]
    victim = "198.51.100.1"
    for _ in range(2):
        assert (await over_rest(caller(peer=victim))).status == 200
    # Behind the proxy: what the client wrote is further left than what the proxy has added.
    for n in range(3):
        answer = await caller(peer="10.0.0.1")(
            "GET", SHAPE, x_forwarded_for=f"198.51.100.{n}, 192.0.2.7"
        )
        assert answer.status == (200 if n < 2 else 429)


async def test_a_whole_ipv6_network_is_one_address(limited):
    """A /64 is what one customer gets; it has more addresses than anybody can count."""
    caller = limited(address="2/hour")
    for peer, status in [
        ("2001:db8:0:1::1", 200),
        ("2001:db8:0:1:ffff::2", 200),
        ("2001:db8:0:1:1234:5678:9abc:def0", 429),
        ("2001:db8:0:2::1", 200),
        ("::ffff:203.0.113.7", 200),
        ("203.0.113.7", 200),
        ("::ffff:203.0.113.7", 429),
        ("::ffff:203.0.113.8", 200),
    ]:
        assert (await over_rest(caller(peer=peer))).status == status, peer


async def test_a_page_of_a_listed_origin_can_read_the_limits(pb, trial_database):
    rates = Rates({"client": Limit("client", "1/hour", Memory())})
    entry = trial.wire(pb, trial_database, rates=rates, cors_origins=("https://app.test",))
    answer = await AsgiClient(entry, authorization="Bearer client")(
        "GET", SHAPE, origin="https://app.test"
    )
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ratelimit", "ratelimit-policy", "retry-after"} <= set(exposed)
