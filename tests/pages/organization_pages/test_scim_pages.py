"""Directories as the admin with a link sets them up, and as members see them, over HTTP."""

from __future__ import annotations

import asyncio
import re

import pytest
from scim_pages import MEMBERS, Pushing, by_link, by_session, copied, organization, seen
from signins import SignIns

from tenantry.i18n.languages import LANGUAGES

READ, MANAGE = "sk_org_scim_read", "sk_org_scim_manage"
PROVIDERS = (
    *("Okta", "Microsoft Entra ID", "Google Workspace", "OneLogin", "JumpCloud"),
    *("Ping Identity", "Any SCIM 2.0 provider"),
)


@pytest.fixture
async def acme(rest, make):
    return await organization(rest, make)


@pytest.fixture
async def admin(http, make, acme):
    return await by_link(http, make, acme)


@pytest.fixture
def member(http, make, acme, database, rest):
    """A member with some permissions, as a coroutine."""

    def sign_in(*permissions: str):
        signins = SignIns(database, http, rest, make)
        return by_session(http, make, signins, acme, *permissions)

    return sign_in


@pytest.fixture
async def connected(server, admin, make):
    """A directory that is on, with its provider: id, provider, domain."""
    id_ = await admin.directory()
    shown = copied(await admin.post(f"/{id_}/secrets"))
    provider = Pushing(server, shown["SCIM 2.0 Base Url"], shown["OAuth Bearer Token"])
    await admin.post(f"/{id_}/enable")
    domain = (await make.domain(admin.organization_id))["domain"]
    yield id_, provider, domain
    await provider.http.aclose()


async def logged(visitor, id_, *, refused=False, number=1):
    """The page of requests, once so many are written."""
    async with asyncio.timeout(60):
        while True:
            page = await visitor.get(f"/{id_}/requests", **({"refused": "1"} if refused else {}))
            if page.text.count("/requests/dirreq_") >= number:
                return page
            await asyncio.sleep(0.05)


async def test_all_providers_are_there_to_choose_from(admin):
    page = await admin.get()
    assert page.status_code == 200
    assert all(name in seen(page) for name in PROVIDERS)
    assert seen(page).count("SCIM push") == 6
    assert seen(page).count("Hourly sync") == 1


async def test_each_provider_has_its_guide_with_our_values(admin):
    for provider in ("okta", "entra-id", "onelogin", "jumpcloud", "ping-identity", "custom"):
        id_ = await admin.directory(provider)
        page = await admin.get(f"/{id_}")
        endpoint = f"/directory/{id_}/scim/v2"
        values = [value for value in copied(page).values() if value.endswith(endpoint)]
        assert len(values) == 2, provider  # in the first step, and where the guide needs it
        assert "Create token" in seen(page)


async def test_the_steps_from_the_choice_to_a_connection(server, admin, make):
    page = await admin.post("/new", provider="entra-id")
    id_ = page.url.path.rpartition("/")[2]
    assert "Directory created" in seen(page)
    assert "Not set up" in seen(page)
    assert "has no verified domain" in seen(page)
    assert page.text.count('<li class="done">') == 0
    token = await admin.send(f"/{id_}/secrets")
    assert token.status_code == 200
    assert token.headers["cache-control"] == "no-store"
    shown = copied(token)
    assert set(shown) == {"Tenant URL", "Secret Token"}
    secret = shown["Secret Token"]
    assert re.fullmatch(r"\w{60}", secret)
    page = await admin.get(f"/{id_}")
    assert secret not in page.text
    assert f"…{secret[-4:]}" in page.text
    assert "never" in seen(page)
    assert page.text.count('<li class="done">') == 1
    provider = Pushing(server, shown["Tenant URL"], secret)
    assert (await provider("GET", '/Users?filter=userName eq "x"')).status_code == 200
    domain = (await make.domain(admin.organization_id))["domain"]
    page = await admin.get(f"/{id_}")
    assert "Not enabled" in seen(page)
    assert "has no verified domain" not in seen(page)
    assert (await provider("POST", "/Users", {"userName": "x"})).status_code == 403
    page = await admin.post(f"/{id_}/enable")
    assert "Directory enabled." in seen(page)
    await provider.person(f"ada@{domain}")
    page = await admin.get(f"/{id_}")
    assert "Connected" in seen(page)
    assert page.text.count('<li class="done">') == 3
    await provider.http.aclose()
    page = await admin.post(f"/{id_}/disable")
    assert "Directory disabled." in seen(page)
    assert "Disabled" in seen(page)


