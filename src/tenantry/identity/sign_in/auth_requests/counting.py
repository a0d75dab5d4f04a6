"""Counts of sign-ins, for `/metrics` and the charts: how they ended, which proofs were taken."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenantry.core import errors, ids
from tenantry.db.activity.model import Kind
from tenantry.identity.connections.model import PASSWORD, PASSWORDLESS, WEBAUTHN
from tenantry.identity.sign_in.auth_requests import states
from tenantry.identity.sign_in.model import SESSION
from tenantry.telemetry import request_context
from tenantry.telemetry.metrics import table as metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.identity.sign_in.model import Facts

EMAIL, PASSKEY, SECOND_FACTOR, SSO = "email", "passkey", "second_factor", "sso"
# By the proof, as facts have it.
_METHODS = {PASSWORDLESS: EMAIL, PASSWORD: "password", WEBAUTHN: PASSKEY, SESSION: "session"}
_NONE = "none"
ACCEPTED, REFUSED, LIMITED = "accepted", "refused", "limited"


def ended(state: str, facts: Facts, error: str = "") -> None:
    """Count a sign-in that has ended, by its first proof; ``error`` is that of one that failed."""
    first = facts.proofs[0] if facts.proofs else ""
    method = SSO if first.startswith(ids.CONNECTION) else _METHODS.get(first, _NONE)
    succeeded = state == states.COMPLETED
    metrics.SIGN_INS.add(method, metrics.SUCCEEDED if succeeded else metrics.FAILED)
    request_context.count(Kind.SIGN_INS, method, failed=not succeeded)
    if error:
        request_context.count(Kind.SIGN_IN_ERRORS, error)


def vouched(*, refused: bool = False) -> None:
    metrics.SIGN_IN_PROOFS.add(SSO, REFUSED if refused else ACCEPTED)


@contextmanager
def proof(method: str) -> Iterator[None]:
    """Count a proof that is looked at meanwhile: taken, refused, or not looked at any more."""
    try:
        yield
    except errors.RateLimited:
        metrics.SIGN_IN_PROOFS.add(method, LIMITED)
        raise
    except errors.InvalidArgument:
        metrics.SIGN_IN_PROOFS.add(method, REFUSED)
        raise
    metrics.SIGN_IN_PROOFS.add(method, ACCEPTED)
