"""Pages of the console show only forms that the operator may send."""

from __future__ import annotations

import re
from unittest.mock import MagicMock

import pytest
from operators_at_work import OPERATOR, enter

from tenantry.endpoints.console import web
from tenantry.identity.operators.model import OWNER, READER

ROLES = (READER, OPERATOR, OWNER)
PAGES = web.pages(MagicMock())  # they are only asked what they are


def role_for(action: str) -> str:
    """The least role that may send a form to this address."""
    path = action.partition("?")[0].removeprefix("/console")
    fits = (
        one
        for one in PAGES
        if one.verb == "POST" and re.fullmatch(re.sub(r"{\w+}", "[^/]+", one.path), path)
    )
    # Of two that fit, the one with fewer parameters.
    return min(fits, key=lambda one: one.path.count("{")).least_role


@pytest.mark.parametrize("role", [READER, OPERATOR])
async def test_no_page_shows_a_form_that_is_not_for_its_reader(http, database, make, rest, role):
    organization = await make.organization()
    user = await make.user(organization["id"])
    made = await rest.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    known = {
        "/organizations/{id}": organization["id"],
        "/people/{id}": user["id"],
        "/applications/{id}": made["client"]["id"],
    }
    visitor = await enter(http, database, role)
    seen = 0
    for page in PAGES:
        start = next((one for one in known if page.path.startswith(one)), "")
        path = page.path.replace("{id}", known.get(start, "{id}"), 1)
        takes = ROLES.index(page.least_role) > ROLES.index(role)
        if page.verb != "GET" or "{" in path or takes or page.path == "/events/stream":
            continue
        answer = await http.get(f"/console{path}", headers={"cookie": visitor.cookie})
        if answer.status_code != 200 or "text/html" not in answer.headers["content-type"]:
            continue
        main = answer.text.partition("<main")[2].partition("</main>")[0]
        for tag in re.findall(r"<form[^>]*>", main):
            action = re.search(r'action="([^"]*)"', tag)
            if 'method="post"' in tag and action:
                seen += 1
                needs = role_for(action[1])
                assert ROLES.index(needs) <= ROLES.index(role), (path, action[1])
    assert seen > (15 if role == OPERATOR else 0)


async def test_the_page_says_that_only_owners_can_change_an_application(http, database, rest):
    made = await rest.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
    path = f"/console/applications/{made['client']['id']}"
    for role in (OPERATOR, OWNER):
        page = await (await enter(http, database, role)).get(path)
        assert ("Only owners can change or delete it" in page) is (role == OPERATOR)
        assert (f"{path}/secrets/create" in page) is (role == OWNER)
