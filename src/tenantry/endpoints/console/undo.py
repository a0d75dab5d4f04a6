"""Undo: a button in the message of a change that sends the former values.

The query of the page after a change carries the form encrypted, bound to the operator and valid for
ten minutes, so that a link cannot make a page show another form. A change has an undo only if
sending a form again restores the former state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from tenantry.core.times import MINUTE, now
from tenantry.crypto.vault import Binding, WrongKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Vault

FLAG = "undone"  # the field of a form that undoes a change
_LIFETIME = 10 * MINUTE
_MAX_ENCRYPTED = 4000  # characters
_OPPOSITE = {"enable": "disable", "disable": "enable"}


@dataclass(frozen=True, slots=True)
class Undo:
    """A form: its path and its fields."""

    path: str
    fields: Mapping[str, str]


class Message(Markup):
    """The message of a change, with the form that undoes the change, if there is one."""

    undo: Undo | None = None


def of_switch(path: str) -> Undo:
    """Return the undo of a form whose path ends in `enable` or `disable`: the opposite form."""
    base, verb = path.rsplit("/", 1)
    return Undo(f"{base}/{_OPPOSITE[verb]}", {})


def encrypt(undo: Undo, vault: Vault, operator_id: str) -> str:
    """Encrypt an undo for a query; "" if it is too large for one."""
    plain = json.dumps([now() + _LIFETIME, undo.path, undo.fields], ensure_ascii=False).encode()
    encrypted = vault.encrypt_for_url(plain, _binding(operator_id))
    return encrypted if len(encrypted) <= _MAX_ENCRYPTED else ""


def decrypt(encrypted: str, vault: Vault, operator_id: str) -> Undo | None:
    """Return the undo, None if it is invalid, expired or of another operator."""
    if not encrypted or len(encrypted) > _MAX_ENCRYPTED:
        return None
    try:
        until, path, fields = json.loads(vault.decrypt_from_url(encrypted, _binding(operator_id)))
    except (WrongKey, ValueError):
        return None
    return Undo(path, fields) if now() <= until else None


def _binding(operator_id: str) -> Binding:
    return Binding("undo of a change", (operator_id,))
