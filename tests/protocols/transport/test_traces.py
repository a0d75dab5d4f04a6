"""Traces, as a collector gets them: requests, their statements, and their outgoing calls."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
import time

import httpx
import pytest
from http2 import Connection, framed
from otlp_receiver import Collector, told
from protobuf import Oneof
from servers import LiveServer, without_settings

from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb
from tenantry.net.outgoing import Outgoing
from tenantry.settings import load, tracing
from tenantry.telemetry import log, spans, traces
from tenantry.telemetry.request_context import CURRENT, RequestContext

SERVICE = "scalekit.v1.organizations.OrganizationService"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture(scope="module")
def collector():
    with Collector() as started:
        yield started


@pytest.fixture(scope="module", autouse=True)
def _soon():
    """Spans are sent soon, and not after the five seconds of OpenTelemetry's default."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield


@pytest.fixture(scope="module")
def traced(collector, tmp_path_factory):
    """A running server with a collector."""
    server = LiveServer(tmp_path_factory.mktemp("traced"), traces_endpoint=collector.url)
    yield server.start()
    server.stop()


@pytest.fixture
def http(traced):
    with httpx.Client(base_url=traced.url, verify=traced.trust) as client:
        data = {"client_id": traced.client_id, "client_secret": traced.client_secret}
        answer = client.post("/oauth/token", data={"grant_type": "client_credentials", **data})
        client.headers["authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


def test_a_request_and_its_statements(http, collector, traced):
    body = {"display_name": "hunter2"}
    answer = http.post("/api/v1/organizations", json=body, headers={"traceparent": GIVEN})
    assert answer.status_code == 201
    found = collector.of(TRACE, name="POST /api/v1/organizations")
    span = found.pop("POST /api/v1/organizations")
    assert (span.parent_span_id.hex(), span.kind, span.status.code) == (PARENT, 2, 0)
    assert told(span) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/organizations",
        "http.response.status_code": 201,
        "tenantry.request_id": answer.headers["x-request-id"],
    }
    change = found["INSERT organizations"]
    assert (change.parent_span_id, change.kind) == (span.span_id, 3)
    assert span.start_time_unix_nano <= change.start_time_unix_nano
    assert change.start_time_unix_nano < change.end_time_unix_nano <= span.end_time_unix_nano
    assert told(change) == {
        "db.system.name": "sqlite",
        "db.operation.name": "INSERT",
        "db.collection.name": "organizations",
    }
    (resource,) = collector.requests[-1].resource_spans
    assert told(resource.resource)["service.name"] == "tenantry"
    assert collector.paths[-1] == "/v1/traces"
    assert "hunter2" not in str(collector.requests)
    # The log has the id of the trace.
    until = time.monotonic() + 60
    while answer.headers["x-request-id"] not in (log := traced.log.read_text()):
        assert time.monotonic() < until
    (line,) = [line for line in log.splitlines() if answer.headers["x-request-id"] in line]
    assert json.loads(line)["trace_id"] == TRACE


def test_statements_of_postgresql(collector, postgresql_url, tmp_path):
    server = LiveServer(tmp_path, traces_endpoint=collector.url, database_url=postgresql_url)
    server.start()
    try:
        data = {"client_id": server.client_id, "client_secret": server.client_secret}
        data |= {"grant_type": "client_credentials"}
        with httpx.Client(base_url=server.url, verify=server.trust) as http:
            given = {"traceparent": f"00-{'5' * 32}-{PARENT}-01"}
            assert http.post("/oauth/token", data=data, headers=given).status_code == 200
        found = collector.of("5" * 32, name="POST /oauth/token")
    finally:
        server.stop()
    parts = [told(span) for span in found.values() if span.kind == 3]
    assert {part["db.system.name"] for part in parts} == {"postgresql"}


@pytest.mark.parametrize("own", [True, False])
async def test_only_the_operators_own_are_told_of_the_trace(tracer, collector, monkeypatch, own):
    """An interceptor goes on with it; a tenant's provider never hears of it."""
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 418 -\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    monkeypatch.setattr(spans, "tracer", tracer)
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Outgoing(["127.0.0.0/8"], tells_trace=own)
    trace = ("6" if own else "7") * 32
    reset = CURRENT.set(
        RequestContext("GET", "/", "req_1", span=tracer.begin(f"00-{trace}-{PARENT}-01"))
    )
    try:
        url = f"http://127.0.0.1:{port}/a?secret=hunter2"
        await client.send("POST", url, headers={}, seconds=5, most_bytes=9)
    finally:
        CURRENT.reset(reset)
        await client.close()
        server.close()
    span = (await asyncio.to_thread(collector.of, trace, name="POST"))["POST"]
    said = {"http.request.method": "POST", "server.address": "127.0.0.1"}
    assert told(span) == {**said, "http.response.status_code": 418}
    assert span.status.code == 2
    handed = f"traceparent: 00-{trace}-{span.span_id.hex()}-01".encode()
    assert (handed in asked[0]) is own
    assert (b"traceparent" in asked[0]) is own


