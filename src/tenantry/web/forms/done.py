"""The name of a changed object, for the message on the page after the form.

The query of that page carries it, bound to the change (`query_values`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.crypto.vault import Binding
from tenantry.web.forms import query_values

if TYPE_CHECKING:
    from tenantry.crypto.vault import Vault

_MAX_NAME = 100  # characters
_MAX_ENCRYPTED = 2000  # characters


def encrypt(name: str, vault: Vault, change: str) -> str:
    """Encrypt a name for a query. Names that are too long for a message are truncated."""
    if len(name) > _MAX_NAME:
        name = f"{name[: _MAX_NAME - 1]}…"
    return query_values.encrypt(name, vault, _binding(change))


def decrypt(encrypted: str, vault: Vault, change: str) -> str:
    """Return the encrypted name, "" if the value is invalid or expired."""
    return query_values.decrypt(encrypted, vault, _binding(change), most=_MAX_ENCRYPTED) or ""


def _binding(change: str) -> Binding:
    return Binding("name in a message", (change,))
