"""Values that members of a client may have; others are refused by their field's name."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any, TypeVar

from tenantry.access.clients.model import ENV, GRANT_TYPES, NTV, WEB_APP
from tenantry.access.clients.uris import redirect_uris
from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

NAME_MAX = 128
SCOPES_MAX = 100
AUDIENCE_MAX = 20
AUDIENCE_CHARACTERS = 256
CLAIMS_MAX = 20
CLAIM_CHARACTERS = 1024
CIDRS_MAX = 100
M2M_EXPIRY = (300, 86_400)  # seconds
M2M_EXPIRY_DEFAULT = 3600
APPLICATION_EXPIRY = (60, 86_400)
POST_LOGIN_URIS_MAX = 5
POST_LOGOUT_URIS_MAX = 20
BACK_CHANNEL_URIS_MAX = 5
RESOURCE_CLIENT_URIS_MAX = 20

# scope-token (RFC 6749 section 3.3), up to a fixed length.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,100}")


def name(value: str, field: str = "client.name") -> str:
    """Return a name of 1 to 128 characters, not all of them spaces."""
    if not value.strip() or len(value) > NAME_MAX:
        raise errors.InvalidArgument.field(
            field, "string.length", f"must be 1 to {NAME_MAX} characters, not only spaces"
        )
    return value


def scopes(values: Sequence[str], field: str = "client.scopes") -> tuple[str, ...]:
    """Return scopes, each once; they need not be in the catalogue."""
    for index, scope in enumerate(values):
        if not _SCOPE.fullmatch(scope):
            raise errors.InvalidArgument.field(
                f"{field}[{index}]",
                "string.pattern",
                "must be 1 to 100 visible ASCII characters without a quotation mark or a "
                "backslash (RFC 6749 section 3.3)",
            )
    return _at_most(SCOPES_MAX, _once(values), field)


def audience(values: Sequence[str], field: str = "client.audience") -> tuple[str, ...]:
    """Return audiences, each once."""
    for index, one in enumerate(values):
        if not 1 <= len(one) <= AUDIENCE_CHARACTERS or not one.isprintable() or " " in one:
            raise errors.InvalidArgument.field(
                f"{field}[{index}]",
                "string.length",
                f"must be 1 to {AUDIENCE_CHARACTERS} printable characters without spaces",
            )
    return _at_most(AUDIENCE_MAX, _once(values), field)


def custom_claims(
    pairs: Sequence[tuple[str, str]], field: str = "client.custom_claims"
) -> tuple[tuple[str, str], ...]:
    """Return claims, each key once."""
    seen = set()
    for index, (key, value) in enumerate(pairs):
        if key in seen:
            raise errors.InvalidArgument.field(
                f"{field}[{index}].key", "repeated.unique", f"{key[:60]!r} is given twice"
            )
        seen.add(key)
        if len(value) > CLAIM_CHARACTERS:
            raise errors.InvalidArgument.field(
                f"{field}[{index}].value",
                "string.max_len",
                f"must be at most {CLAIM_CHARACTERS} characters, got {len(value)}",
            )
    return _at_most(CLAIMS_MAX, tuple(pairs), field)


def seconds(value: int, bounds: tuple[int, int], field: str) -> int:
    """Return a lifetime within these bounds."""
    low, high = bounds
    if not low <= value <= high:
        raise errors.InvalidArgument.field(
            field, "range", f"must be {low} to {high} seconds, got {value}"
        )
    return value


def grant_types(values: Sequence[str], client_type: str) -> tuple[str, ...]:
    """Return grant types, each once, that a client of this type may use."""
    allowed = GRANT_TYPES[client_type]
    for index, one in enumerate(values):
        if one not in allowed:
            raise errors.InvalidArgument.field(
                f"client.grant_types[{index}]",
                "in",
                f"{one[:60]!r} is not a grant type of {client_type}; "
                f"must be one of {', '.join(allowed)}",
            )
    return _once(values)


def resource_client_uris(values: Sequence[str], production: bool) -> tuple[str, ...]:
    """Return redirect URIs of a client of a resource, which may run on the user's device."""
    field = "client.redirect_uris"
    for index, uri in enumerate(values):
        redirect_uri(uri, NTV, production, field=f"{field}[{index}]")
    return _at_most(RESOURCE_CLIENT_URIS_MAX, _once(values), field)


