"""Every rpc that supports If-Match changes only the revision that the caller names."""

from __future__ import annotations

import pytest
from apis import Api, refused
from served_rpcs import METHODS, call, headers_of, request_of

CONDITIONAL = [name for name, method in METHODS.items() if method.if_match]
STALE = ('"77"', 'W/"1"', '"x"', '"77", "78"', '"-1"', '"1e0"')
MALFORMED = ('"1', "1", "")


def test_the_contract_has_conditional_rpcs():
    assert len(CONDITIONAL) > 40


@pytest.mark.parametrize("name", CONDITIONAL)
async def test_if_match(app_wires, objects, written, name):
    """A stale or malformed ETag changes nothing. The ETag of the error allows the change."""
    method = METHODS[name]
    request = await request_of(method, objects)
    headers = await headers_of(method, objects)
    before = written()
    for via in ("rest", "grpc", "connect"):
        api = Api(app_wires[via], headers)
        for tags in STALE if via == "connect" else STALE[:1]:
            with refused("FAILED_PRECONDITION", error_code="PRECONDITION_FAILED") as it:
                await call(api.sending(if_match=tags), method, request)
        for tags in MALFORMED if via == "connect" else MALFORMED[:1]:
            with refused("INVALID_ARGUMENT", says="if-match"):
                await call(api.sending(if_match=tags), method, request)
    assert written() == before
    current = it.value.headers["etag"]
    answer = await call(api.sending(if_match=f'"77", {current}'), method, request)
    if method.etag:
        assert answer.etag


@pytest.mark.parametrize("name", CONDITIONAL)
async def test_any_revision(app_wires, objects, name):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    await call(api.sending(if_match="*"), method, request)


@pytest.mark.parametrize(
    "name",
    [n for n, method in METHODS.items() if method.etag and method.reads and not method.if_match],
)
async def test_a_read_ignores_it(app_wires, objects, name):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    await call(api.sending(if_match='"77"'), method, request)
