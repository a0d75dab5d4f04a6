"""Each rpc answers alike over every wire, on each database, to each caller, without parameters."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from apis import WIRES, Api, ApiError, Service

from tenantry.gen.google.api import annotations_pb

if TYPE_CHECKING:
    from protobuf import DescMethod

_SERVICES = [name for name, kind in vars(Api).items() if isinstance(kind, property)]


def least(method: DescMethod) -> dict[str, str]:
    """The least that a request holds: over REST a variable of the path cannot be left out."""
    rule = method.proto.options[annotations_pb.ext_http]
    return dict.fromkeys(re.findall(r"\{(\w+)\}", str(rule.pattern.value)), "1")


async def answered(service: Service, rpc: str) -> tuple[str, str, list[str]]:
    """The answer of an rpc: its code, our code, the fields that it names."""
    try:
        await getattr(service, rpc)(**least(service.methods[rpc]))
    except ApiError as problem:
        return problem.code, problem.error_code, sorted(problem.fields)
    return "OK", "", []


@pytest.mark.one_database
@pytest.mark.parametrize("service", _SERVICES)
async def test_to_nobody(server, wires, subtests, service):
    for rpc in getattr(Api(wires["grpc"]), service).methods:
        with subtests.test(rpc):
            by_wire = {
                name: await answered(getattr(Api(wires[name]), service), rpc) for name in WIRES
            }
            assert len({code for code, *_ in by_wire.values()}) == 1, by_wire


@pytest.mark.one_database
@pytest.mark.parametrize("service", _SERVICES)
async def test_to_the_management_client(server, wires, token, subtests, service):
    headers = (("authorization", f"Bearer {token}"),)
    for rpc in getattr(Api(wires["grpc"]), service).methods:
        with subtests.test(rpc):
            by_wire = {
                name: await answered(getattr(Api(wires[name], headers), service), rpc)
                for name in WIRES
            }
            assert by_wire["grpc"][0] not in {"INTERNAL", "UNKNOWN", "UNIMPLEMENTED"}
            assert len({code for code, *_ in by_wire.values()}) == 1, by_wire
            # REST has no place for a field that is no variable and not in a body: it may name less.
            assert by_wire["grpc"] == by_wire["grpc-web"] == by_wire["connect"], by_wire
