"""Access, from the list of all pages: frames, features, permissions, organizations, origins."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from organization_visitors import (
    FEATURES,
    MEMBERS,
    PORTAL,
    Visitor,
    as_member,
    by_link,
    new_organization,
    text,
)

from tenantry.endpoints.organization import web
from tenantry.web.frames.areas import AREAS

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import Page

PAGES = web.pages(MagicMock())  # they are only asked what they are
OFFERED = ("sso", "dir_sync", "domain_verification")  # by links
HOSTILE = "\"><img src=x onerror=alert(1)>&amp;{{7907*7919}}'</title></script>"
FOREIGN = [
    {"accept": "*/*"},  # neither Origin nor Sec-Fetch-Site
    {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    {"sec-fetch-site": "same-site", "origin": "https://sub.localhost"},
    {"sec-fetch-site": "none"},
    {"origin": "null"},
    {"origin": "http://localhost"},
]


def address(page: Page) -> str:
    """The page's address, with ids of the right form that name nothing."""
    kinds = {"sso": "conn", "scim": "dir", "domains": "dom", "users": "usr"}
    made = f"{kinds.get(page.area.key, 'x')}_99999999999999"
    return f"{page.area.key}{re.sub(r'{[^}]*}', made, page.path)}"


async def ask(visitor: Visitor, page: Page, **headers: str) -> int:
    if page.verb == "GET":
        return (await visitor.get(address(page), **headers)).status_code
    return (await visitor.post(address(page), {}, **headers)).status_code


