"""The PostgreSQL servers of a URL, parsed as libpq does: one, or several of a cluster.

See https://www.postgresql.org/docs/current/libpq-connect.html, "Specifying Multiple Hosts".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, quote, unquote, urlencode

# A name or an address, or the folder of a socket; None for the port that PostgreSQL has usually.
Server = tuple[str, int | None]

ANY = "any"
READ_WRITE = "read-write"
# Of target_session_attrs: "any" for proxies, each of which finds the right server by itself.
TAKES_CHANGES = (READ_WRITE, "primary", ANY)
STANDBY = "standby"

_MOST = 16
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\](?::(.*))?", re.DOTALL)
_NAME = re.compile(r"[^\s/@:\[\]?#]+")
# The driver would send these to the server, as if they were settings of a session.
_LIBPQ_ALONE = re.compile(
    r"connect_timeout|keepalives.*|tcp_user_timeout|load_balance_hosts|hostaddr"
)


@dataclass(frozen=True)
class Servers:
    """The servers of a URL, in its order, and all else that it says."""

    servers: tuple[Server, ...]  # () where the URL names none: the driver knows where to look
    rest: str  # the URL without servers and target_session_attrs, for the driver
    wanted: str  # one of `TAKES_CHANGES`, or `STANDBY`


def read(url: str, *, replica: bool = False) -> Servers:
    """Read a URL of PostgreSQL: `postgresql://user:password@host:port,[::1]:port,.../name?...`.

    Of several servers the one that takes changes is wanted, unless the URL says otherwise; for a
    ``replica`` any that takes none.

    Raises:
        ValueError: it names no servers that could be asked; its text has no password in it.

    """
    scheme, _, after = url.partition("://")
    authority, slash, tail = _split(after)
    login, at, listed = authority.rpartition("@")
    if "@" in login:
        raise ValueError("has an @ in its user or password: encode it as %40")
    path, mark, query = tail.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, _ in pairs:
        if _LIBPQ_ALONE.fullmatch(name):
            raise ValueError(f"does not support ?{name}=: remove it; Tenantry has its own limits")
    said = dict(pairs)
    hosts, ports = said.get("host", ""), said.get("port", "")
    if listed and hosts:
        raise ValueError("names its hosts twice: before the name of the database, and by ?host=")
    servers = [_server(one) for one in (listed or hosts).split(",")] if listed or hosts else []
    if len(servers) > _MOST:
        raise ValueError(f"names {len(servers)} hosts, more than {_MOST}")
    if ports:
        servers = _with_ports(servers, [_port(one) for one in ports.split(",")])
    usual, words = (STANDBY, (STANDBY, ANY)) if replica else (READ_WRITE, TAKES_CHANGES)
    wanted = said.get("target_session_attrs", usual if len(servers) > 1 else ANY)
    if wanted not in words:
        raise ValueError(f"?target_session_attrs= is {' or '.join(words)} here")
    gone = {"target_session_attrs", *(("host", "port") if servers else ())}
    kept = urlencode([p for p in pairs if p[0] not in gone], quote_via=quote, safe="/")
    rest = f"{scheme}://{login}{at}{slash}{path}{mark if kept else ''}{kept}"
    return Servers(tuple(servers), rest, wanted)


def to_text(server: Server) -> str:
    """Return a server as shown in messages."""
    host, port = server
    if port is None or host.startswith("/"):
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(after: str) -> tuple[str, str, str]:
    """Return the authority of a URL, the slash after it, and the rest."""
    end = min((at for at in map(after.find, "/?#") if at >= 0), default=len(after))
    slash = after[end : end + 1] if after[end : end + 1] == "/" else ""
    return after[:end], slash, after[end + len(slash) :]


def _server(text: str) -> Server:
    """Parse a host with an optional port."""
    bracketed = _IN_BRACKETS.fullmatch(text)
    if bracketed is not None:
        host, port = unquote(bracketed[1]), bracketed[2]
        if not _is_ipv6(host):
            raise ValueError(f"{text!r} has no IPv6 address in its brackets")
        return host, None if port is None else _port(port)
    if _is_ipv6(text):
        raise ValueError(f"{text!r} is an IPv6 address: put it in brackets, such as [{text}]:5432")
    host, colon, port = text.partition(":") if not text.startswith("/") else (text, "", "")
    host = unquote(host)
    if not host:
        raise ValueError("has an empty host between two commas")
    if not host.startswith("/") and not _NAME.fullmatch(host):
        raise ValueError(f"{host!r} is not a host name or address")
    return host, _port(port) if colon else None


def _is_ipv6(text: str) -> bool:
    try:
        return ip_address(text).version == 6
    except ValueError:
        return False


def _port(text: str) -> int | None:
    """Parse a port; an empty one is the default."""
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"port {text!r} is not between 1 and 65535")
    return int(text)


def _with_ports(servers: list[Server], ports: list[int | None]) -> list[Server]:
    """Give each server its port of a list, or all of them the only one."""
    if len(ports) == 1:
        ports = ports * len(servers)
    if len(ports) != len(servers):
        raise ValueError(f"has {len(servers)} hosts but {len(ports)} ports")
    return [(host, port or own) for (host, own), port in zip(servers, ports, strict=True)]
