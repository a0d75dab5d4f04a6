"""The console's pages about tenants against readers, strangers, other sites and hostile texts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from apis import unique
from operators_at_work import OPERATOR, OWN, enter

from tenantry.identity.operators.model import READER

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202e"


class Elements(HTMLParser):
    """Collects what no page of ours has: scripts and styles within it, and addresses that run."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = []

    def handle_starttag(self, tag, attrs):
        names = dict(attrs)
        inline = tag == "script" and "src" not in names
        runs = any(name.startswith("on") or name == "style" for name in names)
        leads = (names.get("href") or "").strip().lower().startswith(("javascript:", "data:"))
        if inline or runs or leads:
            self.bad.append(self.get_starttag_text())


async def addresses(make, api, name="Acme"):
    """Make one of everything; return the addresses of all pages about it."""
    organization = await make.organization(name)
    of = {"organization_id": organization["id"]}
    user = await make.user(organization["id"])
    connection = await api.connections.create_connection(
        **of, connection={"provider": "OKTA", "type": "SAML"}
    )
    directory = await api.directories.create_directory(
        **of, directory={"directory_type": "SCIM", "directory_provider": "OKTA"}
    )
    role = await make.role()
    permission = await make.permission()
    own = unique("own").replace("-", "_")
    await api.roles.create_organization_role(
        org_id=organization["id"], role={"name": own, "display_name": "Own"}
    )
    client_id, _ = await make.client(organization["id"], name="Reports")
    root = f"/console/organizations/{organization['id']}"
    tabs = (
        *("", "/members", "/connections", "/directories", "/domains", "/session-policy"),
        *("/programs", "/portal-links", "/events", "/roles"),
        f"/roles/{own}",
        f"/programs/clients/{client_id}",
    )
    person = f"/console/people/{user['id']}"
    place = f"/console/directories/{directory['directory']['id']}"
    return [
        *("/console", "/console/overview", "/console/organizations", "/console/organizations/new"),
        *("/console/people", "/console/connections", "/console/connections/environment"),
        *("/console/directories", "/console/roles", "/console/roles/permissions"),
        *(f"{root}{tab}" for tab in tabs),
        *(person, f"{person}/security", f"{person}/sign-ins"),
        f"/console/connections/{connection['connection']['id']}",
        *(place, f"{place}/requests", f"{place}/groups"),
        f"/console/roles/of/{role['name']}",
        f"/console/roles/permissions/of/{permission['name']}",
    ]


async def test_a_reader_sees_all_pages_and_no_form_that_changes_anything(
    http, database, make, rest
):
    reader = await enter(http, database, READER)
    for path in await addresses(make, rest):
        page = await reader.get(path)
        main = page[page.index("<main") : page.index("</main>")]
        assert 'method="post"' not in main, path


async def test_a_reader_s_form_changes_nothing(http, database, make):
    reader = await enter(http, database, READER)
    organization = await make.organization()
    root = f"/console/organizations/{organization['id']}"
    for path, fields in (
        ("/console/organizations/new/create", {"display_name": "X"}),
        (f"{root}/update", {"display_name": "X"}),
        (f"{root}/delete", {"name": "Acme"}),
        (f"{root}/portal-links/create", {}),
        ("/console/roles/create", {"name": "x", "display_name": "X"}),
        ("/console/connections/environment/create", {"provider": "GITHUB"}),
    ):
        assert (await reader.post(path, **fields)).status_code == 403, path
    assert "Acme" in await reader.get(root)


async def test_nobody_else_sees_them(http, database, make, rest):
    for path in await addresses(make, rest):
        assert (await http.get(path)).status_code == 401, path
        forged = {"cookie": "__Host-tenantry_console=made-up"}
        assert (await http.get(path, headers=forged)).status_code == 401, path


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {},
    ],
)
async def test_a_form_of_another_site_is_refused(http, database, make, rest, headers):
    browser = await enter(http, database, OPERATOR)
    organization = await make.organization()
    path = f"/console/organizations/{organization['id']}/update"
    sent = {"cookie": browser.cookie, **headers}
    answer = await http.post(path, data={"display_name": "Stolen"}, headers=sent)
    assert answer.status_code == 403
    assert OWN["sec-fetch-site"] not in headers.values()
    found = await rest.organizations.get_organization(id=organization["id"])
    assert found["organization"]["display_name"] == "Acme"


async def test_hostile_texts_are_texts(http, database, make, rest):
    browser = await enter(http, database, OPERATOR)
    paths = await addresses(make, rest, name=HOSTILE)
    root = next(path for path in paths if re.fullmatch(r"/console/organizations/org_\d+", path))
    person = next(path for path in paths if re.fullmatch(r"/console/people/usr_\d+", path))
    metadata = {"metadata-key-0": "<b>key</b>", "metadata-value-0": HOSTILE}
    await browser.send(f"{root}/metadata", **metadata)
    await browser.send(f"{person}/metadata", **metadata)
    await browser.send(f"{person}/update", given_name=HOSTILE, family_name=HOSTILE, name=HOSTILE)
    name = unique("role").replace("-", "_")
    await browser.send(
        "/console/roles/create", name=name, display_name=HOSTILE[:60], description=HOSTILE
    )
    await make.client(root.rpartition("/")[2], name="<script>alert(3)</script>")
    pages = [*paths, f"/console/roles/of/{name}"]
    shown = 0
    for path in pages:
        page = await browser.get(path)
        shown += "&lt;script&gt;" in page
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert "<b>key" not in page, path
        read = Elements()
        read.feed(page)
        assert not read.bad, path
    assert shown >= 10
    for path in ("organizations", "people", "connections", "directories"):
        page = await browser.get(f"/console/{path}?query=%3Cscript%3Ealert(1)%3C%2Fscript%3E")
        assert "<script>alert" not in page


async def test_pages_stay_small(http, database, make, rest):
    browser = await enter(http, database, OPERATOR)
    for path in await addresses(make, rest):
        assert len((await browser.get(path)).encode()) <= 100_000, path


async def test_all_of_it_speaks_german(http, database, make, rest):
    browser = await enter(http, database, OPERATOR)
    for path in await addresses(make, rest):
        page = await browser.get(path, **{"accept-language": "de"})
        assert '<html lang="de">' in page, path
