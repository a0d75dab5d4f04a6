"""Keys of the family and the given names of directory users, to find them by.

Each key belongs to the revision that is stored with it. Earlier versions write rows without either;
the documents of these are read until the back-fill has written their keys.

Revision: 0041, after 0040
"""

from __future__ import annotations

from unicodedata import normalize

import sqlalchemy as sa
from alembic import op

from tenantry.db.upgrades.steps import BackFill, Index

revision = "0041"
down_revision = "0040"
older_may_run = True
locks = ("directory_users",)
_OF = "organization_id, directory_id"
# Texts by their codes: on PostgreSQL an index finds the beginning of a text in no other order.
_BY_CODE = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LONGEST = 256


def _key(name: str | None) -> str | None:
    """Return what a name is compared by; one that is too long equals no other."""
    name = name or ""
    if name.isascii() or len(name) > _LONGEST:
        return name.casefold()[: _LONGEST + 1] or None
    return normalize("NFC", normalize("NFC", name).casefold())[: _LONGEST + 1]


indexes = (
    *(
        Index(
            f"ix_directory_users__{name}_name_key",
            "directory_users",
            f"{_OF}, {name}_name_key, id",
            where=f"{name}_name_key IS NOT NULL",
        )
        for name in ("family", "given")
    ),
    Index(
        "ix_directory_users__names_revision",
        "directory_users",
        f"{_OF}, id",
        where="names_revision != revision",
    ),
    *(
        Index(
            f"ix_{table}__display_name_code",
            table,
            f'{_OF}, display_name_key COLLATE "C", id',
            on_sqlite=False,  # there all texts are in the order of their codes
        )
        for table in ("directory_users", "directory_groups")
    ),
)
back_fills = (
    BackFill(
        "directory_users",
        ("organization_id", "directory_id", "id"),
        "names_revision = revision",
        "names_revision != revision",
        computed={
            f"{name}_name_key": f"document -> 'name' ->> '{name}Name'"
            for name in ("family", "given")
        },
        compute=_key,
    ),
)


def upgrade() -> None:
    for name in ("family", "given"):
        op.add_column("directory_users", sa.Column(f"{name}_name_key", _BY_CODE))
    op.add_column(
        "directory_users",
        sa.Column("names_revision", sa.BigInteger, nullable=False, server_default="0"),
    )
