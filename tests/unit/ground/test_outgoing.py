"""The guarded client goes to public addresses alone, and no answer can hold it up or fill it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from contextlib import asynccontextmanager

import pytest

from tenantry.core import addresses
from tenantry.net.outgoing import AddressRefused, NoResponse, Outgoing, check_url
from tenantry.server.certificates.authority import Authority

LOOPBACK = ("127.0.0.0/8", "::1/128")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Server:
    """A server on loopback that answers each request with the same bytes."""

    def __init__(self, answer=OK, *, then=None) -> None:
        self.answer = answer
        self.then = then  # what it does after the answer, with its writer
        self.requests = []
        self.connections = 0
        self.port = 0
        self.left = asyncio.Event()  # the client has hung up

    async def handle(self, reader, writer):
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                pairs = (line.split(": ", 1) for line in lines[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append((lines[0], headers, body))
                writer.write(self.answer)
                await writer.drain()
                if self.then is not None:
                    await self.then(writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            self.left.set()
        finally:
            writer.close()


@asynccontextmanager
async def serving(receiver, *, host="127.0.0.1", tls=None):
    """Run a server meanwhile."""
    listener = await asyncio.start_server(receiver.handle, host, 0, ssl=tls)
    receiver.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield receiver
        listener.close()


@pytest.fixture
async def receiver():
    async with serving(Server()) as started:
        yield started


@pytest.fixture
async def inside():
    """A client that may go to loopback."""
    made = Outgoing(LOOPBACK)
    yield made
    await made.close()


@pytest.fixture
async def outside():
    """A client that goes to public addresses only."""
    made = Outgoing(())
    yield made
    await made.close()


async def post(client, url, *, seconds=5.0, most_bytes=1000, headers=None, body=b"{}"):
    return await client.send(
        "POST",
        url,
        headers=headers or {},
        body=body,
        seconds=seconds,
        most_bytes=most_bytes,
    )


@pytest.fixture
def names(monkeypatch):
    """Names in this DNS: a list of addresses each, or a list of such lists for one look each."""
    known = {}
    real = socket.getaddrinfo
    asked = []

    def look(host, port, family, kind):
        if host not in known:
            return real(host, port, family, kind)
        asked.append(host)
        answer = known[host]
        if answer and isinstance(answer[0], list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (address, port, 0, 0) if ":" in address else (address, port),
            )
            for address in answer
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    known["asked"] = asked
    return known


def test_http_is_for_allowed_networks_only():
    assert check_url("http://10.1.2.3/x", ("10.0.0.0/8",))
    assert check_url("http://localhost:80/", LOOPBACK)
    # The address of a name is judged when it is used.
    assert check_url("http://receiver.internal/", ("10.0.0.0/8",))
    with pytest.raises(ValueError, match="must start with https://"):
        check_url("http://receiver.internal/", LOOPBACK)
    with pytest.raises(ValueError, match="must have a public address"):
        check_url("http://192.168.0.1/", LOOPBACK)
    with pytest.raises(ValueError, match="must start with https://"):
        check_url("http://8.8.8.8/", LOOPBACK)


@pytest.mark.parametrize(
    ("url", "setting"),
    [
        ("http://localhost:8001/", "TENANTRY_PUBLIC_URL"),
        ("https://127.0.0.1/", "TENANTRY_PUBLIC_URL"),
        ("https://[::1]/", "TENANTRY_PUBLIC_URL"),
        ("https://10.1.2.3/", "TENANTRY_OUTGOING_ALLOW"),
        ("http://hooks.example.com/", ""),
        ("http://8.8.8.8/", ""),
        ("https://user@hooks.example.com/", ""),
    ],
)
def test_an_address_that_is_not_allowed_names_the_setting(url, setting):
    with pytest.raises(ValueError, match="must ") as problem:
        check_url(url, ())
    assert ("TENANTRY_" in str(problem.value)) is bool(setting)
    assert setting in str(problem.value)


async def test_a_request_arrives_as_it_was_meant(inside, receiver):
    answer = await post(
        inside,
        f"http://127.0.0.1:{receiver.port}/hook?a=%26%2B&b",
        headers={"webhook-id": "evt_1"},
        body=b'{"a": 1}',
    )
    assert (answer.status, answer.body, answer.cut) == (200, b"ok", False)
    [(line, headers, body)] = receiver.requests
    assert line == "POST /hook?a=%26%2B&b HTTP/1.1"
    assert headers["webhook-id"] == "evt_1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert body == b'{"a": 1}'


async def test_a_connection_is_used_again(inside, receiver):
    for _ in range(3):
        await post(inside, f"http://127.0.0.1:{receiver.port}/")
    assert (len(receiver.requests), receiver.connections) == (3, 1)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1", "0"])
async def test_loopback_is_not_connected_to(outside, receiver, host):
    for scheme in ("https", "http"):
        with pytest.raises(AddressRefused):
            await post(outside, f"{scheme}://{host}:{receiver.port}/")
    assert receiver.connections == 0


async def test_a_name_with_one_private_address_is_refused_whatever_the_others_are(
    outside, inside, receiver, names
):
    names["mixed.example"] = ["8.8.8.8", "127.0.0.1"]
    with pytest.raises(AddressRefused, match="not public"):
        await post(outside, f"https://mixed.example:{receiver.port}/")
    # Nor without TLS to a public address, where loopback alone is allowed.
    with pytest.raises(AddressRefused, match="not public"):
        await post(inside, f"http://mixed.example:{receiver.port}/")
    assert receiver.connections == 0


async def test_the_address_that_was_judged_is_the_one_that_is_used(inside, receiver, names):
    """A name server that gives another address a moment later makes no difference."""
    async with serving(Server(), host="127.0.0.2") as other:
        names["turns.example"] = [["127.0.0.1"], ["127.0.0.2"]]
        answer = await post(inside, f"http://turns.example:{receiver.port}/")
        assert answer.status == 200
        assert names["asked"] == ["turns.example"]
        assert (len(receiver.requests), len(other.requests)) == (1, 0)
        [(_, headers, _)] = receiver.requests
        assert headers["host"] == f"turns.example:{receiver.port}"


async def test_a_name_that_turns_private_is_refused_the_next_time(inside, receiver, names):
    receiver.answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    names["turns.example"] = [["127.0.0.1"], ["10.0.0.1"]]
    url = f"http://turns.example:{receiver.port}/"
    assert (await post(inside, url)).status == 200
    with pytest.raises(AddressRefused):
        await post(inside, url)


async def test_an_address_in_digits_is_judged_when_it_is_used_as_well(receiver, monkeypatch):
    """Should the check of the URL ever miss a spelling, the connection does not."""
    monkeypatch.setattr(addresses, "_check_host", lambda *_, **__: None)
    outside = Outgoing(())
    with pytest.raises(AddressRefused, match="not public"):
        await post(outside, f"https://127.0.0.1:{receiver.port}/")
    await outside.close()
    assert receiver.connections == 0


async def test_a_redirect_is_an_answer(inside, receiver):
    to = f"http://127.0.0.1:{receiver.port}/other"
    receiver.answer = f"HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()
    assert (await post(inside, f"http://127.0.0.1:{receiver.port}/")).status == 302
    assert len(receiver.requests) == 1


async def test_no_proxy_of_the_environment_is_used(inside, receiver, monkeypatch):
    async with serving(Server()) as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await post(inside, f"http://127.0.0.1:{receiver.port}/")
        assert (len(receiver.requests), len(proxy.requests)) == (1, 0)


async def test_no_cookie_is_kept(inside, receiver):
    receiver.answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    for _ in range(2):
        await post(inside, f"http://127.0.0.1:{receiver.port}/")
    assert all("cookie" not in h for _, h, _ in receiver.requests)


async def test_a_long_answer_is_cut_and_hung_up_on(inside):
    async def flood(writer):
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    endless = b"HTTP/1.1 200 OK\r\n\r\n"
    async with serving(Server(endless, then=flood)) as receiver:
        answer = await post(inside, f"http://127.0.0.1:{receiver.port}/", most_bytes=1000)
        assert (answer.status, answer.body, answer.cut) == (200, b"x" * 1000, True)
        await asyncio.wait_for(receiver.left.wait(), 60)


async def test_a_compressed_bomb_stays_compressed(inside, receiver):
    import zlib

    bomb = zlib.compress(b"\0" * 10_000_000)
    receiver.answer = (
        b"HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    ) + bomb
    answer = await post(inside, f"http://127.0.0.1:{receiver.port}/", most_bytes=100_000)
    assert answer.body == bomb


async def hang(_writer):
    await asyncio.sleep(3600)


async def drip(writer):
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (b"", hang),
        (b"HTTP/1.1 200 OK\r\n", hang),
        (b"HTTP/1.1 200 OK\r\nx-slow: ", drip),
        (b"HTTP/1.1 200 OK\r\n\r\n", drip),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", hang),
    ],
)
async def test_an_answer_that_does_not_end_is_given_up(inside, answer, then):
    async with serving(Server(answer, then=then)) as receiver:
        at = time.monotonic()
        with pytest.raises(NoResponse, match=r"no complete answer within 0.3 s"):
            await post(inside, f"http://127.0.0.1:{receiver.port}/", seconds=0.3)
        assert time.monotonic() - at < 10


async def test_a_name_server_that_hangs_holds_up_no_other_name(inside, receiver, monkeypatch):
    real = socket.getaddrinfo
    threads = []
    answers = threading.Event()

    def look(host, port, family, kind):
        if host == "hangs.example":
            threads.append(host)
            answers.wait(60)
        return real("127.0.0.1", port, family, kind)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    url = f"http://hangs.example:{receiver.port}/"
    hanging = [asyncio.create_task(post(inside, url, seconds=0.2)) for _ in range(100)]
    await asyncio.sleep(0.05)
    assert (await post(inside, f"http://answers.example:{receiver.port}/")).status == 200
    for one in await asyncio.gather(*hanging, return_exceptions=True):
        assert isinstance(one, NoResponse)
    assert len(threads) == 1
    answers.set()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 abc OK\r\n\r\n", "no HTTP"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "no HTTP"),
        (b"", "ended without an answer"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx", "broke off"),
    ],
)
async def test_what_is_no_answer_is_said_in_our_words(inside, answer, why):
    async def leave(writer):
        writer.close()

    async with serving(Server(answer, then=leave)) as receiver:
        with pytest.raises(NoResponse, match=why) as raised:
            await post(inside, f"http://127.0.0.1:{receiver.port}/?token=s3cret")
    assert "s3cret" not in str(raised.value)
    assert "127.0.0.1" not in str(raised.value)


async def test_nobody_there_is_said_so(inside, names):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(NoResponse, match="the connection was refused"):
            await post(inside, f"http://127.0.0.1:{closed.getsockname()[1]}/")
    with pytest.raises(NoResponse, match="the host name was not found"):
        await post(inside, "https://nowhere.invalid/")
    names["x" * 64 + ".example"] = []
    with pytest.raises(NoResponse):
        await post(inside, f"https://{'x' * 64}.example/")


@pytest.fixture
async def secure(tmp_path):
    """A server with a certificate of an authority of its own, in this folder."""
    issued = Authority.create(tmp_path).issue(["hooks.example"])
    (tmp_path / "receiver.pem").write_bytes(issued.chain + issued.key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "receiver.pem")
    async with serving(Server(), tls=context) as started:
        yield started


async def test_a_certificate_must_be_trusted_and_be_the_hosts(secure, names, tmp_path, monkeypatch):
    names["hooks.example"] = names["other.example"] = ["127.0.0.1"]
    url = f"https://hooks.example:{secure.port}/"
    stranger = Outgoing(LOOPBACK)
    with pytest.raises(NoResponse, match="the certificate is not trusted"):
        await post(stranger, url)
    await stranger.close()
    assert secure.requests == []

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    friend = Outgoing(LOOPBACK)
    assert (await post(friend, url)).status == 200
    with pytest.raises(NoResponse, match="the certificate is not trusted: Hostname mismatch"):
        await post(friend, f"https://other.example:{secure.port}/")
    await friend.close()


async def test_a_server_without_tls_is_said_so(inside):
    async def greet(_reader, writer):
        writer.write(OK)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(NoResponse, match="the TLS handshake failed"):
            await post(inside, f"https://127.0.0.1:{port}/")
