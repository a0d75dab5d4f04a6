"""Several users are invited at once: pasted, by a CSV file, each reported by itself."""

from __future__ import annotations

import re
import time

import pytest
from apis import unique
from widget_people import ORGANIZATION, People, text_of

from tenantry.endpoints.organization.bulk_invitations import BODY_LIMIT, Entry, parse
from tenantry.web.avatars import initials

BULK = f"{ORGANIZATION}/users/invite/bulk"
HEADERS = {"sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", []),
        ("a@x.example b@x.example,c@x.example;\n\nd@x.example", ["a", "b", "c", "d"]),
        ('"Ann A." <a@x.example>, Bob <b@x.example>\nc@x.example', ["a", "b", "c"]),
        ("\ufeffname,Email\nAnn,a@x.example\nNobody,\n", ["a"]),
        ("email\na@x.example\r\nb@x.example\r\n", ["a", "b"]),
        ("email\ra@x.example\rb@x.example\r", ["a", "b"]),
        ('email,name\na@x.example,"Ann\nA."\nb@x.example,B\n', ["a", "b"]),
        ("a@x.example, Bob B. <b@x.example>", ["a", "b"]),
        ("B, Bob<b@x.example>;<c@x.example>", ["b", "c"]),
        ("nonsense", ["nonsense"]),
    ],
)
def test_addresses_are_found(text, entries):
    found = [one.email.partition("@")[0] for one in parse(text)]
    assert found == entries


def test_a_file_names_roles():
    assert parse("E-Mail;Role\na@x.example;Admin\nb@x.example;\n") == [
        Entry("a@x.example", "Admin"),
        Entry("b@x.example", ""),
    ]


