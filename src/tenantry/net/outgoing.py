"""Requests to addresses that a tenant chose: one client, which goes to public addresses only.

A name is looked up here, each address that it has is judged, and the connection goes to one of
those very addresses: a name server's answer of a moment later makes no difference. An address that
is not global unicast is refused, unless it is within a network that the operator allows
(TENANTRY_OUTGOING_ALLOW); only there may a request go without TLS. No redirect is followed, no
proxy of the environment is used, no cookie is kept, and time and size of an answer are limited.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
import threading
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from tenantry.core.addresses import checked, is_refused, is_this_machine, networks
from tenantry.telemetry import spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import aiohttp
    from aiohttp.abc import AbstractResolver
    from yarl import URL

    from tenantry.core.addresses import Network

# A server that closes an idle connection just when it is used again costs an attempt; most keep
# one for 5 seconds or longer.
_KEPT_SECONDS = 2.0
_LOOKUPS = 64  # at once; each is a thread
_URLS = 1024


class NoResponse(Exception):
    """There is no answer; the text is a clause that says why, without any part of the URL."""


class AddressRefused(NoResponse):
    """Nothing was sent: the address is not one that we go to."""


class _RefusedAddress(OSError):
    """An error that the connector can pass on."""


@dataclass(frozen=True, slots=True)
class OutgoingResponse:
    """An answer; ``cut`` says that the body went on after the bytes that are here."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut: bool


class Outgoing:
    """The client, for one event loop; it keeps connections, so that it has to be closed."""

    def __init__(self, allow: Sequence[str], *, tells_trace: bool = False) -> None:
        """Allow these networks, in CIDR notation, beside public addresses.

        ``tells_trace``: those asked are the operator's own, and go on with the trace of a request.
        A tenant's provider is told nothing: one trace would join the requests of several tenants.
        """
        self._allow = networks(allow)
        self._tells_trace = tells_trace
        # Of what a URL says by itself; where its host is now is looked up for each connection.
        self._checked = lru_cache(_URLS)(partial(checked, allow=self._allow))
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        seconds: float,
        most_bytes: int,
    ) -> OutgoingResponse:
        """Send one request; return the response with any status, with its first bytes.

        ``seconds`` is the limit of all of it: looking up the name, connecting, and the answer to
        its end or to ``most_bytes``.

        Raises:
            Refused: we do not go to the URL or to an address of its host.
            NoResponse: there is no complete answer, for any reason.

        """
        import aiohttp

        try:
            target = self._checked(url)
        except ValueError as problem:
            raise AddressRefused(str(problem)) from None
        asked = {"http.request.method": method, "server.address": target.host or ""}
        with spans.part(method, asked, root=True) as span:
            if span is not None and self._tells_trace:
                from tenantry.telemetry import traces

                headers = {**headers, **traces.headers(span)}
            try:
                async with asyncio.timeout(seconds):
                    answer = await self._sent(method, target, headers, body, most_bytes)
            except TimeoutError:
                raise NoResponse(f"no complete answer within {seconds:g} s") from None
            except (aiohttp.ClientError, OSError) as problem:
                raise _named(problem) from None
            if span is not None:
                from opentelemetry.trace import StatusCode

                span.set_attribute("http.response.status_code", answer.status)
                if answer.status >= 400:
                    span.set_status(StatusCode.ERROR)
            return answer

    async def _sent(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | None,
        most_bytes: int,
    ) -> OutgoingResponse:
        session = self._session(url.scheme)
        async with session.request(
            method, url, headers=headers, data=body, allow_redirects=False
        ) as response:
            parts: list[bytes] = []
            left = most_bytes + 1
            while left > 0 and (part := await response.content.read(left)):
                parts.append(part)
                left -= len(part)
            if left <= 0:
                response.close()  # nobody waits for the rest of it
            read = b"".join(parts)
            return OutgoingResponse(response.status, response.headers, read[:most_bytes], left <= 0)

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = self._sessions, {}
        for session in sessions.values():
            await session.close()

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        """Return the session of a scheme: each is allowed other addresses."""
        session = self._sessions.get(scheme)
        if session is None:
            session = self._sessions[scheme] = self._new_session(scheme)
        return session

    def _new_session(self, scheme: str) -> aiohttp.ClientSession:
        import aiohttp

        guard = _Guard(self._allow, tls=scheme == "https")
        connector = aiohttp.TCPConnector(
            resolver=cast("AbstractResolver", guard),
            use_dns_cache=False,
            # A host in digits is not looked up: this sees every address, right before it is used.
            socket_factory=guard.socket,
            # Made here: it reads the certificates that SSL_CERT_FILE names, as programs do.
            ssl=ssl.create_default_context(),
            limit=0,
            keepalive_timeout=_KEPT_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # The limits are ours. Compressed, a few bytes could become gigabytes.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            headers={"accept-encoding": "identity"},
            trust_env=False,
        )


