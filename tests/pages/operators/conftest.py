"""Operators, and a stranger."""

from __future__ import annotations

import pytest
from apis import Api, access_token
from factories import Make
from operators_with_passkeys import Operator, link_of
from wires import Rest


@pytest.fixture
def operator_of(server):
    """Make an operator with this role, let in by a link."""
    made = []

    def operator(role: str = "OWNER", name: str = "Ada") -> Operator:
        made.append(Operator(server, link_of(server, "--role", role), name))
        return made[-1]

    yield operator
    for one in made:
        one.http.close()


@pytest.fixture
def stranger(server):
    """Somebody without a session."""
    one = Operator(server)
    yield one
    one.http.close()


@pytest.fixture
async def own_make(own_server):
    """Makes what tests need on the file's own server."""
    rest = Rest(own_server)
    token = await access_token(rest.http, own_server.client_id, own_server.client_secret)
    yield Make(Api(rest, (("authorization", f"Bearer {token}"),)))
    await rest.aclose()
