"""Patterns of LIKE; the escape character of all of them is `ESCAPE`."""

from __future__ import annotations

from tenantry.db.sql.schema import to_json

ESCAPE = "~"


def escaped(text: str) -> str:
    """Return the part of a pattern that matches this text alone."""
    for char in f"{ESCAPE}%_":
        text = text.replace(char, f"{ESCAPE}{char}")
    return text


def escaped_json(text: str) -> str:
    """Return the part of a pattern that matches this text in JSON."""
    return escaped(to_json(text)[1:-1])
