"""Plans what a batch of rows changes, by the rules of a single call, and writes nothing.

A row is accepted or refused as a whole, in the order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.tenants.memberships import administrators, deprovisioned, joining, roles, seats
from tenantry.tenants.memberships.model import Terms
from tenantry.tenants.users import values
from tenantry.tenants.users.model import ACTIVE, User
from tenantry.transfer.bulk.model import Join, Person, Place, Plan
from tenantry.transfer.bulk.report import Report
from tenantry.transfer.bulk.rows import Refusal, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.tenants.memberships.model import Rules
    from tenantry.tenants.organizations.model import Organization
    from tenantry.tenants.roles.catalogue import HeldRole
    from tenantry.tenants.users.model import Membership
    from tenantry.transfer.bulk.existing_rows import ExistingRows
    from tenantry.transfer.bulk.model import Offer, Offers
    from tenantry.transfer.bulk.rows import Row


async def build_plan(
    db: Session,
    rows: Sequence[Row],
    existing: ExistingRows,
    offers: Offers,
    left: Mapping[str, int | None],
    *,
    rules: Rules,
    at: int,
    dry_run: bool,
) -> Plan:
    """Return the plan for rows; it holds only if all of its ``to_hold`` were held.

    ``left`` are the free seats of each organization that is held, None where there is no limit.
    """
    plan = Plan(Report(dry_run))
    planner = _Planner(db, existing, offers, plan, dict(left), rules, at)
    for row in rows:
        try:
            await planner.take(row)
        except errors.InvalidArgument as problem:
            plan.report.refuse(refusals(row.line, problem))
        except _Refused as refused:
            plan.report.refuse(refused.refusals)
    return plan


class _Refused(Exception):
    def __init__(self, refusals: list[Refusal]) -> None:
        super().__init__()
        self.refusals = refusals


# As most rows say; roles are looked up apart.
_AT_ONCE = Terms()


@dataclass(slots=True)
class _Planner:
    db: Session
    existing: ExistingRows
    offers: Offers
    plan: Plan
    seats: dict[str, int | None]
    rules: Rules
    at: int

    async def take(self, row: Row) -> None:
        """Enter what a row changes into the plan."""
        offer = self.offers.of(row)
        if row.organization is not None and offer is None:
            raise _Refused(self.offers.refusals(row))
        person = self._person(row)
        user = self._new_user(row) if person is None else self._changed_user(person.user, row)
        place = membership = None
        if offer is not None:
            place = self.existing.places.get((offer.organization.id, user.id))
            if place is None:
                membership = self._joined(offer, user, row)
                if not row.invite and not user.email_verified and row.email_verified is None:
                    # The file vouches for the e-mail address, as a call does.
                    user = replace(user, email_verified=True)
            else:
                membership = await self._changed_membership(place, offer, row)
        # From here on nothing is refused.
        person = self._enter_person(row, person, user, offer)
        if offer is not None and membership is not None:
            self._enter_membership(place, membership, person, offer.organization)

    def _person(self, row: Row) -> Person | None:
        """Return the person of a row: by the external id, else by the e-mail address."""
        by_email = self.existing.by_email.get(row.email_key)
        if row.external_id is None:
            return by_email
        person = self.existing.by_external_id.get(row.external_id)
        if person is None and by_email is not None and by_email.user.external_id is not None:
            raise errors.InvalidArgument.field(
                "email",
                "unique",
                f"the user of this email address has the external ID {by_email.user.external_id!r}",
            )
        if person is not None and person is not by_email:
            raise errors.InvalidArgument.field(
                "email",
                "immutable",
                "the user with this external ID has another email address, which cannot change",
            )
        return by_email

    def _new_user(self, row: Row) -> User:
        verified = row.organization is not None and not row.invite
        return User.new(
            self.db.new_id(ids.USER),
            row.email,
            email_verified=verified if row.email_verified is None else row.email_verified,
            at=self.at,
            external_id=row.external_id,
            profile=row.profile,
            metadata=row.metadata,
        )

    def _changed_user(self, user: User, row: Row) -> User:
        changes: dict[str, Any] = {}
        if row.external_id is not None:
            changes["external_id"] = row.external_id
        if row.profile:
            changes["profile"] = values.profile(user.profile, row.profile, "user_profile")
        if row.metadata:
            changes["metadata"] = row.metadata
        if row.email_verified is not None:
            changes["email_verified"] = row.email_verified
        if all(getattr(user, name) == value for name, value in changes.items()):
            return user
        return replace(user, **changes)

    def _joined(self, offer: Offer, user: User, row: Row) -> Membership:
        organization = offer.organization
        joining.check_address(self.rules, user.email, "email")
        if (organization.id, row.email_key) in self.existing.dismissed:
            raise deprovisioned.refusal()
        held = self._roles(offer, row)
        if not held:
            default = offer.default_role_id or self.existing.roles.member
            held = self.existing.roles.all([default])
        if organization.max_allowed_users:
            self._take_seat(organization)
        terms = _AT_ONCE
        if row.membership_metadata or row.inviter_email or row.invite:
            terms = Terms((), row.membership_metadata, row.inviter_email, row.invite)
        return joining.membership(
            self.db, organization, user.id, held, terms, rules=self.rules, at=self.at
        )

    def _take_seat(self, organization: Organization) -> None:
        self.plan.to_hold.add(organization.id)
        left = self.seats.get(organization.id)
        if left is None:
            return
        seats.check_left(organization, left)
        self.seats[organization.id] = left - 1

    async def _changed_membership(self, place: Place, offer: Offer, row: Row) -> Membership:
        before = place.membership
        roles = self._roles(offer, row) or before.roles
        after = replace(before, roles=roles, metadata=row.membership_metadata or before.metadata)
        if after == before:
            return before
        organization_id = offer.organization.id
        if place.before is not None:
            self.plan.to_hold.add(organization_id)
        if organization_id in self.seats and self._is_admin(before) and not self._is_admin(after):
            await self._check_last_admin(before, after)
        return after

    def _roles(self, offer: Offer, row: Row) -> tuple[HeldRole, ...]:
        found = {}
        for index, name in enumerate(row.roles):
            role = self.existing.roles.find(offer.organization.id, name)
            if role is None:
                raise roles.unknown(f"roles[{index}]", name)
            found[role.id] = role
        return tuple(found[id_] for id_ in sorted(found))

    def _is_admin(self, membership: Membership) -> bool:
        creator = self.existing.roles.creator
        return membership.status == ACTIVE and any(role.id == creator for role in membership.roles)

    async def _check_last_admin(self, before: Membership, after: Membership) -> None:
        others = [
            join.place
            for join in self.plan.joins.values()
            if join.organization.id == before.organization_id
            and join.place.membership.user_id != before.user_id
        ]
        if any(self._is_admin(place.membership) for place in others):
            return
        await administrators.check(
            self.db,
            before.user_id,
            before.organization_id,
            kept={role.id for role in after.roles},
            # The database still has those of earlier rows as admins.
            demoted={
                place.before.user_id
                for place in others
                if place.before is not None and self._is_admin(place.before)
            },
        )

    def _enter_person(
        self, row: Row, person: Person | None, user: User, offer: Offer | None
    ) -> Person:
        counts = self.plan.report.users
        hash_ = row.password_hash
        if person is not None and person.password_time is not None:
            hash_ = None  # theirs is newer than that of any file
        if person is None:
            person = Person(user, hash_)
            if offer is not None:
                self.plan.first_organizations[user.id] = offer.organization.id
            counts.created += 1
        elif user is person.user and hash_ in {None, person.password_hash}:
            counts.unchanged += 1
            return person
        else:
            person.user, person.password_hash = user, hash_ or person.password_hash
            counts.updated += 1
        self.plan.people[user.id] = person
        self.existing.add(person)
        return person

    def _enter_membership(
        self,
        place: Place | None,
        membership: Membership,
        person: Person,
        organization: Organization,
    ) -> None:
        counts = self.plan.report.memberships
        if place is None:
            place = Place(membership)
            self.existing.places[organization.id, membership.user_id] = place
            counts.created += 1
        elif membership is place.membership:
            counts.unchanged += 1
            return
        else:
            place.membership = membership
            counts.updated += 1
        self.plan.joins[membership.id] = Join(place, person, organization)
