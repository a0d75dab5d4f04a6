"""Identities as they are kept for a while: sealed, for they tell of people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from tenantry.db.schema import from_json, to_json
from tenantry.identity.federation.model import IDENTITY, Identity

if TYPE_CHECKING:
    from tenantry.db.engine import Session


def seal(db: Session, identity: Identity) -> str:
    """Return an identity as text that nobody reads without the key of the deployment."""
    return db.vault.encrypt(to_json(asdict(identity)).encode(), IDENTITY)


def unseal(db: Session, sealed: str) -> Identity:
    """Return the identity of a text of `seal`."""
    members = from_json(db.vault.decrypt(sealed, IDENTITY).decode())
    return Identity(**members | {"groups": tuple(members["groups"])})
