"""POST /api/v1/users:import as an endpoint: its callers, its formats, and no faster than it
writes."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from apis import refused, unique
from user_files import CSV, NDJSON, Importer, address, ndjson
from wires import ApiError, over_https

pytestmark = pytest.mark.process

PATH = "/api/v1/users:import"


async def test_only_a_management_client_may(http, make):
    answer = await http.post(PATH, content=b"{}", headers={"content-type": NDJSON})
    assert answer.status_code == 401
    assert answer.json()["message"] == "Token empty"
    cookie = await make.portal_session(http, (await make.organization())["id"])
    answer = await http.post(
        PATH, content=b"{}", headers={"content-type": NDJSON, "cookie": cookie}
    )
    assert answer.status_code == 403
    headers = {"content-type": NDJSON, "authorization": "Bearer bad"}
    answer = await http.post(PATH, content=b"{}", headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", ""])
async def test_another_type_is_not_read(importer, media_type):
    with pytest.raises(ApiError, match="application/x-ndjson or text/csv") as problem:
        await importer({"email": address()}, media_type=media_type)
    assert problem.value.http_status == 415


async def test_a_file_that_is_compressed_is_refused(importer, http):
    headers = {**importer.headers, "content-type": NDJSON, "content-encoding": "gzip"}
    packed = gzip.compress(b'{"email": "a@example.com"}\n')
    answer = await http.post(PATH, content=packed, headers=headers)
    assert answer.status_code == 415
    assert "uncompressed" in answer.json()["message"]
    with refused("INVALID_ARGUMENT", says="compressed by gzip"):
        await importer(content=packed)


@pytest.mark.parametrize(
    ("switches", "field"),
    [({"dry_run": "yes"}, "dry_run"), ({"force": True}, "force"), ({"dry_run": 1}, "dry_run")],
)
async def test_a_switch_that_is_none_is_refused(importer, switches, field):
    with refused("INVALID_ARGUMENT", field):
        await importer({"email": address()}, **switches)


async def test_the_path_is_no_user(importer, http):
    answer = await http.get(PATH, headers=importer.headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"


@pytest.mark.parametrize("media_type", [NDJSON, CSV, f"{NDJSON}; charset=utf-8"])
async def test_an_empty_file_is_no_rows(importer, media_type):
    report = await importer(content=b"", media_type=media_type)
    assert (report["rows"], report["refused"]) == (0, 0)


async def test_a_file_is_larger_than_another_body_may_be(importer):
    rows = [
        {"email": address(), "metadata": {"note": "x" * 200}, "name": "y" * 200}
        for _ in range(3500)
    ]
    content = ndjson(rows)
    assert len(content) > 1 << 20
    report = await importer(content=content)
    assert report["users"]["created"] == 3500


@pytest.mark.parametrize("http2", [False, True])
async def test_a_file_that_is_refused_at_once_is_answered_in_full(server, importer, http2):
    """Though the client is still sending it."""
    heads = b"name,gender\n" + b"x,y\n" * 1_000_000
    async with over_https(server, http2=http2) as http:
        stranger = Importer(http, "bad")
        with pytest.raises(ApiError, match="UNAUTHENTICATED"):
            await stranger(content=heads, media_type=CSV)
        with refused("INVALID_ARGUMENT", "email"):
            await Importer(http, importer.token)(content=heads, media_type=CSV)


@pytest.mark.thorough
def test_a_file_over_the_limit_is_not_begun(server, token):
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        f"content-type: {NDJSON}\r\ncontent-length: {(1 << 30) + 1}\r\n\r\n"
    )
    with connected(server) as connection:
        connection.sendall(head.encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")


@contextmanager
def connected(server):
    with (
        socket.create_connection(("127.0.0.1", server.port), 30) as plain,
        server.trust.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        yield connection


async def pieces_of(piece, count):
    for _ in range(count):
        yield piece


async def test_a_large_file_is_not_held_in_memory(importer, server):
    """A hundred MiB of rows that are refused: too long each."""
    await importer({"email": address()})
    before = peak_of(server)
    line = b'{"name": "' + b"x" * (1 << 20) + b'"}\n'
    report = await importer(content=pieces_of(line, 100))
    assert (report["rows"], report["refused"]) == (100, 100)
    assert peak_of(server) - before < 30_000


def peak_of(server):
    """The most memory that the server has had, in KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


async def test_rows_are_written_while_others_are_still_to_come(importer, rest, eventually):
    """And they stay when the client goes away before the end."""
    email = address()
    first = ndjson([*({"email": address()} for _ in range(999)), {"email": email}])
    written = False

    async def is_found():
        return (await rest.users.search_users(query=email))["total_size"] == 1

    async def pieces():
        nonlocal written
        yield first
        await eventually(is_found)
        written = True
        yield b'{"email": "'
        raise OSError("the client goes away")

    with pytest.raises((OSError, httpx.HTTPError)):
        await importer(content=pieces())
    assert written
    report = await importer(content=first)
    assert report["users"] == {"created": 0, "updated": 0, "unchanged": 1000}


@pytest.mark.thorough
async def test_other_calls_are_answered_meanwhile(importer, rest):
    rows = [
        {
            "email": address(),
            "organization_external_id": unique("customer"),
            "organization_name": "C",
        }
        for _ in range(3000)
    ]
    importing = asyncio.ensure_future(importer(*rows, create_organizations=True))
    answered = 0
    while not importing.done():
        await rest.users.list_users(page_size=1)
        answered += 1
    assert (await importing)["memberships"]["created"] == 3000
    assert answered > 10


def test_a_body_may_come_slowly(server, token):
    """A few bytes after others, with pauses."""
    content = ndjson([{"email": address()}])
    head = (
        f"POST {PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n"
        f"content-type: {NDJSON}\r\ncontent-length: {len(content)}\r\n\r\n"
    )
    with connected(server) as connection:
        connection.sendall(head.encode())
        for start in range(0, len(content), 10):
            connection.sendall(content[start : start + 10])
            time.sleep(0.05)
        received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 200")
        report = json.loads(received.partition(b"\r\n\r\n")[2] or connection.recv(65536))
    assert report["users"]["created"] == 1
