"""The token endpoint: how a client shows itself there, and how it is answered (RFC 6749)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote_plus

from tenantry.core import strict_json
from tenantry.identity.connections.oidc import faults
from tenantry.identity.connections.oidc.faults import OIDCError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_BYTES = 256 << 10
_TOKEN_MAX = 64 << 10  # characters
_ERROR_MAX = 100


@dataclass(frozen=True, slots=True)
class Tokens:
    """An answer of a token endpoint (section 5.1)."""

    access_token: str = field(repr=False)
    token_type: str
    id_token: str | None = field(repr=False)


def basic(client_id: str, client_secret: str) -> str:
    """Return the Authorization header of a client (section 2.3.1): both are encoded as in a form.

    Many a client forgets that; a secret with a colon or a plus then fails only for some.
    """
    pair = f"{quote_plus(client_id)}:{quote_plus(client_secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def read(
    status: int, document: bytes, *, secrets: Sequence[str], form_allowed: bool = False
) -> Tokens:
    """Return the tokens of an answer.

    ``secrets`` of the request are taken out of the sentence of an error, where a provider quotes
    them. ``form_allowed`` takes a form in the place of JSON, as some providers of OAuth 2.0 send
    it.
    """
    content = _members(document, form_allowed=form_allowed)
    error = content.get("error")
    if status != 200 or error is not None:
        raise OIDCError(faults.EXCHANGE_REFUSED, found=_said(status, content, secrets))
    access_token, token_type = content.get("access_token"), content.get("token_type", "Bearer")
    if not isinstance(access_token, str) or not 0 < len(access_token) <= _TOKEN_MAX:
        raise OIDCError(faults.EXCHANGE_ANSWER, reason="it has no access_token")
    if not access_token.isascii() or not access_token.isprintable():
        raise OIDCError(
            faults.EXCHANGE_ANSWER, reason="its access_token cannot be sent in a header"
        )
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise OIDCError(faults.EXCHANGE_ANSWER, reason="its token_type is not Bearer")
    id_token = content.get("id_token")
    if id_token is not None and not isinstance(id_token, str):
        raise OIDCError(faults.EXCHANGE_ANSWER, reason="its id_token is not a string")
    return Tokens(access_token, token_type, id_token or None)


def _members(document: bytes, *, form_allowed: bool) -> dict[str, Any]:
    try:
        content = strict_json.loads(document)
    except ValueError:
        if form_allowed:
            try:
                return dict(parse_qsl(document.decode(), strict_parsing=True, max_num_fields=50))
            except ValueError:
                pass
        return {}
    return content if isinstance(content, dict) else {}


def _said(status: int, content: dict[str, Any], secrets: Sequence[str]) -> str:
    """Return what an error says: its code and sentence, which are meant to be shown."""
    said = [f"status {status}"]
    for name in ("error", "error_description"):
        value = content.get(name)
        if isinstance(value, str) and value:
            for secret in filter(None, secrets):
                value = value.replace(secret, "…")
            said.append(value[:_ERROR_MAX])
    return ", ".join(said)
