"""A database of each kind of the tests' own."""

from __future__ import annotations

from rooms import database_url, db, empty_postgresql, empty_sqlite

__all__ = ["database_url", "db", "empty_postgresql", "empty_sqlite"]