async def test_enabling_is_told_to_the_page_around_the_portal(admin, member):
    id_ = await admin.directory()
    page = await admin.post(f"/{id_}/enable")
    assert "ORGANIZATION_DIRECTORY_ENABLED" in page.text
    assert id_ in page.text
    page = await admin.post(f"/{id_}/disable")
    assert "ORGANIZATION_DIRECTORY_DISABLED" in page.text
    page = await (await member(READ, MANAGE)).post(f"/{id_}/enable")
    assert "ORGANIZATION_DIRECTORY" not in page.text


async def test_one_directory_is_led_to_and_several_are_listed(admin):
    first = await admin.directory("okta")
    page = await admin.get()
    assert page.url.path.endswith(first)
    second = await admin.directory("google-workspace")
    page = await admin.get()
    assert all(f"/scim/{id_}" in page.text for id_ in (first, second))
    assert "Google Workspace" in seen(page)
    page = await admin.post(f"/{first}/name", name="Okta of <b>Acme</b>")
    assert "Name saved." in seen(page)
    page = await admin.get()
    assert "Okta of &lt;b&gt;Acme&lt;/b&gt;" in page.text


async def test_a_new_token_goes_in_place_of_the_former_with_an_overlap(
    server, admin, connected, eventually
):
    id_, provider, _ = connected
    page = await admin.get(f"/{id_}")
    assert "stays valid for 24 hours" in seen(page)
    new = copied(await admin.post(f"/{id_}/secrets/regenerate"))["OAuth Bearer Token"]
    assert (await provider("GET", "/Users")).status_code == 200
    other = Pushing(server, provider.endpoint, new)

    async def is_noticed():
        return "still uses the previous token" in seen(await admin.get(f"/{id_}"))

    await eventually(is_noticed)
    assert (await other("GET", "/Users")).status_code == 200
    await other.http.aclose()
    # Loaded again as a page, an answer leads back and makes nothing.
    assert (await admin.get(f"/{id_}/secrets/regenerate")).url.path.endswith(id_)
    assert (await admin.get(f"/{id_}/secrets")).url.path.endswith(id_)


async def test_people_with_groups_and_roles_and_groups_with_their_role(admin, connected, make):
    id_, provider, domain = connected
    role = await make.organization_role(admin.organization_id, display_name="Editor <i>")
    assert "No users yet" in seen(await admin.get(f"/{id_}/users"))
    assert "No groups yet" in seen(await admin.get(f"/{id_}/groups"))
    ada = await provider.person(
        f"ada@{domain}", name={"givenName": "Ada", "familyName": "<b>Lovelace"}
    )
    await provider.person(f"bob@{domain}")
    await provider.person(f"cy@{domain}", active=False)
    staff = await provider.group("Staff", ada)
    other = await provider.group("Sales & <script>", ada)
    page = await admin.get(f"/{id_}/groups")
    assert "Sales &amp; &lt;script&gt;" in page.text
    page = await admin.post(
        f"/{id_}/groups",
        **{f"role-{staff}": role["name"], f"was-{staff}": "", f"role-{other}": ""},
        **{f"was-{other}": "", "search": "", "page_token": ""},
    )
    assert "Roles saved." in seen(page)
    page = await admin.get(f"/{id_}/users")
    assert "Ada &lt;b&gt;Lovelace" in page.text
    rows = re.findall(r"<tr>\s*<th scope=\"row\"[^>]*>.*?</tr>", page.text, flags=re.DOTALL)
    cy, bob, first = (re.sub(r"<[^>]+>|\s+", " ", row) for row in rows)
    assert "Inactive" in cy
    assert "Member" not in cy
    assert "Member" in bob
    assert "default" in bob
    assert "Staff" in first
    assert "Editor &lt;i&gt;" in first
    assert "default" not in first
    page = await admin.get(f"/{id_}/users", group=staff)
    assert "Members of Staff" in seen(page)
    assert "bob@" not in page.text
    page = await admin.get(f"/{id_}/users", search="BOB@")
    assert "bob@" in page.text
    assert "ada@" not in page.text
    assert "No users found" in seen(await admin.get(f"/{id_}/users", search="eve"))
    assert "No groups found" in seen(await admin.get(f"/{id_}/groups", search="x"))
    page = await admin.get(f"/{id_}/groups", search="staf")
    assert "Sales" not in page.text
    # One group of a page is changed: the others keep what they have, and one that was not shown.
    await admin.post(f"/{id_}/groups", **{f"role-{other}": "member", f"was-{other}": ""})
    page = await admin.get(f"/{id_}/groups")
    assert len(re.findall(r'<option value="\w+" selected>', page.text)) == 2
    await admin.post(f"/{id_}/groups", **{f"role-{other}": "", f"was-{other}": "member"})
    page = await admin.get(f"/{id_}/groups")
    assert len(re.findall(r'<option value="\w+" selected>', page.text)) == 1
    assert "One group has a role." in seen(await admin.get(f"/{id_}"))


