"""Listing endpoints, deliveries and attempts: by key, newest first."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal_column, select

from tenantry.core import errors, ids
from tenantry.db import crud
from tenantry.db.lists import pages
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.events.webhooks import service, values
from tenantry.events.webhooks.deliveries import bodies
from tenantry.events.webhooks.model import (
    FAILED,
    PENDING,
    SUCCEEDED,
    webhook_attempts,
    webhook_deliveries,
    webhook_endpoints,
)
from tenantry.events.webhooks.records import Attempt, Delivery, Endpoint

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Session

STATES = (PENDING, SUCCEEDED, FAILED)
MAX_ATTEMPTS = 100
# An id is made within this of the time at which its delivery is said to be queued: rows outside
# need not be looked at.
_SLACK_MICROSECONDS = 60 * 1_000_000
_LAST_MICROSECONDS = (ids.EPOCH_MILLISECONDS + (1 << 41) - 1) * 1000  # that an id can hold

_e, _d, _a = webhook_endpoints.c, webhook_deliveries.c, webhook_attempts.c
_of_endpoint = _d.endpoint_id == bindparam("p_endpoint_id")
# Spelled out: there are indexes for one state alone.
_IN_STATE = {state: _d.state == literal_column(f"'{state}'") for state in STATES}
_DELIVERY = crud.get(webhook_deliveries, by=("endpoint_id", "id"))
_ATTEMPTS = Statement(
    select(webhook_attempts)
    .join(webhook_deliveries, _d.id == _a.delivery_id)
    .where(_of_endpoint, _d.id == bindparam("p_id"))
    .order_by(_a.number.desc())
    .limit(MAX_ATTEMPTS)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The filters of a list of deliveries; times in microseconds since 1970, both included."""

    state: str = ""  # one of `STATES`
    event_type: str = ""
    organization_id: str = ""
    start_time: int | None = None
    end_time: int | None = None

    @property
    def _given(self) -> dict[str, Any]:
        return {
            "event_type": self.event_type or None,
            "organization_id": self.organization_id or None,
            "start_time": self.start_time,
            "end_time": self.end_time,
        }

    @property
    def shape(self) -> tuple[str, ...]:
        """The names of the members that are set, but for the state."""
        return tuple(name for name, value in self._given.items() if value is not None)

    @property
    def params(self) -> dict[str, Any]:
        """The bind parameters of the members that are set."""
        params = prefixed(self._given)
        if self.start_time is not None:
            params["p_first_id"] = _id_at(self.start_time - _SLACK_MICROSECONDS)
        if self.end_time is not None:
            params["p_last_id"] = _id_at(self.end_time + _SLACK_MICROSECONDS)
        return params


async def endpoints(
    call: Call, organization_id: str | None, *, page_size: int, page_token: str
) -> pages.Page[Endpoint]:
    """Return one page of endpoints, of one organization's if it is named."""
    of_organization = organization_id is not None
    params = {"p_organization_id": organization_id}
    listing = "webhook endpoints" + json.dumps(organization_id)
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _endpoints_statement(of_organization, position.direction), **position.params, **params
    )
    if rows:
        total = rows[0]["total"]
    else:
        row = await call.db.fetch_one(_endpoints_total(of_organization), **params)
        total = row["total"] if row else 0
    return position.page(rows, total).of(Endpoint.from_row)


async def deliveries(
    call: Call, endpoint_id: str, narrow: Filter, *, page_size: int, page_token: str
) -> pages.Page[Delivery]:
    """Return one page of the deliveries to an endpoint."""
    if narrow.event_type:
        values.event_type(narrow.event_type)
    values.span(narrow.start_time, narrow.end_time)
    listing = "webhook deliveries" + json.dumps([endpoint_id, narrow.state, narrow.params])
    position = pages.position(call.db, listing, page_size=page_size, page_token=page_token)
    rows = await call.db.fetch_all(
        _deliveries_statement(narrow.state, narrow.shape, position.direction),
        p_endpoint_id=endpoint_id,
        **position.params,
        **narrow.params,
    )
    if not rows:
        await service.get(call.db, endpoint_id)
    return position.page(rows).of(Delivery.from_row)


async def delivery(db: Session, endpoint_id: str, delivery_id: str) -> Delivery:
    """Return one delivery to an endpoint."""
    row = await db.fetch_one(_DELIVERY, p_endpoint_id=endpoint_id, p_id=delivery_id)
    if row is None:
        await service.get(db, endpoint_id)
        raise errors.NotFound("delivery")
    return Delivery.from_row(row)


async def attempts(db: Session, endpoint_id: str, delivery_id: str) -> list[Attempt]:
    """Return the attempts of a delivery, the first one first; of more than 100 the newest."""
    rows = await db.fetch_all(_ATTEMPTS, p_endpoint_id=endpoint_id, p_id=delivery_id)
    if not rows:
        await delivery(db, endpoint_id, delivery_id)
    return [Attempt.from_row(row) for row in reversed(rows)]


async def payload(db: Session, delivery: Delivery) -> dict[str, Any] | None:
    """Return what a delivery sends; None once its event is gone."""
    body = delivery.body
    if body is None:
        body = (await bodies.render(db, [delivery.event_id])).get(delivery.event_id)
    return None if body is None else from_json(body)


@functools.cache
def _endpoints_statement(of_organization: bool, direction: str) -> Statement:
    total = _count(of_organization).scalar_subquery().label("total")
    statement = select(webhook_endpoints, total)
    if of_organization:
        statement = statement.where(_e.organization_id == bindparam("p_organization_id"))
    return crud.list_page(statement, _e.id, direction)


@functools.cache
def _endpoints_total(of_organization: bool) -> Statement:
    return Statement(_count(of_organization))


def _count(of_organization: bool) -> Select[Any]:
    counted = webhook_endpoints.alias("counted")
    statement = select(func.count().label("total")).select_from(counted)
    if of_organization:
        statement = statement.where(counted.c.organization_id == bindparam("p_organization_id"))
    return statement


@functools.cache
def _deliveries_statement(state: str, shape: tuple[str, ...], direction: str) -> Statement:
    conditions: dict[str, list[ColumnElement[bool]]] = {
        "event_type": [_d.event_type == bindparam("p_event_type")],
        "organization_id": [_d.organization_id == bindparam("p_organization_id")],
        "start_time": [
            _d.id >= bindparam("p_first_id"),
            _d.create_time >= bindparam("p_start_time"),
        ],
        "end_time": [_d.id <= bindparam("p_last_id"), _d.create_time <= bindparam("p_end_time")],
    }
    statement = select(webhook_deliveries).where(_of_endpoint)
    if state:
        statement = statement.where(_IN_STATE[state])
    for name in shape:
        statement = statement.where(*conditions[name])
    return crud.list_page(statement, _d.id, direction)


def _id_at(microseconds: int) -> str:
    """Return the smallest id of a delivery that was made at this time."""
    return ids.at(ids.WEBHOOK_DELIVERY, min(microseconds, _LAST_MICROSECONDS))
