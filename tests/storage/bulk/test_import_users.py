"""Importing users over REST: rows, a second run, refusals."""

from __future__ import annotations

import pytest
from apis import refused, unique
from sqlalchemy import bindparam, select, update
from user_files import ARGON2, BCRYPT, CSV, address, ndjson, refusals

from tenantry.db.sql.statements import Statement
from tenantry.tenants.users.model import users

CHOOSE = Statement(
    update(users)
    .where(users.c.email == bindparam("key"))
    .values(password_time=bindparam("at"))
    .returning(users.c.id)
)
HASH = Statement(select(users.c.password_hash).where(users.c.email == bindparam("key")))


async def user_of(rest, email):
    """The user of an address, with all memberships."""
    found = await rest.users.search_users(query=email)
    (user,) = [one for one in found["users"] if one["email"].lower() == email.lower()]
    return user


@pytest.fixture
async def organization(make):
    """An organization that the application knows by an id of its own."""
    return await make.organization(external_id=unique("customer"))


def counts(report, what):
    return tuple(report[what][name] for name in ("created", "updated", "unchanged"))


async def test_a_row_creates_a_user_who_is_a_member(importer, rest, organization):
    email, external_id = address(), unique("user")
    report = await importer(
        {
            "email": email,
            "external_id": external_id,
            "given_name": "Ada",
            "family_name": "Lovelace",
            "name": "Ada Lovelace",
            "locale": "en-GB",
            "phone_number": "+442071838750",
            "preferred_username": "ada",
            "picture": "https://example.com/ada.png",
            "gender": "female",
            "groups": ["engines", "poets"],
            "custom_attributes": {"desk": "12"},
            "metadata": {"plan": "pro"},
            "organization_external_id": organization["external_id"],
            "roles": ["admin"],
            "membership_metadata": {"team": "engine"},
        }
    )
    assert report == {
        "dry_run": False,
        "rows": 1,
        "refused": 0,
        "users": {"created": 1, "updated": 0, "unchanged": 0},
        "memberships": {"created": 1, "updated": 0, "unchanged": 0},
        "organizations": {"created": 0},
        "refusals": [],
    }
    user = (await rest.users.get_user(external_id=external_id))["user"]
    profile = user["user_profile"]
    assert (user["email"], user["metadata"]) == (email, {"plan": "pro"})
    assert profile["email_verified"] is True
    assert {name: profile[name] for name in ("given_name", "family_name", "name", "locale")} == {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "name": "Ada Lovelace",
        "locale": "en-GB",
    }
    assert profile["phone_number"] == "+442071838750"
    assert profile["preferred_username"] == "ada"
    assert profile["picture"] == "https://example.com/ada.png"
    assert profile["gender"] == "female"
    assert profile["groups"] == ["engines", "poets"]
    assert profile["custom_attributes"] == {"desk": "12"}
    (place,) = user["memberships"]
    assert place["organization_id"] == organization["id"]
    assert place["membership_status"] == "ACTIVE"
    assert [role["name"] for role in place["roles"]] == ["admin"]
    assert place["metadata"] == {"team": "engine"}
    assert place["provisioning_method"] == "direct_provision"


async def test_an_imported_user_is_one_as_any_other(importer, rest, organization):
    """The same as the one that a call creates, but for its id and times."""
    email, other = address(), address()
    await importer({"email": email, "organization_id": organization["id"], "given_name": "Ada"})
    await rest.users.create_user_and_membership(
        organization_id=organization["id"],
        send_invitation_email=False,
        user={"email": other, "user_profile": {"given_name": "Ada"}},
    )
    imported, called = await user_of(rest, email), await user_of(rest, other)
    for user in (imported, called):
        for one in (user, *user["memberships"], user["user_profile"]):
            for name in ("id", "email", "create_time", "update_time", "created_at"):
                one.pop(name, None)
            for name in ("accepted_at", "join_time"):
                one[name] = name in one
    assert imported == called
    listed = await rest.users.list_organization_users(organization_id=organization["id"])
    assert listed["total_size"] == 2


