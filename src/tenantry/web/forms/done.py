"""The name of a changed object, for the message on the page after the form.

The query of that page carries it encrypted, bound to the change and valid for ten minutes, so that
a link cannot make the page show other text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import Binding, WrongKey

if TYPE_CHECKING:
    from tenantry.crypto.vault import Vault

_LIFETIME = 10 * MINUTE
_MAX_NAME = 100  # characters
_MAX_ENCRYPTED = 2000  # characters


def encrypt(name: str, vault: Vault, change: str) -> str:
    """Encrypt a name for a query. Names that are too long for a message are truncated."""
    if len(name) > _MAX_NAME:
        name = f"{name[: _MAX_NAME - 1]}…"
    plain = json.dumps([now() + _LIFETIME, name], ensure_ascii=False).encode()
    return vault.encrypt_for_url(plain, _binding(change))


def decrypt(encrypted: str, vault: Vault, change: str) -> str:
    """Return the encrypted name, "" if the value is invalid or expired."""
    if not encrypted or len(encrypted) > _MAX_ENCRYPTED:
        return ""
    try:
        until, name = json.loads(vault.decrypt_from_url(encrypted, _binding(change)))
    except (WrongKey, ValueError):
        return ""
    return name if now() <= until else ""


def _binding(change: str) -> Binding:
    return Binding("name in a message", (change,))
