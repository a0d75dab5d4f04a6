"""Whether a URI is one that a client has registered (pure functions).

By its characters (RFC 9700 section 2.1), nothing is rewritten or decoded first. Only these parts of
a registered URI may be open: one `*` as the first label of the host, outside of production; a
`{{template}}`, which stands for a value of one organization; and for native apps the port of a
loopback address (RFC 8252 section 7.3). The rules of registered ones are those of
`clients.redirect_uris`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.tenants.organizations.model import Organization

MAX_CHARACTERS = 1024  # a registered one has 256, its templates may stand for more

_TEMPLATE = re.compile(r"\{\{([A-Za-z0-9_.-]+)\}\}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ONE_LABEL = re.compile(_LABEL)
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?")
_SEGMENT = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9._~-]{1,255}")
_LOOPBACK = re.compile(r"(https?://(?:127\.0\.0\.1|\[::1\]))(?::([1-9][0-9]{0,4}))?(/.*)?")


def is_registered(
    uri: str,
    registered: Iterable[str],
    *,
    production: bool,
    native: bool = False,
    organization: Organization | None = None,
) -> bool:
    """Whether one of the registered URIs stands for this one.

    ``organization`` gives templates their values; without it they stand for nothing.
    """
    if len(uri) > MAX_CHARACTERS:
        return False
    return any(
        _stands_for(one, uri, production=production, native=native, organization=organization)
        for one in registered
    )


def has_template(registered: Iterable[str]) -> bool:
    """Whether it may depend on an organization what these stand for."""
    return any("{{" in one for one in registered)


def _stands_for(
    registered: str, uri: str, *, production: bool, native: bool, organization: Organization | None
) -> bool:
    if "{{" in registered:
        filled = None if organization is None else _filled(registered, organization)
        if filled is None:
            return False
        registered = filled
    before, star, after = registered.partition("://*.")
    if star:
        return not production and _has_label_between(uri, f"{before}://", f".{after}")
    return uri == registered or (native and _is_same_loopback(registered, uri))


def _has_label_between(uri: str, before: str, after: str) -> bool:
    """Whether there is one label of a host, and nothing else, between two texts."""
    if not (uri.startswith(before) and uri.endswith(after)):
        return False
    return _ONE_LABEL.fullmatch(uri[len(before) : len(uri) - len(after)]) is not None


def _filled(registered: str, organization: Organization) -> str | None:
    """Return a registered URI with the organization's values; None if one is not there or unclean.

    A value never has a character that could end the part of the URI that it stands in.
    """
    authority = registered.find("://") + 3
    path = registered.find("/", authority)
    pieces, end = [], 0
    for found in _TEMPLATE.finditer(registered):
        value = _value(found[1], organization)
        if path != -1 and found.start() > path:
            clean = _SEGMENT
        else:
            host = registered[authority : path if path != -1 else len(registered)]
            clean = _NAME if host.partition(":")[0] == found[0] else _ONE_LABEL
        if value is None or not clean.fullmatch(value):
            return None
        pieces += [registered[end : found.start()], value]
        end = found.end()
    return "".join(pieces) + registered[end:]


def _value(name: str, organization: Organization) -> str | None:
    if name == "org_slug":
        return organization.slug
    if name == "external_id":
        return organization.external_id
    return organization.metadata.get(name)


def _is_same_loopback(registered: str, uri: str) -> bool:
    """Whether both are the same but for the port of a loopback address."""
    ours, theirs = _LOOPBACK.fullmatch(registered), _LOOPBACK.fullmatch(uri)
    if ours is None or theirs is None or int(theirs[2] or 1) > 65_535:
        return False
    return (ours[1], ours[3]) == (theirs[1], theirs[3])