async def test_a_group_with_several_roles_keeps_them_until_another_is_chosen(
    admin, connected, rest, make
):
    id_, provider, _ = connected
    role = await make.organization_role(admin.organization_id, display_name="Editor")
    staff = await provider.group("Staff")
    given = [{"group_id": staff, "role_name": name} for name in ("member", role["name"])]
    await rest.directories.assign_roles(
        organization_id=admin.organization_id, id=id_, role_assignments={"assignments": given}
    )
    page = await admin.get(f"/{id_}/groups")
    assert re.search(r'<option value="\*" selected>(Member, Editor|Editor, Member)', page.text)
    await admin.post(f"/{id_}/groups", **{f"role-{staff}": "*", f"was-{staff}": "*"})
    assert "*" in (await admin.get(f"/{id_}/groups")).text
    await admin.post(f"/{id_}/groups", **{f"role-{staff}": "member", f"was-{staff}": "*"})
    page = await admin.get(f"/{id_}/groups")
    assert '<option value="member" selected>' in page.text


async def test_a_role_that_is_not_released_is_neither_offered_nor_taken(admin, connected, rest):
    id_, provider, _ = connected
    staff, other = await provider.group("Staff"), await provider.group("Sales")
    await rest.directories.assign_roles(
        organization_id=admin.organization_id,
        id=id_,
        role_assignments={"assignments": [{"group_id": staff, "role_name": "admin"}]},
    )
    page = await admin.get(f"/{id_}/groups")
    assert "Admin" in seen(page)
    assert f'name="role-{staff}"' not in page.text
    assert f'name="role-{other}"' in page.text
    assert 'value="admin"' not in page.text
    for form in (
        {f"role-{staff}": "", f"was-{staff}": "admin"},
        {f"role-{other}": "admin", f"was-{other}": ""},
    ):
        page = await admin.post(f"/{id_}/groups", **form)
        assert "is not released to the admin portal" in seen(page)
    for button in ("secrets", "secrets/regenerate", "enable"):
        page = await admin.post(f"/{id_}/{button}")
        assert "is not released to the admin portal" in seen(page)
    page = await admin.post(f"/{id_}/groups", **{f"role-{other}": "member", f"was-{other}": ""})
    assert "Roles saved." in seen(page)


async def test_lists_page_by_tokens(admin, connected):
    id_, provider, domain = connected
    for number in range(21):
        await provider.person(f"p{number}@{domain}")
    first = await admin.get(f"/{id_}/users")
    assert "p20@" in first.text
    assert "p0@" not in first.text
    (onward,) = re.findall(r'rel="next" href="([^"]+)"', first.text)
    second = await admin.get(onward.replace("&amp;", "&"))
    assert "p0@" in second.text
    assert 'rel="prev"' in second.text
    assert "p20@" not in second.text