@pytest.mark.parametrize(
    "text", ["<" + "@" * BODY_LIMIT, "<a" * (BODY_LIMIT // 2), "," * BODY_LIMIT]
)
def test_the_time_to_parse_grows_with_the_length_alone(text):
    started = time.process_time()
    parse(text)
    assert time.process_time() - started < 5  # a second at most, minutes where it is quadratic


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Ada Lovelace", "AL"), ("ada.l@x.example", "AL"), ("(x) van der Y", "XY"), ("…", "·")],
)
def test_initials(name, letters):
    assert initials(name) == letters


@pytest.fixture
def people(server, database, http, rest, make):
    return People(server, database, http, rest, make)


@pytest.fixture
async def admin(people):
    return await people.member(await people.organization(), "admin")


def results(page):
    rows = re.findall(
        r'<tr><th scope="row"[^>]*><bdi>(.*?)</bdi></th><td>\s*(.*?)</td></tr>', page, re.DOTALL
    )
    return dict(rows)


async def send(admin, http, addresses="", role="member", file=None):
    files = {"file": file or ("", b""), "addresses": (None, addresses), "role": (None, role)}
    return await http.post(BULK, files=files, headers=HEADERS | admin.headers)


async def test_each_address_is_reported(admin, http, rest):
    new, member = f"{unique()}@new.example", admin.person.email
    answer = await send(admin, http, f"{new}\n{member}\nnonsense\n{new.upper()}")
    assert answer.status_code == 200
    found = results(answer.text)
    assert "Invited" in found[new]
    assert "already a member" in found[member]
    assert "can&#39;t be invited" in found["nonsense"] or "can't be invited" in found["nonsense"]
    assert "appears earlier" in found[new.upper()]
    assert "1 invitation was sent." in text_of(answer)
    # What can be corrected is there to be corrected.
    assert re.search(r"<textarea[^>]*>nonsense</textarea>", answer.text)
    users = await rest.users.list_organization_users(organization_id=admin.person.organization_id)
    assert sorted(one["email"] for one in users["users"]) == sorted([new, member])
    events = await rest.events.list_events(
        filter={
            "organization_id": admin.person.organization_id,
            "event_types": ["user.organization_invitation"],
        }
    )
    assert len(events["events"]) == 1


async def test_a_file_with_roles(admin, http, rest):
    first, second, third = (f"{unique()}@new.example" for _ in range(3))
    content = f"name,email,role\nA,{first},Admin\nB,{second},\nC,{third},king\n"
    answer = await send(admin, http, file=("users.csv", content.encode()))
    found = results(answer.text)
    assert "Choose an existing role." in found[third]
    users = await rest.users.list_organization_users(organization_id=admin.person.organization_id)
    roles = {
        one["email"]: [role["name"] for role in one["memberships"][0]["roles"]]
        for one in users["users"]
    }
    assert (roles[first], roles[second]) == (["admin"], ["member"])
    assert third not in roles


@pytest.mark.parametrize(
    ("addresses", "file", "says"),
    [
        ("", None, "Enter at least one email address or choose a file."),
        (" ".join(f"a{n}@x.example" for n in range(101)), None, "more than 100 addresses"),
        ("", ("a.csv", b"\xff\xfa\x81"), "This file is not readable text."),
        ("", ("a.csv", b"email\n" + b"a" * 140_000), "This file is not readable text."),
    ],
)
async def test_lists_that_are_refused_whole(admin, http, addresses, file, says):
    answer = await send(admin, http, addresses, file=file)
    assert answer.status_code == 303
    assert says in text_of(await admin.get(answer.headers["location"]))


async def test_a_full_organization_stops_the_list(admin, http, rest):
    await rest.organizations.upsert_user_management_settings(
        organization_id=admin.person.organization_id, settings={"max_allowed_users": 2}
    )
    names = [f"{unique()}@new.example" for _ in range(3)]
    found = results((await send(admin, http, " ".join(names))).text)
    assert "Invited" in found[names[0]]
    assert all("no seats left" in found[name] for name in names[1:])


async def test_a_limit_of_one_address_does_not_stop_the_list(admin, http):
    limited, other = f"{unique()}@new.example", f"{unique()}@new.example"
    for _ in range(5):
        await send(admin, http, limited)
    found = results((await send(admin, http, f"{limited} {other}")).text)
    assert "You have sent too many invitations." in found[limited]
    assert "Invited" in found[other]


async def test_a_role_beyond_the_inviter_is_not_given(people, http):
    organization = await people.organization()
    role = await people.role("sk_org_users_read", "sk_org_users_invite")
    inviter = await people.member(organization, role)
    email = f"{unique()}@new.example"
    answer = await send(inviter, http, email, role="admin")
    assert "Not invited" in results(answer.text)[email]
    content = f"email,role\n{email},admin\n".encode()
    answer = await send(inviter, http, role=role, file=("users.csv", content))
    assert "Not invited" in results(answer.text)[email]


async def test_a_member_who_may_not_invite_sends_nothing(people, http, rest):
    organization = await people.organization()
    reader = await people.member(organization, await people.role("sk_org_users_read"))
    answer = await send(reader, http, f"{unique()}@new.example")
    assert answer.status_code == 403
    users = await rest.users.list_organization_users(organization_id=organization)
    assert [one["email"] for one in users["users"]] == [reader.person.email]


async def test_the_body_of_a_list_is_bounded(admin, http):
    answer = await send(admin, http, file=("users.csv", b"a" * BODY_LIMIT))
    assert answer.status_code == 413


async def test_a_form_of_another_site_is_refused(admin, http):
    headers = admin.headers | {"sec-fetch-site": "cross-site"}
    answer = await http.post(BULK, data={"addresses": "a@x.example"}, headers=headers)
    assert answer.status_code == 403


async def test_the_menu_of_a_row_has_what_the_visitor_may_do(people):
    organization = await people.organization()
    admin = await people.member(organization, "admin")
    reader = await people.member(organization, await people.role("sk_org_users_read"))
    email = f"{unique()}@new.example"
    await admin.done(f"{ORGANIZATION}/users/invite", email=email, role="member")
    page = (await admin.get(f"{ORGANIZATION}/users?q={email}")).text
    for said in ("Resend invitation", "Change roles", "Revoke invitation", "Invitation expires:"):
        assert said in page
    assert f'aria-label="Actions for {email}"' in page
    page = (await reader.get(f"{ORGANIZATION}/users?q={email}")).text
    for said in ("Resend invitation", "Change roles", "Revoke invitation"):
        assert said not in page
