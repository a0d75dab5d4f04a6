"""Counts requests in flight, so that Envoy refuses a network's next one before Python sees it.

`admission.lua` runs in Envoy, on Envoy's thread. It counts each request that it admits as started
and may name a network's and a connection's counter in a header; `Finished.count` counts the request
as finished when the application is done with it. Both use the same memory, whose address is in the
environment. A counter has one writer, so neither side needs a lock: TLS and cleartext have an event
loop each, and each loop has its own counters.
"""

from __future__ import annotations

import ctypes
import ipaddress
import itertools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from tenantry.settings import Settings

HEADER = "x-tenantry-admission"
VARIABLE = "ENVOY_ADMISSION_COUNTERS"
# Networks are hashed to these counters, and connections take the next one in turn.
_NETWORKS = 4096
_CONNECTIONS = 16384
_TOTAL, _OTHERS = 0, 1
_CELLS = _OTHERS + _NETWORKS + _CONNECTIONS
_LOOPS = 2
_MASK = 0xFFFFFFFF
# Up to this number of requests in flight are not counted by network: that would cost each of them
# time.
UNCOUNTED = 64
# A network that is at its limit has one more request of each connection served, up to four times
# the limit. At the limit of the process, networks with fewer than eight requests still get in.
SPARE = 4
FEW = 8

_NAME = HEADER.encode()
# Started, finished on the first loop, finished on the second.
_counters = (ctypes.c_uint32 * ((1 + _LOOPS) * _CELLS))()
_view = memoryview(_counters).cast("B").cast("I")
_loops = itertools.count(1)


def script(settings: Settings) -> str:
    """Return the program that Envoy runs for each request."""
    values: dict[str, Any] = {
        "networks": _NETWORKS,
        "connections": _CONNECTIONS,
        "uncounted": UNCOUNTED,
        "per_network": settings.requests_per_network,
        "total": settings.requests_per_process,
        "spare": SPARE,
        "few": FEW,
        "seed": int.from_bytes(os.urandom(4)) >> 1,
        "variable": f'"{VARIABLE}"',
        "header": f'"{HEADER}"',
        "trusted": f"{{ {', '.join(map(_network, settings.trusted_proxies))} }}",
    }
    table = ", ".join(f"{name} = {value}" for name, value in values.items())
    return f"local settings = {{ {table} }}\n{Path(__file__).with_suffix('.lua').read_text()}"


def _network(text: str) -> str:
    """Return a network in CIDR notation as a table of Lua: eight groups of an IPv6 address."""
    network = ipaddress.ip_network(text)
    address, bits = int(network.network_address), network.prefixlen
    if network.version == 4:
        address, bits = address | 0xFFFF << 32, bits + 96
    groups = ", ".join(str(address >> shift & 0xFFFF) for shift in range(112, -1, -16))
    return f"{{ bits = {bits}, groups = {{ {groups} }} }}"


def share() -> None:
    """Tell Envoy, which this process is, where the counters are."""
    os.environ[VARIABLE] = str(ctypes.addressof(_counters))


def cells(scope: MutableMapping[str, Any]) -> int:
    """Remove the header that names a request's counters and return its value; 0 without one."""
    headers = scope["headers"]
    if headers and headers[-1][0] == _NAME:
        return int(headers.pop()[1])
    return 0


class Finished:
    """The counters of finished requests of one event loop."""

    def __init__(self) -> None:
        self._base = next(_loops) * _CELLS

    def count(self, cells: int) -> None:
        """Count a request as finished; on the event loop that has served it."""
        for cell in (_TOTAL, *divmod(cells, _CELLS)) if cells else (_TOTAL,):
            _view[self._base + cell] = (_view[self._base + cell] + 1) & _MASK
