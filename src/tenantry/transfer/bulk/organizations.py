"""The organizations that rows name: found, or founded where that is asked for.

They are founded before their members come, in their own transaction: so two batches that
are written side by side do not found one organization twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, insert, select

from tenantry.core import errors
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import key_index, service
from tenantry.tenants.organizations.model import (
    ORGANIZATIONS,
    Organization,
    organization_search,
    organization_tally,
    organizations,
)
from tenantry.tenants.roles.model import default_member_roles
from tenantry.transfer.bulk.model import Offer, Offers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.dry_run import DryRunWrites
    from tenantry.transfer.bulk.rows import Check, Row

_o = organizations.c
_COLUMNS = named(organizations)
_found = select(organizations, default_member_roles.c.role_id.label("default_role_id")).outerjoin(
    default_member_roles, default_member_roles.c.organization_id == _o.id
)
_keys = json_values(bindparam("keys", type_=Text))
_FIND = {
    "id": Statement(_found.where(_o.id.in_(_keys))),
    "external_id": Statement(_found.where(key_index.has_one_of("external_id", _keys))),
}
_INSERT = Statement(
    insert(organizations).from_select(
        [column.name for column in _COLUMNS], rows_of("new_organizations", _COLUMNS)
    )
)


async def offered(
    call: Call,
    rows: Sequence[Row],
    *,
    check_organization: Check,
    region_code: str,
    create: bool,
    dry_run_writes: DryRunWrites | None,
) -> Offers:
    """Return the organizations of rows, and create missing ones if requested.

    Raises:
        DuplicateKey: another one took an external id at the same moment.

    """
    offers = Offers()
    async with call.db.transaction() as db:
        await db.expect_growth()
        for row in await _find(db, rows, dry_run_writes):
            values = [row[column.name] for column in _COLUMNS]  # of a noted one, by name alone
            offers.add(Offer(Organization.from_row(values), row["default_role_id"]))
        if not create:
            return offers
        founded = _founded(
            db, rows, offers, check_organization=check_organization, region_code=region_code
        )
        offers.created = len(founded)
        if dry_run_writes is not None:
            dry_run_writes.add_organizations(founded)
        elif founded:
            given = spelled(_COLUMNS, (one.to_row() for one in founded))
            await db.fetch_all(_INSERT, new_organizations=given)
            await key_index.enter(db, to_json([one.id for one in founded]))
            await organization_tally.add(db, {ORGANIZATIONS: len(founded)})
            await organization_search.mark_all(db, (one.id for one in founded))
            await db.record_all(
                call.event("organization.created", organization_id=one.id, after=one.to_event())
                for one in founded
            )
    return offers


async def _find(
    db: Session, rows: Sequence[Row], dry_run_writes: DryRunWrites | None
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for key, statement in _FIND.items():
        wanted = {
            row.organization[1] for row in rows if row.organization and row.organization[0] == key
        }
        if wanted:
            found += await db.fetch_all(statement, keys=to_json(sorted(wanted)))
        if wanted and dry_run_writes is not None and key == "external_id":
            found += dry_run_writes.organizations(wanted)
    return found


def _founded(
    db: Session, rows: Sequence[Row], offers: Offers, *, check_organization: Check, region_code: str
) -> list[Organization]:
    """Return those that are to be founded: each by the first of its rows that has a name for it."""
    founded = []
    for row in rows:
        if row.organization is None or row.organization[0] != "external_id":
            continue
        if row.organization in offers.by_key:
            continue
        name, external_id = row.organization_name, row.organization[1]
        try:
            if not name:
                raise errors.InvalidArgument.field(
                    "organization_name", "required", "is required for a new organization"
                )
            check_organization({"display_name": name, "external_id": external_id})
            organization = service.new(
                db, region_code=region_code, display_name=name, external_id=external_id
            )
        except errors.InvalidArgument as problem:
            offers.refused[row.organization] = problem
            continue
        offers.refused.pop(row.organization, None)
        offers.add(Offer(organization))
        founded.append(organization)
    return founded
