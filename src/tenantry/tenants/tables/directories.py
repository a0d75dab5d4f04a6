"""The tables of directories, of the people in them and of the addresses of these.

`tenantry.tenants.directories.model` owns them.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Table, Text

from tenantry.core import ids
from tenantry.db.sql.encrypted_columns import encrypted
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import of_organization


def key_columns(*names: str) -> list[Column[str]]:
    """Return columns of a primary key."""
    return [Column(name, Text, primary_key=True) for name in names]


directories = Table(
    "directories",
    metadata,
    Column(
        "organization_id",
        Text,
        ForeignKey("organizations.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    *key_columns("id"),
    Column("name", Text, nullable=False),
    Column("directory_type", Text, nullable=False),
    Column("directory_provider", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("attribute_mapping", Json, nullable=False),  # our attribute: theirs
    Column("context", Json),  # that a portal keeps for itself
    # Of one that is polled: as whom, which groups by their ids there, with which credentials
    # (encrypted), where the poll is (page tokens), when it goes on, and what it last failed for.
    Column("email", Text, nullable=False),
    Column("groups_tracked", Text, nullable=False),
    Column("external_groups", Json, nullable=False),
    Column("credentials", Text, info=encrypted("credentials of a directory")),
    Column("poll", Json),
    time_column("poll_time", nullable=True),
    Column("error", Text, nullable=False),
    time_column("last_sync_time", nullable=True),
    time_column("first_enable_time", nullable=True),
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=of_organization(),
)

directory_users = Table(
    "directory_users",
    metadata,
    *key_columns("organization_id", "directory_id", "id"),
    Column("user_name", Text, nullable=False),
    Column("user_name_key", Text, nullable=False),  # as it is compared: without regard to case
    Column("external_id", Text),
    Column("display_name_key", Text, nullable=False),
    # On PostgreSQL in the order of the codes, which an index finds the beginning of a text in.
    Column("family_name_key", Text),
    Column("given_name_key", Text),
    # The revision that both keys belong to; another one if a version before 0041 wrote the row.
    Column("names_revision", BigInteger, nullable=False, server_default="0"),
    Column("email", Text, nullable=False),  # the one that names the account; "" for none
    Column("email_key", Text, nullable=False),  # `email_addresses.key`
    Column("active", Boolean, nullable=False),
    # All attributes but id, meta, groups and those that are never kept, by the names of RFC 7643.
    Column("document", Json, nullable=False),
    Column("user_id", Text),  # the account; its own deletion leaves the row
    Column("revision", BigInteger, nullable=False),
    time_column("create_time"),
    time_column("update_time"),
    info=of_organization(prefix=ids.DIRECTORY_USER),
)

# All addresses of people, to find them by. A change of the person holds and writes them, so no
# foreign key does. PostgreSQL checked it by a plan of when the table was empty: it read all people.
directory_emails = Table(
    "directory_emails",
    metadata,
    *key_columns("organization_id", "directory_id", "email_key", "directory_user_id"),
    info=of_organization(),
)
