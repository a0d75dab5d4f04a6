"""Imported rows are found at once, by the import's own work: no worker runs here."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import text
from user_files import ndjson

from tenantry.api import row_validation
from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships.model import Rules
from tenantry.tenants.organizations import listing as organizations
from tenantry.tenants.users import search
from tenantry.transfer.bulk import importing

MEMBERS = 50  # of each organization


def row(number):
    customer = number // MEMBERS
    return {
        "email": f"p{number:06}x@people-{number % 97}.example",
        "external_id": f"hr-{number:06}-e",
        "organization_external_id": f"crm-{customer:05}",
        "organization_name": f"Übung {customer:05} GmbH",
    }


@pytest.mark.thorough
@pytest.mark.timeout(600)
async def test_each_of_twenty_thousand_imported_rows_is_found_at_once(call, db, request):
    many = 20_000 if request.config.getoption("thorough") else 1000

    async def pieces():
        yield ndjson(row(number) for number in range(many))

    order = importing.Order(
        row_validation.check_user,
        row_validation.check_organization,
        Rules(15, False, False),
        "US",
        create_organizations=True,
    )
    began = time.perf_counter()
    report = await importing.run(call, pieces(), order)
    imported = time.perf_counter() - began
    assert (report.users.created, report.refused) == (many, 0)
    began = time.perf_counter()
    for number in range(many):
        given = row(number)
        for part in (given["email"][1:9], given["external_id"].upper()[1:-1]):
            found = await search.of_environment(call, part, page_size=2, page_token="")
            assert [user.email for user in found.items] == [given["email"]], part
            assert found.total_size == 1
    for customer in range(many // MEMBERS):
        wanted = organizations.Filter(query=f"bung {customer:05} g")
        found = await organizations.page(call, wanted, page_size=2, page_token="")
        assert [one["external_id"] for one in found.items] == [f"crm-{customer:05}"]
    print(f"imported in {imported:.1f} s, found in {time.perf_counter() - began:.1f} s")
    for table in ("users", "organizations"):
        left = Statement(text(f"SELECT count(*) AS n FROM {table}_search_due"))
        assert (await db.fetch_one(left))["n"] == 0, "they were found beside the index"
