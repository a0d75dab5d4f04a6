"""An index of the TOTP registrations that are not in force, for their clean-up.

Revision: 0033, after 0032
"""

from __future__ import annotations

from tenantry.db.upgrades.steps import Index

revision = "0033"
down_revision = "0032"
older_may_run = True
locks = ()
indexes = (
    Index(
        "ix_totp_registrations__not_in_force",
        "totp_registrations",
        "create_time",
        where="enabled IS false",
    ),
)


def upgrade() -> None:
    """Apply: there is only the index."""
