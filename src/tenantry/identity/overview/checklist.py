"""The setup checklist: which tasks of a new deployment are done, by its rows and settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal_column, or_, select

from tenantry.access.clients.model import APPLICATIONS, WEB_APP, clients
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import email_servers
from tenantry.events.webhooks.deliveries.figures import ANY_ENDPOINT
from tenantry.identity.connections.model import connections
from tenantry.identity.sign_in.model import SUCCESS, auth_requests
from tenantry.identity.simulator import test_organization
from tenantry.tenants.domains.model import domains
from tenantry.tenants.environment import service as environment
from tenantry.tenants.organizations.model import organization_keys
from tenantry.tenants.users.model import USERS, user_tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Select

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.settings import Settings

DOCUMENT = "setup_checklist"
_MOST_CONNECTIONS = 1000  # of which a sign-in is looked for


class Task(StrEnum):
    """The tasks in the recommended order."""

    BRANDING = "branding"
    APPLICATION = "application"
    USER = "user"
    EMAIL = "email"
    DOMAIN = "domain"
    SINGLE_SIGN_ON = "single_sign_on"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Checklist:
    """The tasks, each with whether it is done."""

    done: Mapping[Task, bool]
    dismissed: bool
    client_id: str  # of the oldest web application, "" without one
    test_organization_id: str  # "" without one


def _first(found: Select[Any]) -> Select[Any]:
    return found.limit(literal_column("1"))


_test_organization = (
    select(organization_keys.c.organization_id)
    .where(organization_keys.c.external_id == literal_column(f"'{test_organization.EXTERNAL_ID}'"))
    .scalar_subquery()
)
_some_connections = (
    select(connections.c.id, connections.c.test_time)
    .limit(literal_column(str(_MOST_CONNECTIONS)))
    .subquery("some")
)


def _any(found: Select[Any], name: str) -> ColumnElement[bool]:
    return _first(found).exists().label(name)


_STATE = Statement(
    select(
        select(func.min(clients.c.id))
        .where(clients.c.client_type == literal_column(f"'{WEB_APP}'"))
        .scalar_subquery()
        .label("client_id"),
        _any(
            select(clients.c.id).where(
                clients.c.client_type.in_([literal_column(f"'{type_}'") for type_ in APPLICATIONS])
            ),
            "application",
        ),
        user_tally.of(USERS).label("users"),
        _test_organization.label("test_organization_id"),
        _any(select(email_servers.c.id).where(email_servers.c.enabled), "email"),
        _any(
            select(domains.c.id).where(
                domains.c.organization_id != func.coalesce(_test_organization, "")
            ),
            "domain",
        ),
        _any(
            select(_some_connections.c.id).where(
                or_(
                    _some_connections.c.test_time.is_not(None),
                    select(auth_requests.c.id)
                    .where(
                        auth_requests.c.connection_id == _some_connections.c.id,
                        auth_requests.c.status == literal_column(f"'{SUCCESS}'"),
                    )
                    .exists(),
                )
            ),
            "single_sign_on",
        ),
        ANY_ENDPOINT.label("webhook"),
    )
)


async def read(db: Session, settings: Settings) -> Checklist:
    """Return the checklist as it is now."""
    row = await db.fetch_one(_STATE)
    assert row is not None
    _, dismissed = await environment.document(db, DOCUMENT)
    return Checklist(
        _done(row, settings),
        bool(dismissed),
        row["client_id"] or "",
        row["test_organization_id"] or "",
    )


async def dismiss(call: Call) -> None:
    """Hide the checklist from all operators."""
    await environment.keep_document(call, DOCUMENT, {"dismiss_time": now()}, "")


def _done(row: Row, settings: Settings) -> dict[Task, bool]:
    logo = settings.app_logo_url or settings.login_logo_url
    return {
        Task.BRANDING: bool(settings.app_name and logo),
        Task.APPLICATION: bool(row["application"]),
        Task.USER: bool(row["users"]),
        Task.EMAIL: bool(row["email"] or settings.smtp_url),
        Task.DOMAIN: bool(row["domain"]),
        Task.SINGLE_SIGN_ON: bool(row["single_sign_on"]),
        Task.WEBHOOK: bool(row["webhook"]),
    }
