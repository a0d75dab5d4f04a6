"""The sign-in policy of an organization: its record, and the decision about one access.

The decision is a function of the policy and of `Evidence`: it reads nothing. Session timeouts are
another policy (`SessionPolicy` of `model`).
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Any

from tenantry.core.times import DAY, MINUTE
from tenantry.db.sql.schema import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import Collection
    from ipaddress import IPv4Network, IPv6Network

# Sign-in methods, by the names of the contract.
EMAIL, PASSWORD, PASSKEY, SOCIAL, SSO = "EMAIL", "PASSWORD", "PASSKEY", "SOCIAL", "SSO"
METHODS = (EMAIL, PASSWORD, PASSKEY, SOCIAL, SSO)


class Refusal(StrEnum):
    """A rule of a policy that an access does not meet, by the names of the contract."""

    NETWORK = "NETWORK_NOT_ALLOWED"
    SSO = "SSO_REQUIRED"
    METHOD = "METHOD_NOT_ALLOWED"
    SECOND_FACTOR = "SECOND_FACTOR_REQUIRED"
    REAUTHENTICATION = "REAUTHENTICATION_REQUIRED"

    @property
    def sentence(self) -> str:
        """The reason in English, for error descriptions."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.NETWORK: "the organization does not allow access from this network",
    Refusal.SSO: "the organization requires single sign-on",
    Refusal.METHOD: "the organization does not allow this sign-in method",
    Refusal.SECOND_FACTOR: "the organization requires a second factor",
    Refusal.REAUTHENTICATION: "the organization requires a recent sign-in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The facts that a policy decides on; times in microseconds since 1970, UTC."""

    user_id: str
    at: int
    member_since: int
    methods: Collection[str]  # of METHODS; SSO stands for a connection of this organization
    has_second_factor: bool
    address: str | None  # None: unknown, and not compared


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationPolicy:
    """The sign-in policy of an organization. A member that is not set requires nothing."""

    second_factor_required: bool = False
    second_factor_grace_days: int = 0
    second_factor_since: int = 0  # microseconds since 1970, UTC
    methods: tuple[str, ...] = ()  # empty: all
    sso_required: bool = False
    break_glass_user_ids: tuple[str, ...] = ()
    reauthentication_minutes: int = 0
    reauthentication_scopes: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()  # in CIDR notation; empty: all
    email_domains: tuple[str, ...] = ()  # that may be invited; empty: all

    @classmethod
    def read(cls, text: str | None) -> OrganizationPolicy | None:
        """Return the policy of a row's column."""
        return _read(text) if text else None

    def to_row(self) -> str | None:
        """Return the column's value; None for a policy that requires nothing."""
        return None if self == OrganizationPolicy() else to_json(asdict(self))

    def to_event(self) -> dict[str, Any]:
        return asdict(self)

    def allows_address(self, address: str | None) -> bool:
        """Whether access from an address is allowed; one that cannot be parsed is not."""
        return not self.networks or address is None or contains(self.networks, address)

    def allows_domain(self, domain: str) -> bool:
        """Whether an email address of a domain may be invited."""
        return not self.email_domains or domain in self.email_domains

    def allows_method(self, method: str, user_id: str = "") -> bool:
        """Whether a user may sign in by a method; break-glass access depends on ``user_id``."""
        if self.requires_sso(user_id):
            return method == SSO
        return not self.methods or method in self.methods

    def requires_sso(self, user_id: str) -> bool:
        """Whether a user must sign in through a connection of the organization."""
        return self.sso_required and user_id not in self.break_glass_user_ids

    def has_break_glass_access(self, user_id: str) -> bool:
        """Whether a user may sign in without the single sign-on that others must use."""
        return self.sso_required and user_id in self.break_glass_user_ids

    def enrollment_deadline(self, member_since: int) -> int:
        """Return when a member must have a second factor, in microseconds since 1970."""
        begin = max(self.second_factor_since, member_since)
        return begin + self.second_factor_grace_days * DAY

    def refusals(self, evidence: Evidence) -> list[Refusal]:
        """Return all rules that an access does not meet, the one to report first."""
        found = []
        if not self.allows_address(evidence.address):
            found.append(Refusal.NETWORK)
        if not any(self.allows_method(one, evidence.user_id) for one in evidence.methods):
            by_sso = self.requires_sso(evidence.user_id)
            if by_sso or self.methods:
                found.append(Refusal.SSO if by_sso else Refusal.METHOD)
        if self.lacks_second_factor(evidence) and evidence.at >= self.enrollment_deadline(
            evidence.member_since
        ):
            found.append(Refusal.SECOND_FACTOR)
        return found

    def refusal(self, evidence: Evidence) -> Refusal | None:
        """Return the first rule that an access does not meet, None if it meets all."""
        return next(iter(self.refusals(evidence)), None)

    def lacks_second_factor(self, evidence: Evidence) -> bool:
        """Whether a required second factor is missing, also within the grace period.

        The identity provider of the organization is responsible for its own users.
        """
        return (
            self.second_factor_required
            and not evidence.has_second_factor
            and SSO not in evidence.methods
        )

    def is_too_old(self, scopes: Collection[str], *, auth_time: int, at: int) -> bool:
        """Whether one of these scopes requires a more recent sign-in."""
        return (
            self.reauthentication_minutes > 0
            and not set(self.reauthentication_scopes).isdisjoint(scopes)
            and at - auth_time > self.reauthentication_minutes * MINUTE
        )


def contains(cidrs: tuple[str, ...], address: str) -> bool:
    """Whether one of the networks contains an address; False if it is not a valid address."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in _networks(cidrs))


@functools.lru_cache(maxsize=1024)
def _networks(cidrs: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(cidr) for cidr in cidrs)


@functools.lru_cache(maxsize=4096)
def _read(text: str) -> OrganizationPolicy:
    # Members that a newer version has added are ignored.
    members: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in from_json(text).items()
        if name in _NAMES
    }
    return OrganizationPolicy(**members)


_NAMES = frozenset(field.name for field in fields(OrganizationPolicy))
