"""The effects of changes of many people of a directory at once, by few statements for all.

Each person has the same as by `provisioning.person_changed`. People that need a separate look go
that way: new ones with an account, where seats are counted, or that are to be refused; changes that
need more than to switch a membership and to record events.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.tenants.directories.effects import event_data, profiles, provisioning, reading
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import activity, bulk_creation, seats
from tenantry.tenants.memberships.bulk_creation import NewMember
from tenantry.tenants.roles import catalogue
from tenantry.tenants.users import service as users
from tenantry.tenants.users.model import ACTIVE, INACTIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.tenants.directories.effects.reading import Around, Mapping
    from tenantry.tenants.directories.model import Directory, DirectoryUser

_AT_ONCE = 10  # people whose events are made without a pause


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
            await bulk_creation.provision(call, mapping.organization, tuple(held.values()), those)
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
) -> dict[str, NewMember]:
    """Return the arrivals of those that need no separate look, by their ids."""
    if mapping.organization.max_allowed_users:
        return {}
    plain: dict[str, NewMember] = {}
    free = await reading.free_addresses(call.db, directory, [one.email for one in people])
    for person in people:
        if not person.active or person.email_key not in free:
            continue
        free.remove(person.email_key)  # the next one with it has an account to be linked to
        profile = profiles.profile(person, directory.attribute_mapping, mapping.attributes)
        account = provisioning.new_account(call, person, profile)
        plain[person.id] = NewMember(account, _event(call, directory, person, mapping))
    return plain


def _event(call: Call, directory: Directory, person: DirectoryUser, mapping: Mapping) -> Event:
    content = event_data.person(
        directory, person, groups=(), roles=(), attributes=mapping.attributes
    )
    return event_data.event(call, directory, "user_created", before=None, after=content)


async def people_changed(
    call: Call, directory: Directory, changes: Sequence[tuple[DirectoryUser, DirectoryUser | None]]
) -> int:
    """Apply the effects of changes of different people, and record their events; return how many.

    Each change is a person before and after, or None if deleted. These are the first ones, up to
    one that must run separately. Within a transaction that holds the people, before their rows
    are written or deleted.
    """
    mapping, found = await reading.surroundings(
        call.db, directory, [before.id for before, _ in changes]
    )
    if mapping is None:
        raise errors.NotFound("organization")
    batch = _Batch(call, directory, mapping)
    number = 0
    for before, after in changes:
        around = found.get(before.id)
        if around is None or not await batch.take(before, after, around):
            break
        number += 1
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    await activity.switch_all(
        call.db, directory.organization_id, on=batch.on, off=batch.off, at=batch.at
    )
    await call.db.record_all(batch.events)
    return number


class _Batch:
    """The events of changes, and the users whose memberships they switch on and off."""

    def __init__(self, call: Call, directory: Directory, mapping: Mapping) -> None:
        self._call = call
        self._directory = directory
        self._mapping = mapping
        self._accounts: set[str] = set()
        self.at = now()
        self.events: list[Event] = []
        self.on: set[str] = set()
        self.off: set[str] = set()

    async def take(
        self, before: DirectoryUser, after: DirectoryUser | None, around: Around
    ) -> bool:
        """Take a change, and return whether it can be made with the others."""
        if provisioning.has_accounts(self._call):
            switched = await self._switched(before, after, around)
            if switched is None:
                return False
            self.events += switched
        event = provisioning.event_of(self._call, self._directory, before, after, around)
        self.events.append(event)
        return True

    async def _switched(
        self, before: DirectoryUser, after: DirectoryUser | None, around: Around
    ) -> list[Event] | None:
        """Return the events of the person's membership; None if the change must run separately."""
        if before.user_id is None or not around.has_account or before.user_id in self._accounts:
            return None
        self._accounts.add(before.user_id)
        if after is not None and not self._keeps_profile(before, after, around):
            return None
        if after is not None and after.active:
            if around.status == INACTIVE:
                return await self._activation(after, around)
            return [] if around.status == ACTIVE else None
        if around.status == ACTIVE:
            return await self._deactivation(around)
        return [] if around.status in {None, INACTIVE} else None

    def _keeps_profile(self, before: DirectoryUser, after: DirectoryUser, around: Around) -> bool:
        """Whether the account stays as it is; that of an inactive person does."""
        if after.email_key != before.email_key:
            return False
        mapping, attributes = self._directory.attribute_mapping, around.mapping.attributes
        return not after.active or not profiles.news(
            around.profile,
            profiles.profile(before, mapping, attributes),
            profiles.profile(after, mapping, attributes),
            attributes,
        )

    async def _activation(self, after: DirectoryUser, around: Around) -> list[Event] | None:
        organization = around.mapping.organization
        user = await around.account(self._call.db)
        place = user.memberships[0]
        if (
            organization.max_allowed_users
            or not user.email_verified
            or provisioning.roles_differ(after, place, around)
        ):
            return None
        self.on.add(user.id)
        return [activity.activated(self._call, organization, user, place, self.at)[1]]

    async def _deactivation(self, around: Around) -> list[Event] | None:
        user = await around.account(self._call.db)
        place = user.memberships[0]
        if around.mapping.creator_role_id in {role.id for role in place.roles}:
            return None  # it may be the last administrator
        self.off.add(user.id)
        return [activity.deactivated(self._call, around.mapping.organization, user, place)]
