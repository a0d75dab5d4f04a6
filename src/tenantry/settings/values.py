"""Parsers of setting values, one for each type.

They raise ValueError with one line, which is shown after the name of the setting.
"""

from __future__ import annotations

import base64
import binascii
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tenantry.settings import servers

if TYPE_CHECKING:
    from collections.abc import Callable


def listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} is not HOST:PORT")
    ip_address(host.strip("[]"))
    return text


def listen_or_none(text: str) -> str:
    return listen(text) if text else ""


def bearer_token(text: str) -> str:
    """Read a token as RFC 6750 section 2.1 spells it, or nothing."""
    if text and not re.fullmatch(r"[A-Za-z0-9._~+/-]{16,}=*", text):
        raise ValueError("must be at least 16 letters, digits or -._~+/, optionally followed by =")
    return text


def public_url(text: str) -> str:
    url = urlsplit(text)
    if url.scheme not in {"https", "http"} or not url.hostname:
        raise ValueError(f"{text!r} is not an http(s) URL")
    if url.path.strip("/") or url.query or url.fragment or url.username:
        raise ValueError(f"{text!r} must contain only scheme, host and port")
    if url.port == 0:  # a bad port raises here
        raise ValueError("must not have port 0")
    # Clients compare every URL that we return with theirs, character by character.
    default = {"https": ":443", "http": ":80"}[url.scheme]
    return text.rstrip("/").removesuffix(default)


def url_of_gateway(text: str) -> str:
    return public_url(text) if text else ""


def url_of_collector(text: str) -> str:
    url = urlsplit(text)
    if text and (url.scheme not in {"https", "http"} or not url.hostname or url.username):
        raise ValueError("must be a URL such as http://host:4318, without a user")
    if text and (url.query or url.fragment or url.port == 0 or not text.isprintable()):
        raise ValueError("must contain only scheme, host, port and path")
    return text


def database_url(text: str) -> str:
    scheme = text.partition(":")[0]
    if text and not text.startswith(("postgresql://", "postgres://", "sqlite:")):
        raise ValueError("must start with postgresql:// or sqlite:///")
    if scheme == "sqlite":
        place = text.removeprefix("sqlite:///")
        if place == text or not place or Path(place).is_dir():
            raise ValueError(
                "must name a file, such as sqlite:///folder/tenantry.db or sqlite:////absolute/path"
            )
    pooler = dict(parse_qsl(text.partition("?")[2], keep_blank_values=True)).get("pgbouncer")
    if pooler not in {None, "session", "transaction"}:
        raise ValueError("?pgbouncer= must be session or transaction, the pool_mode of PgBouncer")
    if scheme in {"postgresql", "postgres"}:
        servers.read(text)
    return text


def secret(text: str) -> str:
    if len(text) > 1000 or not text.isprintable():
        raise ValueError("must be one line of at most 1000 characters")
    return text


def replica_url(text: str) -> str:
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must start with postgresql://")
    if text:
        servers.read(text, replica=True)
    return text


def issuer_or_none(text: str) -> str:
    """Read an issuer (OpenID Connect Core section 1.2), or nothing."""
    if not text:
        return ""
    url = urlsplit(text)
    if url.scheme not in {"https", "http"} or not url.hostname or url.query or url.fragment:
        raise ValueError(
            "must be the issuer that the provider publishes, such as https://idp.example.com"
        )
    return text


