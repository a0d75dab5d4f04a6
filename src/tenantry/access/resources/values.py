"""Values that members of a resource may have; others are refused by their field's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.access.client_metadata import allowlist
from tenantry.access.client_metadata.allowlist import PREDEFINED, URL
from tenantry.access.resources.model import TYPES
from tenantry.core import errors
from tenantry.core.addresses import is_this_machine

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME_MAX = 128
SCOPES_MAX = 100
URI_MAX = 512
# Seconds.
ACCESS_TOKEN_EXPIRY = (60, 86_400)
ACCESS_TOKEN_EXPIRY_DEFAULT = 3600
REFRESH_TOKEN_EXPIRY = (300, 366 * 86_400)
REFRESH_TOKEN_EXPIRY_DEFAULT = 30 * 86_400

_URI = re.compile(r"[!$&-;=?-Z_a-z~%]+")  # RFC 3986, without a fragment and brackets


def name(value: str) -> str:
    """Return a name of 1 to 128 characters, not all of them spaces."""
    if not value.strip() or len(value) > NAME_MAX:
        raise _invalid(
            "name", "string.length", f"must be 1 to {NAME_MAX} characters, not only spaces"
        )
    return value


def resource_type(value: str) -> str:
    """Return a type of resource."""
    if value not in TYPES:
        raise _invalid("resource_type", "in", f"must be {', '.join(TYPES)}")
    return value


def resource_uri(value: str, *, production: bool, field: str = "resource_uri") -> str:
    """Return the URL of a server, as its users enter it (RFC 8707 section 2), or ""."""
    return _url(value, field, http=not production) if value else ""


def logo_uri(value: str, *, production: bool) -> str:
    """Return the URL of an image, or ""."""
    return _url(value, "logo_uri", http=not production) if value else ""


def access_token_expiry(value: int) -> int:
    """Return a lifetime in seconds; 0 is the default."""
    return _seconds(
        value or ACCESS_TOKEN_EXPIRY_DEFAULT, ACCESS_TOKEN_EXPIRY, "access_token_expiry"
    )


def refresh_token_expiry(value: int) -> int:
    """Return a lifetime in seconds; 0 is the default."""
    return _seconds(
        value or REFRESH_TOKEN_EXPIRY_DEFAULT, REFRESH_TOKEN_EXPIRY, "refresh_token_expiry"
    )


def scopes(values: Sequence[str]) -> tuple[str, ...]:
    """Return names of scopes, each once; that they are permissions is checked by `service`."""
    if len(values) > SCOPES_MAX:
        raise _invalid(
            "scopes",
            "repeated.max_items",
            f"must have at most {SCOPES_MAX} items, got {len(values)}",
        )
    return tuple(dict.fromkeys(values))


def cimd_allowlist(entries: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return an allowlist of clients with metadata documents: pairs of type and value."""
    for index, (type_, value) in enumerate(entries):
        field = f"cimd_client_allowlist[{index}]"
        if type_ not in {PREDEFINED, URL}:
            raise _invalid(f"{field}.type", "in", f"must be {PREDEFINED} or {URL}")
        try:
            allowlist.check(type_, value)
        except ValueError as problem:
            rule = "in" if type_ == PREDEFINED else "uri"
            raise _invalid(f"{field}.value", rule, f"{problem}, got {value[:60]!r}") from None
    return tuple(dict.fromkeys(entries))


def _url(value: str, field: str, *, http: bool) -> str:
    if len(value) > URI_MAX:
        raise _invalid(
            field, "string.max_len", f"must be at most {URI_MAX} characters, got {len(value)}"
        )
    if not _is_url(value, http=http):
        kind = "https or http" if http else "https"
        raise _invalid(
            field, "uri", f"must be an {kind} URL without a fragment, got {value[:60]!r}"
        )
    return value


def _is_url(value: str, *, http: bool) -> bool:
    try:
        url = urlsplit(value)
        host, port = url.hostname, url.port
    except ValueError:
        return False
    if not host or port == 0 or "@" in url.netloc or not _URI.fullmatch(value):
        return False
    return url.scheme == "https" or (url.scheme == "http" and (http or is_this_machine(host)))


def _seconds(value: int, bounds: tuple[int, int], field: str) -> int:
    low, high = bounds
    if not low <= value <= high:
        raise _invalid(field, "range", f"must be {low} to {high} seconds, got {value}")
    return value


def _invalid(field: str, rule: str, text: str) -> errors.InvalidArgument:
    return errors.InvalidArgument.field(f"resource.{field}", rule, text)
