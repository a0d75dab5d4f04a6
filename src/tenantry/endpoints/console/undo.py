"""Undo: a button in the message of a change that sends the former values.

The query of the page after a change carries the form, bound to the operator (`query_values`). A
change has an undo only if sending a form again restores the former state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from tenantry.crypto.vault import Binding
from tenantry.web.forms import query_values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Vault

FLAG = "undone"  # the field of a form that undoes a change
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
    value = [undo.path, dict(undo.fields)]
    encrypted = query_values.encrypt(value, vault, _binding(operator_id))
    return encrypted if len(encrypted) <= _MAX_ENCRYPTED else ""


def decrypt(encrypted: str, vault: Vault, operator_id: str) -> Undo | None:
    """Return the undo, None if it is invalid, expired or of another operator."""
    value = query_values.decrypt(encrypted, vault, _binding(operator_id), most=_MAX_ENCRYPTED)
    return None if value is None else Undo(*value)


def _binding(operator_id: str) -> Binding:
    return Binding("undo of a change", (operator_id,))
