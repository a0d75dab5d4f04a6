"""The people that the simulator signs in, and the errors that it can answer with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.net.email_addresses import key

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_ATTRIBUTES = 10
LONGEST_NAME, LONGEST_VALUE = 100, 256  # characters
# Claims that a custom attribute cannot be: the simulator says them itself.
_OWN = {"iss", "aud", "exp", "iat", "nbf", "nonce", "sub", "auth_time", "at_hash", "azp"}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as a form describes them; nobody has to exist before."""

    email: str
    given_name: str = ""
    family_name: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def subject(self) -> str:
        """The id of the person: the same for all spellings of an address."""
        return hashlib.sha256(f"simulator {key(self.email)}".encode()).hexdigest()[:32]

    @classmethod
    def of(cls, email: str, given_name: str, family_name: str, rows: Mapping[str, str]) -> Person:
        """Return the person of a form; rows without a name are left out."""
        kept = {name.strip(): value for name, value in rows.items() if name.strip()}
        if len(kept) > MOST_ATTRIBUTES:
            raise errors.InvalidArgument(f"there can be at most {MOST_ATTRIBUTES} attributes")
        for name, value in kept.items():
            if len(name) > LONGEST_NAME or len(value) > LONGEST_VALUE:
                raise errors.InvalidArgument(f"attribute {name[:LONGEST_NAME]} is too long")
            if name in _OWN or not (name + value).isprintable():
                raise errors.InvalidArgument(f"attribute {name} cannot be set")
        for name in (given_name, family_name):
            if len(name) > LONGEST_VALUE or not name.isprintable():
                raise errors.InvalidArgument("a name is too long or contains control characters")
        return cls(email, given_name.strip(), family_name.strip(), kept)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One of the errors that can be tried, in the words of either protocol."""

    said: str
    error: str  # of OAuth 2.0
    status: str  # the second StatusCode of SAML, "" for none


REFUSALS = {
    "invalid_user_credentials": Refusal("Invalid user credentials", "access_denied", "AuthnFailed"),
    "user_not_found": Refusal("User not found", "access_denied", "UnknownPrincipal"),
    "server_error": Refusal("Server error", "server_error", ""),
}
