"""Databases of each kind."""

from __future__ import annotations

from rooms import clock, database_url, db, empty_postgresql, empty_sqlite, other

__all__ = ["clock", "database_url", "db", "empty_postgresql", "empty_sqlite", "other"]