def test_a_call_over_grpc_that_fails(http, collector, traced):
    trace = "1" * 32
    headers = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]
    headers += [(":path", f"/{SERVICE}/GetOrganization"), ("content-type", "application/grpc")]
    headers += [("te", "trailers"), ("authorization", http.headers["authorization"])]
    headers += [("traceparent", f"00-{trace}-{PARENT}-01")]
    with Connection(traced.port, traced.trust) as connection:
        message = pb.GetOrganizationRequest(identities=Oneof("id", "org_1")).to_binary()
        stream = connection.send(headers, framed(message))
        connection.wait(stream)
    span = collector.of(trace, name=f"{SERVICE}/GetOrganization")[f"{SERVICE}/GetOrganization"]
    assert span.status.code == 0, "the fault is the caller's"
    said = told(span)
    assert (said["rpc.system"], said["rpc.service"]) == ("grpc", SERVICE)
    assert (said["rpc.method"], said["rpc.grpc.status_code"]) == ("GetOrganization", 5)
    assert said["error.type"] == "NOT_FOUND"


def test_a_trace_that_its_caller_does_not_keep_is_not_sent(http, collector):
    unsampled = http.get("/", headers={"traceparent": f"00-{'2' * 32}-{PARENT}-00"})
    http.get("/livez", headers={"traceparent": f"00-{'3' * 32}-{PARENT}-01"})
    http.get("/", headers={"traceparent": f"00-{'4' * 32}-{PARENT}-01"})
    collector.of("4" * 32, name="GET /")
    assert unsampled.status_code == 200
    sent = {span.trace_id.hex() for span in collector.spans}
    assert not sent & {"2" * 32, "3" * 32}


def tracer_of(url: str = "", **variables: str) -> traces.Tracer:
    """A tracer that is asked by hand, with these variables of OpenTelemetry."""
    with pytest.MonkeyPatch.context() as patch:
        for name, text in variables.items():
            patch.setenv(name, text)
        settings = load({"TENANTRY_TRACES_ENDPOINT": url} if url else {})
        tracing.check(settings)
        return traces.Tracer(settings)


@pytest.fixture
def tracer(collector):
    made = tracer_of(collector.url)
    yield made
    made.close()


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "junk",
        GIVEN + ",",
        f"{GIVEN},{GIVEN}",
        f"{GIVEN}-more",
        GIVEN.upper(),
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"01-{TRACE}-{PARENT}-01-{'x' * 100_000}",
        f"00-{TRACE}-{PARENT}-0\u0661",
    ],
)
def test_a_malformed_parent_begins_another_trace(tracer, header, caplog):
    span = tracer.begin(header)
    assert (span.parent, span.is_recording()) == (None, True)
    assert span.context.trace_id not in (0, int(TRACE, 16))
    assert caplog.records == []


def test_a_parent_of_a_later_version_is_gone_on_from(tracer):
    span = tracer.begin(f"01-{TRACE}-{PARENT}-01-more")
    assert (span.context.trace_id, span.parent.span_id) == (int(TRACE, 16), int(PARENT, 16))


