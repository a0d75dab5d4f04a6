"""Encrypted values are bound to their rows, by data keys that processes of before cannot read.

Nothing changes in the schema. Until the contract is made, data keys encrypt as before, so that a
process of before reads every value. From then on the worker takes a data key that binds values to
their rows, re-encrypts all values with it, and refuses the others: `tenantry.access.data_keys`.

Revision: 0036, after 0035
"""

from __future__ import annotations

revision = "0036"
down_revision = "0035"
older_may_run = True
locks = ()


def upgrade() -> None:
    """Apply: there is only the contract."""


def contract() -> None:
    """Let no process of before run any more: there is nothing to take away."""
