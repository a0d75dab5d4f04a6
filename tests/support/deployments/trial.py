"""A contract with every shape that there can be, and a service that answers what it was asked.

Compiled when tests ask for it, like proto/ is by `make gen`. `python trial.py` serves it with the
settings of the environment, as `tenantry serve` serves the real one.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import os
import subprocess
import sys
import sysconfig
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from protobuf.wkt import FieldMask

from tenantry.api import methods
from tenantry.api.pipeline import Pipeline
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS, Caller, Kind
from tenantry.db.engine import DuplicateKey, OutcomeUnknown, Unavailable, mark_changed
from tenantry.endpoints.grpc_rest import rest
from tenantry.endpoints.grpc_rest.entry import Entry
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.endpoints.grpc_rest.rpc import RpcServer
from tenantry.endpoints.health import web as health
from tenantry.net.http import Response, Route
from tenantry.rate_limits.rates import Rates
from tenantry.telemetry import log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from tenantry.call import Call
    from tenantry.db.engine import Database
    from tenantry.net.http import Request
    from tenantry.telemetry.request_context import Observer

ROOT = Path(__file__).resolve().parents[3]
CONTRACT = Path(__file__).parent / "contract"
FILE = "trial/v1/trial.proto"
SERVICE = "trial.v1.TrialService"
# Where a server process finds what the tests compiled; no name of a setting of ours.
COMPILED = "TRIAL_COMPILED"
# Its imports are not compiled again: messages and options must be those that the code knows.
SHARED = (
    "google/api/annotations_pb",
    "scalekit/v1/options/options_pb",
    "tenantry/v1/options_pb",
    "buf/validate/validate_pb",
)


def compile_into(folder: Path) -> None:
    """Compile the contract into a package `trial_gen` in this folder."""
    from protobuf.wkt.google.protobuf.descriptor_pb import FileDescriptorSet
    from protovalidate._gen.buf.validate import validate_pb

    files: dict[str, Any] = {}

    def add(file: Any) -> None:
        for dependency in file.dependencies:
            add(dependency)
        files.setdefault(file.name, file.proto)

    add(validate_pb.desc())
    rules = folder / "rules.binpb"
    rules.write_bytes(FileDescriptorSet(file=list(files.values())).to_binary())
    package = folder / "trial_gen"
    package.mkdir()
    subprocess.run(
        [
            *(sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={rules}"),
            *(f"-I{CONTRACT}", f"-I{ROOT / 'proto'}", f"-I{sysconfig.get_path('purelib')}"),
            f"--plugin=protoc-gen-py={Path(sysconfig.get_path('scripts')) / 'protoc-gen-py'}",
            *(f"--py_out={package}", FILE),
        ],
        check=True,
    )
    for shared in SHARED:
        module = package / f"{shared}.py"
        module.parent.mkdir(parents=True, exist_ok=True)
        module.write_text(f"from tenantry.gen.{shared.replace('/', '.')} import *\n")


def load(folder: Path) -> ModuleType:
    """Return the module that was compiled into this folder."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return importlib.import_module("trial_gen.trial.v1.trial_pb")


CALLERS = {
    "client": Caller(Kind.MANAGEMENT_CLIENT, "skc_1"),
    "reader": Caller(
        Kind.PORTAL_SESSION, "pss_1", "org_1", frozenset({"shapes_read", "shapes_list"})
    ),
    "writer": Caller(Kind.PORTAL_SESSION, "pss_2", "org_1", frozenset({"shapes_write"})),
}


async def authenticate(headers: Mapping[str, str], _address: str) -> Caller:
    """Tell callers by name: `authorization: Bearer client`, one of several values is enough."""
    given = headers.get("authorization")
    if given is None:
        return ANONYMOUS
    for value in given.split(","):
        caller = CALLERS.get(value.strip().removeprefix("Bearer "))
        if caller is not None:
            return caller
    raise errors.Unauthenticated("Token invalid")


