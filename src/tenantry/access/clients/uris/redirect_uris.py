"""Which URIs a client may register, where people and logouts are sent (pure functions).

The rules are those of the redirect URIs of the Scalekit API: at most 256 characters, no query, no
fragment, no user name; `https` and outside of production `http`; for native apps also their own
scheme (RFC 8252 section 7.1). Outside of production one `*` may stand for the first label of the
host, and the host may be this machine. `{{name}}` stands for something of the organization: as a
whole label, the whole host, or a whole part of the path.

Production is a deployment that others reach: `TENANTRY_DEVELOPMENT` is off, and the public URL is
https on a host that is not this machine. A redirect URI is compared by its characters (RFC 9700
section 2.1), so nothing here is rewritten.
"""

from __future__ import annotations

import functools
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from tenantry.core.addresses import is_this_machine

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

MAX_CHARACTERS = 256

_TEMPLATE = re.compile(r"\{\{[A-Za-z0-9_.-]{1,64}\}\}")
# Visible ASCII without that which RFC 3986 leaves out, or which ends an attribute or a header.
_CHARACTERS = re.compile(r"[\x21-\x7e]*")
_FORBIDDEN = re.compile(r"[\"<>\\^`|{}]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
# A browser would run, read or hand on the rest behind these.
_UNSAFE_SCHEMES = {
    *("about", "blob", "chrome", "content", "data", "file", "filesystem", "ftp", "intent"),
    *("javascript", "jar", "mailto", "resource", "tel", "vbscript", "view-source", "ws", "wss"),
}


def is_production(public_url: str, *, development: bool) -> bool:
    """Whether the rules of production hold for a deployment."""
    url = urlsplit(public_url)
    return not development and url.scheme == "https" and not is_this_machine(url.hostname or "")


def check(uri: str, *, production: bool, native: bool = False) -> None:
    """Check a redirect URI; ``native`` is for apps on a device.

    Raises:
        ValueError: it cannot be registered; the text says why.

    """
    scheme = _scheme(uri)
    if "?" in uri:
        raise ValueError("must not have a query")
    if scheme in {"https", "http"}:
        _check_web(uri, scheme, production=production, native=native, wildcard=not production)
    elif not native:
        raise ValueError("must be an https or http URL; private-use schemes are for NTV")
    elif scheme in _UNSAFE_SCHEMES:
        raise ValueError(f"the scheme {scheme!r} is not specific to one app")
    elif not uri.partition(":")[2]:
        raise ValueError("must have a path after its scheme")
    else:
        _check_path(uri.partition(":")[2])


def check_page(uri: str, *, production: bool, templates: bool) -> None:
    """Check the URL of a page or an endpoint, which may have a query.

    Raises:
        ValueError: it cannot be registered; the text says why.

    """
    scheme = _scheme(uri)
    if scheme not in {"https", "http"}:
        raise ValueError("must be an https or http URL")
    if not templates and "{" in uri:
        raise ValueError("must not have a {{template}}")
    _check_web(uri, scheme, production=production, native=False, wildcard=False)


def _scheme(uri: str) -> str:
    """Return the scheme in lower case, after the rules of every URI."""
    if not uri or len(uri) > MAX_CHARACTERS:
        raise ValueError(f"must be 1 to {MAX_CHARACTERS} characters, got {len(uri)}")
    if not _CHARACTERS.fullmatch(uri) or _FORBIDDEN.search(_TEMPLATE.sub("", uri)):
        raise ValueError(
            "has characters that no URI has (RFC 3986), or a {{template}} that is not of letters, "
            "digits, '_', '.' and '-'"
        )
    if re.search(r"%(?![0-9A-Fa-f]{2})", uri):
        raise ValueError("has an invalid percent-encoding")
    if "#" in uri:
        raise ValueError("must not have a fragment")
    scheme = _SCHEME.match(uri)
    if scheme is None:
        raise ValueError("must be absolute: https://...")
    return scheme[0][:-1].lower()


def _check_web(uri: str, scheme: str, *, production: bool, native: bool, wildcard: bool) -> None:
    rest = uri[len(scheme) + 1 :]
    if not rest.startswith("//"):
        raise ValueError(f"must start with {scheme}://")
    authority = re.split(r"[/?]", rest[2:], maxsplit=1)[0]
    if "@" in authority:
        raise ValueError("must not have a user name")
    host = _without_port(authority).lower()
    this_machine = is_this_machine(host)
    # RFC 8252 section 7.3: a native app listens on the loopback address itself, not on a name.
    loopback = native and host in {"127.0.0.1", "[::1]"}
    if production and not loopback:
        if scheme != "https":
            raise ValueError("must be https in production")
        if this_machine:
            raise ValueError("must not be a loopback address in production")
    _check_host(host, wildcard=wildcard)
    _check_path(rest[2 + len(authority) :].partition("?")[0])


def _without_port(authority: str) -> str:
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        return authority
    if not _PORT.fullmatch(port) or int(port) > 65_535:
        raise ValueError("has an invalid port")
    return host


def _check_host(host: str, *, wildcard: bool) -> None:
    if _TEMPLATE.fullmatch(host):
        return
    if host.startswith("["):
        _check_address(host[1:-1] if host.endswith("]") else "")
        return
    # Outside of labels a template has its own dots.
    labels = _TEMPLATE.sub(lambda found: found[0].replace(".", "_"), host).split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        _check_address(host)
        return
    for place, label in enumerate(labels):
        free = label == "*" or _TEMPLATE.fullmatch(label)
        if label == "*" and not (wildcard and place == 0):
            raise ValueError(
                "may have one '*' as the first label of its host"
                if wildcard
                else "may have no '*' here, or none in production"
            )
        if free:
            _check_below(labels[place + 1 :], label)
        elif not _LABEL.fullmatch(label):
            raise ValueError("must have a domain name or an IP address as its host")


def _check_below(rest: list[str], label: str) -> None:
    """Refuse that anything may stand right under a public suffix: anybody can have such a name."""
    parent = ".".join(rest)
    if any(_TEMPLATE.fullmatch(one) for one in rest[-2:]):
        raise ValueError("must have templates only in subdomains of a domain name")
    if not parent or (parent != "localhost" and _suffixes().is_public(parent)):
        raise ValueError(f"may not have {label!r} right under {parent or 'nothing'!r}")


def _check_address(text: str) -> None:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError("must have a domain name or an IP address as its host") from None


def _check_path(path: str) -> None:
    for part in path.split("/"):
        if unquote(part) in {".", ".."} or "*" in part:
            raise ValueError("must not have '.', '..' or '*' in its path")
        if "{" in part and not _TEMPLATE.fullmatch(part):
            raise ValueError("must use a {{template}} only as a whole path segment")


@functools.cache
def _suffixes() -> PublicSuffixList:
    # 45 ms: loaded when it is first asked.
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList()
