"""Keys of e-mail addresses that are not ASCII: their uniqueness was found by folding all letters.

Such an address could be given to the pages of a sign-in alone. Its code may have gone to another
domain (of IDNA 2003) or have been asked for by another spelling, so that it proves nothing.

Revision: 0006, after 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tenantry.net import email_addresses

revision = "0006"
down_revision = "0005"
older_may_run = False

_NOT_ASCII = {"postgresql": "{} ~ '[^ -~]'", "sqlite": "{} GLOB '*[^ -~]*'"}


def upgrade() -> None:
    connection = op.get_bind()
    is_not_ascii = _NOT_ASCII[connection.dialect.name].format("email")
    connection.execute(sa.text(f"DELETE FROM passwordless_requests WHERE {is_not_ascii}"))
    for table in ("users", "auth_requests"):
        rows = connection.execute(
            sa.text(f"SELECT id, email, email_key FROM {table} WHERE {is_not_ascii} ORDER BY id")
        ).all()
        for id_, email, old in rows:
            new = email_addresses.key(email)
            if table == "users":
                _prove_again(connection, id_)
                # An address is found by id alone where another one has its key.
                new = id_ if _is_taken(connection, new, id_) else new
            if new != old:
                connection.execute(
                    sa.text(f"UPDATE {table} SET email_key = :new WHERE id = :id"),
                    {"new": new, "id": id_},
                )


def _prove_again(connection: sa.Connection, id_: str) -> None:
    connection.execute(
        sa.text("UPDATE users SET email_verified = :no, revision = revision + 1 WHERE id = :id"),
        {"no": False, "id": id_},
    )


def _is_taken(connection: sa.Connection, key: str, id_: str) -> bool:
    found = connection.execute(
        sa.text("SELECT 1 FROM users WHERE email_key = :key AND id <> :id"),
        {"key": key, "id": id_},
    )
    return found.first() is not None
