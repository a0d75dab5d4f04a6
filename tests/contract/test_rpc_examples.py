"""The example of every rpc works over REST, gRPC and Connect."""

from __future__ import annotations

import pytest
from apis import Api
from served_rpcs import METHODS, call, headers_of, request_of


@pytest.mark.parametrize("via", ["rest", "grpc", "connect"])
@pytest.mark.parametrize("name", METHODS)
async def test_the_example_works(app_wires, objects, name, via):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires[via], await headers_of(method, objects))
    answer = await call(api, method, request)
    if via == "rest":
        assert answer.headers["status"] == str(method.success_status)
    assert ("etag" in answer.headers) == method.etag
    assert answer.headers["x-request-id"].startswith("req_")
