"""Times of binary messages that JSON could not spell."""

from __future__ import annotations

import pytest
from apis import refused

from tenantry.gen.tenantry.v1 import webhooks_pb

(REPLAY_EVENTS,) = (
    method for method in webhooks_pb.desc().services[0].methods if method.name == "ReplayEvents"
)


@pytest.mark.wires("grpc")
async def test_a_time_that_json_could_not_spell_is_refused(api, endpoint):
    """Binary messages hold any number of seconds."""
    start = webhooks_pb.ReplayEventsRequest(endpoint_id=endpoint["id"])
    for seconds, nanos in ((2**62, 0), (-(2**62), 0), (0, -1), (0, 10**9)):
        text = start.to_binary() + inner(2, number(1, seconds) + number(2, nanos))
        with refused("INVALID_ARGUMENT", "start_time"):
            await api.wire.send(REPLAY_EVENTS, text, api.headers)


def number(field: int, value: int) -> bytes:
    value %= 1 << 64
    text = bytes([field << 3])
    while value > 127:
        text += bytes([value & 127 | 128])
        value >>= 7
    return text + bytes([value])


def inner(field: int, message: bytes) -> bytes:
    return bytes([field << 3 | 2, len(message)]) + message
