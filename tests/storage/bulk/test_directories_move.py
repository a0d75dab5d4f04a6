"""Directories in the file of an environment: identity providers go on pushing to the new one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from databases import MASTER_KEY
from environments import written

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.crypto import vault
from tenantry.db.opening import open_database
from tenantry.tenants.directories import listing, registry, role_assignments, secrets
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.listing import Assignment
from tenantry.tenants.directories.resources import groups, people, searching
from tenantry.tenants.directories.scim import filters, resources
from tenantry.tenants.domains import service as domains
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.transfer.bulk.archives.dump import dump_environment
from tenantry.transfer.bulk.archives.restore import restore_environment


async def exported(db):
    async with db.snapshot() as snapshot:
        pages = dump_environment(snapshot, with_password_hashes=False)
        return b"".join([line async for lines in pages for line in lines])


async def imported(db, content):
    async def pieces():
        yield content

    return await restore_environment(Call(SYSTEM, db, "req_1"), pieces())


@pytest.fixture
async def made(call):
    """A directory with a person in a group that has a role; and the text of its secret."""
    owner = await organizations.create(call, region_code="US", display_name="Acme")
    await domains.create(
        call,
        OrganizationIdentifier(owner.id),
        domain="acme.example.com",
        domain_type="ORGANIZATION_DOMAIN",
        txt_label="_label",
    )
    directory = await registry.create(call, owner.id, directory_type="SCIM")
    directory = await registry.enable(call, owner.id, directory.id)
    _, plain = await secrets.create(call, owner.id, directory.id)
    pushed = replace(call, caller=provisioning.caller_of(directory, is_modular=False))
    payload = {
        "userName": "ada@acme.example.com",
        "displayName": "Ada",
        "emails": [{"value": "a.lovelace@acme.example.com"}],
    }
    ada = await people.create(pushed, directory, resources.read_user(payload))
    payload = {"displayName": "Engineering", "members": [{"value": ada.id}]}
    group = (await groups.create(pushed, directory, resources.read_group(payload))).group
    await role_assignments.assign(call, owner.id, directory.id, [Assignment(group.id, "admin")])
    return directory, plain, ada


@pytest.fixture(params=["sqlite", "postgresql"])
def target(request, new_database):
    """A fresh database: made here, for to make the first one takes a loop of its own."""
    return new_database(request.param)


async def test_a_directory_goes_on_in_the_new_deployment(call, db, target, made):
    directory, plain, ada = made
    content = await exported(db)
    assert plain.encode() not in content
    before = await listing.whole(call, directory)
    async with open_database(target, MASTER_KEY, pool_size=2) as other:
        counts = await imported(other, content)
        assert counts["directory_member"] == counts["directory_role_assignment"] == 1
        ((secret, there),) = (await secrets.read(other, [vault.digest(plain)])).values()
        assert there.id == secret.directory_id == directory.id
        after = await listing.whole(Call(SYSTEM, other, "req_1"), there)
        assert after == before
        assert (after.total_users, after.total_groups) == (1, 1)
        for text in (
            'emails.value eq "A.Lovelace@acme.example.com"',
            'userName eq "ADA@acme.example.com"',
            'displayName eq "ada"',
        ):
            query = searching.Query(filter=filters.parse(text))
            found = await searching.users(other, there, query)
            assert [one.id for one in found.resources] == [ada.id]
        (group,) = (await searching.groups(other, there, searching.Query())).resources
        assert group.member_count == 1
        assert await exported(other) == content


@pytest.mark.parametrize(
    ("type_", "change", "says"),
    [
        ("directory", {"directory_type": "LDAP"}, "directory_type: must be one of SCIM, POLL"),
        ("directory", {"directory_provider": "ACME"}, "directory_provider: must be one of"),
        ("directory", {"status": "READY"}, "status: must be one of DRAFT"),
        ("directory", {"credentials": "x"}, "credentials: is not a member of a directory"),
        ("directory_secret", {"status": "OLD"}, "status: must be one of ACTIVE, INACTIVE"),
        ("directory_user", {"document": {"displayName": "Ada"}}, "document: .*userName"),
        ("directory_user", {"document": {"userName": "x" * 5000}}, "document: .*userName"),
        ("directory_user", {"directory_id": "dir_1"}, "refers to one that does not come before it"),
        ("directory_group", {"document": {}}, "document: .*displayName"),
        ("directory_member", {"directory_user_id": "x"}, "refers to one that does not come before"),
        ("directory_role_assignment", {"role_id": "role_1"}, "refers to one that does not come"),
    ],
)
@pytest.mark.usefixtures("made")
async def test_a_line_of_a_directory_that_is_wrong_is_named(db, new_database, type_, change, says):
    content = [json.loads(line) for line in (await exported(db)).splitlines()]
    next(line for line in content if line["type"] == type_).update(change)
    async with open_database(new_database("sqlite"), MASTER_KEY) as other:
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, written(content))
