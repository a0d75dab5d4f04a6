"""gRPC clients that do not retry lose no call while the processes of a deployment are restarted."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress

import grpc
import pytest
from balanced_load import Load, Side
from servers import LiveServer

METHOD = "/scalekit.v1.organizations.OrganizationService/ListOrganization"
# Without them grpcio does not even repeat calls that the server has not seen.
WITHOUT_RETRIES = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
CHANNELS, CALLS = 4, 3


@pytest.fixture
def sides(tmp_path, request):
    """Two processes on one PostgreSQL database."""
    shared = {"drain_seconds": 2, "rate_limit_failures": "", "public_url": "https://localhost:1"}
    shared["database_url"] = request.getfixturevalue("postgresql_url")
    servers = [LiveServer(tmp_path, **shared).start() for _ in range(2)]
    yield servers
    for server in servers:
        server.stop()


@asynccontextmanager
async def balanced(servers):
    """A TCP balancer that does not know readiness: it tries the next one where it is refused."""
    turn = 0

    async def connected():
        nonlocal turn
        for _ in servers:
            turn += 1
            port = servers[turn % len(servers)].port
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        raise AssertionError("no process takes connections")

    async def forward(reader, writer):
        with suppress(OSError):
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        writer.close()

    async def serve(reader, writer):
        to_reader, to_writer = await connected()
        await asyncio.gather(forward(reader, to_writer), forward(to_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.thorough
@pytest.mark.timeout(300)
async def test_no_call_is_lost_while_each_process_is_restarted(sides):
    token_of = Side("first", sides[0])
    token = await Load((sides[0].client_id, sides[0].client_secret))._token(token_of)
    await token_of.aclose()
    headers = (("authorization", f"Bearer {token}"),)
    trust = grpc.ssl_channel_credentials(sides[0].ca.read_bytes())
    outcomes: Counter[str] = Counter()
    over = asyncio.Event()

    async def repeated(call):
        while not over.is_set():
            try:
                await call(b"", metadata=headers, timeout=30)
            except grpc.aio.AioRpcError as problem:
                outcomes[f"{problem.code().name} {problem.details()}"] += 1
            else:
                outcomes["OK"] += 1

    async def client(port):
        async with grpc.aio.secure_channel(
            f"localhost:{port}", trust, options=WITHOUT_RETRIES
        ) as channel:
            call = channel.unary_unary(METHOD)
            await asyncio.gather(*(repeated(call) for _ in range(CALLS)))

    async def answered(calls):
        start = outcomes.total()
        while outcomes.total() < start + calls:  # noqa: ASYNC110 - looks
            await asyncio.sleep(0.02)

    async with balanced(sides) as port, asyncio.TaskGroup() as clients:
        for _ in range(CHANNELS):
            clients.create_task(client(port))
        for server in sides:
            await answered(200)
            assert await asyncio.to_thread(server.stop) == 0
            await answered(200)
            await asyncio.to_thread(server.start)
        await answered(200)
        over.set()
    assert set(outcomes) == {"OK"}
