"""Pages where the database failed say so in words, with the time to try again and the outcome."""

from __future__ import annotations

import re

import pytest

from tenantry import settings
from tenantry.core import errors
from tenantry.crypto import vault
from tenantry.db.engine import OutcomeUnknown, Unavailable
from tenantry.net.http import Request
from tenantry.tenants.environment.effective import Effective
from tenantry.web.frames import workspace
from tenantry.web.site import Site
from tenantry.web.themes import Themes


@pytest.fixture
def answered():
    """The answer of a site to a form, of which the handler fails."""
    known = settings.load({"TENANTRY_CONFIG": "/dev/null"})
    pages = workspace.pages("console", Themes(Effective(known)))
    site = Site(pages, vault.Vault(b"k" * 32), "https://example.com")

    async def fail(problem):
        async def handler(_request):
            raise problem

        request = Request("POST", "/console/x/y", "", {"sec-fetch-site": "same-origin"}, b"", "r")
        response = await site.form(handler)(request)
        said = re.findall(r"(?s)<h1[^>]*>(.*?)</h1>.*?<p[^>]*>(.*?)</p>", response.body.decode())
        return response.status, response.headers.get("retry-after"), " ".join(said[0])

    return fail


async def test_nothing_was_changed_and_it_may_be_tried_again(answered):
    away = await answered(Unavailable("gone", errors.DatabaseUnavailable))
    assert away[:2] == (503, "2")
    assert "Nothing was changed" in away[2]
    busy = await answered(Unavailable("full"))
    assert busy[:2] == (503, "1")
    assert "handling too many requests" in busy[2]


async def test_what_may_have_been_done_is_to_be_looked_at_first(answered):
    status, _, said = await answered(OutcomeUnknown("the connection broke off"))
    assert status == 504
    assert "confirm your change" in said
    assert "before you try again" in said
