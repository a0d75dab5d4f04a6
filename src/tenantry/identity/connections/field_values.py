"""Values that settings of a connection may have; others are refused by their field's name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session

URL_MAX, ENTITY_ID_MAX, NAME_MAX, SECRET_MAX = 2048, 1024, 255, 4096
CERTIFICATES_MAX = 8
_CERTIFICATE_TEXT_MAX = 128 * 1024
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,255}")  # RFC 6749 section 3.3
_MOST_SCOPES, _MOST_PARAMS = 50, 20
_PARAM = re.compile(r"[A-Za-z0-9_.~-]{1,100}")
# Parameters of a request that are ours to set.
_OURS = {
    *("client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "request"),
    *("request_uri", "response_mode", "response_type", "scope", "state"),
}
_URLS = {
    *("issuer", "discovery_endpoint", "authorize_uri", "token_uri", "user_info_uri", "jwks_uri"),
    *("idp_metadata_url", "idp_sso_url", "idp_slo_url", "default_redirect_uri"),
    *("sp_assertion_url", "sp_slo_url", "end_session_uri"),
}
_AUTH_METHODS = ("", "client_secret_basic", "client_secret_post")


def settings(members: Mapping[str, Any], config: str, *, tls_only: bool) -> dict[str, Any]:
    """Return settings that were given, by the contract's names; "" stands for none.

    ``config`` is the part of the message that they are of; ``tls_only`` refuses http://.
    """
    checked: dict[str, Any] = {}
    for name, value in members.items():
        field = f"connection.{config}.{name}"
        if name in _URLS:
            checked[name] = url(value, field, tls_only=tls_only)
        elif name == "scopes":
            checked[name] = _scopes(value, field)
        elif name == "extra_authorize_params":
            checked[name] = _params(value, f"connection.{config}.extensions.{name}")
        elif name == "token_endpoint_auth_method" and value not in _AUTH_METHODS:
            raise errors.InvalidArgument.field(
                field, "in", f"must be one of {', '.join(_AUTH_METHODS[1:])}"
            )
        elif isinstance(value, str):
            most = ENTITY_ID_MAX if name.endswith("_entity_id") else NAME_MAX
            checked[name] = text(value, field, most=most)
        else:
            checked[name] = value
    return checked


def text(value: str, field: str, *, most: int = NAME_MAX) -> str:
    """Return a text of one line, without blanks around it."""
    value = value.strip()
    if len(value) > most:
        raise errors.InvalidArgument.field(
            field, "string.max_len", f"must have at most {most} characters"
        )
    if not value.isprintable():
        raise errors.InvalidArgument.field(field, "pattern", "must not contain control characters")
    return value


def url(value: str, field: str, *, tls_only: bool) -> str:
    """Return an address of the web, or ""."""
    value = text(value, field, most=URL_MAX)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise errors.InvalidArgument.field(field, "uri", "must be a valid URL") from None
    if (
        parts.scheme not in {"https", "http"}
        or not parts.hostname
        or port == 0
        or not value.isascii()
        or any(character in value for character in ' "<>\\^`{|}')
    ):
        raise errors.InvalidArgument.field(
            field, "uri", "must be a URL such as https://idp.example.com/path"
        )
    if parts.username is not None or parts.password is not None:
        raise errors.InvalidArgument.field(field, "uri", "must not contain a user name or password")
    if "#" in value:
        raise errors.InvalidArgument.field(field, "uri", "must not have a fragment")
    if tls_only and parts.scheme != "https":
        raise errors.InvalidArgument.field(field, "uri", "must start with https://")
    return value


def certificates(
    db: Session, pasted: str, known: Sequence[Mapping[str, Any]], *, at: int
) -> tuple[dict[str, Any], ...]:
    """Return the certificates of a text as they are stored: PEM or bare base64, one or several.

    Those that are ``known`` keep their id and the time at which they were taken.
    """
    from tenantry.identity.connections.saml import certificates as x509
    from tenantry.identity.connections.saml.faults import SAMLError

    field = "connection.saml_config.idp_certificate"
    if not pasted.strip():
        return ()
    if len(pasted) > _CERTIFICATE_TEXT_MAX:
        raise errors.InvalidArgument.field(
            field, "max_bytes", f"must be at most {_CERTIFICATE_TEXT_MAX // 1024} KiB"
        )
    try:
        texts = x509.split(pasted)
        if len(texts) > CERTIFICATES_MAX:
            raise errors.InvalidArgument.field(
                field, "max_items", f"must have at most {CERTIFICATES_MAX} certificates"
            )
        read = [x509.read(one.encode()) for one in texts]
    except SAMLError as problem:
        raise errors.InvalidArgument.field(field, "certificate", problem.description) from None
    return taken(db, read, known, at=at)


def taken(
    db: Session, read: Sequence[Any], known: Sequence[Mapping[str, Any]], *, at: int
) -> tuple[dict[str, Any], ...]:
    """Return certificates as they are stored, each once; those that are ``known`` as they are."""
    from tenantry.core import ids
    from tenantry.identity.connections.saml import certificates as x509

    there = {one["certificate"]: dict(one) for one in known}
    kept: dict[str, dict[str, Any]] = {}
    for certificate in read:
        body = x509.base64_of(certificate)
        if body not in kept:
            details = x509.details(certificate)
            kept[body] = there.get(body) or {
                "id": db.new_id(ids.KEY_PAIR),
                "certificate": body,
                "create_time": at,
                "expiry_time": details.not_after,
                "issuer": details.issuer,
            }
    return tuple(kept.values())


def _scopes(value: Sequence[str], field: str) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(value))
    if len(named) > _MOST_SCOPES or not all(_SCOPE.fullmatch(one) for one in named):
        raise errors.InvalidArgument.field(
            field, "pattern", f"must be up to {_MOST_SCOPES} scopes without spaces"
        )
    return named


def _params(value: Mapping[str, str], field: str) -> dict[str, str]:
    if len(value) > _MOST_PARAMS:
        raise errors.InvalidArgument.field(
            field, "map.max_pairs", f"must have at most {_MOST_PARAMS} pairs"
        )
    for name, given in value.items():
        if not _PARAM.fullmatch(name) or name in _OURS:
            raise errors.InvalidArgument.field(
                field, "map.keys", f"{name[:100]!r} cannot be set as a parameter"
            )
        text(given, field)
    return dict(value)