async def test_a_file_again_changes_nothing(importer, events, organization):
    rows = [
        {
            "email": address(),
            "external_id": unique("user"),
            "organization_external_id": organization["external_id"],
            "metadata": {"plan": "pro"},
            "roles": ["member", "admin"],
            "groups": ["a"],
            "password_hash": BCRYPT,
        },
        {"email": address().upper(), "organization_id": organization["id"], "name": "Ada"},
        {"email": address()},
    ]
    assert counts(await importer(*rows), "users") == (3, 0, 0)
    await events.new()
    report = await importer(*rows)
    assert counts(report, "users") == (0, 0, 3)
    assert counts(report, "memberships") == (0, 0, 2)
    assert [event["type"] for event in await events.new()] == ["users.imported"]


async def test_what_changed_is_updated_and_what_is_left_out_stays(
    importer, rest, events, organization
):
    email, external_id = address(), unique("user")
    row = {"email": email, "external_id": external_id, "organization_id": organization["id"]}
    await importer(
        {**row, "given_name": "Ada", "metadata": {"plan": "pro"}, "roles": ["admin", "member"]},
        {**row, "email": address(), "external_id": None, "roles": ["admin"]},
    )
    await events.new()
    report = await importer(
        {
            **row,
            "family_name": "Lovelace",
            "metadata": {"region": "south"},
            "roles": ["member"],
            "membership_metadata": {"team": "engine"},
        }
    )
    assert counts(report, "users") == counts(report, "memberships") == (0, 1, 0)
    user = await user_of(rest, email)
    assert user["user_profile"]["given_name"] == "Ada"
    assert user["user_profile"]["family_name"] == "Lovelace"
    assert user["metadata"] == {"region": "south"}
    (place,) = user["memberships"]
    assert [role["name"] for role in place["roles"]] == ["member"]
    assert place["metadata"] == {"team": "engine"}
    first, second, _ = await events.new()
    assert (first["type"], second["type"]) == (
        "user.updated",
        "user.organization_membership_updated",
    )
    assert "family_name" not in first["before"]["user_profile"]
    assert first["after"]["user_profile"]["family_name"] == "Lovelace"
    names = [
        [role["name"] for role in second[side]["membership"]["roles"]]
        for side in ("before", "after")
    ]
    assert names == [["admin", "member"], ["member"]]


async def test_a_person_in_several_rows_has_several_memberships(importer, rest, make):
    places = [await make.organization() for _ in range(3)]
    email = address()
    report = await importer(*({"email": email, "organization_id": one["id"]} for one in places))
    assert counts(report, "users") == (1, 0, 2)
    assert counts(report, "memberships") == (3, 0, 0)
    user = await user_of(rest, email)
    assert [one["organization_id"] for one in user["memberships"]] == [one["id"] for one in places]


async def test_a_user_found_by_address_gets_the_external_id(importer, rest, make):
    user = await make.user()
    external_id = unique("user")
    report = await importer({"email": user["email"].upper(), "external_id": external_id})
    assert counts(report, "users") == (0, 1, 0)
    found = (await rest.users.get_user(external_id=external_id))["user"]
    assert (found["id"], found["email"]) == (user["id"], user["email"])


async def test_an_address_that_was_not_proved_is_when_its_owner_joins(importer, rest, make):
    """As in a call: the application vouches for whom it makes an active member."""
    email, place = address(), await make.organization()
    await importer({"email": email})
    assert (await user_of(rest, email))["user_profile"].get("email_verified") is not True
    await importer({"email": email, "organization_id": place["id"]})
    assert (await user_of(rest, email))["user_profile"]["email_verified"] is True


async def test_a_file_can_say_that_an_address_is_not_proved(importer, rest, organization):
    email = address()
    row = {"email": email, "organization_id": organization["id"], "email_verified": False}
    await importer(row)
    assert (await user_of(rest, email))["user_profile"].get("email_verified") is not True
    assert counts(await importer(row), "users") == (0, 0, 1)


