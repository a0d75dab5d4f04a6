"""Directories: the people and groups that customers' identity providers push, or that we fetch.

Processes of before go on: they know of none of it.

Revision: 0018, after 0017
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.db.sql.schema import Json

revision = "0018"
down_revision = "0017"
older_may_run = True


def _text(name: str, *, nullable: bool = False, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _number(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _json(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, Json, nullable=nullable)


def _keys(*names: str) -> list[sa.Column[str]]:
    return [_text(name, primary_key=True) for name in names]


def _organization() -> sa.ForeignKey:
    return sa.ForeignKey("organizations.id", ondelete="CASCADE")


def _of(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    """Return the rule that a row goes with the one of its directory that a column names."""
    return sa.ForeignKeyConstraint(
        ["organization_id", "directory_id", column],
        [f"{to}.{name}" for name in ("organization_id", "directory_id", "id")],
        ondelete="CASCADE",
        name=f"fk_{table}__{column}",
    )


def upgrade() -> None:
    _directories()
    _people()
    _work()


def _directories() -> None:
    op.create_table(
        "directories",
        sa.Column("organization_id", sa.Text, _organization(), primary_key=True),
        _text("id", primary_key=True),
        *(_text(name) for name in ("name", "directory_type", "directory_provider", "status")),
        _flag("enabled"),
        _json("attribute_mapping"),
        _json("context", nullable=True),
        *(_text(name) for name in ("email", "groups_tracked")),
        _json("external_groups"),
        _text("credentials", nullable=True),
        _json("poll", nullable=True),
        _number("poll_time", nullable=True),
        _text("error"),
        *(_number(name, nullable=True) for name in ("last_sync_time", "first_enable_time")),
        *(_number(name) for name in ("revision", "create_time", "update_time")),
    )
    _index("directories", "id")
    _partial("directories", "poll_time")
    op.create_table(
        "directory_secrets",
        _text("id", primary_key=True),
        sa.Column("organization_id", sa.Text, _organization(), nullable=False),
        *(_text(name) for name in ("directory_id", "digest", "suffix", "status")),
        _number("create_time"),
        *(_number(name, nullable=True) for name in ("expire_time", "last_used_time")),
    )
    op.create_index("uq_directory_secrets__digest", "directory_secrets", ["digest"], unique=True)
    _index("directory_secrets", "directory_id", "organization_id", after="id")


def _people() -> None:
    op.create_table(
        "directory_users",
        *_keys("organization_id", "directory_id", "id"),
        *(_text(name) for name in ("user_name", "user_name_key")),
        _text("external_id", nullable=True),
        _text("display_name_key"),
        *(_text(name) for name in ("email", "email_key")),
        _flag("active"),
        _json("document"),
        _text("user_id", nullable=True),
        *(_number(name) for name in ("revision", "create_time", "update_time")),
    )
    op.create_index(
        "uq_directory_users__user_name_key",
        "directory_users",
        ["organization_id", "directory_id", "user_name_key"],
        unique=True,
    )
    _index("directory_users", "email_key", "organization_id")
    _partial("directory_users", "user_id", "organization_id")
    for column in ("display_name_key", "update_time", "active"):
        _index("directory_users", column, "organization_id", "directory_id", after="id")
    _partial("directory_users", "external_id", "organization_id", "directory_id")
    op.create_table(
        "directory_emails",
        *_keys("organization_id", "directory_id", "email_key", "directory_user_id"),
    )
    _index("directory_emails", "directory_user_id", "organization_id", "directory_id")
    op.create_table(
        "directory_groups",
        *_keys("organization_id", "directory_id", "id"),
        *(_text(name) for name in ("display_name", "display_name_key")),
        _text("external_id", nullable=True),
        _json("document"),
        *(_number(name) for name in ("member_count", "revision", "create_time", "update_time")),
    )
    for column in ("display_name_key", "update_time"):
        _index("directory_groups", column, "organization_id", "directory_id", after="id")
    _partial("directory_groups", "external_id", "organization_id", "directory_id")
    op.create_table(
        "directory_members",
        *_keys("organization_id", "directory_id", "directory_group_id", "directory_user_id"),
        _of("directory_members", "directory_group_id", "directory_groups"),
        _of("directory_members", "directory_user_id", "directory_users"),
    )
    of = "organization_id", "directory_id"
    _index("directory_members", "directory_user_id", *of, after="directory_group_id")
    op.create_table(
        "directory_role_assignments",
        *_keys("organization_id", "directory_id", "directory_group_id"),
        sa.Column(
            "role_id", sa.Text, sa.ForeignKey("roles.id", ondelete="CASCADE"), primary_key=True
        ),
        _of("directory_role_assignments", "directory_group_id", "directory_groups"),
    )
    op.create_index(
        "ix_directory_role_assignments__role_id", "directory_role_assignments", ["role_id"]
    )
    op.create_table(
        "directory_tallies",
        *_keys("organization_id", "directory_id"),
        sa.Column("slot", sa.Integer, primary_key=True),
        _number("n"),
    )


def _work() -> None:
    op.create_table(
        "directory_changes",
        *_keys("organization_id", "directory_id", "id"),
        _text("actor"),
        _text("request_id"),
        _json("directory_user_ids"),
        _number("due_time"),
    )
    for column in ("id", "due_time"):
        _index("directory_changes", column)
    op.create_table(
        "directory_requests",
        *_keys("organization_id", "directory_id", "id"),
        *(_text(name) for name in ("method", "path", "query", "user_agent", "request_id")),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("milliseconds", sa.Integer, nullable=False),
        _text("error"),
        _text("resource_id", nullable=True),
        _json("payload", nullable=True),
        _json("skipped", nullable=True),
        _number("create_time"),
    )
    _index("directory_requests", "create_time")
    _partial("directory_requests", "resource_id", "organization_id", "directory_id")
    failed = sa.text("error != ''")
    op.create_index(
        "ix_directory_requests__error",
        "directory_requests",
        ["organization_id", "directory_id", "id"],
        postgresql_where=failed,
        sqlite_where=failed,
    )
    op.create_table(
        "directory_polled",
        *_keys("organization_id", "directory_id", "kind", "external_id"),
        _json("document", nullable=True),
    )


def _index(table: str, column: str, *before: str, after: str = "") -> None:
    columns = [*before, column, after] if after else [*before, column]
    op.create_index(f"ix_{table}__{column}", table, columns)


def _partial(table: str, column: str, *before: str) -> None:
    """Index the rows that have a value in this column."""
    there = sa.text(f"{column} IS NOT NULL")
    op.create_index(
        f"ix_{table}__{column}",
        table,
        [*before, column],
        postgresql_where=there,
        sqlite_where=there,
    )
