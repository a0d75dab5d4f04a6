"""The rpcs of the contract with nothing behind them: the reference looks at descriptors only."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from served import SERVICES

import tenantry.app  # noqa: F401 - with all errors that a server knows
from tenantry.api.methods import of_service
from tenantry.core import errors
from tenantry.endpoints.docs import web
from tenantry.endpoints.docs.reference import openapi, operations
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.net.http import Request
from tenantry.web import fonts

PUBLIC_URL = "https://tenantry.example.com"


class Nothing:
    """Has every method."""

    def __getattr__(self, name) -> None: ...


@pytest.fixture(scope="session")
def methods():
    """Every rpc that the server serves."""
    return [method for service in SERVICES for method in of_service(service, Nothing())]


@pytest.fixture(scope="session")
def reference(methods):
    """The operations and the schemas they use."""
    return operations.read(methods)


@pytest.fixture(scope="session")
def document(reference):
    return openapi.document(*reference, PUBLIC_URL)


def router(methods):
    """The reference's routes."""
    made = Router()
    for route in web.routes(methods, PUBLIC_URL):
        made.add(route.verb, route.template, route)
    for font in fonts.built():  # which sign-in pages serve
        made.add(font.route.verb, font.route.template, font.route)
    return made


@pytest.fixture(scope="session")
def get(methods):
    """Answer a request as the reference does."""
    handlers = router(methods)

    def answer(path, **headers: str):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        path, _, query = path.partition("?")
        request = Request("GET", path, query, named, b"", "req_test")
        return asyncio.run(handlers.match("GET", path)[0](request))

    return answer


@pytest.fixture(scope="session")
def site(methods):
    """The reference's pages at an address that a browser can open."""
    handlers = router(methods)
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever, daemon=True)
    running.start()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path, _, query = self.path.partition("?")
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                route, _ = handlers.match("GET", path)
                asked = route(Request("GET", path, query, headers, b"", "x"))
                response = asyncio.run_coroutine_threadsafe(asked, loop).result()
            except errors.RouteNotFound:
                self.send_error(404)
                return
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(response.body)

        def do_HEAD(self):
            self.do_GET()

        def log_message(self, *args: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()
    loop.call_soon_threadsafe(loop.stop)
    running.join()
    loop.close()
