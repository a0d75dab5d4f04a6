"""Ready for more than one machine: no triggers, and no unique rule without the organization.

The statements that add and delete rows count them, and raise the roles' version. On SQLite one kind
of trigger stays: it keeps the metadata of organizations as rows. The external ids and slugs of
organizations are unique by a table of their own (docs/decisions/0015-spread-over-machines.md).

Revision: 0014, after 0013
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
older_may_run = False

_ROLES = ("roles", "permissions", "role_permissions", "role_ancestors")
_COUNTED = ("organizations", "users", "memberships")


def upgrade() -> None:
    _without_triggers(postgresql=op.get_bind().dialect.name == "postgresql")
    op.create_table(
        "organization_keys",
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("external_id", sa.Text),
        sa.Column("slug", sa.Text),
    )
    op.execute(
        "INSERT INTO organization_keys (organization_id, external_id, slug)"
        " SELECT id, external_id, slug FROM organizations"
        " WHERE external_id IS NOT NULL OR slug IS NOT NULL"
    )
    for column in ("external_id", "slug"):
        op.drop_index(f"uq_organizations__{column}", "organizations")
        op.create_index(
            f"uq_organization_keys__{column}", "organization_keys", [column], unique=True
        )
    op.drop_index("uq_memberships__invite_digest", "memberships")
    invited = sa.text("invite_digest IS NOT NULL")
    op.create_index(
        "ix_memberships__invite_digest",
        "memberships",
        ["invite_digest"],
        postgresql_where=invited,
        sqlite_where=invited,
    )


def _without_triggers(*, postgresql: bool) -> None:
    gone = [(f"{table}_{what}", table) for table in _COUNTED for what in ("created", "deleted")]
    gone += [
        (f"{table}_changed_by_{what}", table)
        for table in _ROLES
        for what in ("insert", "update", "delete")
    ]
    for trigger, table in gone:
        op.execute(f"DROP TRIGGER {trigger}" + (f" ON {table}" if postgresql else ""))
    if postgresql:
        for name in ("tally", "members_changed", "roles_changed"):
            op.execute(f"DROP FUNCTION tenantry_{name}()")
        return
    for statement in (
        """
        CREATE TRIGGER organizations_created AFTER INSERT ON organizations BEGIN
          INSERT INTO organizations_metadata (owner, key, value)
          SELECT new.id, key, value FROM json_each(new.metadata);
        END
        """,
        """
        CREATE TRIGGER organizations_deleted AFTER DELETE ON organizations BEGIN
          DELETE FROM organizations_metadata WHERE owner = old.id;
        END
        """,
    ):
        op.execute(statement)
