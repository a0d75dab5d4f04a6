"""The address of every form leads to a page by GET, and a page that failed to the one above it."""

from __future__ import annotations

import re
from unittest.mock import MagicMock
from urllib.parse import urlsplit

import pytest
from operators_at_work import enter
from organization_visitors import by_link, new_organization

from tenantry import app, settings
from tenantry.net.http import Route
from tenantry.web.forms.places import Places
from tenantry.web.site import Site

# Requests of programs, and answers of other servers that browsers bring.
NO_PAGES = re.compile(
    r"/oauth/|/api/|/sso/v1/(oidc/{connection}/backchannel-logout|saml/{connection}/callback)"
    r"|/simulator/{connection}/(answer|token)|/assets/uploads/|/resources/|/mcp$"
    r"|/console/(register|token|revoke)$"
)
CONSOLE = {
    "TENANTRY_PUBLIC_URL": "https://auth.example.com",
    "TENANTRY_CONSOLE_OIDC_ISSUER": "https://op.example.com",
    "TENANTRY_CONSOLE_OIDC_CLIENT_ID": "console",
    "TENANTRY_CONSOLE_OIDC_CLIENT_SECRET": "unused",
}


@pytest.fixture
def routes(monkeypatch):
    """All routes of all sites as these list them, without ways to pages; nothing is asked."""
    monkeypatch.setattr(Site, "served", lambda _site, listed: listed)
    parts = MagicMock(settings=settings.load(CONSOLE))
    parts.themes.routes.return_value = []
    return [route for routes in app._ENDPOINTS for route in routes(parts)]


def filled(template):
    return re.sub(r"{\w+}", "x_1", template)


async def test_the_address_of_every_form_leads_to_a_page(routes, http):
    pages = {route.template for route in routes if route.verb == "GET"}
    forms = {route.template for route in routes if route.verb == "POST"} - pages
    forms = sorted(template for template in forms if not NO_PAGES.match(template))
    assert len(forms) > 150
    found = {filled(template) for template in pages}
    for template in forms:
        if template.startswith("/console/sign-in/provider"):
            continue  # this server has no provider for its operators
        answer = await http.get(filled(template))
        assert answer.status_code == 303, (template, answer.status_code)
        assert answer.headers["location"] in found, (template, answer.headers["location"])


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("/console/api-keys/create", "/console/api-keys"),
        ("/console/webhooks/create", "/console/webhooks"),
        ("/console/webhooks/whe_1/rotate", "/console/webhooks/whe_1"),
        ("/console/directories/dir_1/secret", "/console/directories/dir_1"),
        ("/console/organizations/org_1/members/invite", "/console/organizations/org_1/members"),
        ("/console/applications/scopes/create", "/console/applications/scopes"),
        ("/portal/scim/dir_1/secrets/regenerate", "/portal/scim/dir_1"),
        ("/ui/organization/programs/keys", "/ui/organization/programs"),
        ("/ui/profile/security/totp/totp_1/disable", "/ui/profile/security"),
        ("/login/areq_1/passkey/options", "/login/areq_1"),
    ],
)
async def test_the_page_of_a_form(http, form, page):
    answer = await http.get(form)
    assert (answer.status_code, answer.headers["location"]) == (303, page)


def back(page):
    """Where the error page leads."""
    main = page.text.partition("<main")[2]
    return re.search(r'<a class="button" href="([^"]+)"', main)[1]


async def test_a_console_page_that_fails_leads_to_the_page_above(http, database):
    operator = await enter(http, database)
    headers = {"cookie": operator.cookie}
    for path, above in (
        ("/console/mail/templates/new", "/console/mail/templates"),
        ("/console/connections/conn_1", "/console/connections"),
        ("/console/organizations/org_1/members", "/console/organizations/org_1"),
        ("/console/organizations/org_1", "/console/organizations"),
    ):
        answer = await http.get(path, headers=headers)
        assert answer.status_code in {400, 404}
        assert back(answer) == above
    gone = await operator.post("/console/webhooks/whe_1/rotate")
    assert (gone.status_code, back(gone)) == (404, "/console/webhooks/whe_1")


async def test_a_portal_page_that_fails_leads_to_the_page_above(http, make, rest):
    organization = await new_organization(make, rest)
    link = await by_link(http, make, organization["id"])
    answer = await http.get("/portal/sso/conn_1", headers={"cookie": link.cookie})
    assert (answer.status_code, back(answer)) == (404, "/portal/sso")


def places(*pages: str, forms=(), depth=None):
    found = Places(depth)
    found.take(
        Route(verb, template, MagicMock())
        for verb, templates in (("GET", pages), ("POST", forms))
        for template in templates
    )
    return found


def test_a_form_by_name_is_no_page_of_an_id():
    known = places("/things", "/things/{id}", forms=("/things/create", "/things/{id}/update"))
    assert known.of_form("/things/create") == "/things"
    assert known.of_form("/things/t_1/update") == "/things/t_1"
    assert known.above("/things/t_1") == "/things"
    assert known.above("/things") == ""


def test_a_form_at_the_address_of_its_page_is_on_it():
    known = places("/link/{token}", forms=("/link/{token}",))
    assert known.of_form("/link/x") == "/link/x"


def test_the_page_of_a_form_may_be_bound_to_stand_high_up():
    known = places("/own/{id}", "/own/{id}/more", forms=("/own/{id}/more/change",), depth=2)
    assert known.of_form("/own/1/more/change") == "/own/1"
    assert known.above("/own/1/more/change") == "/own/1/more"


def test_nothing_above_is_said_to_be():
    assert places("/a/b").of_form("/elsewhere/c") == ""
    assert urlsplit(places("/a").above("//evil.example/a")).netloc == ""
