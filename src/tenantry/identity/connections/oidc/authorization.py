"""The request that a browser takes to an OpenID Provider (section 3.1.2.1)."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.identity.connections.settings import OIDCSettings

# Values of `prompt` that mean the same to any provider; others are between an application and us.
_PROMPTS = ("none", "login", "consent", "select_account")
_HINT_MAX = 320  # characters: an e-mail address has no more


def members(
    settings: OIDCSettings,
    *,
    redirect_uri: str,
    state: str,
    nonce: str,
    code_verifier: str,
    login_hint: str | None = None,
    prompt: Sequence[str] = (),
    max_age: int | None = None,
) -> dict[str, str]:
    """Return the parameters of an authorization request.

    ``prompt`` and ``max_age`` (seconds) are those that the application has sent to us: where it
    asks for a fresh sign-in, the provider is asked for one.
    """
    scopes = settings.scopes if "openid" in settings.scopes else ("openid", *settings.scopes)
    found = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": state,
        "nonce": nonce,
    }
    if settings.pkce_enabled:
        found |= {"code_challenge": challenge(code_verifier), "code_challenge_method": "S256"}
    if login_hint and len(login_hint) <= _HINT_MAX:
        found["login_hint"] = login_hint
    passed_on = [one for one in prompt if one in _PROMPTS]
    if passed_on:
        found["prompt"] = " ".join(passed_on)
    if max_age is not None:
        found["max_age"] = str(max_age)
    return found


def challenge(code_verifier: str) -> str:
    """Return the challenge of a verifier by S256 (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(code_verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
