"""How far a provider of an organization is believed: the account, the place, and the proof.

A provider speaks for the addresses of domains that its organization has proved to own. Of another
address it is believed only for a person that has a place there already, and has proved the inbox.

In modular mode it is believed for anybody, whom it alone knows then: never the user of an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.settings import Settings
from tenantry.identity.federation import identities
from tenantry.net import email_addresses
from tenantry.tenants.domains import service as domains
from tenantry.tenants.memberships import deprovisioned
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE, INVITE_EXPIRED, PENDING_INVITE, federated_sub

if TYPE_CHECKING:
    from tenantry.db.engine import Session
    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.tenants.users.model import Membership, User


@dataclass(frozen=True, slots=True)
class TrustDecision:
    """A person before an organization: the account, the place there, and the proofs."""

    user: User | None
    place: Membership | None
    address: str
    owned: bool  # the provider speaks for the address, of a domain of the organization
    proved: bool  # the person has proved the inbox before
    takes_in: bool  # the organization makes such people members
    dismissed: bool = False  # a directory of the organization has the person as inactive
    sub: str | None = None  # of somebody whom this provider alone knows
    is_alone: bool = False  # there is no organization to be in: the provider is a social one

    @property
    def is_member(self) -> bool:
        return self.place is not None and self.place.status == ACTIVE

    @property
    def is_new(self) -> bool:
        """Whether the person comes in for the first time."""
        return self.user is None if self.is_alone else self.place is None

    @property
    def is_late(self) -> bool:
        return self.place is not None and self.place.status == INVITE_EXPIRED

    def check(self) -> None:
        """Refuse a person without a place there, that gets none either."""
        if self.is_alone:
            return
        if self.place is None and not self.owned and self.sub is None:
            raise FederationError(
                "invalid_user_domain",
                "the domain of this email address is not verified for the organization, and no "
                "member has the address",
            )
        if (self.place is None or self.is_late) and not self.takes_in:
            raise FederationError("unauthorized", "you are not a member of this organization")
        if self.dismissed:
            raise FederationError(
                "user_not_active", "your user is inactive in the organization's directory"
            )
        if self.place is not None and self.place.status not in {
            *(ACTIVE, PENDING_INVITE, INVITE_EXPIRED)
        }:
            raise FederationError(
                "user_not_active", "your membership in this organization is inactive"
            )


async def of(db: Session, connection: Connection, identity: FederatedIdentity) -> TrustDecision:
    organization_id = connection.organization_id
    assert organization_id is not None
    found = await identities.find(db, connection.id, identity.subject)
    if found is not None and found[1].sub is not None:
        found = None  # of modular mode: not the user of any address
    # Somebody known is the same person, regardless of the address there by now.
    known, user = found or (None, await reading.find_by_email(db, identity.email))
    address = identity.email if user is None else user.email
    place = None if user is None else user.membership_in(organization_id)
    # A proof counts for the membership that it was given for, or a later sign-in in it.
    proved = (
        known is not None
        and known.is_proved
        and place is not None
        and known.update_time >= place.create_time
    )
    owned = await domains.owns(db, organization_id, email_addresses.domain_of(address))
    takes_in = owned and Settings.stored(connection.settings).jit_provisioning_with_sso_enabled
    comes_in = takes_in and (place is None or place.status == INVITE_EXPIRED)
    return TrustDecision(
        user=user,
        place=place,
        address=address,
        owned=owned,
        proved=proved,
        takes_in=takes_in,
        dismissed=comes_in
        and await deprovisioned.is_deprovisioned(db, organization_id, address, also_disabled=True),
    )


async def of_itself(
    db: Session, connection: Connection, identity: FederatedIdentity
) -> TrustDecision:
    """Return the trust decision on a person known to a provider only, by its own id of the
    person.
    """
    organization_id = connection.organization_id
    sub = federated_sub(connection.id, identity.subject)
    user = await reading.find_by_sub(db, sub)
    if organization_id is None:
        return TrustDecision(
            user=user,
            place=None,
            address=identity.email,
            owned=identity.email_verified,  # by a social provider's word, as everywhere
            proved=False,
            takes_in=True,
            sub=sub,
            is_alone=True,
        )
    domain = email_addresses.domain_of(identity.email)
    return TrustDecision(
        user=user,
        place=None if user is None else user.membership_in(organization_id),
        address=identity.email,
        owned=await domains.owns(db, organization_id, domain),
        proved=False,
        takes_in=Settings.stored(connection.settings).jit_provisioning_with_sso_enabled,
        sub=sub,
        # No membership says so there.
        dismissed=await deprovisioned.is_deprovisioned(
            db, organization_id, identity.email, also_disabled=False
        ),
    )