async def test_requests_with_what_was_refused_why_and_what_helps(admin, connected):
    id_, provider, domain = connected
    ada = await provider.person(f"ada@{domain}", password="of-ada", title="<img src=x>")
    await provider.group("Staff", ada, "unknown-1", "<unknown-2>")
    body = {"userName": "eve@elsewhere.example", "emails": [{"value": "eve@elsewhere.example"}]}
    assert (await provider("POST", "/Users", body)).status_code == 400
    page = await logged(admin, id_, number=3)
    assert "2 entries skipped" in seen(page)
    assert "not a verified domain of this organization" in seen(page)
    page = await logged(admin, id_, refused=True)
    assert page.text.count("/requests/dirreq_") == 1
    (link,) = re.findall(r'href="([^"]+/requests/dirreq_\d+)"', page.text)
    page = await admin.get(link)
    assert "Verify the domain, then have your identity provider send the user again" in seen(page)
    assert "eve@elsewhere.example" in seen(page)
    assert "Okta SCIM Client 1.0.0" in seen(page)
    top = await admin.get(f"/{id_}")
    assert "POST /Users failed: emails: 'elsewhere.example'" in seen(top)
    page = await admin.get(f"/{id_}/requests", about=ada)
    (link,) = re.findall(r'href="([^"]+/requests/dirreq_\d+)"', page.text)
    page = await admin.get(link)
    assert "of-ada" not in page.text
    assert "&lt;img src=x&gt;" in page.text
    links = re.findall(
        r'href="([^"]+/requests/dirreq_\d+)"', (await logged(admin, id_, number=3)).text
    )
    page = await admin.get(links[1])
    assert "unknown-1" in seen(page)
    assert "&lt;unknown-2&gt;" in page.text
    assert "No user in this directory has this ID" in seen(page)


async def test_attributes_are_mapped_and_one_that_cannot_be_is_said_at_its_field(
    admin, connected, rest
):
    id_, _, _ = connected
    page = await admin.post(f"/{id_}/attributes", **{"attribute-title": "userType"})
    assert "Attributes saved." in seen(page)
    assert 'value="userType"' in page.text
    page = await admin.post(
        f"/{id_}/attributes", **{"attribute-name": "x" * 33, "attribute-title": "userType"}
    )
    assert page.text.count('aria-invalid="true"') == 1
    assert f'value="{"x" * 33}"' in page.text
    assert 'id="attribute-name-problem"' in page.text
    page = await admin.post(f"/{id_}/attributes", **{"attribute-nonsense": "x"})
    assert "is not a user attribute" in seen(page)
    shown = await rest.directories.get_directory(organization_id=admin.organization_id, id=id_)
    mapped = shown["directory"]["attribute_mappings"]["attributes"]
    assert [(one["key"], one["map_to"]) for one in mapped] == [("title", "userType")]
    await admin.post(f"/{id_}/attributes", **{"attribute-title": ""})
    assert 'value="userType"' not in (await admin.get(f"/{id_}/attributes")).text


async def test_a_deleted_directory_is_gone_and_its_people_stay(admin, connected, rest, eventually):
    id_, provider, domain = connected
    await provider.person(f"ada@{domain}")
    page = await admin.get(f"/{id_}")
    assert "Users stay members and keep their access" in seen(page)
    page = await admin.post(f"/{id_}/delete")
    assert "Directory deleted." in seen(page)
    assert "Choose your identity provider" in seen(page)
    assert (await admin.get(f"/{id_}")).status_code == 404

    async def is_refused():
        return (await provider("GET", "/Users")).status_code == 401

    await eventually(is_refused)
    users = await rest.users.list_organization_users(organization_id=admin.organization_id)
    assert users["users"][0]["email"] == f"ada@{domain}"


PAGES = ("", "/users", "/groups", "/requests", "/attributes")
FORMS = (
    *("/secrets", "/secrets/regenerate", "/enable", "/disable", "/name", "/delete", "/groups"),
    *("/attributes", "/credentials", "/credentials/delete", "/sync", "/followed", "/followed/all"),
)


