"""A DNS server on loopback, over UDP and TCP: what it answers is what a test says."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Any, Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

if TYPE_CHECKING:
    from collections.abc import Callable


class NameServer:
    """Answers as a resolver does: with the end of a chain of aliases, and with nothing else."""

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[tuple[str, str]] = []  # name and transport of each question
        self._texts: dict[str, list[list[str]]] = {}
        self._aliases: dict[str, str] = {}
        self._codes: dict[str, dns.rcode.Rcode] = {}
        self._silent: set[str] = set()
        self._held: dict[str, asyncio.Event] = {}
        self._truncated: set[str] = set()

    async def __aenter__(self) -> Self:
        while not await self._listen():
            pass
        return self

    async def _listen(self) -> bool:
        """Listen on a port that is free for TCP; return False if it is taken for UDP."""
        self._tcp = await asyncio.start_server(self._stream, "127.0.0.1", 0)
        self.port = self._tcp.sockets[0].getsockname()[1]
        try:
            self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Udp(self), local_addr=("127.0.0.1", self.port)
            )
        except OSError:
            self._tcp.close()
            await self._tcp.wait_closed()
            return False
        return True

    async def __aexit__(self, *_problem: object) -> None:
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def publish(self, name: str, *texts: str | list[str]) -> None:
        """Give a name TXT records; one that is a list is sent in these parts."""
        self._texts[name] = [[text] if isinstance(text, str) else text for text in texts]

    def withdraw(self, name: str) -> None:
        """Let there be no such name."""
        self._texts.pop(name, None)

    def alias(self, name: str, to: str) -> None:
        """Make a name a CNAME of another."""
        self._aliases[name] = to

    def break_(self, name: str, code: str) -> None:
        """Answer with this error."""
        self._codes[name] = dns.rcode.from_text(code)

    def ignore(self, name: str) -> None:
        """Never answer."""
        self._silent.add(name)

    def hold(self, name: str) -> None:
        """Answer once this is released."""
        self._held[name] = asyncio.Event()

    def release(self, name: str) -> None:
        """Send the answers that were held."""
        self._held.pop(name).set()

    def was_asked(self, name: str) -> bool:
        """Whether a question about this name has come."""
        return any(asked == name for asked, _ in self.asked)

    def truncate(self, name: str) -> None:
        """Answer over TCP only."""
        self._truncated.add(name)

    async def send(self, wire: bytes, send: Callable[[bytes], None]) -> None:
        """Answer a question, at once unless its name is held."""
        answer = self.answer(wire, "udp")
        held = self._held.get(_name(dns.message.from_wire(wire)))
        if held is not None:
            await held.wait()
        if answer is not None:
            send(answer)

    def answer(self, wire: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = _name(query)
        self.asked.append((name, transport))
        if name in self._silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if name in self._truncated and transport == "udp":
            response.flags |= dns.flags.TC
            return response.to_wire()
        if name in self._codes:
            response.set_rcode(self._codes[name])
            return response.to_wire()
        if name in self._aliases:
            target = self._aliases[name]
            response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."))
            name = target
        texts = self._texts.get(name) or self._texts.get("*." + name.partition(".")[2])
        if texts is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif texts and query.question[0].rdtype == dns.rdatatype.TXT:
            records = [TXT(dns.rdataclass.IN, dns.rdatatype.TXT, text) for text in texts]
            response.answer.append(dns.rrset.from_rdata(dns.name.from_text(name), 60, *records))
        return response.to_wire()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(length), "tcp")
        if answer is not None:
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
        writer.close()


def _name(query: dns.message.Message) -> str:
    (question,) = query.question
    return question.name.to_text(omit_final_dot=True).lower()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        sending = self._server.send(data, lambda answer: self._transport.sendto(answer, addr))
        task = asyncio.create_task(sending)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
