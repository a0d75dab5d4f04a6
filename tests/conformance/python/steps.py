"""Shared by the programs: where the server is, how a step is shown, how a refusal is looked at.

A step is one line of JSON on standard output; the first one that fails ends the program.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
import uuid
from contextlib import contextmanager

from scalekit.common.exceptions import (
    ScalekitBadRequestException,
    ScalekitNotFoundException,
    ScalekitServerException,
)
from scalekit.v1.errdetails.errdetails_pb2 import ErrorInfo

URL = os.environ["SCALEKIT_ENVIRONMENT_URL"]
CLIENT_ID = os.environ["SCALEKIT_CLIENT_ID"]
CLIENT_SECRET = os.environ["SCALEKIT_CLIENT_SECRET"]
RUN = uuid.uuid4().hex[:12]  # makes names this run's own
UNKNOWN = "1234567890123456789"  # behind a prefix: the id of nothing


@contextmanager
def step(name):
    details = {}
    try:
        yield details
    except Exception as error:  # noqa: BLE001 whatever it was, the step failed
        print(
            json.dumps({"step": name, "ok": False, "error": f"{type(error).__name__}: {error}"}),
            flush=True,
        )
        traceback.print_exc()
        sys.exit(1)
    print(json.dumps({"step": name, "ok": True, **details}), flush=True)


def expect_error(kind, call, *args, **kwargs) -> ScalekitServerException:  # noqa: ANN002, ANN003
    try:
        call(*args, **kwargs)
    except kind as error:
        return error
    raise AssertionError("the call succeeded")


def expect_not_found(call, *args, **kwargs) -> ScalekitServerException:  # noqa: ANN002, ANN003
    error = expect_error(ScalekitNotFoundException, call, *args, **kwargs)
    assert "not found" in error.message, error.message
    assert error.error_code
    assert error.http_status == 404
    return error


def expect_bad_request(call, *args, **kwargs) -> ScalekitServerException:  # noqa: ANN002, ANN003
    error = expect_error(ScalekitBadRequestException, call, *args, **kwargs)
    assert error.error_code == "INVALID_ARGUMENT"
    return error


def expect_refused(call, *args, **kwargs) -> None:  # noqa: ANN002, ANN003
    """For a name inside a request that names nothing: some take that for bad, some for missing."""
    expect_error((ScalekitBadRequestException, ScalekitNotFoundException), call, *args, **kwargs)


def expect_duplicate(field, call, *args, **kwargs) -> ScalekitServerException:  # noqa: ANN002, ANN003
    error = expect_bad_request(call, *args, **kwargs)
    assert "duplicate key not allowed" in error.message, error.message
    assert field in error.message, error.message
    return error


def expect_bad_field(field, call, *args, **kwargs) -> list[tuple[str, str]]:  # noqa: ANN002, ANN003
    """Return the violations: which field, and why."""
    error = expect_bad_request(call, *args, **kwargs)
    assert field in error.message, error.message
    violations = [(each.field, each.description) for each in _field_violations(error)]
    assert any(field in name and why for name, why in violations), violations
    return violations


def _field_violations(error: ScalekitServerException):
    for detail in error.err_details:
        info = ErrorInfo()
        if detail.Unpack(info):
            yield from info.validation_error_info.field_violations


def soon(show):
    """A change is in force within a second: then, at the latest, this holds."""
    until = time.monotonic() + 1
    while True:
        last = time.monotonic() > until
        try:
            return show()
        except AssertionError:
            if last:
                raise
            time.sleep(0.05)


def read_pages(read, ours) -> list[str]:
    """Read pages of 2, newest first, until all of ours were in them; return every id that was."""
    listed, token = [], ""
    while not set(ours) <= set(listed):
        found, answer = read(token)
        assert 1 <= len(found) <= 2
        assert answer.total_size >= len(ours)
        listed += [each.id for each in found]
        assert len(listed) == len(set(listed)), "one was listed twice"
        token = answer.next_page_token
        assert token or set(ours) <= set(listed), "the pages ended before all were seen"
    assert [each for each in listed if each in ours] == ours[::-1], "not newest first"
    return listed
