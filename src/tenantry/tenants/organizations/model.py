"""The table of organizations, and the record of one organization."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text, bindparam, select

from tenantry.core import ids
from tenantry.core.times import rfc3339
from tenantry.db.search.index import Searched
from tenantry.db.sql.schema import Json, from_json, metadata, tallies, time_column, to_json
from tenantry.db.sql.sharding import OF_ENVIRONMENT, of_organization
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.tallies import Tally
from tenantry.tenants.organizations.policy import OrganizationPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.db.engine import Row
    from tenantry.settings import Settings

# The migration adds the index over the metadata, of which each database has its own kind
# (docs/decisions/0002-search.md).
organizations = Table(
    "organizations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("display_name", Text, nullable=False),
    Column("external_id", Text),
    Column("slug", Text),
    Column("logo_url", Text),
    Column("region_code", Text, nullable=False),
    Column("metadata", Json, nullable=False),
    Column("features", Json, nullable=False),
    Column("max_allowed_users", Integer),
    Column("session_policy", Json),
    Column("branding", Json),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    Column("policy", Json),
    info=of_organization("id", prefix=ids.ORGANIZATION),
)
# Keeps an organization from being deleted; taken before locks of rows that belong to it.
PREVENT_DELETION = Statement(
    select(organizations.c.id)
    .where(organizations.c.id == bindparam("p_organization_id", type_=Text))
    .with_for_update(read=True, key_share=True)
)

# Of the organizations that have one of these: each is of one (`directory`).
organization_keys = Table(
    "organization_keys",
    metadata,
    Column("organization_id", Text, primary_key=True),
    Column("external_id", Text),
    Column("slug", Text),
    info=OF_ENVIRONMENT,
)
Index("uq_organization_keys__external_id", organization_keys.c.external_id, unique=True)
Index("uq_organization_keys__slug", organization_keys.c.slug, unique=True)
organization_search = Searched(
    organizations, "organization_id", "display_name", "id", "external_id"
)

organization_tally = Tally(tallies.c.name)
ORGANIZATIONS = organizations.name  # its key

# In the order in which every answer lists them.
FEATURES = ("sso", "dir_sync", "domain_verification", "session_policy")


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """An organization's own session policy, in minutes; ``idle`` is None where that is off."""

    absolute: int
    idle: int | None

    @classmethod
    def read(cls, text: str | None) -> SessionPolicy | None:
        """Return the policy of a row's column."""
        return cls(**from_json(text)) if text else None


@dataclass(frozen=True, slots=True)
class ApplicationPolicy:
    """The deployment's own session policy, in minutes; ``idle`` holds where it is enabled."""

    absolute: int
    idle: int
    idle_enabled: bool
    access_token: int  # that one of a person is good

    @classmethod
    def of(cls, settings: Settings) -> ApplicationPolicy:
        """Return the policy of the settings; an idle timeout that is off is shown as an hour."""
        idle = settings.session_idle_minutes
        return cls(
            absolute=settings.session_absolute_minutes,
            idle=idle or 60,
            idle_enabled=idle > 0,
            access_token=settings.access_token_minutes,
        )


_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Branding:
    """An organization's own branding: free settings, and when they were last changed."""

    settings: dict[str, Any]
    custom: bool
    update_time: int

    @property
    def color(self) -> str:
        """Its `color`, such as #1f5eff, for buttons in mail; "" where it says none that is good."""
        given = self.settings.get("color") if self.custom else None
        return given if isinstance(given, str) and _COLOR.fullmatch(given) else ""

    @classmethod
    def read(cls, text: str | None) -> Branding | None:
        """Return the branding of a row's column."""
        return cls(**from_json(text)) if text else None


class OptionalTexts(TypedDict, total=False):
    """The columns of text that an organization may have, in the order of the contract's fields.

    Requests, responses, events and statements read their names here.
    """

    external_id: str | None
    slug: str | None
    logo_url: str | None


OPTIONAL_TEXTS = tuple(OptionalTexts.__annotations__)


@dataclass(slots=True)  # not frozen: that doubles the time to make one
class Organization:
    """One organization, its members in the order of the columns.

    Times are in microseconds since 1970, UTC.
    """

    id: str
    display_name: str
    external_id: str | None
    slug: str | None
    logo_url: str | None
    region_code: str
    metadata: dict[str, str]
    features: frozenset[str]  # those that are on
    max_allowed_users: int | None
    session_policy: SessionPolicy | None  # None: the application's
    branding: Branding | None  # None: never set
    revision: int
    create_time: int
    update_time: int
    policy: OrganizationPolicy | None = None  # for sign-ins; None requires nothing

    @classmethod
    def from_row(cls, row: Row) -> Organization:
        """Return the organization of one row, or of the values of all columns in their order."""
        # By position, in the order of the columns; a statement may select more behind them.
        values = list(row[:_WIDTH])
        for position, read in _JSON:
            text = values[position]
            if text is not None:
                values[position] = read(text)
        return cls(*values)

    def to_row(self) -> dict[str, Any]:
        policy, branding = self.session_policy, self.branding
        row = {
            "id": self.id,
            "display_name": self.display_name,
            "region_code": self.region_code,
            "metadata": to_json(self.metadata),
            "features": to_json(sorted(self.features)),
            "max_allowed_users": self.max_allowed_users,
            "session_policy": None if policy is None else to_json(_members(policy)),
            "branding": None if branding is None else to_json(_members(branding)),
            "revision": self.revision,
            "create_time": self.create_time,
            "update_time": self.update_time,
            "policy": None if self.policy is None else self.policy.to_row(),
        }
        for name in OPTIONAL_TEXTS:
            row[name] = getattr(self, name)
        return row

    def has_feature(self, name: str) -> bool:
        return name in self.features

    def to_event(self) -> dict[str, Any]:
        """Return its content in events: the published members, then those that only Tenantry has
        and that are set.
        """
        event: dict[str, Any] = {
            "id": self.id,
            "display_name": self.display_name,
            "region_code": self.region_code,
            "create_time": rfc3339(self.create_time),
            "update_time": rfc3339(self.update_time),
            "metadata": self.metadata,
            "settings": {
                "features": [{"name": name, "enabled": self.has_feature(name)} for name in FEATURES]
            },
        }
        for name in (*OPTIONAL_TEXTS, "max_allowed_users"):
            value = getattr(self, name)
            if value is not None:
                event[name] = value
        if self.session_policy is not None:
            event["session_policy"] = _members(self.session_policy)
        if self.branding is not None:
            event["branding"] = _members(self.branding)
        return event


def _members(record: SessionPolicy | Branding) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


@functools.lru_cache(maxsize=64)
def features_of(text: str) -> frozenset[str]:
    """Return the features that are on, of a row's column."""
    # There are few combinations: all organizations that have one share it.
    return frozenset(from_json(text))


_COLUMNS = organizations.c.keys()
_WIDTH = len(_COLUMNS)
_READERS: dict[str, Callable[[Any], Any]] = {
    "metadata": from_json,
    "features": features_of,
    "session_policy": SessionPolicy.read,
    "branding": Branding.read,
    "policy": OrganizationPolicy.read,
}
_JSON = tuple((_COLUMNS.index(name), read) for name, read in _READERS.items())
