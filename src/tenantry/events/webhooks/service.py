"""The rules of endpoints: one transaction for each change, in which the row is held."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, update

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed, revised
from tenantry.events import signing
from tenantry.events.webhooks import values
from tenantry.events.webhooks.model import PENDING, webhook_deliveries, webhook_endpoints
from tenantry.events.webhooks.records import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session

# Each event is looked at for all of these, so their number is bounded.
ENVIRONMENT_MAX = 100
ORGANIZATION_MAX = 20
# A delivery that is due within this may be under way, and would be sent twice.
_UNDER_WAY_MICROSECONDS = 60 * 1_000_000

_e = webhook_endpoints.c
_FIND = crud.get(webhook_endpoints)
_HOLD = crud.hold(webhook_endpoints, allow_references=True)
_COUNT = {
    "environment": crud.count(webhook_endpoints, by=(_e.organization_id.is_(None),)),
    "organization": crud.count(webhook_endpoints, by=("organization_id",)),
}
_INSERT = crud.insert(webhook_endpoints)
_UPDATE = crud.update(webhook_endpoints)
_d = webhook_deliveries.c
_HASTEN = Statement(
    update(webhook_deliveries)
    .where(
        _d.endpoint_id == bindparam("p_id"),
        # Spelled out, as the index of rows that are due is.
        _d.state == literal_column(f"'{PENDING}'"),
        _d.due_time > literal_column("0"),
        _d.due_time > bindparam("p_later"),
    )
    .values(due_time=bindparam("p_at"))
)
_DELETE = crud.delete(webhook_endpoints)


async def create(
    call: Call,
    members: Mapping[str, Any],
    *,
    organization_id: str | None = None,
    enabled: bool = True,
    allow: tuple[str, ...],
) -> tuple[Endpoint, str]:
    """Create an endpoint and return it with its secret, which is not shown again.

    ``members`` are ``url``, ``description``, ``event_types`` and ``ordered``; ``allow`` lists the
    private networks that events may be sent to.
    """
    plain, at = signing.new_secret(), now()
    place: dict[str, Any] = {
        "id": call.db.new_id(ids.WEBHOOK_ENDPOINT),
        "organization_id": organization_id,
    }
    endpoint = Endpoint(
        **place,
        **_checked({"url": "", **members}, allow),
        enabled=enabled,
        secret_sealed=signing.encrypted(call.db.vault, webhook_endpoints, place, plain),
        create_time=at,
        update_time=at,
    )
    event = call.event(
        "webhook_endpoint.created",
        organization_id=organization_id,
        after=endpoint.to_event(),
    )
    async with call.db.transaction() as db:
        await _check_limit(db, organization_id)
        await db.apply(_INSERT, event, **prefixed(endpoint.to_row()))
    return endpoint, plain


async def get(db: Session, endpoint_id: str) -> Endpoint:
    """Return an endpoint."""
    return _found(await db.fetch_one(_FIND, p_id=endpoint_id))


async def get_enabled(db: Session, endpoint_id: str) -> Endpoint:
    """Return an endpoint that something is to be sent to.

    Raises:
        errors.InvalidArgument: it is disabled.

    """
    endpoint = await get(db, endpoint_id)
    if not endpoint.enabled:
        raise errors.InvalidArgument("endpoint is disabled: enable it first")
    return endpoint


async def change(
    call: Call, endpoint_id: str, members: Mapping[str, Any], *, allow: tuple[str, ...]
) -> Endpoint:
    """Change the given members, by the names that `create` takes.

    Another address starts with a clean record: it has not failed yet.
    """
    checked = _checked(members, allow)
    async with call.db.transaction() as db:
        before = await _hold(call, db, endpoint_id)
        after = replace(before, **checked)
        if after.url != before.url:
            after = replace(after, failing_since=None)
        return await _save(call, db, before, after, "webhook_endpoint.updated")


async def enable(call: Call, endpoint_id: str) -> Endpoint:
    """Send to an endpoint again, waiting deliveries at once; its failures are forgiven."""
    async with call.db.transaction() as db:
        before = await _hold(call, db, endpoint_id)
        after = replace(before, enabled=True, disabled_reason=None, failing_since=None)
        saved = await _save(call, db, before, after, "webhook_endpoint.enabled")
        if saved is not before:
            await db.expect_growth()
            at = now()
            await db.fetch_all(
                _HASTEN, p_id=endpoint_id, p_at=at, p_later=at + _UNDER_WAY_MICROSECONDS
            )
    return saved


async def disable(call: Call, endpoint_id: str) -> Endpoint:
    """Send nothing to an endpoint; its queue waits, as long as deliveries are kept."""
    async with call.db.transaction() as db:
        before = await _hold(call, db, endpoint_id)
        if not before.enabled:
            return before
        after = replace(before, enabled=False)
        return await _save(call, db, before, after, "webhook_endpoint.disabled")


async def rotate_secret(call: Call, endpoint_id: str) -> tuple[Endpoint, str]:
    """Give an endpoint a new secret, and return it with the secret, which is not shown again.

    Deliveries are signed by the previous one as well until `previous_secret_expire_time`, 24
    hours from now; one that was previous already ends at once.
    """
    plain = signing.new_secret()
    async with call.db.transaction() as db:
        before = await _hold(call, db, endpoint_id)
        after = replace(before, **signing.rotated(db.vault, webhook_endpoints, before, plain))
        after = await _save(call, db, before, after, "webhook_endpoint.secret_rotated")
    return after, plain


async def remove(call: Call, endpoint_id: str) -> None:
    """Delete an endpoint, with its queue and its past deliveries."""
    async with call.db.transaction() as db:
        endpoint = await _hold(call, db, endpoint_id)
        await db.expect_growth()
        event = call.event(
            "webhook_endpoint.deleted",
            organization_id=endpoint.organization_id,
            before=endpoint.to_event(),
        )
        await db.apply(_DELETE, event, p_id=endpoint_id)


async def _check_limit(db: Session, organization_id: str | None) -> None:
    """Refuse one more than may be, also of two that are made at once."""
    await db.serialize("webhook endpoints")
    place = "environment" if organization_id is None else "organization"
    most = ENVIRONMENT_MAX if organization_id is None else ORGANIZATION_MAX
    row = await db.fetch_one(_COUNT[place], p_organization_id=organization_id)
    if row is not None and row["n"] >= most:
        raise errors.InvalidArgument(
            f"{place} has reached its limit of {most} endpoints; delete one first"
        )


async def _hold(call: Call, db: Session, endpoint_id: str) -> Endpoint:
    """Return an endpoint as nobody else changes it until this transaction ends."""
    endpoint = _found(await db.fetch_one(_HOLD, p_id=endpoint_id))
    call.expect(endpoint.revision)
    return endpoint


async def _save(call: Call, db: Session, before: Endpoint, after: Endpoint, type_: str) -> Endpoint:
    if after == before:
        return before
    after = revised(
        after,
    )
    event = call.event(
        type_,
        organization_id=before.organization_id,
        before=before.to_event(),
        after=after.to_event(),
    )
    await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    return after


def _found(row: Any) -> Endpoint:
    if row is None:
        raise errors.NotFound("endpoint")
    return Endpoint.from_row(row)


def _checked(members: Mapping[str, Any], allow: tuple[str, ...]) -> dict[str, Any]:
    checked = dict(members)
    if "url" in checked:
        checked["url"] = values.url(checked["url"], allow=allow)
    if "description" in checked:
        checked["description"] = values.description(checked["description"])
    if "event_types" in checked:
        checked["event_types"] = values.event_types(checked["event_types"])
    return checked