async def test_a_member_who_reads_sees_all_and_changes_nothing(admin, member, connected):
    id_, provider, domain = connected
    ada = await provider.person(f"ada@{domain}")
    await provider.group("Staff", ada)
    reader = await member(READ)
    for path in PAGES:
        page = await reader.get(f"/{id_}{path}")
        assert page.status_code == 200, path
        assert 'method="post"' not in page.text, path
    assert "Staff" in seen(await reader.get(f"/{id_}/groups"))
    assert "ada@" in seen(await reader.get(f"/{id_}/users"))
    for path in FORMS:
        assert (await reader.send(f"/{id_}{path}")).status_code == 403, path
    assert (await reader.send("/new", provider="okta")).status_code == 403
    other = await member("sk_org_sso_manage")
    for path in PAGES:
        assert (await other.get(f"/{id_}{path}")).status_code == 403, path


async def test_a_member_who_manages_sets_up_all_but_deletes_nothing(member, acme):
    manager = await member(READ, MANAGE)
    id_ = await manager.directory()
    assert copied(await manager.post(f"/{id_}/secrets"))["OAuth Bearer Token"]
    assert "Directory enabled" in seen(await manager.post(f"/{id_}/enable"))
    assert "Name saved" in seen(await manager.post(f"/{id_}/name", name="Ours"))
    page = await manager.get(f"/{id_}")
    assert page.url.path == f"{MEMBERS}/{id_}"
    assert "Delete the directory" not in seen(page)
    assert (await manager.send(f"/{id_}/delete")).status_code == 403
    google = await manager.directory("google-workspace")
    page = await manager.get(f"/{google}")
    assert "Key file" in seen(page)


async def test_a_directory_that_is_pushed_to_has_no_groups_to_follow(admin, connected):
    id_, _, _ = connected
    page = await admin.get(f"/{id_}/followed")
    assert page.status_code == 200
    assert page.url.path.endswith(f"/{id_}")
    assert "/followed" not in page.text


async def test_a_reader_of_an_organization_without_a_directory_is_told_so(member):
    page = await (await member(READ)).get()
    assert "No directories yet" in seen(page)
    assert "<form" not in page.text.partition("<main")[2]


async def test_no_directory_of_another_organization(http, rest, make, admin):
    other = await by_link(http, make, await organization(rest, make))
    id_ = await other.directory()
    for path in (*PAGES, "/requests/dirreq_1", "/followed"):
        assert (await admin.get(f"/{id_}{path}")).status_code == 404, path
    for path in FORMS:
        if path == "/credentials":
            continue
        answer = await admin.send(f"/{id_}{path}", name="Mine", **{"group-a": "true"})
        assert answer.status_code == 404, path
    assert "Okta" in seen(await other.get(f"/{id_}"))


async def test_without_the_feature_there_is_no_page(http, rest, make):
    made = await make.organization()
    visitor = await by_link(http, make, made["id"])
    assert (await visitor.get("")).status_code == 403


async def test_forms_of_other_sites_are_refused(admin):
    id_ = await admin.directory()
    for path in (*(f"/{id_}{form}" for form in FORMS), "/new"):
        for site in ("cross-site", "same-site", "none"):
            answer = await admin.send(path, site=site, provider="okta")
            assert answer.status_code == 403, path
    assert "Create token" in seen(await admin.get(f"/{id_}"))