async def test_the_default_role_is_the_organizations_own(importer, rest, make, organization):
    own = await make.organization_role(organization["id"])
    await rest.roles.update_default_organization_roles(
        org_id=organization["id"], default_member_role=own["name"]
    )
    here, there = address(), address()
    await importer(
        {"email": here, "organization_id": organization["id"]},
        {"email": there, "organization_id": (await make.organization())["id"]},
    )
    held = [
        [role["name"] for role in (await user_of(rest, email))["memberships"][0]["roles"]]
        for email in (here, there)
    ]
    assert held == [[own["name"]], ["member"]]


async def test_a_role_of_the_organization_can_be_named_and_replaced(
    importer, rest, make, organization
):
    own = await make.organization_role(organization["id"])
    foreign = await make.organization_role((await make.organization())["id"])
    row = {"email": address(), "organization_id": organization["id"]}
    await importer({**row, "roles": [own["name"]]})
    report = await importer({**row, "roles": [foreign["name"]]})
    assert refusals(report) == [(1, "roles[0]")]
    assert counts(await importer({**row, "roles": ["member"]}), "memberships") == (0, 1, 0)
    (place,) = (await user_of(rest, row["email"]))["memberships"]
    assert [role["name"] for role in place["roles"]] == ["member"]


async def test_organizations_are_created_on_demand(importer, rest, events):
    one, two = unique("customer"), unique("customer")
    rows = [
        {"email": address(), "organization_external_id": one, "organization_name": "One"},
        {"email": address(), "organization_external_id": one},
        {"email": address(), "organization_external_id": two, "organization_name": "Two"},
    ]
    report = await importer(*rows)
    assert refusals(report) == [(n, "organization_external_id") for n in (1, 2, 3)]
    report = await importer(*rows, create_organizations=True)
    assert report["refusals"] == []
    assert report["organizations"] == {"created": 2}
    found = await rest.organizations.get_organization_by_external_id(external_id=one)
    assert found["organization"]["display_name"] == "One"
    created = [e for e in await events.new() if e["type"] == "organization.created"]
    assert sorted(event["after"]["external_id"] for event in created) == sorted([one, two])
    report = await importer(*rows, create_organizations=True)
    assert report["organizations"] == {"created": 0}
    assert counts(report, "memberships") == (0, 0, 3)


async def test_an_organization_is_not_created_without_a_name_that_may_be(importer):
    rows = [
        {"email": address(), "organization_external_id": unique()},
        {"email": address(), "organization_external_id": unique(), "organization_name": "x" * 201},
        {"email": address(), "organization_external_id": "y" * 256, "organization_name": "Y"},
    ]
    report = await importer(*rows, create_organizations=True)
    assert refusals(report) == [
        (1, "organization_name"),
        (2, "organization_name"),
        (3, "organization_external_id"),
    ]
    assert report["organizations"] == {"created": 0}


async def test_events_tell_who_what_and_by_which_request(importer, events, organization, server):
    email = address()
    await events.new()
    await importer({"email": email, "organization_id": organization["id"], "password_hash": ARGON2})
    created, joined, imported = await events.new()
    assert created["type"] == "user.created"
    assert joined["type"] == "user.organization_membership_created"
    assert created["organization_id"] == joined["organization_id"] == organization["id"]
    assert created["after"]["email"] == joined["after"]["user"]["email"] == email
    assert joined["after"]["organization"]["id"] == organization["id"]
    assert joined["after"]["membership"]["membership_status"] == "ACTIVE"
    assert (imported["type"], imported["object"]) == ("users.imported", "Import")
    assert imported["after"]["users"]["created"] == 1
    for event in (created, joined, imported):
        assert event["actor"] == {"type": "management_client", "id": server.client_id}
        assert event["request_id"] == imported["request_id"]
        assert "argon2" not in str(event)


