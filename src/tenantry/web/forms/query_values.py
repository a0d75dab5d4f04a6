"""Values in the query of a page, encrypted so that a link cannot make the page show others.

They are valid for ten minutes and bound to their use.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import WrongKey

if TYPE_CHECKING:
    from tenantry.crypto.vault import Binding, Vault

_LIFETIME = 10 * MINUTE


def encrypt(value: object, vault: Vault, binding: Binding) -> str:
    """Encrypt a JSON value."""
    plain = json.dumps([now() + _LIFETIME, value], ensure_ascii=False).encode()
    return vault.encrypt_for_url(plain, binding)


def decrypt(encrypted: str, vault: Vault, binding: Binding, *, most: int) -> Any:
    """Return the value, None if it is invalid, expired or longer than ``most`` characters."""
    if not encrypted or len(encrypted) > most:
        return None
    try:
        until, value = json.loads(vault.decrypt_from_url(encrypted, binding))
    except (WrongKey, ValueError):
        return None
    return value if now() <= until else None