def redirect_uri(value: str, client_type: str, production: bool, *, field: str) -> str:
    def check(uri: str) -> None:
        redirect_uris.check(uri, production=production, native=client_type == NTV)

    _check_uri(value, check, field)
    return value


def post_login_uris(
    values: Sequence[str],
    client_type: str,
    production: bool,
    *,
    field: str = "client.post_login_uris",
) -> tuple[str, ...]:
    """Return redirect URIs."""
    for index, uri in enumerate(values):
        redirect_uri(uri, client_type, production, field=f"{field}[{index}]")
    return _at_most(POST_LOGIN_URIS_MAX, tuple(values), field)


def post_logout_redirect_uris(
    values: Sequence[str], client_type: str, production: bool
) -> tuple[str, ...]:
    """Return where people may be sent after they signed out: as redirect URIs."""
    field = "client.post_logout_redirect_uris"
    for index, uri in enumerate(values):
        redirect_uri(uri, client_type, production, field=f"{field}[{index}]")
    return _at_most(POST_LOGOUT_URIS_MAX, tuple(values), field)


def back_channel_logout_uris(
    values: Sequence[str], client_type: str, production: bool
) -> tuple[str, ...]:
    """Return where a web application is told of logouts (OIDC Back-Channel Logout section 2.2)."""
    field = "client.back_channel_logout_uris"
    if values and client_type not in {WEB_APP, ENV}:
        raise errors.InvalidArgument.field(
            field,
            "const",
            f"a client of the type {client_type} has no server for back-channel logout",
        )

    def check(uri: str) -> None:
        redirect_uris.check_page(uri, production=production, templates=False)

    for index, uri in enumerate(values):
        _check_uri(uri, check, f"{field}[{index}]")
    return _at_most(BACK_CHANNEL_URIS_MAX, tuple(values), field)


def initiate_login_uri(value: str, *, production: bool, field: str) -> str:
    """Return where a login starts (OIDC Core section 4)."""

    def check(uri: str) -> None:
        redirect_uris.check_page(uri, production=production, templates=True)

    _check_uri(value, check, field)
    return value


def ip_allowlist(
    *, opted_in: bool, cidrs: Sequence[tuple[str, int | None]]
) -> dict[str, Any] | None:
    """Return a list of networks as it is kept; None for one that is off and empty.

    Each network comes with the version of IP that it is said to be of, if it is.
    """
    field = "client.ip_allowlist"
    networks = []
    for index, (text, version) in enumerate(cidrs):
        network = _network(text, f"{field}.cidrs[{index}].value")
        if version not in {None, network.version}:
            raise errors.InvalidArgument.field(
                f"{field}.cidrs[{index}].type", "const", f"{text!r} is of IPv{network.version}"
            )
        networks.append(str(network))
    kept = _at_most(CIDRS_MAX, _once(networks), f"{field}.cidrs")
    if opted_in and not kept:
        raise errors.InvalidArgument.field(
            f"{field}.cidrs", "required", "must not be empty while the allowlist is enabled"
        )
    return {"opted_in": opted_in, "cidrs": list(kept)} if opted_in or kept else None


def _network(text: str, field: str) -> IPv4Network | IPv6Network:
    try:
        # A zone, as in fe80::1%eth0, means something on one machine only.
        network = None if "%" in text else ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None:
        raise errors.InvalidArgument.field(
            field,
            "cidr",
            f"must be a range such as 203.0.113.0/24 or an address, got {text[:60]!r}",
        )
    if isinstance(network, IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= 96:
            return IPv4Network(f"{mapped}/{network.prefixlen - 96}")
    return network


def _check_uri(uri: str, check: Callable[[str], None], field: str) -> None:
    try:
        check(uri)
    except ValueError as problem:
        raise errors.InvalidArgument.field(field, "uri", str(problem)) from None


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _at_most(most: int, values: tuple[T, ...], field: str) -> tuple[T, ...]:
    if len(values) > most:
        raise errors.InvalidArgument.field(
            field, "repeated.max_items", f"must have at most {most} items, got {len(values)}"
        )
    return values
