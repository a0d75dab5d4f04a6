"""Many events at once, in the transaction of the changes that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.call import Call
    from tenantry.db.engine import Session


class Happened(NamedTuple):
    """One change, as `tenantry.Event` has it; all of a call have one actor."""

    type: str
    organization_id: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


async def record(db: Session, call: Call, happened: Iterable[Happened]) -> None:
    """Record events of a transaction, in this order."""
    await db.record_all(
        call.event(
            one.type,
            organization_id=one.organization_id,
            before=one.before,
            after=one.after,
        )
        for one in happened
    )
