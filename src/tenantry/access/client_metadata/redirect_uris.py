"""Redirect URIs of third-party clients: which may be registered, and which one a request names.

`https` URLs, loopback URLs over `http` (RFC 8252 section 7.3), and for native clients private-use
schemes (section 7.1). A URI is compared by its characters (RFC 9700 section 2.1) with two
exceptions: the port of a loopback address of a native client is free, and an empty path equals "/"
(RFC 3986 section 6.2.3). Unlike those of `clients.uris`, these URIs have no wildcards and no
templates, may have a query, and are the same in development and in production.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tenantry.core.addresses import is_this_machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_CHARACTERS = 1000
MOST = 20  # of one client
NATIVE, WEB = "native", "web"  # application_type (OpenID Connect Registration section 2)
LOOPBACK_HOSTS = ("127.0.0.1", "[::1]", "localhost")

# Visible ASCII without that which RFC 3986 leaves out.
_CHARACTERS = re.compile(r"[\x21-\x7e]*")
_FORBIDDEN = re.compile(r"[\"<>\\^`|{}*]")
_ENCODING = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)")
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_LOOPBACK = re.compile(
    r"(https?://(?:127\.0\.0\.1|\[::1\]|localhost))(?::([0-9]{1,5}))?([/?].*)?", re.IGNORECASE
)
# Schemes that run code, name local content or other parties' handlers.
_UNSAFE_SCHEMES = {
    *("about", "blob", "chrome", "chrome-extension", "content", "cid", "data", "file"),
    *("filesystem", "ftp", "intent", "jar", "javascript", "mailto", "mid", "moz-extension"),
    *("ms-msdt", "resource", "search-ms", "sms", "smb", "ssh", "tel", "urn", "vbscript"),
    *("view-source", "wss", "ws", "wyciwyg"),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The redirect URIs that a client may register, in their order, and what they imply."""

    uris: tuple[str, ...]
    application_type: str
    problems: tuple[str, ...]  # one text for each refused URI


def accept(uris: Sequence[str], application_type: str | None) -> Accepted:
    """Sort out the redirect URIs of a registration: a refused one does not refuse the others."""
    chosen = application_type if application_type in {NATIVE, WEB} else implied_type(uris)
    accepted, problems = [], []
    for uri in dict.fromkeys(uris):
        try:
            check(uri, native=chosen == NATIVE)
        except ValueError as problem:
            problems.append(str(problem))
        else:
            accepted.append(uri)
    return Accepted(tuple(accepted), chosen, tuple(problems))


def implied_type(uris: Iterable[str]) -> str:
    """Return the application type of a client that does not state one.

    A private-use scheme belongs to an app on a device, which may also have a website's URI. Without
    one, a client is native if it only listens on loopback addresses.
    """
    given = list(uris)
    if any(_is_private_use(uri) for uri in given):
        return NATIVE
    return NATIVE if given and all(is_loopback(uri) for uri in given) else WEB


def check(uri: str, *, native: bool) -> None:
    """Check a redirect URI.

    Raises:
        ValueError: it cannot be registered; the text says why.

    """
    if not 1 <= len(uri) <= MAX_CHARACTERS:
        raise ValueError(f"a redirect URI must have 1 to {MAX_CHARACTERS} characters")
    if not _CHARACTERS.fullmatch(uri) or _FORBIDDEN.search(uri) or _ENCODING.search(uri):
        raise ValueError("a redirect URI has characters that no URI has (RFC 3986)")
    if "#" in uri:
        raise ValueError("a redirect URI must not have a fragment")
    found = _SCHEME.fullmatch(uri)
    if found is None:
        raise ValueError("a redirect URI must be absolute: https://...")
    scheme, rest = found[1].lower(), found[2]
    if scheme in {"https", "http"}:
        _check_web(uri, scheme, rest)
    elif scheme in _UNSAFE_SCHEMES:
        raise ValueError(f"the scheme {scheme!r} is not allowed in a redirect URI")
    elif not native:
        raise ValueError(
            f"the private-use scheme {scheme!r} is only for clients of application_type native"
        )
    elif not rest.strip("/"):
        raise ValueError("a redirect URI must have a path after its scheme")
    _check_path(rest)


def is_registered(uri: str, registered: Iterable[str], *, native: bool) -> bool:
    """Whether one of the registered redirect URIs stands for this one."""
    if len(uri) > MAX_CHARACTERS + 6:  # a port
        return False
    return any(_is_same(one, uri, native=native) for one in registered)


def is_loopback(uri: str) -> bool:
    """Whether a URI leads to the person's own machine."""
    found = _LOOPBACK.fullmatch(uri)
    return found is not None and _is_port(found[2])


def shown_host(uri: str) -> str:
    """Return the host that a redirect URI leads to, in ASCII; its scheme, if it has no host."""
    parts = urlsplit(uri)
    if parts.scheme in {"https", "http"}:
        return parts.hostname or ""
    return f"{parts.scheme}:"


def _is_private_use(uri: str) -> bool:
    found = _SCHEME.fullmatch(uri)
    scheme = "" if found is None else found[1].lower()
    return bool(scheme) and scheme not in {"https", "http", *_UNSAFE_SCHEMES}


def _check_web(uri: str, scheme: str, rest: str) -> None:
    if not rest.startswith("//"):
        raise ValueError(f"a redirect URI must start with {scheme}://")
    authority = re.split(r"[/?]", rest[2:], maxsplit=1)[0]
    if "@" in authority:
        raise ValueError("a redirect URI must not have a user name")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("a redirect URI has an invalid host or port") from None
    if authority.endswith(":") or port == 0:
        raise ValueError("a redirect URI has an invalid port")
    is_bracketed = authority.startswith("[")
    if not is_bracketed and (not _HOST.fullmatch(host) or ".." in host):
        raise ValueError("a redirect URI must have a domain name or an IP address as its host")
    if scheme == "http" and not is_loopback(uri):
        raise ValueError("a redirect URI must be https, or http on a loopback address")
    if scheme == "https" and is_this_machine(host) and not is_loopback(uri):
        raise ValueError(f"a loopback redirect URI must be on {', '.join(LOOPBACK_HOSTS)}")


def _check_path(rest: str) -> None:
    path = unquote(rest.partition("?")[0])
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise ValueError("a redirect URI must not have '.' or '..' in its path")


def _is_same(registered: str, uri: str, *, native: bool) -> bool:
    if _with_path(registered) == _with_path(uri):
        return True
    if not native:
        return False
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(uri)
    if ours is None or theirs is None or not _is_port(theirs[2]):
        return False
    return (ours[1], _tail(ours[3])) == (theirs[1], _tail(theirs[3]))


def _with_path(uri: str) -> str:
    """Return a web URL with "/" for an empty path, other URIs as they are."""
    found = re.fullmatch(r"(https?://[^/?]*)(.*)", uri)
    return uri if found is None else found[1] + _tail(found[2])


def _tail(rest: str | None) -> str:
    """Return path and query, "/" for an empty path."""
    return rest if rest and rest.startswith("/") else f"/{rest or ''}"


def _is_port(text: str | None) -> bool:
    return text is None or (1 <= int(text) <= 65_535 and not text.startswith("0"))
