"""The cookie of widgets: the access token of the user, encrypted."""

from __future__ import annotations

import base64
import json

from tenantry.core.times import SECOND
from tenantry.crypto.vault import Binding, Vault, WrongKey
from tenantry.net.http import Cookie

_BINDING = Binding("access token of a widget")
_MOST = 3500  # characters of the encrypted token: browsers keep 4,096 bytes of a cookie
_SECONDS = 24 * 3600  # each request checks the token, which expires earlier


class WidgetSessions:
    """Issues and reads the cookie. Each site around a widget has its own (CHIPS)."""

    def __init__(self, public_url: str, vault: Vault) -> None:
        is_secure = public_url.startswith("https:")
        self._vault = vault
        self.cookie = Cookie.of(
            public_url,
            "tenantry_widget",
            seconds=_SECONDS,
            **({"same_site": "none", "partitioned": True} if is_secure else {}),
        )

    def issue(self, token: str) -> str | None:
        """Return the cookie for a token, None if the token is too long for one."""
        encrypted = self._vault.encrypt_for_url(token.encode(), _BINDING)
        return self.cookie.issue(encrypted) if len(encrypted) <= _MOST else None

    def read(self, cookies: str) -> str:
        """Return the token of a Cookie header, "" for none."""
        encrypted = self.cookie.read(cookies)
        if not encrypted or len(encrypted) > _MOST:
            return ""
        try:
            return self._vault.decrypt_from_url(encrypted, _BINDING).decode()
        except (WrongKey, ValueError):
            return ""


def expire_time(token: str) -> int:
    """Return when a verified token expires, in microseconds since 1970 (RFC 7519 section 4.1.4)."""
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return int(claims["exp"]) * SECOND