@pytest.mark.parametrize(
    ("sampler", "argument", "given", "free"),
    [
        ("always_off", "", False, False),
        ("parentbased_always_off", "", True, False),
        ("parentbased_always_on", "", True, True),
        ("traceidratio", "0", False, False),
        ("traceidratio", "1", True, True),
        ("parentbased_traceidratio", "0", True, False),
    ],
)
def test_the_sampler_is_opentelemetrys(sampler, argument, given, free):
    named = {"OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    made = tracer_of("http://127.0.0.1:1", **named)
    for traceparent, taken in ((GIVEN, given), (None, free)):
        span = made.begin(traceparent)
        assert span.is_recording() is span.get_span_context().trace_flags.sampled is taken
    made.close()


def test_a_share_of_traces_is_taken():
    named = {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"}
    made = tracer_of("http://127.0.0.1:1", **named)
    assert 350 < sum(made.begin(None).is_recording() for _ in range(2000)) < 650
    made.close()


def test_no_part_of_a_request_that_is_not_sampled(monkeypatch, collector):
    made = tracer_of(collector.url, OTEL_TRACES_SAMPLER="always_off")
    monkeypatch.setattr(spans, "tracer", made)
    reset = CURRENT.set(RequestContext("GET", "/", "req_1", span=made.begin(GIVEN)))
    with spans.part("SELECT", {}) as part, spans.part("POST", {}, root=True) as handed_on:
        assert part is None
        assert traces.headers(handed_on)["traceparent"].startswith(f"00-{TRACE}-")
        assert traces.headers(handed_on)["traceparent"].endswith("-00")
    CURRENT.reset(reset)
    made.close()


@pytest.mark.parametrize(
    ("environ", "path"),
    [
        ({"TENANTRY_TRACES_ENDPOINT": "{}"}, "/v1/traces"),
        ({"TENANTRY_TRACES_ENDPOINT": "{}/own/path"}, "/own/path"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "{}/x/"}, "/x/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}/x?key=1"}, "/x?key=1"),
        (
            {"TENANTRY_TRACES_ENDPOINT": "{}/a", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "{}/b"},
            "/a",
        ),
    ],
)
def test_where_traces_go(collector, monkeypatch, environ, path):
    environ = {name: text.format(collector.url) for name, text in environ.items()}
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    assert tracing.is_wanted(load(environ))
    made = traces.Tracer(load(environ))
    made.observe(RequestContext("GET", "/", "req_1", route="/", span=made.begin(None)))
    made.close()
    assert collector.paths[-1] == path


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"},
        {"TENANTRY_TRACES_ENDPOINT": "http://a", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a", "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_nothing_is_checked_or_sent_without_a_collector(monkeypatch, environ):
    for name, text in {**environ, "OTEL_TRACES_SAMPLER": "jaeger"}.items():
        monkeypatch.setenv(name, text)
    settings = load(without_settings() | environ)
    assert not tracing.is_wanted(settings)
    tracing.check(settings)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("variables", "problem"),
    [
        ({"OTEL_TRACES_SAMPLER": "jaeger"}, "OTEL_TRACES_SAMPLER: must be always_on, always_off"),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"},
            "OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1",
        ),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a"}, "OTEL_EXPORTER_OTLP_HEADERS: must be name=value"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=%E2%82%AC"}, "OTEL_EXPORTER_OTLP_HEADERS: must be"),
        (
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "https://a",
                "OTEL_EXPORTER_OTLP_CERTIFICATE": "/nowhere.pem",
            },
            "OTEL_EXPORTER_OTLP_CERTIFICATE: /nowhere.pem cannot be read",
        ),
        (
            {"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "/nowhere.pem"},
            "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: /nowhere.pem and its key cannot be read",
        ),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ä/x"}, "OTEL_EXPORTER_OTLP_ENDPOINT: must be"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "a:4317"}, "OTEL_EXPORTER_OTLP_ENDPOINT: must be"),
        (
            {"TENANTRY_TRACES_ENDPOINT": "ftp://a"},
            "TENANTRY_TRACES_ENDPOINT: must be a URL such as",
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: must be http/protobuf: gRPC is not supported",
        ),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "10000"}, "OTEL_EXPORTER_OTLP_TIMEOUT: must be 0.001 to"),
        ({"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "br"}, "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION:"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE: must be a whole number"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "9"}, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: must be at most"),
        ({"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "-1"}, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: must be"),
    ],
)
def test_a_variable_that_cannot_be_used_stops_a_start(tmp_path, variables, problem):
    server = LiveServer(tmp_path, traces_endpoint="http://127.0.0.1:1")
    if "OTEL_EXPORTER_OTLP_ENDPOINT" in variables:
        server = LiveServer(tmp_path)
    for command in ("serve", "worker"):
        done = server.run(command, **variables)
        assert done.returncode == 2
        assert done.stderr.startswith(f"tenantry: {problem}")
        assert done.stderr.count("\n") == 1
    assert problem in server.run("doctor", **variables).stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_TRACES_SAMPLER": "ParentBased_TraceIdRatio", "OTEL_TRACES_SAMPLER_ARG": "1e-3"},
        {"OTEL_EXPORTER_OTLP_HEADERS": "a=b=c, d = Basic e%3D ,,"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]:4318/x?y=z"},
        {
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc",
        },
        {"OTEL_EXPORTER_OTLP_TIMEOUT": "2.5", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
        {"OTEL_BSP_MAX_QUEUE_SIZE": "4096", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "99", "OTEL_EXPORTER_OTLP_TIMEOUT": ""},
    ],
)
def test_a_variable_that_the_sdk_can_use_is_passed_to_it(variables, caplog):
    tracer_of("http://127.0.0.1:1", **variables).close()
    assert caplog.records == []


