"""Many people that come to a directory at once: the meaning of it, by few statements for all.

Each has the same as by `provisioning.person_changed`. People that need a look of their own, with an
account that is there, where seats are counted, or to be refused, go that way.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.tenants.directories.effects import profiles, provisioning, reading, shown
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import arriving, seats
from tenantry.tenants.memberships.arriving import Arrival
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.tenants.directories.model import Directory, DirectoryUser


async def people_created(
    call: Call, directory: Directory, people: Sequence[DirectoryUser]
) -> list[DirectoryUser | Fault]:
    """Do what new people mean, and record their events; return each with its account, or why not.

    Within a transaction, before their rows are written.

    Raises:
        errors.ConcurrentChange: others changed the same at this moment.
        db.engine.DuplicateKey: somebody else made an account or a membership at this moment.

    """
    mapping = await reading.mapping(call.db, directory)
    if mapping is None:
        raise errors.NotFound("organization")
    plain: dict[str, Arrival] = {}
    if provisioning.has_accounts(call) and not mapping.organization.max_allowed_users:
        free = await reading.free_addresses(call.db, directory, [one.email for one in people])
        for person in people:
            if not person.active or person.email_key not in free:
                continue
            free.remove(person.email_key)  # the next one with it has an account to be linked to
            profile = profiles.profile(person, directory.attribute_mapping, mapping.attributes)
            content = shown.person(
                directory, person, groups=(), roles=(), attributes=mapping.attributes
            )
            event = shown.event(call, directory, "user_created", before=None, after=content)
            plain[person.id] = Arrival(provisioning.new_account(call, person, profile), event)
    if provisioning.has_accounts(call) and len(plain) < len(people):
        # All that the others may need, before the first of them locks anything.
        await seats.hold(call.db, mapping.organization.id)
        await users.hold_addresses(call.db, [one.email_key for one in people])
    held = await catalogue.look_up(call.db, {mapping.default_role_id}, mapping.version)
    await arriving.provision(call, mapping.organization, tuple(held.values()), list(plain.values()))
    made: list[DirectoryUser | Fault] = []
    for person in people:
        arrival = plain.get(person.id)
        if arrival is not None:
            made.append(replace(person, user_id=arrival.user.id))
            continue
        try:
            after = await provisioning.person_changed(call, directory, None, person)
        except Fault as fault:
            made.append(fault)
        else:
            assert after is not None
            made.append(after)
    return made
