"""A directory of an organization, on both databases, and calls that its provider makes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from tenantry.core import ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.tenants.directories.model import Directory, directories
from tenantry.tenants.organizations import service as organizations

_INSERT = Statement(insert(directories).values(bound(directories)))


@pytest.fixture
def new_directory(call):
    """Make an enabled directory, of an organization of its own."""

    async def make(organization_id=None, **members: Any):
        if organization_id is None:
            organization = await organizations.create(call, region_code="US", display_name="Acme")
            organization_id = organization.id
        at = now()
        directory = Directory(
            id=call.db.new_id(ids.DIRECTORY),
            organization_id=organization_id,
            name="Okta",
            enabled=True,
            create_time=at,
            update_time=at,
            **members,
        )
        await call.db.fetch_all(_INSERT, **prefixed(directory.to_row()))
        return directory

    return make


@pytest.fixture
async def directory(new_directory):
    """One of them."""
    return await new_directory()


@pytest.fixture
def by_provider(call, directory):
    """A call that the provider of the directory makes."""
    caller = Caller(Kind.DIRECTORY, directory.id, directory.organization_id, frozenset())
    return replace(call, caller=caller)
