"""No triggers: the statements that add and delete rows count them, and raise the roles' version.

On SQLite one kind stays: it keeps the metadata of organizations as rows.

Revision: 0014, after 0013
"""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
older_may_run = False

_ROLES = ("roles", "permissions", "role_permissions", "role_ancestors")
_COUNTED = ("organizations", "users", "memberships")


def upgrade() -> None:
    """Apply."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    gone = [(f"{table}_{what}", table) for table in _COUNTED for what in ("created", "deleted")] + [
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
