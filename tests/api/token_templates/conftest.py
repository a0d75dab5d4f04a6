"""Applications and signed-in people, and a token template that is gone when the test ends."""

from __future__ import annotations

from contextlib import suppress

import pytest
from signins import SignIns
from wires import ApiError


@pytest.fixture
def signins(database, http, rest, make):
    """Makes applications and sessions, issues codes, and asks for tokens."""
    return SignIns(database, http, rest, make)


@pytest.fixture
async def keep(rest):
    """Keeps a template; it is deleted when the test ends, for others are issued tokens as well."""

    async def keep(**template: object):
        kept = await rest.interceptors.upsert_token_template(template=template)
        return kept["config"]

    yield keep
    with suppress(ApiError):  # of a test that has deleted it
        await rest.interceptors.delete_token_template()
