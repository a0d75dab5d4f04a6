"""A local proxy that adds an access token, for programs that cannot send one."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext

_OF_CONNECTION = {"host", "connection", "content-length", "transfer-encoding", "accept-encoding"}


@contextmanager
def bearer_proxy(target: str, trust: SSLContext, token: str) -> Iterator[str]:
    """Forward requests to ``target``, a base URL; yield the base URL of the proxy.

    Pages of the proxy's own origin count as pages of the target, others keep their origin.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            headers = {
                name.lower(): value.strip()
                for name, value in self.headers.items()
                if name.lower() not in _OF_CONNECTION
            }
            if headers.get("origin") == base:
                headers["origin"] = target
            headers["authorization"] = f"Bearer {token}"
            answer = http.request(
                self.command, target + self.path, headers=headers, content=self.rfile.read(size)
            )
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in {*_OF_CONNECTION, "content-encoding"}:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = forward  # noqa: N815

        def log_message(self, *_: object) -> None: ...

    with (
        httpx.Client(verify=trust) as http,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        base = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield base
        server.shutdown()
