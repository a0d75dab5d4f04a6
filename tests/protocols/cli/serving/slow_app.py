"""An application that answers as late, and as much, as it is asked to; served by Tenantry's server.

With ``gate`` it answers once that file exists; until then there is one of the same name that ends
in ".begun".

``python slow_app.py`` serves it with the settings of the environment and with short limits.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs

import psutil

from tenantry import server
from tenantry.server import housekeeping
from tenantry.settings import load


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        return
    query = {k: v[0] for k, v in parse_qs(scope["query_string"].decode()).items()}
    if "unread" not in query:
        while (await receive()).get("more_body"):
            pass
    if "gate" in query:
        gate = Path(query["gate"])
        gate.with_suffix(".begun").touch()
        while not gate.exists():  # noqa: ASYNC110, ASYNC240 - a test waits for it
            await asyncio.sleep(0.01)
    await asyncio.sleep(float(query.get("seconds", 0)))
    taken = b"x" * (int(query.get("mib", 0)) << 20)
    resident = psutil.Process().memory_info().rss
    del taken
    if "broken" in query:
        raise RuntimeError("broken")
    body = f"{os.getpid()} {scope['client'][0]} {scope['raw_path'].decode()}".encode()
    numbers = {b"content-length": len(body), b"resident": resident}
    headers = [(name, str(number).encode()) for name, number in numbers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    from tenantry.server import envoy

    sys.path.insert(0, str(Path(__file__).parent))
    envoy.HEADERS_SECONDS = 1
    envoy.HANDSHAKE_SECONDS = 1
    envoy.REQUEST_SECONDS = 3
    sys.exit(server.serve(load(), "slow_app:app"))
else:
    server.FINISH_SECONDS = 300.0  # for a gate that is opened late
    housekeeping.start(load())
