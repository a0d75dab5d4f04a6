"""Which pages may embed the portal: those of the environment's redirect URIs, and nobody else."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from apis import unique

from tenantry import settings
from tenantry.access.clients.uris.framing import FramingOrigins
from tenantry.core import errors
from tenantry.crypto import vault
from tenantry.db.engine import Unavailable
from tenantry.endpoints.organization.visit import OrganizationSite
from tenantry.net.http import Request
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.portal_links.cookies import portal_cookie
from tenantry.web.themes import Themes

PORTAL = ("/portal", "/portal/sso", "/portal/domains", "/magicLink/nonsense")
OTHERS = ("/", "/login/areq_1", "/ui/organization", "/ui/organization/sso", "/console", "/docs")


def ancestors(answer) -> list[str]:
    """The origins of the policy that a page has."""
    assert "x-frame-options" not in answer.headers
    directives = answer.headers["content-security-policy"].split("; ")
    (found,) = [one for one in directives if one.startswith("frame-ancestors ")]
    return found.split()[1:]


@pytest.fixture
async def register(rest):
    """Add redirect URIs of the environment; they go with the test."""
    added = []

    async def add(*uris: str) -> None:
        for uri in uris:
            await rest.clients.add_environment_redirect_uri(redirect_uri=uri)
            added.append(uri)

    yield add
    for uri in added:
        await rest.clients.remove_environment_redirect_uri(redirect_uri=uri)


@pytest.fixture
async def remembered(database):
    """Read the origins beside the server, which remembers them for some seconds."""
    return lambda: FramingOrigins(database).get()


@pytest.mark.parametrize("type_", ["WEB_APP", "SPA"])
async def test_the_callback_of_an_application_lets_nobody_embed(rest, remembered, register, type_):
    name = unique("app").lower()
    await register(f"https://settings.{name}.example.com/callback")
    client = {
        "name": "Reports",
        "client_type": type_,
        "post_login_uris": [f"https://reports.{name}.example.com/callback"],
    }
    await rest.clients.create_client(client=client)
    found = [one for one in await remembered() if name in one]
    assert found == [f"https://settings.{name}.example.com"]


async def test_the_origins_of_the_environment_and_our_own_embed_every_page(
    http, make, register, remembered
):
    host = f"{unique('app').lower()}.example.com"
    await register(f"https://{host.upper()}:443/callback", f"https://{host}:8443/callback")
    assert {f"https://{host}", f"https://{host}:8443"} <= set(await remembered())
    cookie = await make.portal_session(http, (await make.organization())["id"])
    for path in PORTAL:
        answer = await http.get(path, headers={"cookie": cookie})
        allowed = ancestors(answer)
        assert allowed[0] == "'self'"
        assert not {"*", "'none'", "null", "https:", "http:"} & set(allowed)


async def test_a_new_redirect_uri_counts_after_some_seconds(http, register):
    origin = f"https://{unique('late').lower()}.example.com"
    await register(f"{origin}/callback")
    async with asyncio.timeout(60):
        while origin not in ancestors(await http.get("/magicLink/nonsense")):
            pass
    assert origin in (await http.get("/api/v1/domains/any")).json()["domains"]


async def test_patterns_embed_nothing(register, remembered):
    name = unique("pattern").lower()
    await register(f"https://*.{name}.example.com/callback")
    await register(f"https://{{{{organization}}}}.{name}.example.com/callback")
    assert not [one for one in await remembered() if name in one]


async def test_all_other_pages_are_framed_by_nobody(http):
    for path in OTHERS:
        answer = await http.get(path, headers={"accept": "text/html"})
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path


async def test_every_page_keeps_its_address_to_itself(http, make):
    cookie = await make.portal_session(http, (await make.organization())["id"])
    for path in PORTAL:
        answer = await http.get(path, headers={"cookie": cookie})
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_says_what_it_could_not_open(http):
    closed = await http.get("/magicLink/nonsense")
    assert 'data-failure="LINK_EXPIRED"' in closed.text
    over = await http.get("/portal/sso")
    assert (over.status_code, 'data-failure="SESSION_EXPIRED"' in over.text) == (401, True)
    assert "data-organization" not in over.text


async def test_a_page_that_fails_without_the_database_is_seen_where_those_before_it_were():
    away = Unavailable("gone", errors.DatabaseUnavailable)
    known = settings.load({"TENANTRY_CONFIG": "/dev/null"})
    parts = SimpleNamespace(
        settings=known,
        themes=Themes(Effective(known)),
        db=SimpleNamespace(vault=vault.Vault(b"k" * 32)),
        framing=AsyncMock(get=AsyncMock(side_effect=[("https://app.example.com",), away])),
    )
    site = OrganizationSite(parts, portal_cookie(known.public_url))
    for _ in range(2):
        page = site.framed(site.page(AsyncMock(side_effect=away)))
        answer = await page(Request("GET", "/portal/sso", "", {}, b"", "req_1"))
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert ancestors(answer) == ["'self'", "https://app.example.com"]
        assert b"reach its database" in answer.body
