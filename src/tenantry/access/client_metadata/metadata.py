"""Client metadata of RFC 7591 section 2, as tolerant as the clients of MCP need it.

Unknown members are ignored, null counts as absent, and values that this server replaces by others
are replaced (section 3.2.1): a client reads the result from the response. Only a client that could
not work afterwards is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenantry.access.client_metadata import names, redirect_uris

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE, REFRESH = "authorization_code", "refresh_token"
GRANT_TYPES = (CODE, REFRESH)
# RFC 7523, for identity assertions (ID-JAG), of confidential clients at resources with `xaa`.
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NONE, BASIC, POST = "none", "client_secret_basic", "client_secret_post"
AUTH_METHODS = (NONE, BASIC, POST)
DESCRIPTION_MAX = 512
URI_MAX = 1000
SCOPE_MAX = 2000
_PAGES = ("client_uri", "logo_uri", "tos_uri", "policy_uri")

INVALID_REDIRECT_URI, INVALID_METADATA = "invalid_redirect_uri", "invalid_client_metadata"


class MetadataError(Exception):
    """Metadata that cannot be registered (RFC 7591 section 3.2.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMetadata:
    """Metadata of a client as this server understands it."""

    name: str
    description: str = ""
    redirect_uris: tuple[str, ...]
    application_type: str
    grant_types: tuple[str, ...] = GRANT_TYPES
    token_endpoint_auth_method: str = NONE
    client_uri: str | None = None
    logo_uri: str | None = None
    tos_uri: str | None = None
    policy_uri: str | None = None


def parse(members: Mapping[str, Any]) -> ClientMetadata:
    """Return the metadata of a registration request or of a document.

    Raises:
        MetadataError: it cannot be registered.

    """
    uris = _uris(members)
    accepted = redirect_uris.accept(uris, _text(members, "application_type"))
    if not accepted.uris:
        raise MetadataError(INVALID_REDIRECT_URI, accepted.problems[0])
    _check_response_types(members)
    _check_scope(members)
    first = redirect_uris.shown_host(accepted.uris[0])
    return ClientMetadata(
        name=names.clean(_text(members, "client_name"), fallback=f"MCP client at {first}"),
        description=names.clean(_text(members, "description"), fallback="", most=DESCRIPTION_MAX),
        redirect_uris=accepted.uris,
        application_type=accepted.application_type,
        grant_types=_grant_types(members),
        token_endpoint_auth_method=_auth_method(members),
        **{name: _page(members, name) for name in _PAGES},
    )


def _uris(members: Mapping[str, Any]) -> list[str]:
    given = members.get("redirect_uris")
    if given is None or given == []:
        raise MetadataError(INVALID_REDIRECT_URI, "redirect_uris is missing or empty")
    if not isinstance(given, list) or not all(isinstance(uri, str) for uri in given):
        raise MetadataError(INVALID_REDIRECT_URI, "redirect_uris must be a list of strings")
    if len(given) > redirect_uris.MOST:
        raise MetadataError(
            INVALID_REDIRECT_URI, f"redirect_uris must have at most {redirect_uris.MOST} items"
        )
    return given


def _check_response_types(members: Mapping[str, Any]) -> None:
    given = _texts(members, "response_types")
    if given and "code" not in given:
        raise MetadataError(INVALID_METADATA, "response_types must include code")


def _check_scope(members: Mapping[str, Any]) -> None:
    """Refuse a malformed scope; a valid one is not stored, see `registrations`."""
    if len(_text(members, "scope") or "") > SCOPE_MAX:
        raise MetadataError(INVALID_METADATA, f"scope must have at most {SCOPE_MAX} characters")


def _grant_types(members: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the grant types that are served; both where a client names none.

    The default of RFC 7591 is the code alone: such a client would have its user sign in each hour.
    """
    given = _texts(members, "grant_types")
    if given and CODE not in given:
        raise MetadataError(INVALID_METADATA, f"grant_types must include {CODE}")
    served = (*GRANT_TYPES, JWT_BEARER)
    return tuple(one for one in served if one in given) if given else GRANT_TYPES


def _auth_method(members: Mapping[str, Any]) -> str:
    method = _text(members, "token_endpoint_auth_method") or NONE
    if method not in AUTH_METHODS:
        raise MetadataError(
            INVALID_METADATA,
            f"token_endpoint_auth_method must be one of {', '.join(AUTH_METHODS)}",
        )
    return method


def _page(members: Mapping[str, Any], name: str) -> str | None:
    """Return the URL of a page about the client; None if pages must not link to it."""
    given = members.get(name)
    if not isinstance(given, str) or not 1 <= len(given) <= URI_MAX:
        return None
    if not given.isascii() or not given.isprintable() or any(one in given for one in " \"'<>\\"):
        return None
    try:
        url = urlsplit(given)
        is_web = url.scheme == "https" and bool(url.hostname) and url.username is None
    except ValueError:
        return None
    return given if is_web else None


def _text(members: Mapping[str, Any], name: str) -> str | None:
    given = members.get(name)
    if given is None or given == "":
        return None
    if not isinstance(given, str):
        raise MetadataError(INVALID_METADATA, f"{name} must be a string")
    return given


def _texts(members: Mapping[str, Any], name: str) -> list[str]:
    given = members.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise MetadataError(INVALID_METADATA, f"{name} must be a list of strings")
    return given
