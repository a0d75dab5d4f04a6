"""An organization's own people set its name, domains, session policy and programs."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from apis import refused, unique
from pictures_of_tests import png
from widget_people import HOSTILE, ORGANIZATION, People, links, text_of

from tenantry.events.event_log import sequencing

GENERAL, POLICY = f"{ORGANIZATION}/general", f"{ORGANIZATION}/session-policy"
PROGRAMS, AUDIT = f"{ORGANIZATION}/programs", f"{ORGANIZATION}/audit"


@pytest.fixture
def people(server, database, http, rest, make):
    return People(server, database, http, rest, make)


@pytest.fixture
async def admin(people):
    return await people.member(await people.organization(), "admin")


async def test_what_is_in_the_navigation_follows_permissions_and_features(people):
    organization = await people.organization("sso")
    admin = await people.member(organization, "admin")
    page = await admin.get(GENERAL)
    profile = ["My account", "Organizations", "Security", "Connected apps"]
    assert links(page) == [
        *("General", "Users", "Single sign-on", "API keys and clients", "Audit log"),
        *profile,
    ]
    assert links(await admin.get("/ui/profile/account")) == links(page)
    member = await people.member(organization, "member")
    assert links(await member.get(GENERAL)) == ["General", "Users", *profile]
    nothing = await people.member(organization, await people.role())
    first = await nothing.get("/ui/organization")
    assert first.headers["location"] == "/ui/profile/account"
    assert links(await nothing.get("/ui/profile/account")) == profile


async def test_nobody_without_a_session_sees_anything(http):
    for path in ("/ui/organization", GENERAL, "/ui/profile/organizations"):
        answer = await http.get(path, headers={"accept-language": "en"})
        assert answer.status_code == 401
        assert "You are not signed in" in answer.text


async def test_the_name_is_changed_and_the_logo_taken_away(admin, rest):
    organization = admin.person.organization_id
    logo = "https://example.com/logo.png"
    told = await admin.done(f"{GENERAL}/save", display_name="Globex", logo_url=logo)
    assert "Changes saved." in text_of(told)
    assert "Globex" in told.text
    await admin.done(f"{GENERAL}/save", display_name=HOSTILE[:200], logo_url="")
    page = await admin.get(GENERAL)
    assert "<img src=x" not in page.text
    found = (await rest.organizations.get_organization(id=organization))["organization"]
    assert found["display_name"] == HOSTILE[:200]
    assert not found.get("logo_url")


@pytest.mark.parametrize(
    "form",
    [
        {"display_name": "", "logo_url": ""},
        {"display_name": "x" * 201, "logo_url": ""},
        {"display_name": "x", "logo_url": "javascript:alert(1)"},
        {"display_name": "x", "logo_url": "http://example.com/logo.png"},
    ],
)
async def test_a_bad_name_or_logo_is_refused_beside_its_field(admin, form):
    said = await admin.refused(f"{GENERAL}/save", **form)
    assert "Enter a valid value." in said


def with_logo(content, name="logo.png", **fields: str):
    """The body of a form with a picture."""
    parts = [
        f'--b\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--b\r\ncontent-disposition: form-data; name="logo"; filename="{name}"\r\n\r\n'
    return b"".join([*parts, head.encode(), content, b"\r\n--b--\r\n"])


async def upload(http, member, content, **fields: str):
    """The page that follows the form with a picture."""
    headers = {
        **member.headers,
        "origin": member.person.server.url,
        "sec-fetch-site": "same-origin",
        "content-type": "multipart/form-data; boundary=b",
    }
    body = with_logo(content, **{"display_name": "Globex", "logo_url": "", **fields})
    sent = await http.post(f"{GENERAL}/save", headers=headers, content=body)
    if sent.status_code != 303:
        return sent
    return await member.get(sent.headers["location"])


async def test_a_logo_is_uploaded_and_shown_at_once(admin, rest, http, server):
    page = await upload(http, admin, png(64, 36))
    assert "Changes saved." in text_of(page)
    (path,) = re.findall(r'<img class="logo" src="(/assets/ast_\d+\.png)"', page.text)
    served = await http.get(path)
    assert (served.status_code, served.headers["content-type"]) == (200, "image/png")
    of = {"id": admin.person.organization_id}
    found = (await rest.organizations.get_organization(**of))["organization"]
    assert found["logo_url"] == f"{server.url}{path}"
    # Without a picture the address is kept, and emptied it is gone.
    page = await upload(http, admin, b"", name="", logo_url=found["logo_url"])
    assert path in page.text
    assert path not in (await admin.done(f"{GENERAL}/save", display_name="Globex")).text


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "Choose a PNG or JPEG"),
        (png(64, 36)[:-20], "Choose a PNG or JPEG"),
        (png(4097, 1), "Choose a PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(1 << 20), "up to 1 MB"),
    ],
    ids=["another kind", "cut off", "too many pixels", "too many bytes"],
)
async def test_a_file_that_is_no_logo_is_refused_beside_its_field(admin, http, content, says):
    page = await upload(http, admin, content, display_name="Kept as typed")
    assert re.search(rf'id="logo-problem"[^>]*>[^<]*{says}', page.text), text_of(page)
    assert 'value="Kept as typed"' in page.text
    assert '<img class="logo"' not in page.text


async def test_only_those_who_manage_settings_upload_a_logo(people, admin, http):
    member = await people.member(admin.person.organization_id, "member")
    assert (await upload(http, member, png(8, 8))).status_code == 403


async def test_a_file_beyond_the_form_s_bound_is_refused(admin, http):
    assert (await upload(http, admin, bytes(3 << 20))).status_code == 413


async def test_domains_whose_people_join_are_added_and_removed(admin):
    domain = f"{unique()}.example"
    page = await admin.done(f"{GENERAL}/domains", domain=domain)
    assert domain in page.text
    assert "Enter a valid value" in await admin.refused(f"{GENERAL}/domains", domain="gmail.com")
    (id_,) = re.findall(r"/domains/(dom_\d+)/remove", page.text)
    assert domain not in (await admin.done(f"{GENERAL}/domains/{id_}/remove")).text


async def test_a_member_sees_settings_and_changes_none(people, admin):
    member = await people.member(admin.person.organization_id, "member")
    page = await member.get(GENERAL)
    assert page.status_code == 200
    assert "<form" not in page.text
    for path in ("save", "domains", "domains/dom_1/remove"):
        assert (await member.post(f"{GENERAL}/{path}")).status_code == 403


async def test_a_session_policy_is_set_and_given_up(admin):
    custom = {"source": "CUSTOM", "absolute": "4", "absolute_unit": "HOURS"}
    told = text_of(await admin.done(f"{POLICY}/save", **custom, idle_enabled="true", idle="30"))
    assert "Maximum session duration 8 hours 4 hours" in told
    assert "30 minutes" in told
    for wrong in (
        {"absolute": "400", "absolute_unit": "DAYS"},
        {"absolute": "x"},
        {"absolute": ""},
    ):
        said = await admin.refused(f"{POLICY}/save", **{**custom, **wrong})
        assert "not exceed the application's limit" in said
    told = text_of(await admin.done(f"{POLICY}/save", source="APPLICATION"))
    assert "Same as the application" in told


async def test_a_session_policy_takes_the_feature(people):
    admin = await people.member(await people.organization("sso"), "admin")
    assert (await admin.get(POLICY)).status_code == 403
    assert (await admin.post(f"{POLICY}/save", source="APPLICATION")).status_code == 403


async def test_an_api_key_is_made_shown_once_and_ended(admin, rest):
    made = await admin.post(f"{PROGRAMS}/keys", description=HOSTILE, life="30", acts_as="")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert "<img src=x" not in made.text
    (key,) = re.findall(r'<code id="key"[^>]*>([^<]+)</code>', made.text)
    info = (await rest.tokens.validate_token(token=key))["token_info"]
    assert info["organization_id"] == admin.person.organization_id
    page = await admin.get(PROGRAMS)
    assert key not in page.text
    (id_,) = re.findall(r"/keys/(apit_\d+)/end", page.text)
    assert "API key revoked." in text_of(await admin.done(f"{PROGRAMS}/keys/{id_}/end"))
    with refused("NOT_FOUND"):  # at once, though the process has just read it
        await rest.tokens.validate_token(token=key)
    listed = await rest.tokens.list_tokens(organization_id=admin.person.organization_id)
    assert not listed.get("tokens")


async def test_a_client_is_made_rotated_and_deleted(people, admin, http):
    made = await admin.post(f"{PROGRAMS}/clients", name="Reporter")
    values = dict(
        re.findall(r'<code id="(client_id|client_secret)"[^>]*>([^<]+)</code>', made.text)
    )
    grant = {"grant_type": "client_credentials", **values}
    assert (await http.post("/oauth/token", data=grant)).status_code == 200
    page = f"{PROGRAMS}/clients/{values['client_id']}"
    again = await admin.post(f"{page}/rotate")
    (secret,) = re.findall(r'<code id="client_secret"[^>]*>([^<]+)</code>', again.text)
    assert secret != values["client_secret"]
    answer = await http.post("/oauth/token", data={**grant, "client_secret": secret})
    assert answer.status_code == 200
    shown = await admin.get(page)
    assert secret not in shown.text
    for id_ in re.findall(r"/secrets/(sec_\d+)/remove", shown.text)[:1]:
        await admin.done(f"{page}/secrets/{id_}/remove")
    await admin.done(f"{page}/remove")
    assert (await admin.get(page)).status_code == 404


async def test_a_client_may_no_more_than_the_member_who_makes_it(people):
    permission = f"invoices:{unique()}".replace("-", "_")
    await people.rest.roles.create_permission(
        permission={"name": permission, "description": "Read invoices"}
    )
    organization = await people.organization()
    one = await people.member(organization, await people.role("sk_org_settings_manage"))
    path = f"{PROGRAMS}/clients"
    for scope in (permission, "sk_org_users_invite"):
        answer = await one.post(path, **{"name": "x", f"scope.{scope}": "true"})
        assert answer.status_code == 403
    answer = await people.rest.clients.create_organization_client(
        organization_id=organization, client={"name": "Big", "scopes": [permission]}
    )
    big = answer["client"]["client_id"]
    assert "you can't create a secret for it" in text_of(await one.get(f"{path}/{big}"))
    assert (await one.post(f"{path}/{big}/rotate")).status_code == 403
    may = await people.member(organization, await people.role("sk_org_settings_manage", permission))
    made = await may.post(path, **{"name": "x", f"scope.{permission}": "true"})
    assert made.status_code == 200
    assert (await may.post(f"{path}/{big}/rotate")).status_code == 200


async def test_programs_of_another_organization_are_not_there(people, admin, rest):
    other = await people.organization()
    token = await rest.tokens.create_token(token={"organization_id": other})
    client = await rest.clients.create_organization_client(
        organization_id=other, client={"name": "Theirs"}
    )
    id_ = client["client"]["client_id"]
    for path in (
        f"keys/{token['token_id']}/end",
        f"keys/{token['token']}/end",
        *(f"clients/{id_}/{do}" for do in ("rotate", "remove", "secrets/sec_1/remove")),
    ):
        assert (await admin.post(f"{PROGRAMS}/{path}")).status_code == 404, path
    assert (await admin.get(f"{PROGRAMS}/clients/{id_}")).status_code == 404
    assert await rest.tokens.validate_token(token=token["token"])


async def test_the_audit_log_tells_what_happened_here_alone(people, admin, rest):
    secret = unique("secret")
    organization = admin.person.organization_id
    await rest.organizations.update_organization(
        id=organization, organization={"metadata": {"stripe": secret}, "external_id": secret}
    )
    await admin.done(f"{GENERAL}/save", display_name="Renamed here", logo_url="")
    elsewhere = await people.member(await people.organization(display_name="Elsewhere"), "admin")
    await elsewhere.done(f"{GENERAL}/save", display_name="Renamed there", logo_url="")
    page = await admin.get(AUDIT)
    told = text_of(page)
    assert "Renamed here" in told
    assert admin.person.email in told
    assert "Renamed there" not in told
    assert secret not in page.text
    narrowed = text_of(await admin.get(f"{AUDIT}?group=members"))
    assert "Organization updated" not in narrowed
    assert "Member joined" in narrowed
    mine = text_of(await admin.get(f"{AUDIT}?actor={admin.person.email}"))
    assert "Organization updated" in mine
    assert "Member joined" not in mine
    assert "No entries" in text_of(await admin.get(f"{AUDIT}?until=2020-01-01"))


@pytest.mark.parametrize("query", ["since=nonsense", "since=2027-01-01&until=2026-01-01"])
async def test_days_that_are_none_are_told(admin, query):
    assert "Invalid dates" in text_of(await admin.get(f"{AUDIT}?{query}"))
    assert (await admin.get(f"{AUDIT}/export?{query}")).status_code == 400


async def test_the_audit_log_comes_as_a_file(admin, rest, database):
    secret = unique("secret")
    await rest.organizations.update_organization(
        id=admin.person.organization_id, organization={"metadata": {"stripe": secret}}
    )
    await admin.done(f"{GENERAL}/save", display_name="=cmd()", logo_url="")
    answer = await admin.get(f"{AUDIT}/export?format=csv&group=settings")
    for _ in range(100):  # until the change is in the log
        if "=cmd()" in answer.text:
            break
        await sequencing.sequence(database)
        answer = await admin.get(f"{AUDIT}/export?format=csv&group=settings")
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="audit-log.csv"' in answer.headers["content-disposition"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert rows[-1]["subject"] == "'=cmd()"
    assert rows[-1]["actor_id"] == admin.person.id
    assert secret not in answer.text
    answer = await admin.get(f"{AUDIT}/export?format=ndjson&group=settings")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in rows]
    assert lines[-1]["changes"]["display_name"]["after"] == "=cmd()"


async def test_programs_and_the_log_take_their_permission(people, admin):
    member = await people.member(admin.person.organization_id, "member")
    for path in (PROGRAMS, f"{PROGRAMS}/clients", AUDIT, f"{AUDIT}/export"):
        assert (await member.get(path)).status_code == 403
    for path in ("keys", "clients", "keys/apit_1/end"):
        assert (await member.post(f"{PROGRAMS}/{path}")).status_code == 403
