"""An external id and a slug are of one organization, and free again as soon as it has lost them."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy import select

from tenantry.core import errors
from tenantry.db.engine import Failure
from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships import leaving
from tenantry.tenants.organizations import key_index, service
from tenantry.tenants.organizations.model import organization_keys, organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

COLUMNS = key_index.COLUMNS
_some = sa.or_(*(organizations.c[name].is_not(None) for name in COLUMNS))
HELD = Statement(select(organizations.c.id, *(organizations.c[n] for n in COLUMNS)).where(_some))
# One that has lost all of its own may stay in it.
_some = sa.or_(*(organization_keys.c[name].is_not(None) for name in COLUMNS))
LISTED = Statement(
    select(
        organization_keys.c.organization_id.label("id"), *(organization_keys.c[n] for n in COLUMNS)
    ).where(_some)
)


async def lists_what_organizations_have(db):
    listed, held = [
        {tuple(row[name] for name in ("id", *COLUMNS)) for row in await db.fetch_all(statement)}
        for statement in (LISTED, HELD)
    ]
    assert listed == held


def create(call, **members: str):
    return service.create(call, region_code="US", display_name="Acme", **members)


@pytest.fixture(params=["in place", "revised"])
def update(request):
    """Change members of an organization, by either way."""

    async def change(call, id_, **changes: str | None):
        if request.param == "in place":
            return await service.update(call, OrganizationIdentifier(id_), changes)
        return await service.revise(call, OrganizationIdentifier(id_), lambda _before: changes)

    return change


@pytest.mark.parametrize("column", ["external_id", "slug"])
async def test_only_one_organization_has_it(call, update, column):
    first, second = await create(call, **{column: "a"}), await create(call, **{column: "b"})
    with pytest.raises(errors.Duplicate) as refused:
        await create(call, **{column: "a"})
    assert refused.value.error_code == errors.Duplicate(column, "a").error_code
    assert column in str(refused.value)
    with pytest.raises(errors.Duplicate) as refused:
        await update(call, second.id, **{column: "a"})
    assert column in str(refused.value)
    await lists_what_organizations_have(call.db)
    # It is given up for another one, for none, and with the organization.
    await update(call, first.id, **{column: "c"})
    await update(call, second.id, **{column: "a"})
    await update(call, second.id, **{column: None})
    third = await create(call, **{column: "a"})
    await service.remove(call, OrganizationIdentifier(third.id), leaving.dismiss_members)
    await update(call, second.id, **{column: "a"})
    await lists_what_organizations_have(call.db)
    if column == "external_id":
        assert (await service.get(call, OrganizationIdentifier(external_id="a"))).id == second.id
        assert (await service.get(call, OrganizationIdentifier(external_id="c"))).id == first.id
        with pytest.raises(errors.NotFound):
            await service.get(call, OrganizationIdentifier(external_id="b"))


async def test_a_change_that_does_not_happen_takes_nothing(call, update):
    one = await create(call, external_id="a", slug="s")
    stale = replace(call, if_match=(7,))
    with pytest.raises(errors.PreconditionFailed):
        await update(stale, one.id, external_id="b", slug=None)
    await update(call, one.id, external_id="a", slug="s", display_name="Other")
    await lists_what_organizations_have(call.db)
    assert (await create(call, external_id="b")).external_id == "b"


async def test_organizations_that_want_the_same_at_once_get_it_one_after_the_other(call):
    """Each holds one, and wants that of another: however it ends, each is of one."""
    made = [await create(call, external_id=name) for name in ("a", "b", "c")]
    wanted = [
        service.update(call, OrganizationIdentifier(one.id), {"external_id": name})
        for one, name in itertools.product(made, ("a", "b", "c", None))
    ]
    outcomes = await asyncio.gather(*wanted, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    told = [one.error() if isinstance(one, Failure) else one for one in refused]
    assert [one for one in told if not isinstance(one, errors.Duplicate | errors.Busy)] == []
    await lists_what_organizations_have(call.db)
