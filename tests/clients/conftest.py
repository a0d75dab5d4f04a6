"""Callers: clients, their secrets and tokens, over every wire and on both databases."""

from apis import (
    api,
    database,
    events,
    http,
    make,
    pytest_configure,
    pytest_generate_tests,
    rest,
    server,
    token,
    wire,
    wires,
)

__all__ = [
    "api",
    "database",
    "events",
    "http",
    "make",
    "pytest_configure",
    "pytest_generate_tests",
    "rest",
    "server",
    "token",
    "wire",
    "wires",
]