class TrialService:
    """Answers each request with itself."""

    def __init__(self, pb: ModuleType) -> None:
        self._pb = pb
        self.answered = 0
        self.cancelled = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("before_"):
            raise AttributeError(name)

        async def method(request: Any, call: Call) -> Any:
            self.answered += 1
            call.headers["etag"] = '"7"'
            return self._answer(name, request, call)

        return method

    async def misbehave(self, request: Any, call: Call) -> Any:
        what, _, argument = request.text.partition(" ")
        self._fail(what, argument)
        match what:
            case "unencodable":  # in JSON: the name cannot be written there
                request.update_mask = FieldMask(paths=["a-b"])
            case "nothing":
                return None
            case "sleep":
                try:
                    await asyncio.sleep(float(argument))
                except asyncio.CancelledError:
                    self.cancelled += 1
                    raise
        return self._answer("misbehave", request, call)

    def _fail(self, what: str, argument: str) -> None:
        match what:
            case "crash":
                raise RuntimeError(f"the secret is {argument}")
            case "timeout":
                raise TimeoutError
            case "duplicate":
                raise DuplicateKey(argument)
            case "unavailable":
                raise Unavailable("connection lost", getattr(errors, argument or "Busy"))
            case "changed":  # and then the answer cannot be read
                mark_changed()
                raise Unavailable("connection lost", getattr(errors, argument))
            case "unknown":
                raise OutcomeUnknown(OSError("connection lost"))

    def _answer(self, name: str, request: Any, call: Call) -> Any:
        return self._pb.Answer(
            method=name,
            shape=request,
            caller=call.caller.id,
            extra={k: self._pb.Values(values=v) for k, v in call.extra.items()},
        )


def wire(
    pb: ModuleType,
    database: Database,
    *,
    service: TrialService | None = None,
    rates: Rates | None = None,
    cors_origins: tuple[str, ...] = (),
    trusted_proxies: tuple[str, ...] = (),
    observers: tuple[Observer, ...] = (),
) -> Entry:
    """Wire the service as app.py wires the real ones."""
    service = service or TrialService(pb)
    rates = rates or Rates({})
    pipeline = Pipeline(database, authenticate, rates)
    rpcs = list(methods.of_service(pb.desc().services[0], service))
    router = Router()
    rest.add_routes(router, rpcs, pipeline)
    entry = Entry(
        router,
        RpcServer(rpcs, pipeline),
        rates,
        cors_origins=cors_origins,
        trusted_proxies=trusted_proxies,
        observers=observers,
    )

    async def form(request: Request) -> Response:
        return Response.json(request.form())

    async def hello(_request: Request) -> Response:
        return Response(200, b"hello", {"vary": "accept-encoding"})

    async def address(request: Request) -> Response:
        return Response(200, request.address.encode())

    async def count(_request: Request) -> Response:
        return Response.json({"answered": service.answered, "cancelled": service.cancelled})

    entry.add_routes(
        [
            Route("POST", "/trial/form", form),
            Route("GET", "/trial/hello", hello, public=True),
            Route("GET", "/trial/count", count),
            Route("GET", "/trial/address", address),
            *health.routes(SimpleNamespace(db=database)),
        ]
    )
    return entry


class Application:
    """The service as an ASGI application with a lifespan, on a database in the data folder."""

    def __init__(self) -> None:
        self._open = AsyncExitStack()
        self._entry: Entry | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            assert self._entry is not None
            await self._entry(scope, receive, send)
            return
        await receive()
        await self._start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._open.aclose()
        await send({"type": "lifespan.shutdown.complete"})

    async def _start(self) -> None:
        from tenantry import settings
        from tenantry.crypto import master_key
        from tenantry.db import migrate
        from tenantry.db.opening import open_database

        known = settings.load()
        log.configure(known.log_level)
        await asyncio.to_thread(migrate.upgrade, known.database)
        database = await self._open.enter_async_context(
            open_database(known.database, master_key.load(known))
        )
        pb = load(Path(os.environ[COMPILED]))
        rates = Rates.of(known)
        self._open.push_async_callback(rates.close)
        self._entry = wire(
            pb,
            database,
            rates=rates,
            cors_origins=known.cors_origins,
            trusted_proxies=known.trusted_proxies,
        )


@functools.cache
def _keep_house() -> None:
    """Stop on the server's signals; once for all event loops."""
    from tenantry import settings
    from tenantry.server import housekeeping

    housekeeping.start(settings.load())


async def app(scope: Any, receive: Any, send: Any) -> None:
    """One application for each event loop, as `tenantry.server.worker` has it."""
    if scope["type"] == "lifespan":
        _keep_house()
        scope["state"]["application"] = Application()
    await scope["state"]["application"](scope, receive, send)


if __name__ == "__main__":
    from tenantry import server, settings

    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(server.serve(settings.load(), "trial:app"))
