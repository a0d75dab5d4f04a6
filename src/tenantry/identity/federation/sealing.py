"""Identities as they are kept for a while: encrypted, for they tell of people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tenantry.db.sql.schema import from_json, to_json
from tenantry.identity.connections.federated_identities import FederatedIdentity

if TYPE_CHECKING:
    from tenantry.crypto.vault import Binding
    from tenantry.db.engine import Session


def seal(db: Session, identity: FederatedIdentity, binding: Binding) -> str:
    """Return an identity as text that nobody reads without the key of the deployment."""
    return db.vault.encrypt(to_json(asdict(identity)).encode(), binding)


def unseal(db: Session, sealed: str, binding: Binding) -> FederatedIdentity:
    """Return the identity of a text of `seal`, of the same place.

    Raises:
        WrongKey: it is of another place, or was changed.

    """
    members = from_json(db.vault.decrypt(sealed, binding).decode())
    return FederatedIdentity(**members | {"groups": tuple(members["groups"])})
