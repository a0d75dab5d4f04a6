"""Users, memberships, roles, permissions, domains, mail; those that a fresh environment has.

Revision: 0002, after 0001
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

from tenantry.core import ids
from tenantry.db.sql.schema import Json

if TYPE_CHECKING:
    from collections.abc import Iterable

revision = "0002"
down_revision = "0001"
older_may_run = True

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
_OF_MEMBER = ("sk_org_settings_read", "sk_org_users_read")


def upgrade() -> None:
    _roles()
    _users()
    _domains()
    _mail()
    if op.get_bind().dialect.name == "postgresql":
        _on_postgresql()
    else:
        _on_sqlite()
    _fill()


def _time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def _refers(
    name: str,
    table: str,
    *,
    to: str,
    cascade: bool = True,
    nullable: bool = False,
    key: bool = True,
) -> sa.Column[str]:
    return sa.Column(
        name,
        sa.Text,
        sa.ForeignKey(
            f"{to}.id", ondelete="CASCADE" if cascade else None, name=f"fk_{table}__{name}"
        ),
        primary_key=key,
        nullable=nullable,
    )


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = True) -> None:
    condition = sa.text(where)
    op.create_index(
        name,
        table,
        columns,
        unique=unique,
        postgresql_where=condition,
        sqlite_where=condition,
    )


def _roles() -> None:
    op.add_column(
        "environment",
        sa.Column("roles_version", sa.BigInteger, nullable=False, server_default="0"),
    )
    op.create_table(
        "permissions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("built_in", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("uq_permissions__name", "permissions", ["name"], unique=True)
    op.create_table(
        "roles",
        sa.Column("id", sa.Text, primary_key=True),
        _refers("organization_id", "roles", to="organizations", nullable=True, key=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        _refers("base_id", "roles", to="roles", cascade=False, nullable=True, key=False),
        sa.Column("default_creator", sa.Boolean, nullable=False),
        sa.Column("default_member", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    _partial("uq_roles__name", "roles", ["name"], "organization_id IS NULL")
    op.create_index(
        "uq_roles_of_organization__name", "roles", ["name", "organization_id"], unique=True
    )
    op.create_index("ix_roles__organization_id_id", "roles", ["organization_id", "id"])
    op.create_index("ix_roles__base_id", "roles", ["base_id"])
    op.create_table(
        "role_ancestors",
        _refers("role_id", "role_ancestors", to="roles"),
        _refers("ancestor_id", "role_ancestors", to="roles"),
    )
    op.create_index("ix_role_ancestors__ancestor_id", "role_ancestors", ["ancestor_id"])
    op.create_table(
        "role_permissions",
        _refers("role_id", "role_permissions", to="roles"),
        _refers("permission_id", "role_permissions", to="permissions"),
    )
    op.create_index("ix_role_permissions__permission_id", "role_permissions", ["permission_id"])
    op.create_table(
        "default_member_roles",
        _refers("organization_id", "default_member_roles", to="organizations"),
        _refers("role_id", "default_member_roles", to="roles", key=False),
    )
    op.create_index("ix_default_member_roles__role_id", "default_member_roles", ["role_id"])


def _users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("email_key", sa.Text, nullable=False),
        sa.Column("external_id", sa.Text),
        sa.Column("profile", Json, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("password_hash", sa.Text),
        _time("last_login_time", nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index("uq_users__email", "users", ["email_key"], unique=True)
    op.create_index("uq_users__external_id", "users", ["external_id"], unique=True)
    op.create_table(
        "memberships",
        _refers("organization_id", "memberships", to="organizations"),
        _refers("user_id", "memberships", to="users"),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("metadata", Json, nullable=False),
        sa.Column("inviter_email", sa.Text),
        sa.Column("provisioning_method", sa.Text, nullable=False),
        _time("create_time"),
        _time("accept_time", nullable=True),
        _time("join_time", nullable=True),
        _time("expire_time", nullable=True),
        sa.Column("invite_digest", sa.Text),
        _time("invite_resend_time", nullable=True),
        sa.Column("invite_resend_count", sa.Integer, nullable=False),
    )
    op.create_index("uq_memberships__id", "memberships", ["organization_id", "id"], unique=True)
    op.create_index("ix_memberships__user_id_id", "memberships", ["user_id", "id"])
    _partial(
        "uq_memberships__invite_digest",
        "memberships",
        ["invite_digest"],
        "invite_digest IS NOT NULL",
    )
    op.create_table(
        "member_tallies",
        _refers("organization_id", "member_tallies", to="organizations"),
        sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "role_holders",
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, primary_key=True),
        _refers("role_id", "role_holders", to="roles", cascade=False),
        sa.ForeignKeyConstraint(
            ["organization_id", "user_id"],
            ["memberships.organization_id", "memberships.user_id"],
            ondelete="CASCADE",
            name="fk_role_holders__organization_id",
        ),
    )
    op.create_index("ix_role_holders__role_id", "role_holders", ["role_id", "organization_id"])


def _domains() -> None:
    op.create_table(
        "domains",
        sa.Column("id", sa.Text, primary_key=True),
        _refers("organization_id", "domains", to="organizations", key=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("domain_type", sa.Text, nullable=False),
        sa.Column("verification_status", sa.Text, nullable=False),
        sa.Column("verification_method", sa.Text, nullable=False),
        sa.Column("txt_record_key", sa.Text, nullable=False),
        sa.Column("txt_record_secret", sa.Text, nullable=False),
        _time("check_time", nullable=True),
        _time("expire_time", nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        _time("create_time"),
        _time("update_time"),
    )
    op.create_index(
        "uq_domains_of_organization__domain",
        "domains",
        ["domain", "organization_id", "domain_type"],
        unique=True,
    )
    _partial(
        "uq_domains__domain",
        "domains",
        ["domain"],
        "domain_type = 'ORGANIZATION_DOMAIN' "
        "AND verification_status IN ('VERIFIED', 'AUTO_VERIFIED')",
    )
    op.create_index("ix_domains__organization_id_id", "domains", ["organization_id", "id"])
    _partial(
        "ix_domains__check_time", "domains", ["check_time"], "check_time IS NOT NULL", unique=False
    )


def _mail() -> None:
    op.create_table(
        "mail",
        sa.Column("id", sa.Text, primary_key=True),
        _refers("organization_id", "mail", to="organizations", nullable=True, key=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("template", sa.Text, nullable=False),
        sa.Column("variables", Json, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        _time("due_time"),
        sa.Column("problem", sa.Text),
        sa.Column("content_sealed", sa.Text),
        _time("create_time"),
        _time("sent_time", nullable=True),
    )
    op.create_index("ix_mail__organization_id", "mail", ["organization_id"])
    _partial("ix_mail__due_time", "mail", ["due_time"], "state = 'QUEUED'", unique=False)


def _on_postgresql() -> None:
    for statement in (
        """
        ALTER TABLE users ADD COLUMN search_text text GENERATED ALWAYS AS (
          lower(email || chr(31) || coalesce(external_id, ''))
        ) STORED
        """,
        "CREATE INDEX ix_users__search_text ON users USING gin (tenantry_trigrams(search_text))",
        "CREATE TRIGGER users_created AFTER INSERT ON users REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_tally()",
        "CREATE TRIGGER users_deleted AFTER DELETE ON users REFERENCING OLD TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_tally()",
        # Any slot that nobody holds, or a new one: a wait for a slot while holding a row
        # that the slot's holder waits for would wait for ever.
        """
        CREATE OR REPLACE FUNCTION tenantry_tally() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO tallies (name, slot, n)
          SELECT
            TG_TABLE_NAME,
            coalesce((
              SELECT slot FROM tallies WHERE name = TG_TABLE_NAME LIMIT 1 FOR UPDATE SKIP LOCKED
            ), pg_backend_pid()),
            (SELECT count(*) FROM changed) * CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END
          ON CONFLICT (name, slot) DO UPDATE SET n = tallies.n + excluded.n;
          RETURN NULL;
        END $$
        """,
        # Where the organization goes too, there is nothing to count. A subquery for each, and no
        # join, which would be planned for many.
        """
        CREATE FUNCTION tenantry_members_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO member_tallies (organization_id, slot, n)
          SELECT
            organization_id,
            coalesce((
              SELECT slot FROM member_tallies t
              WHERE t.organization_id = of_one.organization_id LIMIT 1 FOR UPDATE SKIP LOCKED
            ), pg_backend_pid()),
            n
          FROM (
            SELECT organization_id, count(*) * CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END AS n
            FROM changed GROUP BY organization_id
          ) of_one
          WHERE (SELECT true FROM organizations o WHERE o.id = of_one.organization_id)
          ON CONFLICT (organization_id, slot) DO UPDATE SET n = member_tallies.n + excluded.n;
          RETURN NULL;
        END $$
        """,
        "CREATE TRIGGER memberships_created AFTER INSERT ON memberships "
        "REFERENCING NEW TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_members_changed()",
        "CREATE TRIGGER memberships_deleted AFTER DELETE ON memberships "
        "REFERENCING OLD TABLE AS changed "
        "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_members_changed()",
        # A process remembers roles under this number.
        """
        CREATE FUNCTION tenantry_roles_changed() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          -- Once for a statement: every further update of one row in a transaction takes longer.
          IF EXISTS (SELECT FROM changed) THEN
            UPDATE environment SET roles_version = roles_version + 1;
          END IF;
          RETURN NULL;
        END $$
        """,
        *(
            f"CREATE TRIGGER {table}_changed_by_{what.lower()} AFTER {what} ON {table} "
            f"REFERENCING {'OLD' if what == 'DELETE' else 'NEW'} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION tenantry_roles_changed()"
            for table in ("roles", "permissions", "role_permissions", "role_ancestors")
            for what in ("INSERT", "UPDATE", "DELETE")
        ),
        "ALTER TABLE users SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
        "ALTER TABLE memberships SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
    ):
        op.execute(statement)


def _on_sqlite() -> None:
    text = "new.email || char(31) || coalesce(new.external_id, '')"
    number = "CAST(substr({}.id, 5) AS INTEGER)"
    for statement in (
        "CREATE VIRTUAL TABLE users_search USING fts5(text, tokenize = 'trigram')",
        f"""
        CREATE TRIGGER users_created AFTER INSERT ON users BEGIN
          INSERT INTO users_search (rowid, text) VALUES ({number.format("new")}, {text});
          UPDATE tallies SET n = n + 1 WHERE name = 'users' AND slot = 0;
        END
        """,
        f"""
        CREATE TRIGGER users_renamed AFTER UPDATE OF email, external_id
        ON users WHEN old.email <> new.email OR old.external_id IS NOT new.external_id
        BEGIN
          UPDATE users_search SET text = {text} WHERE rowid = {number.format("new")};
        END
        """,
        f"""
        CREATE TRIGGER users_deleted AFTER DELETE ON users BEGIN
          DELETE FROM users_search WHERE rowid = {number.format("old")};
          UPDATE tallies SET n = n - 1 WHERE name = 'users' AND slot = 0;
        END
        """,
        """
        CREATE TRIGGER memberships_created AFTER INSERT ON memberships BEGIN
          INSERT INTO member_tallies (organization_id, slot, n) VALUES (new.organization_id, 0, 1)
          ON CONFLICT (organization_id, slot) DO UPDATE SET n = n + 1;
        END
        """,
        """
        CREATE TRIGGER memberships_deleted AFTER DELETE ON memberships BEGIN
          UPDATE member_tallies SET n = n - 1
          WHERE organization_id = old.organization_id AND slot = 0;
        END
        """,
        *(
            f"""
            CREATE TRIGGER {table}_changed_by_{what.lower()} AFTER {what} ON {table} BEGIN
              UPDATE environment SET roles_version = roles_version + 1;
            END
            """
            for table in ("roles", "permissions", "role_permissions", "role_ancestors")
            for what in ("INSERT", "UPDATE", "DELETE")
        ),
    ):
        op.execute(statement)


def _fill() -> None:
    tallies = sa.table("tallies", *map(sa.column, ("name", "slot", "n")))
    op.bulk_insert(
        tallies,
        [{"name": "users", "slot": slot, "n": 0} for slot in range(_TALLY_SLOTS)],
    )
    # No process has opened the database yet, or all are of an older version: the last node number
    # is free, and these ids are the first of their kinds anyway.
    mint = ids.Mint(ids.NODES - 1)
    at = time.time_ns() // 1000
    made = {"revision": 1, "create_time": at, "update_time": at}
    permissions = {name: mint.new(ids.PERMISSION) for name in _PERMISSIONS}
    roles = {name: mint.new(ids.ROLE) for name in ("admin", "member")}
    _insert(
        "permissions",
        (
            {"id": id_, "name": name, "description": _PERMISSIONS[name], "built_in": True, **made}
            for name, id_ in permissions.items()
        ),
    )
    _insert(
        "roles",
        (
            {
                "id": id_,
                "name": name,
                "display_name": name.capitalize(),
                "description": description,
                "default_creator": name == "admin",
                "default_member": name == "member",
                **made,
            }
            for (name, id_), description in zip(
                roles.items(),
                ("May do everything in the organization", "May use the organization"),
                strict=True,
            )
        ),
    )
    _insert("role_ancestors", ({"role_id": id_, "ancestor_id": id_} for id_ in roles.values()))
    held = [("admin", name) for name in _PERMISSIONS] + [("member", name) for name in _OF_MEMBER]
    _insert(
        "role_permissions",
        ({"role_id": roles[role], "permission_id": permissions[name]} for role, name in held),
    )


def _insert(table: str, rows: Iterable[dict[str, object]]) -> None:
    values = list(rows)
    op.bulk_insert(sa.table(table, *map(sa.column, values[0])), values)
