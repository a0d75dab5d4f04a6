"""Many people that come to a directory at once: the meaning of it, by few statements for all.

Each has the same as by `provisioning.person_changed`. People that need their own look, with an
account that is there, where seats are counted, or to be refused, go that way.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.tenants.directories.effects import profiles, provisioning, reading, shown
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import arriving, seats
from tenantry.tenants.memberships.arriving import Arrival
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import service as users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.directories.effects.reading import Mapping
    from tenantry.tenants.directories.model import Directory, DirectoryUser


async def people_created(
    call: Call, directory: Directory, people: Sequence[DirectoryUser]
) -> list[DirectoryUser | Fault]:
    """Do what new people mean, and record their events; return each with its account, or why not.

    Within a transaction, before their rows are written.

    Raises:
        db.engine.DuplicateKey: somebody else made an account or a membership at this moment.

    """
    mapping = await reading.mapping(call.db, directory)
    if mapping is None:
        raise errors.NotFound("organization")
    if not provisioning.has_accounts(call):
        await call.db.record_all(_event(call, directory, one, mapping) for one in people)
        return list(people)
    plain = await _plain(call, directory, people, mapping)
    if len(plain) < len(people):
        # All that the others may need, before the first of them locks anything.
        await seats.hold(call.db, mapping.organization.id)
        await users.hold_addresses(call.db, [one.email_key for one in people])
    held = await catalogue.look_up(call.db, {mapping.default_role_id}, mapping.version)
    made: list[DirectoryUser | Fault] = []
    # In the order of the people, as their events are.
    for is_plain, some in itertools.groupby(people, lambda person: person.id in plain):
        if is_plain:
            arrived = [(person, plain[person.id]) for person in some]
            those = [arrival for _, arrival in arrived]
            await arriving.provision(call, mapping.organization, tuple(held.values()), those)
            made += [replace(person, user_id=one.user.id) for person, one in arrived]
        else:
            made += [await _by_itself(call, directory, person) for person in some]
    return made


async def _by_itself(
    call: Call, directory: Directory, person: DirectoryUser
) -> DirectoryUser | Fault:
    try:
        after = await provisioning.person_changed(call, directory, None, person)
    except Fault as fault:
        return fault
    assert after is not None
    return after


async def _plain(
    call: Call, directory: Directory, people: Sequence[DirectoryUser], mapping: Mapping
) -> dict[str, Arrival]:
    """Return the arrivals of those that need no separate look, by their ids."""
    if mapping.organization.max_allowed_users:
        return {}
    plain: dict[str, Arrival] = {}
    free = await reading.free_addresses(call.db, directory, [one.email for one in people])
    for person in people:
        if not person.active or person.email_key not in free:
            continue
        free.remove(person.email_key)  # the next one with it has an account to be linked to
        profile = profiles.profile(person, directory.attribute_mapping, mapping.attributes)
        account = provisioning.new_account(call, person, profile)
        plain[person.id] = Arrival(account, _event(call, directory, person, mapping))
    return plain


def _event(call: Call, directory: Directory, person: DirectoryUser, mapping: Mapping) -> Event:
    content = shown.person(directory, person, groups=(), roles=(), attributes=mapping.attributes)
    return shown.event(call, directory, "user_created", before=None, after=content)
