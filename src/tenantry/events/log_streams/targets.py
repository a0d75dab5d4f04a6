"""Where log streams go: the URLs of the setting, taken apart and checked.

A fault in one is said without quoting it: it may hold a password or a token.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.settings import Settings

FILE = "file"
SYSLOG_UDP, SYSLOG_TCP, SYSLOG_TLS = SYSLOG = ("syslog+udp", "syslog+tcp", "syslog+tls")
OTLP_HTTP, OTLP_HTTPS = "otlp+http", "otlp+https"

# The registered ports: RFC 5426, RFC 6587 with RFC 3195's, RFC 5425; OTLP's own for both.
_PORTS = {SYSLOG_UDP: 514, SYSLOG_TCP: 601, SYSLOG_TLS: 6514, OTLP_HTTP: 4318, OTLP_HTTPS: 4318}
_OTLP_PATH = "/v1/logs"
_SCHEMES = ", ".join((FILE, *_PORTS))
_HEADER = "header."
# RFC 9110 sections 5.1 and 5.5; a value in ASCII, which every server reads alike.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_OURS = {"host", "content-length", "content-type", "transfer-encoding", "connection"}
_FILES = {"ca", "cert", "key"}


@dataclass(frozen=True, slots=True)
class Files:
    """Files in PEM: whom to trust instead of the system's roots, and who we are."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """Return a client's TLS settings; an OSError says that a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca)
        if self.cert:
            context.load_cert_chain(self.cert, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Target:
    """One place to send events to; ``name`` says which, without anything secret."""

    name: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    # Credentials: not shown where a target is printed.
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    tls: Files = Files()


def of(settings: Settings) -> tuple[Target, ...]:
    """Return the targets that are set.

    Raises:
        SettingError: a URL cannot be used.

    """
    try:
        return parse_all(settings.log_streams)
    except ValueError as problem:
        raise SettingError("log_streams", str(problem)) from None


def parse_all(urls: Iterable[str]) -> tuple[Target, ...]:
    """Return the targets of all URLs of the setting.

    Raises:
        ValueError: one cannot be used, or two are the same; the text says which and why.

    """
    targets: list[Target] = []
    for number, url in enumerate(urls, start=1):
        try:
            target = parse(url)
        except ValueError as problem:
            raise ValueError(f"URL {number} {problem}") from None
        if target.name in {other.name for other in targets}:
            raise ValueError(f"URL {number} is the same place as one before it: {target.name}")
        targets.append(target)
    return tuple(targets)


def parse(text: str) -> Target:
    """Return the target of one URL.

    Raises:
        ValueError: it cannot be used; the text says why, after a word for the URL.

    """
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("is not a URL with a host, and a port from 1 to 65535") from None
    if not text.isprintable() or " " in text:
        raise ValueError("has a character that must be percent-encoded")
    if url.fragment:
        raise ValueError("must have no fragment (#...)")
    if url.scheme == FILE:
        return _file(url)
    if url.scheme not in _PORTS:
        raise ValueError(f"does not begin with one of {_SCHEMES} and ://")
    host = url.hostname
    if not host or port == 0:
        raise ValueError("needs a host, and a port from 1 to 65535 if any")
    return _otlp(url, host) if url.scheme in {OTLP_HTTP, OTLP_HTTPS} else _syslog(url, host)


def _file(url: SplitResult) -> Target:
    path = unquote(url.path)
    if url.netloc not in {"", "localhost"} or not path.startswith("/"):
        raise ValueError(
            "must be the absolute path of a file, such as file:///var/log/events.ndjson"
        )
    if path.endswith("/") or "\0" in path or Path(path).is_dir():
        raise ValueError("names a folder, not a file")
    _options(url, allowed=set())
    return Target(f"{FILE}://{url.path}", FILE, path=path)


def _syslog(url: SplitResult, host: str) -> Target:
    if url.path.strip("/") or url.username is not None:
        raise ValueError("must be scheme, host and port only: syslog URLs have no user and no path")
    options = _options(url, allowed=_FILES if url.scheme == SYSLOG_TLS else set())
    port = url.port or _PORTS[url.scheme]
    return Target(_name(url.scheme, host, port), url.scheme, host, port, tls=_files(options))


def _otlp(url: SplitResult, host: str) -> Target:
    if url.username is not None:
        raise ValueError("must have no user: give a header, ?header.Authorization=Bearer%20...")
    options = _options(url, allowed=_FILES if url.scheme == OTLP_HTTPS else set())
    headers = {
        name.removeprefix(_HEADER): value
        for name, value in options.items()
        if name.startswith(_HEADER)
    }
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
            raise ValueError("names a header that cannot be sent")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"has a value of header.{name} that is not printable ASCII")
    port = url.port or _PORTS[url.scheme]
    path = url.path if url.path.strip("/") else _OTLP_PATH
    name = _name(url.scheme, host, port) + path
    return Target(name, url.scheme, host, port, path, headers, _files(options))


def _options(url: SplitResult, *, allowed: set[str]) -> dict[str, str]:
    headers = url.scheme in {OTLP_HTTP, OTLP_HTTPS}
    options: dict[str, str] = {}
    # Not as a form: a plus in a token is a plus.
    for name, value in parse_qsl(url.query.replace("+", "%2B"), keep_blank_values=True):
        known = name in allowed or (headers and name.startswith(_HEADER))
        if not known or name in options:
            words = sorted(allowed) + ([f"{_HEADER}NAME"] if headers else [])
            raise ValueError(
                f"takes only the options {', '.join(words)}, each once"
                if words
                else "must not have options (?...)"
            )
        options[name] = value
    return options


def _files(options: dict[str, str]) -> Files:
    files = {name: options[name] for name in _FILES if name in options}
    for name, path in files.items():
        if not Path(path).is_file():
            raise ValueError(f"names a file that is not there as {name}")
    if "key" in files and "cert" not in files:
        raise ValueError("has a key without its cert")
    return Files(**files)


def _name(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
