"""Finding connections: by id, of an organization, of a domain, and the social ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, literal_column, or_, select

from tenantry.core import ids
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import COMPLETED, FEDERATED, OAUTH, Connection, connections
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN, domains
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy

if TYPE_CHECKING:
    from tenantry.db.engine import Session

_c, _d = connections.c, domains.c
_DOMAIN = bindparam("p_domain", type_=Text)
_ORGANIZATION_ID = bindparam("p_organization_id", type_=Text)


def _either(*values: str) -> list[str]:
    return [f"'{value}'" for value in values]


_is_federated = or_(*(_c.type == literal_column(text) for text in _either(*FEDERATED)))
IS_SERVING = _c.enabled & (_c.status == literal_column(f"'{COMPLETED}'"))
# Literals, not parameters: the planner matches the partial index by its text.
IS_OWNED = (_d.domain_type == literal_column(f"'{ORGANIZATION_DOMAIN}'")) & (
    _d.verification_status.in_([literal_column(text) for text in _either(*PROVEN)])
)
_FIND = crud.get(connections)
_of_organization = (
    select(connections).where(_c.organization_id == _ORGANIZATION_ID, _is_federated).order_by(_c.id)
)
# By whether it is those alone that serve.
_OF_ORGANIZATION = {
    False: Statement(_of_organization),
    True: Statement(_of_organization.where(IS_SERVING)),
}
_serving_domain = (
    select(connections)
    .join_from(domains, connections, _c.organization_id == _d.organization_id)
    .where(
        *(_d.domain == _DOMAIN, IS_OWNED, _is_federated, IS_SERVING),
        or_(_d.connection_id.is_(None), _d.connection_id == _c.id),
    )
    .order_by(_c.id)
    .limit(literal_column("1"))
)
_SERVING_DOMAIN = Statement(_serving_domain)
_ENFORCING = Statement(
    _serving_domain.add_columns(
        select(organizations.c.policy)
        .where(organizations.c.id == _c.organization_id)
        .correlate(connections)
        .scalar_subquery()
        .label("organization_policy")
    )
)
_SOCIAL = Statement(
    select(connections)
    .where(_c.organization_id.is_(None), _c.type == literal_column(f"'{OAUTH}'"), IS_SERVING)
    .order_by(_c.id)
)


async def find(db: Session, connection_id: str) -> Connection | None:
    """Return any connection, by its id alone: for what a provider or a browser brings it to."""
    if not ids.well_formed(ids.CONNECTION, connection_id):
        return None
    row = await db.fetch_one(_FIND, p_id=connection_id)
    return None if row is None else Connection.from_row(row)


async def of_organization(
    db: Session, organization_id: str, *, serving: bool = True
) -> list[Connection]:
    """Return the connections of an organization, the oldest first; all, or those that serve."""
    rows = await db.fetch_all(_OF_ORGANIZATION[serving], p_organization_id=organization_id)
    return [Connection.from_row(row) for row in rows]


async def serving_domain(db: Session, domain: str) -> Connection | None:
    """Return the connection that people of a domain sign in by, if there is one.

    It serves, and the domain, exactly this one, is proved to be its organization's. A domain that
    has its own connection goes by that alone, others by the oldest one.
    """
    row = await db.fetch_one(_SERVING_DOMAIN, p_domain=domain)
    return None if row is None else Connection.from_row(row)


async def enforcing(
    db: Session, domain: str
) -> tuple[Connection | None, OrganizationPolicy | None]:
    """Return `serving_domain`, and the sign-in policy of its organization."""
    row = await db.fetch_one(_ENFORCING, p_domain=domain)
    if row is None:
        return None, None
    return Connection.from_row(row), OrganizationPolicy.read(row["organization_policy"])


async def social(db: Session) -> list[Connection]:
    """Return the environment's connections to social providers that serve, the oldest first."""
    return [Connection.from_row(row) for row in await db.fetch_all(_SOCIAL)]