def shape(value):
    """The members of an event, whatever their values."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(inner) for inner in value] if isinstance(value, list) else type(value)


async def test_events_say_what_those_of_calls_say(importer, rest, events, organization):
    user = {"email": address(), "external_id": unique("user"), "metadata": {"plan": "pro"}}
    here = {"organization_id": organization["id"]}
    profile, given = {"given_name": "Ada"}, {"roles": ["admin"]}
    await events.new()
    await importer({**user, **profile, **here})
    await importer({**user, **here, **given, "family_name": "Lovelace"})
    by_file = await events.new()
    user |= {"email": address(), "external_id": unique("user")}
    made = await rest.users.create_user_and_membership(
        **here, user={**user, "user_profile": profile}, send_invitation_email=False
    )
    id_ = made["user"]["id"]
    change = {"user_profile": {"family_name": "Lovelace"}}
    await rest.users.update_user(id=id_, user=change)
    await rest.users.update_membership(id=id_, **here, membership={"roles": [{"name": "admin"}]})
    by_calls = await events.new()
    of_users = [event for event in by_file if event["type"] != "users.imported"]
    assert [shape(event) for event in of_users] == [shape(event) for event in by_calls]
    assert [event["type"] for event in of_users] == [event["type"] for event in by_calls]


async def test_an_invitation_waits_for_its_acceptance(importer, rest, events, database, server):
    place = (await rest.organizations.create_organization(organization={"display_name": "Acme"}))[
        "organization"
    ]
    await events.new()
    row = {
        "email": address(),
        "organization_id": place["id"],
        "status": "invite",
        "inviter_email": "grace@example.com",
    }
    report = await importer(row)
    assert counts(report, "memberships") == (1, 0, 0)
    user = await user_of(rest, row["email"])
    (membership,) = user["memberships"]
    assert membership["membership_status"] == "PENDING_INVITE"
    assert membership["inviter_email"] == "grace@example.com"
    assert membership["provisioning_method"] == "invitation"
    assert "expires_at" in membership
    assert user["user_profile"].get("email_verified") is not True
    types = [event["type"] for event in await events.new()]
    assert types == ["user.created", "user.organization_invitation", "users.imported"]
    shown = server.run("mail", "list", "--json")
    assert row["email"] in shown.stdout
    again = await importer(row)
    assert counts(again, "memberships") == (0, 0, 1)
    resent = await rest.users.resend_invite(organization_id=place["id"], id=user["id"])
    assert resent["invite"]["resent_count"] == 1


async def test_a_hash_is_kept_and_shown_to_nobody(importer, rest, database, organization):
    email = address()
    row = {"email": email, "organization_id": organization["id"], "password_hash": BCRYPT}
    await importer(row)
    assert await hash_of(database, email) == BCRYPT
    assert BCRYPT not in str(await user_of(rest, email))
    report = await importer({**row, "password_hash": "$2b$99$nonsense"})
    assert refusals(report) == [(1, "password_hash")]
    assert "nonsense" not in str(report)
    report = await importer({**row, "password_hash": ARGON2})
    assert counts(report, "users") == (0, 1, 0)
    assert await hash_of(database, email) == ARGON2
    assert counts(await importer({**row, "password_hash": None}), "users") == (0, 0, 1)
    assert await hash_of(database, email) == ARGON2


async def test_a_password_that_was_chosen_here_stays(importer, database, organization):
    row = {"email": address(), "organization_id": organization["id"]}
    await importer({**row, "password_hash": BCRYPT})
    await database.fetch_all(CHOOSE, key=row["email"], at=1)
    report = await importer({**row, "password_hash": ARGON2})
    assert counts(report, "users") == (0, 0, 1)
    assert await hash_of(database, row["email"]) == BCRYPT


async def hash_of(database, email):
    return (await database.fetch_one(HASH, key=email))["password_hash"]


LONG = "x" * 256


@pytest.mark.parametrize(
    ("members", "field", "says"),
    [
        ({"email": None}, "email", "required"),
        ({"email": "ada"}, "email", "valid email"),
        ({"email": 7}, "email", "string"),
        (
            {"email": f"{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.example.com"},
            "email",
            "",
        ),
        ({"external_id": LONG}, "external_id", "255"),
        ({"given_name": LONG}, "given_name", "255"),
        ({"given_name": ["Ada"]}, "given_name", "string"),
        ({"locale": "not a locale"}, "locale", "language tag"),
        ({"phone_number": "12"}, "phone_number", "E.164"),
        ({"picture": "javascript:alert(1)"}, "picture", "https://"),
        ({"groups": ["a", "a"]}, "groups", "unique"),
        ({"groups": "a"}, "groups", "list"),
        ({"metadata": {"ab": "short key"}}, 'metadata["ab"]', "3"),
        ({"metadata": ["a"]}, "metadata", "object"),
        ({"metadata": {"plan": 7}}, 'metadata["plan"]', "must be a string"),
        ({"membership_metadata": {"team": LONG + "x"}}, 'membership_metadata["team"]', "256"),
        ({"inviter_email": "nobody"}, "inviter_email", "valid email"),
        ({"email_verified": "yes"}, "email_verified", "true or false"),
        ({"roles": "admin"}, "roles", "list of role names"),
        ({"roles": ["nobody"]}, "roles[0]", "there is no role"),
        ({"status": "gone"}, "status", "active or invite"),
        ({"password_hash": "secret"}, "password_hash", "argon2"),
        ({"organization_external_id": "x"}, "organization_id", "together"),
        ({"organization_id": "org_1"}, "organization_id", "organization not found"),
        ({"favourite": "blue"}, "favourite", "not a column"),
        ({"organization_id": None, "roles": ["admin"]}, "roles", "needs an organization"),
        ({"organization_id": None, "status": "invite"}, "status", "needs an organization"),
    ],
)
async def test_a_bad_row_is_refused_and_the_others_go_in(
    importer, organization, members, field, says
):
    good = {"email": address(), "organization_id": organization["id"]}
    report = await importer(
        good,
        {"email": address(), "organization_id": organization["id"], **members},
        {**good, "email": address()},
    )
    assert (report["rows"], report["refused"]) == (3, 1)
    assert refusals(report)[0] == (2, field)
    assert says in report["refusals"][0]["reason"]
    assert counts(report, "users") == (2, 0, 0)
    assert counts(report, "memberships") == (2, 0, 0)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'"text"', "not a JSON object"),
        (b'{"email": "\xff@example.com"}', "not JSON"),
        (b'{"email": "a\\u0000@example.com"}', "NUL"),
        (b'{"email": "\\ud800@example.com"}', "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b'{"metadata": {"plan": ' + b"[" * 900 + b"]" * 900 + b"}}", "deeper than 64"),
        (b'{"name": "' + b"x" * (129 << 10) + b'"}', "too long"),
    ],
)
async def test_a_line_that_cannot_be_read_is_refused_alone(importer, line, says):
    good = ndjson([{"email": address()}])
    report = await importer(content=good + line + b"\n\n" + good)
    assert refusals(report) == [(2, "")]
    assert says in report["refusals"][0]["reason"]
    assert report["rows"] == 3


async def test_two_users_are_never_made_one(importer, rest, make):
    """A row that is one user by its external id and another by its address is refused."""
    one, two = await make.user(external_id=unique("one")), await make.user()
    report = await importer(
        {"email": two["email"], "external_id": one["external_id"]},
        {"email": address(), "external_id": one["external_id"]},
        {"email": one["email"], "external_id": unique("other")},
    )
    assert refusals(report) == [(1, "email"), (2, "email"), (3, "email")]
    fresh, external_id = address(), unique("fresh")
    report = await importer(
        {"email": fresh, "external_id": external_id},
        {"email": address(), "external_id": external_id},
        {"email": fresh, "external_id": unique("second")},
    )
    assert refusals(report) == [(2, "email"), (3, "email")]
    assert (await rest.users.get_user(external_id=external_id))["user"]["email"] == fresh


async def test_a_refused_row_leaves_nothing(importer, rest, organization):
    email = address()
    row = {"email": email, "organization_id": organization["id"], "given_name": "Ada"}
    await importer(row)
    report = await importer({**row, "given_name": "Grace", "roles": ["nobody"]})
    assert report["refused"] == 1
    assert (await user_of(rest, email))["user_profile"]["given_name"] == "Ada"


async def test_a_report_lists_a_thousand_refusals_and_counts_all(importer):
    report = await importer(*({"email": "ada"} for _ in range(2500)))
    assert (report["rows"], report["refused"], len(report["refusals"])) == (2500, 2500, 1000)


async def test_csv_says_the_same_as_ndjson(importer, rest, organization):
    email = address()
    content = (
        "email,given_name,metadata.plan,metadata.note,roles,groups,organization_id,email_verified,"
        "membership_metadata.team\r\n"
        f'{email},Ada,pro,"one, ""two""\nthree",admin; member,a;b,{organization["id"]},'
        "FALSE,x y\r\n"
    )
    report = await importer(content=content.encode(), media_type=CSV)
    assert report["refusals"] == []
    assert counts(report, "users") == (1, 0, 0)
    report = await importer(
        {
            "email": email,
            "given_name": "Ada",
            "metadata": {"plan": "pro", "note": 'one, "two"\nthree'},
            "roles": ["admin", "member"],
            "groups": ["a", "b"],
            "organization_id": organization["id"],
            "email_verified": False,
            "membership_metadata": {"team": "x y"},
        }
    )
    assert counts(report, "users") == counts(report, "memberships") == (0, 0, 1)


async def test_a_refused_row_of_csv_is_named_by_its_line(importer):
    content = f'email,name\n{address()},"two\nlines"\nada,x\n{address()}\n\n,z\n'
    report = await importer(content=content.encode(), media_type=CSV)
    assert refusals(report) == [(4, "email"), (5, ""), (7, "email")]
    assert "1 cells, expected 2" in report["refusals"][1]["reason"]


@pytest.mark.parametrize(
    ("heads", "says"),
    [
        ("email,favourite", "favourite: is not a column"),
        ("email,metadata", "metadata: is not a column"),
        ("email,email", "duplicate column"),
        ("email,name.first", "name.first: is not a column"),
        ("name,gender", "email: is a required column"),
        ('"email,name', "has a quote"),
    ],
)
async def test_csv_whose_heads_are_wrong_is_refused_as_a_whole(importer, heads, says):
    with refused("INVALID_ARGUMENT", says=says):
        await importer(content=f"{heads}\n{address()},x\n".encode(), media_type=CSV)


async def test_a_dry_run_counts_and_changes_nothing(importer, rest, events, make):
    user = await make.user()
    await events.new()
    customer, email = unique("customer"), address()
    rows = [
        {"email": user["email"], "given_name": "Ada"},
        *(
            {
                "email": email,
                "external_id": unique("same") if n == 0 else None,
                "organization_external_id": f"{customer}-{n}",
                "organization_name": "New",
            }
            for n in range(3)
        ),
        {"email": "ada"},
    ]
    report = await importer(*rows, dry_run=True, create_organizations=True)
    assert report["dry_run"] is True
    assert counts(report, "users") == (1, 1, 2)
    assert counts(report, "memberships") == (3, 0, 0)
    assert report["organizations"] == {"created": 3}
    assert refusals(report) == [(5, "email")]
    assert await events.new() == []
    assert (await rest.users.search_users(query=email))["total_size"] == 0
    done = await importer(*rows, create_organizations=True)
    assert {**done, "dry_run": True} == report
