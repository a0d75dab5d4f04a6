"""Endpoints, deliveries and attempts as records; times in microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core.times import rfc3339
from tenantry.db.writes.rows import members, row_of
from tenantry.events.webhooks.model import webhook_attempts, webhook_deliveries, webhook_endpoints

if TYPE_CHECKING:
    from tenantry.db.engine import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address that events are sent to, with its settings and its state."""

    id: str
    url: str
    description: str = ""
    event_types: tuple[str, ...] = ()  # every published type when empty
    organization_id: str | None = None
    enabled: bool = True
    ordered: bool = False
    secret_sealed: str
    previous_secret_sealed: str | None = None
    previous_secret_expire_time: int | None = None
    failing_since: int | None = None
    disabled_reason: str | None = None
    revision: int = 1
    create_time: int
    update_time: int

    def to_row(self) -> dict[str, Any]:
        return row_of(self, webhook_endpoints)

    @classmethod
    def from_row(cls, row: Row) -> Endpoint:
        """Return the endpoint of one row."""
        return cls(**members(row, webhook_endpoints))

    def to_event(self) -> dict[str, Any]:
        """Return what events show: no secret, encrypted or not."""
        return {
            "id": self.id,
            "url": self.url,
            "description": self.description,
            "event_types": list(self.event_types),
            "organization_id": self.organization_id,
            "enabled": self.enabled,
            "ordered": self.ordered,
            "disabled_reason": self.disabled_reason,
            "failing_since": _moment(self.failing_since),
            "previous_secret_expire_time": _moment(self.previous_secret_expire_time),
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The delivery of an event to an endpoint; a test event has its own body."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    organization_id: str | None
    position: int
    state: str
    attempts: int
    due_time: int | None
    last_status: int | None
    body: str | None
    replay: bool
    create_time: int
    end_time: int | None

    @classmethod
    def from_row(cls, row: Row) -> Delivery:
        """Return the delivery of one row."""
        return cls(**members(row, webhook_deliveries))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt of a delivery: its answer, or its failure; ``duration`` likewise."""

    delivery_id: str
    number: int
    attempt_time: int
    duration: int
    status_code: int | None
    problem: str | None
    response: str | None

    @classmethod
    def from_row(cls, row: Row) -> Attempt:
        """Return the attempt of one row."""
        return cls(**members(row, webhook_attempts))


def _moment(microseconds: int | None) -> str | None:
    return None if microseconds is None else rfc3339(microseconds)
