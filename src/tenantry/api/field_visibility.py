"""Left out of answers for callers other than the operator's own: the product's metadata.

The product keeps in it what it likes: the id of a customer elsewhere, a note on a person. So people
see of it, in any response, the keys that a setting names, where they may read settings at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf import DescMessage, Message

if TYPE_CHECKING:
    from collections.abc import Collection

    from tenantry.core.caller import Caller

_FIELD = "metadata"
_PERMISSION = "organizations_read"


def sees_all(caller: Caller) -> bool:
    """Whether nothing is hidden from this caller."""
    return caller.kind.is_operators


def hide(message: Message[Any], caller: Caller, keys: Collection[str]) -> None:
    """Take all metadata from an answer to somebody else, but ``keys`` that a reader may see."""
    _keep(message, keys if _PERMISSION in (caller.permissions or ()) else ())


def _keep(message: Message[Any], keys: Collection[str]) -> None:
    for field in message.desc().fields:
        if field not in message:
            continue
        value = message[field]
        if field.name == _FIELD:
            message[field] = {key: told for key, told in value.items() if key in keys}
        elif isinstance(value, Message):
            _keep(value, keys)
        elif isinstance(getattr(field.value, "element", None), DescMessage):
            for one in value:
                _keep(one, keys)