async def test_bad_input_is_told_where_it_was_typed(admin, connected):
    id_, provider, _ = connected
    staff = await provider.group("Staff")
    for chosen in ("", "nonsense", "<b>"):
        page = await admin.post("/new", provider=chosen)
        assert "Choose a provider." in seen(page)
    for name in ("", " ", "x" * 257):
        page = await admin.post(f"/{id_}/name", name=name)
        assert page.status_code == 200
        assert 'id="name-problem"' in page.text
    page = await admin.post(f"/{id_}/groups", **{f"role-{staff}": "no_such_role"})
    assert "must be a role of the environment or the organization" in seen(page)
    page = await admin.post(f"/{id_}/groups", **{f"role-{staff}": "<b>"})
    assert 'role="alert"' in page.text
    page = await admin.post(f"/{id_}/groups", **{"role-dirgroup_1": "admin"})
    assert "must be a group of this directory" in seen(page)
    page = await admin.get(f"/{id_}/users", search="x" * 257)
    assert 'id="search-problem"' in page.text
    assert (await admin.get(f"/{id_}/users", search="%00")).status_code == 200
    for path in ("users", "groups", "requests"):
        page = await admin.get(f"/{id_}/{path}", page_token="nonsense")
        assert page.status_code == 200
        assert 'role="alert"' in page.text
    assert (await admin.get(f"/{id_}/users", group="nonsense")).status_code == 200
    for wrong in ("x", "dirreq_1", "../users"):
        assert (await admin.get(f"/{id_}/requests/{wrong}")).status_code in {200, 404}
    for wrong in ("dir_1", "x" * 40, "%00", "%ff"):
        assert (await admin.get(f"/{wrong}")).status_code in {400, 404}
    page = await admin.send(f"/{id_}/sync")
    page = await admin.post(f"/{id_}/sync")
    assert "must be a POLL directory" in seen(page)
    many = {f"role-dirgroup_{number}": "" for number in range(60)}
    assert (await admin.send(f"/{id_}/groups", **many)).status_code == 400
    assert (await admin.send(f"/{id_}/name", name="x" * 70_000)).status_code == 413


async def test_bad_key_files_are_told_at_their_field(admin):
    id_ = await admin.directory("google-workspace")

    async def give(content, email="admin@example.com"):
        files = {"key": ("key.json", content, "application/json")}
        return await admin.post(f"/{id_}/credentials", files, email=email)

    for content in (b"{}", b"x", b"\xff\xfe", b"[" * 9000, b"x" * 17_000, b'{"type": 1}'):
        page = await give(content)
        assert page.status_code == 200, content[:20]
        assert 'id="key-problem"' in page.text, content[:20]
        assert 'value="admin@example.com"' in page.text
    page = await admin.post(f"/{id_}/credentials", email="admin@example.com")
    assert "Choose the key file." in seen(page)
    page = await give(b"{}", email="nobody")
    assert 'id="email-problem"' in page.text
    assert (await admin.get(f"/{id_}/followed")).status_code == 200
    page = await admin.post(f"/{id_}/followed")
    assert "Choose at least one group" in seen(page)
    page = await admin.post(f"/{id_}/sync")
    assert "directory is disabled" in seen(page)
    assert (await admin.send(f"/{id_}/credentials/delete")).status_code == 404


@pytest.mark.process
async def test_a_token_is_in_no_event_and_in_no_log(server, admin, events):
    id_ = await admin.directory()
    token = copied(await admin.post(f"/{id_}/secrets"))["OAuth Bearer Token"]
    assert token not in str(await events.new())
    assert token not in server.log.read_text()


async def test_every_page_speaks_german(admin, connected, http):
    id_, provider, domain = connected
    await provider.person(f"ada@{domain}")
    await provider.group("Staff")
    await logged(admin, id_, number=2)
    for path in PAGES:
        page = await http.get(
            f"{admin.root}/{id_}{path}",
            headers={"cookie": admin.cookie, "accept-language": "de"},
        )
        assert 'lang="de"' in page.text
        assert "Einrichtung" in page.text


@pytest.mark.parametrize("reader", LANGUAGES)
async def test_the_guide_is_in_the_reader_s_language_and_labels_in_english(admin, http, reader):
    for provider in ("okta", "custom"):
        page = await http.get(
            f"{admin.root}/{await admin.directory(provider)}",
            headers={"cookie": admin.cookie, "accept-language": reader},
        )
        assert set(re.findall(r'<(?:h3|p) lang="(\w+)">', page.text)) == {reader}
        if provider == "okta":
            assert "<b lang='en'>Browse App Catalog</b>" in page.text
            assert 'lang="en">SCIM 2.0 Base Url</span>' in page.text
        else:
            assert f'<dd lang="{reader}">' in page.text
