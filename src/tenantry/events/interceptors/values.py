"""Values that members of an interceptor may have; others are refused by their field's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.events.interceptors.model import API_KEY, OAUTH2, TRIGGERS
from tenantry.net import outgoing

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME_MAX, DESCRIPTION_MAX, URL_MAX = 255, 1024, 6000
TIMEOUT_DEFAULT = 10_000  # milliseconds
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,255}")  # RFC 9110 section 5.1
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
# Headers of the request itself; another value would break it, or the proof of its sender.
_OURS = {
    *("accept-encoding", "connection", "content-encoding", "content-length", "content-type"),
    *("cookie", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
}
_OURS_PREFIXES = ("interceptor-", "webhook-", "proxy-")


def display_name(value: str, field: str = "interceptor.display_name") -> str:
    """Return a name: 1 to 255 characters."""
    if not value.strip():
        raise errors.InvalidArgument.field(field, "string.min_len", "must not be empty")
    return _short(value, NAME_MAX, field)


def description(value: str, field: str = "interceptor.description") -> str:
    """Return a description: any text of up to 1024 characters."""
    return _short(value, DESCRIPTION_MAX, field)


def trigger_point(value: str, field: str = "interceptor.trigger_point") -> str:
    """Return a point at which interceptors run."""
    if value not in TRIGGERS:
        raise errors.InvalidArgument.field(field, "in", f"must be one of {', '.join(TRIGGERS)}")
    return value


def api_url(value: str, *, allow: tuple[str, ...], field: str = "interceptor.api_url") -> str:
    """Return an address that may be asked; ``allow`` are the private networks that may be."""
    if not value:
        raise errors.InvalidArgument.field(field, "required", "is required")
    _short(value, URL_MAX, field)
    try:
        return outgoing.check_url(value, allow)
    except ValueError as problem:
        raise errors.InvalidArgument.field(field, "uri", str(problem)) from None


def auth_config(
    value: Mapping[str, Any],
    *,
    allow: tuple[str, ...],
    field: str = "interceptor.config.auth_config",
) -> Mapping[str, Any]:
    """Return the authorization of requests to an interceptor: members of `API_KEY` or `OAUTH2`."""
    type_ = value["type"]
    if type_ == API_KEY:
        name = value["header_name"].lower()
        where = f"{field}.api_key"
        if not _HEADER_NAME.fullmatch(name) or name in _OURS or name.startswith(_OURS_PREFIXES):
            raise errors.InvalidArgument.field(
                f"{where}.header_name", "pattern", "is not a header name that can be set"
            )
        if not _HEADER_VALUE.fullmatch(value["api_key"]):
            raise errors.InvalidArgument.field(
                f"{where}.api_key",
                "pattern",
                "must contain only visible ASCII characters",
            )
        return {"type": API_KEY, "header_name": name, "api_key": value["api_key"]}
    where = f"{field}.oauth2"
    api_url(value["token_url"], allow=allow, field=f"{where}.token_url")
    return {
        "type": OAUTH2,
        **{name: value[name] for name in ("token_url", "client_id", "client_secret", "scope")},
    }


def no_template(value: str, field: str) -> None:
    """Refuse a template: requests and answers have the one form that is documented."""
    if value.strip():
        raise errors.InvalidArgument.field(
            field, "string.max_len", "is not supported: leave it empty"
        )


def _short(value: str, most: int, field: str) -> str:
    if len(value) > most:
        raise errors.InvalidArgument.field(
            field, "string.max_len", f"must be at most {most} characters, got {len(value)}"
        )
    if "\0" in value:
        raise errors.InvalidArgument.field(field, "pattern", "must not hold a NUL character")
    return value