def is_same_server(url: str, other: str) -> bool:
    """Whether requests to two URLs go to the same host and port, by the same scheme."""
    one, two = urlsplit(url), urlsplit(other)
    return (one.scheme, one.netloc.lower()) == (two.scheme, two.netloc.lower())


def check_url(url: str, allow: Sequence[str]) -> str:
    """Return a URL that requests may be sent to, as far as can be told before its host is asked.

    Raises:
        ValueError: they may not; the text says why, as what the URL must be.

    """
    allowed = networks(allow)
    try:
        parsed = checked(url, allowed)
    except ValueError as problem:
        raise ValueError(f"{problem}{_remedy(url)}") from None
    is_loopback_only = all(network.is_loopback for network in allowed)
    if parsed.scheme == "http" and is_loopback_only and not is_this_machine(parsed.raw_host or ""):
        raise ValueError("must start with https://")
    return url


def _remedy(url: str) -> str:
    """Return how an operator allows an address that is not public; "" for other URLs."""
    try:
        host = urlsplit(url).hostname or ""
        address = None if is_this_machine(host) else ipaddress.ip_address(host)
    except ValueError:
        return ""
    if address is None:
        return (
            "; loopback addresses are allowed in development, with a local TENANTRY_PUBLIC_URL, "
            "or with TENANTRY_OUTGOING_ALLOW=127.0.0.0/8,::1/128"
        )
    if not is_refused(address, ()):
        return ""
    return "; to allow the address, add its network to TENANTRY_OUTGOING_ALLOW"


class _Guard:
    """Looks names up, and refuses them and the addresses that requests may not go to."""

    def __init__(self, allow: Sequence[Network], *, tls: bool) -> None:
        self._allow = allow
        self._tls = tls
        self._running: dict[tuple[str, int], asyncio.Task[list[Any]]] = {}
        self._room = asyncio.Semaphore(_LOOKUPS)

    def check(self, address: str) -> None:
        """Raise what the connector passes on, if requests do not go to this address."""
        if is_refused(ipaddress.ip_address(address), self._allow, tls=self._tls):
            raise _RefusedAddress("the host has an address that is not public")

    def socket(self, info: Any) -> socket.socket:
        """Return a socket to connect to the looked-up address."""
        family, kind, proto, _, address = info
        self.check(address[0])
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        return made

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[Any]:
        """Return the addresses of a name; all of them are good, or none is returned."""
        # One look at a time for a name: a name server that never answers takes one thread.
        task = self._running.get((host, port))
        if task is None:
            task = asyncio.create_task(self._found(host, port, family))
            self._running[host, port] = task
            task.add_done_callback(partial(self._ended, (host, port)))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Do nothing: the connector expects it."""

    def _ended(self, key: tuple[str, int], task: asyncio.Task[list[Any]]) -> None:
        del self._running[key]
        if not task.cancelled():
            task.exception()  # its caller may have gone

    async def _found(self, host: str, port: int, family: int) -> list[Any]:
        look = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM)
        try:
            async with self._room:
                found = await _in_a_thread(look)
        except UnicodeError as problem:  # it has no form that a name server would know
            raise OSError(str(problem)) from None
        if not found:
            raise OSError("no address")
        for *_, address in found:
            self.check(str(address[0]))
        return [
            {
                "hostname": host,
                "host": address[0],
                "port": port,
                "family": family,
                "proto": proto,
                "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            }
            for family, _, proto, _, address in found
        ]


async def _in_a_thread(work: Any) -> Any:
    """Run what blocks in its own thread, which the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def settle(result: Any, problem: BaseException | None) -> None:
        if done.done():
            return
        if problem is None:
            done.set_result(result)
        else:
            done.set_exception(problem)

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - raised again where it is waited for
            problem = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=run, name="lookup", daemon=True).start()
    return await done


def _named(problem: Exception) -> NoResponse:  # noqa: PLR0911 - a table, in effect
    """Return a failure in our own words: theirs may quote the URL."""
    import aiohttp

    cause = problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else problem
    if isinstance(cause, _RefusedAddress):
        return AddressRefused(str(cause))
    if isinstance(problem, aiohttp.InvalidURL):
        return AddressRefused("the URL is not one that can be asked")
    if isinstance(problem, aiohttp.ClientConnectorCertificateError):
        reason = getattr(problem.certificate_error, "verify_message", "")
        return NoResponse("the certificate is not trusted" + (f": {reason}" if reason else ""))
    if isinstance(problem, aiohttp.ClientConnectorDNSError):
        return NoResponse("the host name was not found")
    if isinstance(problem, aiohttp.ClientSSLError | ssl.SSLError):
        return NoResponse("the TLS handshake failed")
    if isinstance(cause, ConnectionRefusedError):
        return NoResponse("the connection was refused")
    if isinstance(problem, aiohttp.ClientConnectorError):
        return NoResponse("there was no connection")
    if isinstance(problem, aiohttp.ClientPayloadError):
        return NoResponse("the answer broke off")
    if isinstance(problem, aiohttp.ClientResponseError):
        return NoResponse("the answer is no HTTP that we understand")
    return NoResponse("the connection ended without an answer")
