"""Codes and refresh tokens are found with their subject by keys, however many sessions live."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tenantry.identity.grants import codes, refresh_tokens

FOUND = {
    "code": (codes._FIND, {"p_digest": "x", "p_now": 1}),
    "refresh token": (refresh_tokens._FIND, {"p_id": "rtok_1", "p_now": 1}),
}
# One row each.
SMALL = {"environment", "token_templates"}


@pytest.mark.parametrize("kind", FOUND)
def test_sqlite_looks_each_row_up(kind, sqlite_template):
    statement, params = FOUND[kind]
    sql, args = statement.bind("sqlite", params)
    with closing(sqlite3.connect(sqlite_template)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", args)]
    steps = [step.split() for step in plan if step.startswith(("SEARCH", "SCAN", "MATERIALIZE"))]
    assert {name for verb, name, *_ in steps if verb != "SEARCH"} == SMALL, plan
    assert {"sessions", "memberships", "users"} <= {name for _, name, *_ in steps}, plan
    # By a key: no step goes through all live sessions.
    assert all("=?" in step for step in plan if step.startswith("SEARCH")), plan
    assert not any(">" in step for step in plan), plan
