"""The answer to a call when the database is in trouble: on every wire why, and when again."""

from __future__ import annotations

import base64

import pytest
import trial

from tenantry.core import errors
from tenantry.gen.google.rpc.status_pb import Status
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ErrorInfo

REST = "/trial/misbehave"
RPC = f"/{trial.SERVICE}/Misbehave"
TROUBLE = [
    errors.Busy,
    errors.Locked,
    errors.TooManyConnections,
    errors.DatabaseUnavailable,
    errors.ReadOnly,
    errors.DiskFull,
    errors.DatabaseDamaged,
]


@pytest.fixture
def over(ask, pb):
    """Make the call over a wire; return its status, error code and Retry-After."""

    async def rest(text):
        answer = await ask("POST", REST, {"text": text})
        return answer.status, answer.error["error_code"], answer.headers.get("retry-after")

    async def connect(text):
        answer = await ask("POST", RPC, {"text": text})
        (detail,) = answer.json["details"]
        info = ErrorInfo.from_binary(base64.b64decode(detail["value"] + "=="))
        return answer.status, info.error_code, answer.headers.get("retry-after")

    async def grpc(text):
        binary = pb.Shape(text=text).to_binary()
        body = b"\0" + len(binary).to_bytes(4, "big") + binary
        answer = await ask("POST", RPC, body, content_type="application/grpc")
        status = Status.from_binary(
            base64.b64decode(answer.trailers["grpc-status-details-bin"] + "==")
        )
        info = ErrorInfo.from_binary(status.details[0].value)
        http_status = errors.HTTP_STATUS[errors.Code(int(answer.trailers["grpc-status"]))]
        return http_status, info.error_code, answer.trailers.get("retry-after")

    return {"rest": rest, "connect": connect, "grpc": grpc}


@pytest.mark.parametrize("wire_name", ["rest", "connect", "grpc"])
async def test_a_refusal_says_why_and_when_to_come_again(over, wire_name):
    for kind in TROUBLE:
        answer = await over[wire_name](f"unavailable {kind.__name__}")
        assert answer == (503, kind.error_code, str(kind.seconds))


@pytest.mark.parametrize("wire_name", ["rest", "connect", "grpc"])
async def test_a_change_of_unknown_outcome_is_no_internal_error(over, wire_name):
    assert await over[wire_name]("unknown") == (504, "OUTCOME_UNKNOWN", None)


@pytest.mark.parametrize("wire_name", ["rest", "connect", "grpc"])
async def test_nobody_is_told_to_try_again_once_a_change_was_made(over, wire_name):
    for kind in TROUBLE:
        answer = await over[wire_name](f"changed {kind.__name__}")
        assert answer == (504, "OUTCOME_UNKNOWN", None)
    assert await over[wire_name]("unavailable DatabaseUnavailable") == (
        503,
        "DATABASE_UNAVAILABLE",
        "2",
    )


async def test_the_same_trouble_is_logged_once_a_second_with_a_count(over, caplog, monkeypatch):
    from tenantry.telemetry import log

    monkeypatch.setattr(log, "_last", {})
    monkeypatch.setattr(log, "_untold", {})
    moment = 1000.0
    monkeypatch.setattr(log.time, "monotonic", lambda: moment)
    for _ in range(50):
        await over["rest"]("unavailable DatabaseUnavailable")
    await over["rest"]("unavailable ReadOnly")
    moment += 1.1
    await over["rest"]("unavailable DatabaseUnavailable")
    told = [(record.fields["error_code"], record.fields["times"]) for record in caplog.records]
    assert told == [
        ("DATABASE_UNAVAILABLE", 1),
        ("DATABASE_READ_ONLY", 1),
        ("DATABASE_UNAVAILABLE", 50),
    ]
