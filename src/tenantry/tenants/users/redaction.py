"""Taking one person's data out of JSON: the rest says that something happened, without a name.

Pure functions. Ids stay, so that events still tell one person from another; where a schema
wants an e-mail address, there is one that reaches nobody (RFC 2606).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

ADDRESS = "erased@erased.invalid"

# These members of a user, or of a person in a directory, stay: all others are theirs.
_KEPT = {
    *("id", "create_time", "update_time", "last_login_time"),
    *("organization_id", "active", "groups", "roles"),
}
_PROFILE_KEPT = {"id", "email_verified"}
# These members are theirs in an object that names them by `user_id`.
_OF_THEM = {
    *("email", "external_id", "user_external_id", "description", "custom_claims", "metadata"),
    *("device", "display_name"),
}
# A text that is an address as a whole: theirs or another's, also where theirs is a part of it.
_ONE_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+")
# Within a text: not where the address goes on, for a longer one is another's.
_BEFORE, _BEHIND = r"(?<![\w.+-])", r"(?!\.?[\w-])"


@dataclass(frozen=True)
class ErasedPerson:
    """The person to forget: all ids, and all addresses in lower case, that were theirs."""

    ids: frozenset[str]
    addresses: frozenset[str]

    def redacted(self, value: Any) -> Any:
        """Return JSON without their data; the same where there is nothing of it."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self.redacted(one) for one in value]
        if not isinstance(value, dict):
            return value
        if self.is_user(value):
            return _user(value)
        left = {self._text(name): self.redacted(one) for name, one in value.items()}
        if self._is_theirs(value.get("user_id")):
            left |= {name: _empty(name, value[name]) for name in _OF_THEM & value.keys()}
        place = left.get("membership")
        if self.is_user(value.get("user")) and isinstance(place, dict) and "metadata" in place:
            left["membership"] = {**place, "metadata": {}}
        return left

    def is_user(self, value: Any) -> bool:
        """Whether this is the user of theirs, as an event shows it."""
        return isinstance(value, dict) and self._is_theirs(value.get("id"))

    def _is_theirs(self, id_: Any) -> bool:
        return isinstance(id_, str) and id_ in self.ids

    def _text(self, text: str) -> str:
        if not self.addresses or "@" not in text:
            return text
        if _ONE_ADDRESS.fullmatch(text):
            return ADDRESS if text.lower() in self.addresses else text
        return self._addresses.sub(ADDRESS, text)

    @cached_property
    def _addresses(self) -> re.Pattern[str]:
        either = "|".join(re.escape(address) for address in sorted(self.addresses))
        return re.compile(f"{_BEFORE}(?:{either}){_BEHIND}", re.IGNORECASE)


def _user(value: dict[str, Any]) -> dict[str, Any]:
    left: dict[str, Any] = {}
    for name, one in value.items():
        if name in _KEPT:
            left[name] = one
        elif name == "user_profile" and isinstance(one, dict):
            left[name] = {key: one[key] for key in one if key in _PROFILE_KEPT}
        else:
            left[name] = _empty(name, one)
    return left


def _empty(name: str, value: Any) -> Any:
    if name == "email" and value:
        return ADDRESS
    return type(value)() if isinstance(value, str | list | dict) else None
