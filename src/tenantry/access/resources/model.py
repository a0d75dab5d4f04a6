"""The table of resources, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, Table, Text, false

from tenantry.core.times import rfc3339
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row

TYPES = ("WEB", "MOBILE", "DESKTOP", "SERVER", "MCP_SERVER")


def _switch(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False, server_default=false())


resources = Table(
    "resources",
    metadata,
    Column("id", Text, primary_key=True),
    Column("resource_type", Text, nullable=False),  # one of `TYPES`
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("resource_uri", Text, nullable=False),  # the URL of the server, "" for none
    Column("logo_uri", Text, nullable=False),
    Column("scopes", Json, nullable=False),  # names of permissions
    Column("access_token_expiry", Integer, nullable=False),  # seconds
    Column("refresh_token_expiry", Integer, nullable=False),  # seconds since its last use
    _switch("intersect_permissions"),  # scopes are limited to the permissions of the user
    _switch("scope_selection"),  # users can grant fewer scopes than are requested
    _switch("dynamic_registration"),  # RFC 7591
    _switch("cimd"),  # client ID metadata documents
    _switch("cimd_allowlist_enabled"),
    Column("cimd_allowlist", Json, nullable=False),  # pairs of type and value, see `allowlist`
    _switch("xaa"),  # enterprise-managed authorization
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)
_r = resources.c
Index("ix_resources__resource_type_id", _r.resource_type, _r.id)
_has_uri = _r.resource_uri != ""
Index(
    "uq_resources__resource_uri",
    _r.resource_uri,
    unique=True,
    postgresql_where=_has_uri,
    sqlite_where=_has_uri,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One resource; times in microseconds since 1970, UTC."""

    id: str
    resource_type: str
    name: str
    description: str = ""
    resource_uri: str = ""
    logo_uri: str = ""
    scopes: tuple[str, ...] = ()
    access_token_expiry: int
    refresh_token_expiry: int
    intersect_permissions: bool = False
    scope_selection: bool = False
    dynamic_registration: bool = True
    cimd: bool = False
    cimd_allowlist_enabled: bool = False
    cimd_allowlist: tuple[tuple[str, str], ...] = ()
    xaa: bool = False
    revision: int = 1
    create_time: int
    update_time: int

    @property
    def audience(self) -> tuple[str, ...]:
        """The `aud` of its access tokens."""
        return (self.id, self.resource_uri) if self.resource_uri else (self.id,)

    def to_row(self) -> dict[str, Any]:
        return row_of(self, resources)

    @classmethod
    def from_row(cls, row: Row) -> Resource:
        """Return the resource of one row."""
        values = members(row, resources)
        values["cimd_allowlist"] = tuple(
            (type_, value) for type_, value in values["cimd_allowlist"]
        )
        return cls(**values)

    def to_event(self) -> dict[str, Any]:
        """Return what events and the command line show."""
        return {
            "id": self.id,
            "resource_type": self.resource_type,
            "name": self.name,
            "description": self.description,
            "resource_uri": self.resource_uri,
            "logo_uri": self.logo_uri,
            "scopes": list(self.scopes),
            "access_token_expiry": self.access_token_expiry,
            "refresh_token_expiry": self.refresh_token_expiry,
            "intersect_scopes_user_permission": self.intersect_permissions,
            "resource_scope_selection_allowed": self.scope_selection,
            "disable_dynamic_client_registration": not self.dynamic_registration,
            "enable_cimd": self.cimd,
            "cimd_client_allowlist_enabled": self.cimd_allowlist_enabled,
            "cimd_client_allowlist": [
                {"type": type_, "value": value} for type_, value in self.cimd_allowlist
            ],
            "xaa_enabled": self.xaa,
            "created_at": rfc3339(self.create_time),
            "updated_at": rfc3339(self.update_time),
        }