def test_the_list_has_every_area():
    assert {page.area for page in PAGES} == set(AREAS)
    assert len({(page.verb, page.area.key, page.path) for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize(
    "features", [found for size in (1, 3) for found in itertools.combinations(OFFERED, size)]
)
async def test_a_link_opens_its_features_alone(http, make, rest, features):
    made = await new_organization(make, rest)
    visitor = await by_link(http, make, made["id"], *(f for f in features if f in OFFERED[:2]))
    named = [f for f in features if f in OFFERED[:2]]
    opened = set(named) or set(OFFERED)  # the contract's enum does not name domains
    for page in PAGES:
        status = await ask(visitor, page)
        if not page.area.in_portal:
            assert status == 404, page  # not of this frame
        elif page.area.feature in opened:
            assert status not in {401, 403, 500}, page
        else:
            assert status == 403, page


async def test_a_feature_that_is_switched_off_is_closed_to_all(http, make, rest, database):
    made = await new_organization(make, rest)
    everything = {name for area in AREAS for name in (area.read, area.manage)}
    visitors = [
        await by_link(http, make, made["id"]),
        await as_member(http, make, rest, database, made["id"], *sorted(everything)),
    ]
    await rest.organizations.update_organization_settings(
        id=made["id"],
        settings={"features": [{"name": name, "enabled": False} for name in FEATURES]},
    )
    for visitor, page in itertools.product(visitors, PAGES):
        if page.area.feature and (page.area.in_portal or visitor.frame == MEMBERS):
            assert await ask(visitor, page) == 403, (visitor.frame, page)


@pytest.mark.parametrize(
    "permission", [None, *sorted({name for area in AREAS for name in (area.read, area.manage)})]
)
async def test_a_member_does_what_their_permissions_say(http, make, rest, database, permission):
    made = await new_organization(make, rest)
    held = frozenset({permission} if permission else ())
    visitor = await as_member(http, make, rest, database, made["id"], *sorted(held))
    for page in PAGES:
        status = await ask(visitor, page)
        if page.allows(held) and page.area.is_seen(made_features(), held):
            assert status not in {401, 500}, page
            # A page that begins a change may be for those alone who make it.
            assert status != 403 or page.verb == "POST" or page.area.manage not in held, page
        else:
            assert status == 403, page


def made_features() -> frozenset[str]:
    return frozenset(FEATURES)


async def test_without_a_session_or_with_that_of_the_other_frame_there_is_nothing(
    http, make, rest, database
):
    made = await new_organization(make, rest)
    link = await by_link(http, make, made["id"])
    member = await as_member(http, make, rest, database, made["id"], "sk_org_sso_read")
    for frame, cookie in itertools.product(
        (PORTAL, MEMBERS), ("", "__Host-tenantry_portal=A", "__Host-tenantry_session=A")
    ):
        stranger = Visitor(http, frame, cookie)
        assert {await ask(stranger, page) for page in of(frame)} == {401}
    crossed = [Visitor(http, MEMBERS, link.cookie), Visitor(http, PORTAL, member.cookie)]
    for visitor in crossed:
        assert {await ask(visitor, page) for page in of(visitor.frame)} == {401}


def of(frame: str) -> list[Page]:
    return [page for page in PAGES if frame == MEMBERS or page.area.in_portal]


@pytest.mark.parametrize("headers", FOREIGN)
async def test_no_other_site_sends_a_form(http, make, rest, database, headers):
    made = await new_organization(make, rest)
    everything = sorted({name for area in AREAS for name in (area.read, area.manage)})
    for visitor in (
        await by_link(http, make, made["id"]),
        await as_member(http, make, rest, database, made["id"], *everything),
    ):
        forms = [page for page in of(visitor.frame) if page.verb != "GET"]
        assert forms
        for page in forms:
            assert await ask(visitor, page, **headers) == 403, (visitor.frame, page)


async def test_names_are_text_on_every_page(http, make, rest, database):
    made = await new_organization(make, rest, display_name=HOSTILE)
    everything = sorted({name for area in AREAS for name in (area.read, area.manage)})
    for visitor in (
        await by_link(http, make, made["id"]),
        await as_member(http, make, rest, database, made["id"], *everything),
    ):
        for page in of(visitor.frame):
            if page.verb != "GET" or "{" in page.path:
                continue
            for query in ("", f"?done={HOSTILE}", f"?failed={HOSTILE}", f"?told={HOSTILE}"):
                answer = await visitor.get(address(page) + query.replace("&", "%26"))
                assert answer.status_code == 200, (page, answer.text)
                if "attachment" in answer.headers.get("content-disposition", ""):
                    continue  # a file
                assert "<img src=x" not in answer.text
                assert "62615533" not in text(answer.text).partition("Admin portal")[0][:80]
                assert "data-told" not in answer.text
                assert_loads_nothing_from_elsewhere(answer)


def assert_loads_nothing_from_elsewhere(answer: Any) -> None:
    """All that a page loads is ours, and nothing in it runs."""
    loaded = re.findall(r'<(?:script|img|link|iframe)\b[^>]*?(?:src|href)="([^"]*)"', answer.text)
    assert loaded
    assert all(one.startswith("/") and not one.startswith("//") for one in loaded), loaded
    assert not re.search(r"<script(?![^>]*\bsrc=)", answer.text)
    bare = re.sub(r'="[^"]*"', '=""', answer.text)  # a value may say anything
    assert not re.search(r"<[a-z][^>]*\s(?:style|on[a-z]+)=", bare)
    assert "style-src 'self'; script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "same-origin"


async def test_pages_are_small(http, make, rest):
    visitor = await by_link(http, make, (await new_organization(make, rest))["id"])
    sizes = {page.area.key: len((await visitor.get(address(page))).content) for page in of(PORTAL)}
    assert max(sizes.values()) < 100_000


FORMS_OF_AN_ORGANIZATION = re.compile(r'<form[^>]* action="(/[^"]*organization=org_[^"]*)"')


@pytest.mark.parametrize("frame", [PORTAL, MEMBERS])
async def test_a_form_is_for_the_organization_of_its_page(http, make, rest, database, frame):
    everything = sorted({name for area in AREAS for name in (area.read, area.manage)})

    async def visitor_of(organization_id: str) -> Visitor:
        if frame == PORTAL:
            return await by_link(http, make, organization_id)
        return await as_member(http, make, rest, database, organization_id, *everything)

    one, other = await new_organization(make, rest), await new_organization(make, rest)
    first, second = await visitor_of(one["id"]), await visitor_of(other["id"])
    page = (await first.get("domains")).text
    (action,) = FORMS_OF_AN_ORGANIZATION.findall(page)
    domain = {"domain": f"{one['id'].replace('_', '-')}.example.com"}
    # In another tab the browser has gone over to the other organization.
    answer = await second.post(action, domain)
    assert answer.status_code == 409
    assert "another organization" in text(answer.text)
    assert domain["domain"] not in (await second.get("domains")).text
    assert domain["domain"] in await first.done(action, domain)


async def test_every_form_without_an_id_of_its_own_says_its_organization(
    http, make, rest, database
):
    made = await new_organization(make, rest)
    everything = sorted({name for area in AREAS for name in (area.read, area.manage)})
    member = await as_member(http, make, rest, database, made["id"], *everything)
    for path in ("general", "users/invite", "session-policy", "programs", "programs/clients"):
        page = (await member.get(path)).text
        forms = re.findall(rf'<form[^>]* method="post"[^>]* action="({MEMBERS}[^"]*)"', page)
        forms += re.findall(rf'<form method="post" action="({MEMBERS}[^"]*)"', page)
        assert forms, path
        assert all(f"organization={made['id']}" in one for one in forms), forms
