"""The schema of a new database, before the migrations that follow.

Databases of earlier revisions cannot be upgraded: no release had them. The folder `baseline` has
the statements.

Revision: 0034, the first
"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

from tenantry.core import ids
from tenantry.db.event_rows import partitions

if TYPE_CHECKING:
    from collections.abc import Iterator

revision = "0034"
down_revision = None
older_may_run = True

_FOLDER = Path(__file__).parents[1] / "baseline"
_ALIKE = ("tenants", "identity", "directories")
# How SQLite spells what these files have for PostgreSQL.
_ON_SQLITE = {
    "JSONB": "TEXT",
    "BYTEA": "BLOB",
    "DEFAULT false": "DEFAULT 0",
    "DEFAULT true": "DEFAULT 1",
}
_TALLY_SLOTS = 8
# Checked by the admin portal and the widgets. A member may see settings and the other members.
_PERMISSIONS = {
    "sk_org_settings_read": "See the organization's settings",
    "sk_org_settings_manage": "Change the organization's settings",
    "sk_org_users_read": "See the organization's members",
    "sk_org_users_invite": "Invite people to the organization",
    "sk_org_users_delete": "Remove members from the organization",
    "sk_org_users_role_change": "Change the roles of members",
    "sk_org_sso_read": "See the organization's single sign-on",
    "sk_org_sso_manage": "Set up the organization's single sign-on",
    "sk_org_scim_read": "See the organization's directory sync",
    "sk_org_scim_manage": "Set up the organization's directory sync",
    "sk_org_session_policy_read": "See how long sessions of the organization last",
    "sk_org_session_policy_manage": "Set how long sessions of the organization last",
}
_ROLES = {
    "admin": ("May do everything in the organization", tuple(_PERMISSIONS)),
    "member": ("May use the organization", ("sk_org_settings_read", "sk_org_users_read")),
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for file in (*_ALIKE, dialect):
        for statement in _statements(file, dialect):
            op.get_bind().exec_driver_sql(statement)
    if dialect == "postgresql":
        for month in partitions.around(datetime.now(UTC), ahead=partitions.AHEAD):
            op.execute(
                f"CREATE TABLE {month.name} PARTITION OF events "
                f"FOR VALUES FROM ('{month.first_id}') TO ('{month.end_id}')"
            )
    _fill(nothing_seen="1:1:" if dialect == "postgresql" else "0")


def _statements(file: str, dialect: str) -> Iterator[str]:
    """Yield the statements of a file: each begins at the start of a line."""
    text = (_FOLDER / f"{file}.sql").read_text()
    if dialect == "sqlite":
        for word, spelled in _ON_SQLITE.items():
            text = text.replace(word, spelled)
    yield from re.split(r";\n(?=\S)", text.rstrip(";\n"))


def _fill(*, nothing_seen: str) -> None:
    slots = range(_TALLY_SLOTS)
    tallied = ("organizations", "users")
    _insert("tallies", [{"name": name, "slot": slot, "n": 0} for name in tallied for slot in slots])
    _insert("event_log_state", [{"only": 1, "position": 0, "seen": nothing_seen}])
    _insert("session_departures", [{"only": 1, "position": 0, "due_time": 0}])
    # No process has opened the database yet: the last node number is free.
    mint = ids.IdGenerator(ids.NODES - 1)
    at = time.time_ns() // 1000
    made = {"revision": 1, "create_time": at, "update_time": at}
    permissions = {name: mint.new(ids.PERMISSION) for name in _PERMISSIONS}
    roles = {name: mint.new(ids.ROLE) for name in _ROLES}
    _insert(
        "permissions",
        [
            {"id": id_, "name": name, "description": _PERMISSIONS[name], "built_in": True, **made}
            for name, id_ in permissions.items()
        ],
    )
    _insert(
        "roles",
        [
            {
                "id": id_,
                "name": name,
                "display_name": name.capitalize(),
                "description": _ROLES[name][0],
                "default_creator": name == "admin",
                "default_member": name == "member",
                **made,
            }
            for name, id_ in roles.items()
        ],
    )
    _insert("role_ancestors", [{"role_id": id_, "ancestor_id": id_} for id_ in roles.values()])
    _insert(
        "role_permissions",
        [
            {"role_id": roles[role], "permission_id": permissions[name]}
            for role, (_, held) in _ROLES.items()
            for name in held
        ],
    )


def _insert(table: str, rows: list[dict[str, object]]) -> None:
    op.bulk_insert(sa.table(table, *map(sa.column, rows[0])), rows)
