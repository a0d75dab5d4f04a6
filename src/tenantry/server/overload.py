"""Sheds load before a server process runs out of memory, connections or files.

Envoy's allocator serves the whole process, Python included (`PYTHONMALLOC`), so Envoy's overload
manager sees all of the heap. As the heap nears its limit, timeouts shrink, then the streams that
hold the most are reset, then requests and connections are refused.
"""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any

from tenantry.settings import memory_limit
from tenantry.settings.memory_limit import MIB

if TYPE_CHECKING:
    from tenantry.settings import Settings

CONNECTIONS = 20_000  # of one process; more are closed at once
# What a connection is counted with, and the share of the heap for all of them: docs/sizing.md.
CONNECTION_BYTES = 64 << 10
_CONNECTIONS_SHARE = 0.5
_FILES_OF_ITS_OWN = 512
# Per process, beside the heap: pages of programs and libraries, stacks, files of SQLite.
_BESIDE_THE_HEAP = 96 * MIB
_LEAST_HEAP = 128 * MIB

# The allocator keeps what a peak has left for five minutes, and returns half of it after one.
# Above this much heap, used or not, it returns unused memory at once. A heap that is larger in
# use costs up to a fifth more processor time, measured with a limit of half the heap in use.
SOFT_LIMIT = 256 * MIB
_RELEASED_BYTES = 64 * MIB
RELEASE_SECONDS = 5
# The lower bounds of timeouts, which shrink as memory runs out.
_LEAST_SECONDS = {
    "HTTP_DOWNSTREAM_CONNECTION_IDLE": 5,
    "HTTP_DOWNSTREAM_STREAM_IDLE": 5,
    "HTTP_DOWNSTREAM_STREAM_FLUSH": 5,
    "TRANSPORT_SOCKET_CONNECT": 2,
}
# Streams with 2^14 bytes in buffers and more are the candidates for a reset.
_ACCOUNTED_POWER = 14

_HEAP = "envoy.resource_monitors.fixed_heap"
_CONNECTIONS = "envoy.resource_monitors.global_downstream_max_connections"
_MONITORS = "type.googleapis.com/envoy.extensions.resource_monitors"
_OVERLOAD = "type.googleapis.com/envoy.config.overload.v3"


def allocator() -> dict[str, Any]:
    """Return how unused memory goes back to the system."""
    return {
        "bytes_to_release": _RELEASED_BYTES,
        "memory_release_interval": f"{RELEASE_SECONDS}s",
        "soft_memory_limit_bytes": SOFT_LIMIT,
    }


def manager(settings: Settings) -> dict[str, Any]:
    """Return the configuration of Envoy's overload manager for one process."""
    heap = heap_bytes(settings)
    timers = [
        {"timer": timer, "min_timeout": f"{seconds}s"} for timer, seconds in _LEAST_SECONDS.items()
    ]
    reduced = {
        "@type": f"{_OVERLOAD}.ScaleTimersOverloadActionConfig",
        "timer_scale_factors": timers,
    }
    return {
        "refresh_interval": "0.25s",
        "resource_monitors": [
            _monitor(_HEAP, "fixed_heap.v3.FixedHeapConfig", max_heap_size_bytes=heap),
            _monitor(
                _CONNECTIONS,
                "downstream_connections.v3.DownstreamConnectionsConfig",
                max_active_downstream_connections=connections(heap),
            ),
        ],
        "actions": [
            {**_action("reduce_timeouts", _between(0.7, 0.9)), "typed_config": reduced},
            _action("reset_high_memory_stream", _between(0.85, 0.95)),
            _action("disable_http_keepalive", _above(0.9)),
            _action("stop_accepting_requests", _above(0.95)),
            _action("reject_incoming_connections", _above(0.97)),
        ],
        "buffer_factory_config": {"minimum_account_to_track_power_of_two": _ACCOUNTED_POWER},
    }


def heap_bytes(settings: Settings) -> int:
    """Return the limit of the heap of one process."""
    total = memory_limit.of_server(settings)
    return max(total // settings.workers - _BESIDE_THE_HEAP, _LEAST_HEAP)


def connections(heap: int) -> int:
    """Return how many connections one process has open at most."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    by_files = max(files - _FILES_OF_ITS_OWN, files // 2)
    by_memory = int(heap * _CONNECTIONS_SHARE) // CONNECTION_BYTES
    return min(CONNECTIONS, by_files, by_memory)


def _monitor(name: str, kind: str, **config: int) -> dict[str, Any]:
    return {"name": name, "typed_config": {"@type": f"{_MONITORS}.{kind}", **config}}


def _action(name: str, trigger: dict[str, Any]) -> dict[str, Any]:
    return {"name": f"envoy.overload_actions.{name}", "triggers": [{"name": _HEAP, **trigger}]}


def _above(pressure: float) -> dict[str, Any]:
    return {"threshold": {"value": pressure}}


def _between(low: float, high: float) -> dict[str, Any]:
    return {"scaled": {"scaling_threshold": low, "saturation_threshold": high}}
