"""The last sign-ins by the connections of an organization, and the last error of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, literal_column, select

from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.i18n.guide_steps import ENGLISH
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.model import OIDC, SAML, connections
from tenantry.identity.sign_in.model import FAILED, SUCCESS, auth_requests
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from sqlalchemy import ScalarSelect

    from tenantry.call import Call
    from tenantry.db.engine import Row
    from tenantry.identity.connections.guides.explanations import ExplainedError


@dataclass(frozen=True, slots=True)
class LastSignIns:
    """The last sign-ins by one connection; times in microseconds since 1970, UTC, 0 for never.

    ``said`` is the last error, None where a sign-in has worked since then.
    """

    connection_id: str
    last_sign_in_time: int
    last_failure_time: int
    said: ExplainedError | None
    certificates_expire_time: int
    fault: str


def _newest(status: str) -> ScalarSelect[Any]:
    """Return the id of the newest sign-in by a connection with this status."""
    a = auth_requests.alias(status.lower()).c
    return (
        select(a.id)
        .where(
            a.connection_id == connections.c.id,
            a.status == literal_column(f"'{status}'"),
        )
        .order_by(a.id.desc())
        .limit(literal_column("1"))
        .correlate(connections)
        .scalar_subquery()
    )


_c = connections.c
_worked, _failed = auth_requests.alias("worked"), auth_requests.alias("failed_one")
_STATES = Statement(
    select(
        _c.id,
        _c.settings,
        _worked.c.create_time.label("worked_time"),
        _failed.c.create_time.label("failed_time"),
        _failed.c.error,
    )
    .select_from(
        connections.outerjoin(_worked, _worked.c.id == _newest(SUCCESS)).outerjoin(
            _failed, _failed.c.id == _newest(FAILED)
        )
    )
    .where(
        _c.organization_id == bindparam("p_organization_id"),
        _c.type.in_([literal_column(f"'{OIDC}'"), literal_column(f"'{SAML}'")]),
    )
    .order_by(_c.id)
)


async def of_organization(call: Call, organization_id: str) -> list[LastSignIns]:
    """Return the last sign-ins by the connections of an organization, the oldest one first."""
    await organizations.get(call, OrganizationIdentifier(organization_id))
    rows = await call.db.fetch_all(_STATES, p_organization_id=organization_id)
    return [_state(row) for row in rows]


def _state(row: Row) -> LastSignIns:
    settings = from_json(row["settings"])
    worked, failed, said = row["worked_time"] or 0, row["failed_time"] or 0, None
    if failed > worked and row["error"] is not None:
        error = from_json(row["error"])
        said = explanations.say(ENGLISH, error["error"], error["error_description"], "")
    expiries = [one.get("expiry_time", 0) for one in settings.get("idp_certificates", ())]
    return LastSignIns(
        row["id"], worked, failed, said, max(expiries, default=0), settings.get("fault", "")
    )
