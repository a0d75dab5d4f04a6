"""The `scope` parameter (RFC 6749 section 3.3)."""

from __future__ import annotations

import re

from tenantry.endpoints.oauth.errors import OAuthError

_SCOPES = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*")


def read(text: str) -> tuple[str, ...]:
    """Return the names in a scope, each once, in their order; none for an empty one."""
    if not text:
        return ()
    if not _SCOPES.fullmatch(text):
        raise OAuthError("invalid_scope", "scope must be names separated by single spaces")
    return tuple(dict.fromkeys(text.split(" ")))