def one_of(*choices: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError(f"{text!r} is not one of {', '.join(choices)}")
        return text

    return parse


_LEVELS = ("debug", "info", "warning", "error")
_MODULE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_MOST_LEVELS = 50


def log_levels(text: str) -> str:
    first, *modules = [part.strip() for part in text.split(",")]
    if "=" in first:
        first, modules = "info", [first, *modules]
    if first not in _LEVELS:
        raise ValueError(f"{first[:60]!r} is not one of {', '.join(_LEVELS)}")
    if len(modules) > _MOST_LEVELS:
        raise ValueError(f"must have at most {_MOST_LEVELS} modules")
    for module in modules:
        name, _, level = module.partition("=")
        if level not in _LEVELS:
            raise ValueError(
                f"{module[:60]!r} is not a module with a level, such as tenantry.db=debug"
            )
        if not _MODULE.fullmatch(name) or not _is_ours(name):
            raise ValueError(f"module not found: {name[:60]!r}")
    return ",".join((first, *modules))


# A logger that docs/observability.md names: it stays when its module moves.
REQUEST_LOG = "tenantry.request_log"


def _is_ours(name: str) -> bool:
    """Whether it is a Tenantry module, or of a library: those nobody looks for."""
    first, *rest = name.split(".")
    if first != "tenantry" or name == REQUEST_LOG:
        return True
    place = Path(__file__).parents[1].joinpath(*rest)
    return place.is_dir() or place.with_suffix(".py").is_file()


def count(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"{text!r} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def master_key(text: str) -> str:
    if "://" in text:
        url_of_key = urlsplit(text)
        if not url_of_key.netloc or not re.fullmatch(r"[a-z][a-z0-9+.-]*", url_of_key.scheme):
            raise ValueError("is not the URL of a key, such as vault-transit://host:8200/key")
        return text
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raw = b""
    if text and len(raw) != 32:
        raise ValueError("is not 32 bytes in base64 (to create one, run openssl rand -base64 32)")
    return text


def resolvers(text: str) -> tuple[str, ...]:
    listed = tuple(part.strip() for part in text.split(",") if part.strip())
    for one in listed:
        listen(one)
    return listed


def txt_label(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", text):
        raise ValueError(f"{text!r} is not a lowercase label of a domain name")
    return text


def file(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser()
    if not path.is_file():
        raise ValueError(f"file not found: {text!r}")
    return path


def folder(text: str) -> Path | None:
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise ValueError(f"directory not found: {text!r}")
    return path


def smtp_url(text: str) -> str:
    if not text:
        return text
    url = urlsplit(text)  # no error shows it: it holds a password
    if url.scheme not in {"smtp", "smtps"} or not url.hostname:
        raise ValueError("is not smtp://HOST:PORT or smtps://HOST:PORT")
    odd = " " in url.netloc or not url.netloc.isprintable()
    if odd or url.path.strip("/") or url.fragment:
        raise ValueError("must contain only scheme, user, password, host and port")
    try:
        port = url.port
    except ValueError:
        port = 0
    if port == 0:
        raise ValueError("must have a port from 1 to 65535")
    if (url.username is None) != (url.password is None):
        raise ValueError("must have both a user and a password (percent-encoded), or neither")
    if url.query and (url.query != "starttls=no" or url.scheme != "smtp"):
        raise ValueError("only supports the option ?starttls=no, with smtp://")
    if url.query and url.password:
        raise ValueError("cannot send a password without TLS: remove ?starttls=no")
    return text


# "Name <address>" or the address alone. The name is written as it is meant, without quotes.
_MAILBOX = re.compile(r"""(?:[^<>"@\x00-\x1f\x7f]+<([^<>]+)>|([^<>]+))""")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", re.ASCII)


def mailbox(text: str) -> str:
    if text:
        parts = _MAILBOX.fullmatch(text)
        if parts is None or not _ADDRESS.fullmatch(parts[1] or parts[2]):
            raise ValueError(f"{text!r} is not a mailbox such as Example <no-reply@example.com>")
    return text


def networks(text: str) -> tuple[str, ...]:
    return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())


def schedule(text: str) -> tuple[int, ...]:
    waits = tuple(part.strip() for part in text.split(","))
    most = 7 * 24 * 3600
    if not 1 <= len(waits) <= 20 or not all(w.isdecimal() and int(w) <= most for w in waits):
        raise ValueError(f"{text!r} is not a list of up to 20 seconds, separated by commas")
    return tuple(int(wait) for wait in waits)


_STREAM_SCHEMES = {
    "file",
    "syslog+udp",
    "syslog+tcp",
    "syslog+tls",
    "otlp+http",
    "otlp+https",
}


def log_streams(text: str) -> tuple[str, ...]:
    streams = tuple(part for part in re.split(r"[,\s]+", text) if part)
    for stream in streams:
        scheme = urlsplit(stream).scheme
        if scheme not in _STREAM_SCHEMES:
            raise ValueError(f"{scheme!r} is not one of {', '.join(sorted(_STREAM_SCHEMES))}")
    return streams


_RATE = re.compile(r"[1-9][0-9]{0,8}/(second|minute|hour|day)")


def rate(text: str) -> str:
    if text and not _RATE.fullmatch(text):
        raise ValueError(f"{text!r} is not a rate such as 100/minute")
    return text


def command(text: str) -> str:
    if len(text) > 4000 or not text.isprintable():
        raise ValueError("must be one line of at most 4000 characters")
    return text


def line(text: str) -> str:
    if len(text) > 100 or not text.isprintable():
        raise ValueError("must be one line of at most 100 characters")
    return text


# The path of a picture that was uploaded to us.
UPLOADED = re.compile(r"/assets/ast_[0-9]{1,24}\.(?:png|jpg)")


def picture(text: str) -> str:
    url = r"https://[A-Za-z0-9.-]+(:[0-9]+)?(/[\w.~!$&()*+,;=:@%/-]*)?"
    if len(text) > 1024 or (text and not UPLOADED.fullmatch(text) and not re.fullmatch(url, text)):
        raise ValueError(f"{text[:100]!r} is not an https URL without a query")
    return text


def color(text: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError(f"{text!r} is not a color such as #1f5eff")
    return text


def color_or_none(text: str) -> str:
    return color(text) if text else ""


def background(text: str) -> str:
    if not text:
        return ""
    from tenantry.settings.backgrounds import checked

    return checked(text)


def some_of(*words: str) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
        if not found or not set(found) <= set(words):
            raise ValueError(f"{text!r} is not one or more of {', '.join(words)}")
        return found

    return parse


def redis_url(text: str) -> str:
    if text and (urlsplit(text).scheme not in {"redis", "rediss"} or not urlsplit(text).hostname):
        raise ValueError("must start with redis:// or rediss:// and name a host")
    return text


def token_prefix(text: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9]{1,14}_", text):
        raise ValueError(f"{text!r} is not 2 to 15 lowercase letters and digits followed by _")
    return text


def switch(text: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if text.lower() not in words:
        raise ValueError(f"{text!r} is not true or false")
    return words[text.lower()]


def switch_or_automatic(text: str) -> bool | None:
    return switch(text) if text else None


def role_names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in names:
        if not re.fullmatch(r"[a-zA-Z0-9_]{1,64}", name):
            raise ValueError(f"{name[:64]!r} is not a role name")
    return names


def origins(text: str) -> tuple[str, ...]:
    origins = tuple(o.strip().rstrip("/") for o in text.split(",") if o.strip())
    for origin in origins:
        url = urlsplit(origin)
        if url.scheme not in {"https", "http"} or not url.hostname or url.path or url.query:
            raise ValueError(f"{origin!r} is not an origin such as https://app.example.com")
    return origins
