"""The name of the object that a form changed, for the message on the page that follows.

It travels in the address of that page, encrypted under the key of the deployment and bound to the
change and to a few minutes: nobody else makes a Tenantry page show a text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import Binding, WrongKey

if TYPE_CHECKING:
    from tenantry.crypto.vault import Vault

_SHOWN_FOR = 10 * MINUTE
_MOST = 100  # characters of a name
_MOST_ENCRYPTED = 2000  # characters, looked at before it is decrypted


def encrypt(name: str, vault: Vault, change: str) -> str:
    """Return a name for an address; what is beyond a message's room is left out."""
    if len(name) > _MOST:
        name = f"{name[: _MOST - 1]}…"
    plain = json.dumps([now() + _SHOWN_FOR, name], ensure_ascii=False).encode()
    return vault.encrypt_for_url(plain, _binding(change))


def decrypt(encrypted: str, vault: Vault, change: str) -> str:
    """Return the name that `encrypt` was given; "" for anything else, and after ten minutes."""
    if not encrypted or len(encrypted) > _MOST_ENCRYPTED:
        return ""
    try:
        until, name = json.loads(vault.decrypt_from_url(encrypted, _binding(change)))
    except (WrongKey, ValueError):
        return ""
    return name if now() <= until else ""


def _binding(change: str) -> Binding:
    return Binding("name in a message", (change,))
