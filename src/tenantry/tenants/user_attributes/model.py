"""The table of registered attributes, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Table, Text

from tenantry.core import claim_names
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT
from tenantry.db.writes.rows import members, row_of

if TYPE_CHECKING:
    from tenantry.db.engine import Row

SSO, DIRECTORY = "SSO", "DIRECTORY"
# UserAttributeCategory of the contract.
STANDARD, CUSTOM = "STANDARD", "CUSTOM"
# Always there: label and datatype by key. They are members of a user's profile.
STANDARD_KEYS = {
    "email": ("E-mail", "STRING"),
    "given_name": ("First name", "STRING"),
    "family_name": ("Last name", "STRING"),
    "name": ("Full name", "STRING"),
    "preferred_username": ("User name", "STRING"),
    "phone_number": ("Phone number", "STRING"),
    "locale": ("Locale", "STRING"),
    "picture": ("Picture", "STRING"),
    "gender": ("Gender", "STRING"),
    "groups": ("Groups", "ARRAY"),
}
# Never a custom attribute: these, and the claims that tokens always have.
RESERVED = frozenset({*STANDARD_KEYS, *claim_names.RESERVED, *claim_names.OF_PERSON})

user_attributes = Table(
    "user_attributes",
    metadata,
    Column("kind", Text, primary_key=True),  # SSO or DIRECTORY
    Column("key", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("datatype", Text, nullable=False),  # of UserAttributeDatatype
    Column("category", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("required", Boolean, nullable=False),
    Column("default_saml_mapping", Text, nullable=False),
    Column("default_oidc_mapping", Text, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=OF_ENVIRONMENT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserAttribute:
    """One attribute; times in microseconds since 1970, UTC."""

    kind: str
    key: str
    label: str
    datatype: str
    category: str
    enabled: bool
    required: bool
    default_saml_mapping: str
    default_oidc_mapping: str
    create_time: int
    update_time: int

    @classmethod
    def from_row(cls, row: Row) -> UserAttribute:
        """Return the attribute of one row."""
        return cls(**members(row, user_attributes))

    def to_row(self) -> dict[str, Any]:
        return row_of(self, user_attributes)

    def to_event(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "key": self.key,
            "label": self.label,
            "datatype": self.datatype,
            "enabled": self.enabled,
            "required": self.required,
            "default_saml_mapping": self.default_saml_mapping,
            "default_oidc_mapping": self.default_oidc_mapping,
        }