def test_headers_and_the_resource_are_those_of_the_environment(collector):
    named = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc,x-own = 1",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_SERVICE_NAME": "tenants",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=blue,service.name=other",
    }
    made = tracer_of(collector.url, **named)
    made.observe(RequestContext("GET", "/", "req_1", route="/", status=503, span=made.begin(None)))
    made.close()
    assert collector.headers[-1]["authorization"] == "Basic abc"
    assert collector.headers[-1]["x-own"] == "1"
    assert collector.headers[-1]["content-encoding"] == "gzip"
    (resource,) = collector.requests[-1].resource_spans
    said = told(resource.resource)
    assert (said["service.name"], said["deployment.environment.name"]) == ("tenants", "blue")
    assert collector.spans[-1].status.code == 2
    assert told(collector.spans[-1])["error.type"] == "503"


@pytest.mark.thorough
@pytest.mark.parametrize("status", [503, 401, 0])
def test_a_collector_that_takes_nothing_costs_nothing_and_is_told_of_once(
    collector, caplog, status, monkeypatch
):
    reported = logging.getLogger("opentelemetry")
    monkeypatch.setattr(reported, "handlers", [])
    monkeypatch.setattr(reported, "propagate", True)
    monkeypatch.setattr(log, "_last", {})
    monkeypatch.setattr(spans, "tracer", None)
    monkeypatch.setattr(collector, "status", status)
    url = collector.url if status else "http://127.0.0.1:1"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{url}/v1/traces?key=hunter2")
    made = traces.start(load({}))
    began = time.thread_time()
    for _ in range(20_000):
        made.observe(RequestContext("GET", "/", "req_1", route="/", span=made.begin(None)))
    assert time.thread_time() - began < 50
    until = time.monotonic() + 60
    while not (told_of := [str(r.fields) for r in caplog.records if "export traces" in r.message]):
        assert time.monotonic() < until
    closing = time.monotonic()
    made.close()
    assert time.monotonic() - closing < 20, "the SDK's own limit is 30 seconds"
    kinds = {(record.message, record.levelname) for record in caplog.records}
    assert kinds == {("failed to export traces", "WARNING")}
    assert len(caplog.records) <= 3, "each kind of problem once in five minutes"
    assert "hunter2" not in caplog.text + str(told_of)


def test_parts_of_one_request_are_bounded(tracer, monkeypatch, collector):
    monkeypatch.setattr(spans, "tracer", tracer)
    trace = "8" * 32
    request_context = RequestContext("GET", "/", "req_1", route="/", status=200)
    request_context.span = tracer.begin(f"00-{trace}-{PARENT}-01")
    reset = CURRENT.set(request_context)
    for _ in range(10_000):
        with spans.part("SELECT", {}):
            pass
    CURRENT.reset(reset)
    with spans.part("SELECT", {}) as outside:
        assert outside is None, "a statement of no request is no trace"
    tracer.observe(request_context)
    tracer.close()
    sent = [span for span in collector.spans if span.trace_id.hex() == trace]
    parts = [span for span in sent if span.name == "SELECT"]
    (request,) = [span for span in sent if span.name == "GET /"]
    assert len(parts) == traces._MOST_PARTS
    assert {span.parent_span_id for span in parts} == {request.span_id}


def test_a_part_that_fails_says_the_class_of_the_error_alone(tracer, monkeypatch, collector):
    monkeypatch.setattr(spans, "tracer", tracer)
    with pytest.raises(ValueError, match="hunter2"), spans.part("SMTP", {}, root=True):
        raise ValueError("hunter2")
    tracer.close()
    (span,) = [span for span in collector.spans if span.name == "SMTP"]
    assert (told(span), span.status.code) == ({"error.type": "ValueError"}, 2)
    assert "hunter2" not in str(collector.requests)


def test_nothing_of_opentelemetry_is_imported_where_no_collector_is_named(tmp_path):
    source = (
        "import sys; from tenantry import app, worker; from tenantry.settings import load;"
        "from tenantry.telemetry import spans;"
        "app._trace(load(), None); spans.part('SELECT', {}).__enter__();"
        "print([name for name in sys.modules if name.startswith(('opentelemetry', 'requests'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=without_settings(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
