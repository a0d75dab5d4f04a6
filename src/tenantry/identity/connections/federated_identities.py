"""The outcome of a federated sign-in: an identity that a provider asserts, or an error."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from tenantry.db.sql.schema import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class FederatedIdentity:
    """A person as a provider vouches for it, once all of its protocol was verified.

    ``profile`` has members of a user's profile (given_name, family_name, name, picture, locale,
    ...), ``claims`` the custom attributes, ``received`` all attributes as they came, for the test
    page. ``email_verified`` is the provider's own word, and no more than that. A logout at the
    provider needs ``hint``: the NameID's members, or the ID token. ``evidence`` is for the log:
    how it was proved, see `evidence`.
    """

    subject: str
    email: str
    email_verified: bool = False
    profile: Mapping[str, Any] = field(default_factory=dict, hash=False)
    groups: tuple[str, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict, hash=False)
    received: Mapping[str, Any] = field(default_factory=dict, hash=False)
    session_index: str | None = None
    session_expire_time: int | None = None  # SessionNotOnOrAfter
    hint: Mapping[str, Any] | None = field(default=None, hash=False, repr=False)
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def encrypted(self, db: Session, binding: Binding) -> str:
        """Return it as text that nobody reads without the key of the deployment."""
        return db.vault.encrypt(to_json(asdict(self)).encode(), binding)

    @classmethod
    def decrypted(cls, db: Session, text: str, binding: Binding) -> Self:
        """Return the identity of a text of `encrypted`, of the same place.

        Raises:
            WrongKey: it is of another place, or was changed.

        """
        members = from_json(db.vault.decrypt(text, binding).decode())
        return cls(**members | {"groups": tuple(members["groups"])})


class FederationError(Exception):
    """The provider's answer is no proof; ``error`` is a code of the contract (sso errors).

    ``description`` is a sentence for an application and for the admin; ``hint`` says to the
    admin what to do; ``evidence`` are the facts of the answer, for the log. None of them holds a
    secret.
    """

    def __init__(
        self,
        error: str,
        description: str,
        *,
        hint: str = "",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(description)
        self.error, self.description, self.hint = error, description, hint
        self.evidence = evidence or {}
