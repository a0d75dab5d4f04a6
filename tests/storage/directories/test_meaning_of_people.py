"""A person in a directory is a member while active there: rules, accounts, memberships, events."""

from __future__ import annotations

import logging

import pytest
from directory_worlds import prove, told, types, world
from valid_events import assert_all_valid

from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.resources import people
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.memberships import joining, leaving
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.user_attributes import service as attributes
from tenantry.tenants.user_attributes.model import DIRECTORY
from tenantry.tenants.users import service as users

EXTENSIONS = "urn:ietf:params:scim:schemas:extension"
RULES = Rules(invitation_days=15, block_disposable_emails=False, block_public_emails=False)
INVITED = Terms(invite=True, inviter_email="boss@acme.com")


@pytest.fixture
async def acme(db):
    """An organization with a directory."""
    return await world(db)


async def add(call, organization_id, email, terms=None):
    return await joining.create(call, organization_id, terms or Terms(), rules=RULES, email=email)


async def new(db):
    """Return the newest event's id."""
    return (await told(db))[-1]["id"]


async def test_a_new_person_has_an_account_and_is_a_member(acme, db):
    since = await new(db)
    person = await acme.create(
        "ada",
        name={"givenName": "Ada", "familyName": "Lovelace"},
        phoneNumbers=[{"value": "+1 (415) 555-0123", "type": "work"}],
        photos=[{"value": "https://acme.com/ada.png"}],
        locale="en_US",
        title="Countess",
    )
    user = await acme.user("ada")
    assert user.id == person.user_id
    assert user.email_verified
    assert user.profile == {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "name": "Ada Lovelace",
        "preferred_username": "ada",
        "phone_number": "+14155550123",
        "picture": "https://acme.com/ada.png",
        "locale": "en-US",
    }
    (place,) = user.memberships
    assert (place.status, place.provisioning_method) == ("ACTIVE", "direct_provision")
    assert await acme.roles("ada") == ["member"]
    happened = await told(db, since)
    assert [one["type"] for one in happened] == [
        "user.created",
        "user.organization_membership_created",
        "organization.directory.user_created",
    ]
    assert_all_valid(happened)
    for one in happened:
        assert one["actor"] == {"type": "directory", "id": acme.directory.id}
    created = happened[-1]
    assert created["context"] == {"source": "DIR_SYNC"}
    assert created["before"] is None
    assert created["after"] == {
        "id": person.id,
        "organization_id": acme.organization.id,
        "dp_id": "00uada",
        "active": True,
        "email": "ada@acme.com",
        "preferred_username": "ada",
        "name": "Ada Lovelace",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "phone_number": "+1 (415) 555-0123",
        "picture": "https://acme.com/ada.png",
        "locale": "en_US",
        "title": "Countess",
        "groups": [],
        "roles": [],
        "custom_attributes": {},
        "raw_attributes": dict(person.document),
    }


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("ada@victim.com", "'victim.com' is not a verified domain of this organization"),
        ("ada@sub.acme.com", "'sub.acme.com' is not a verified domain"),
        ("", "an email address is required"),
        ("no address", "an email address is required"),
    ],
)
@pytest.mark.parametrize("active", [True, False])
async def test_an_address_of_a_domain_that_is_not_proved_is_refused(acme, email, says, active):
    with pytest.raises(Fault) as refused:
        await acme.create("ada", email=email, active=active)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    assert says in refused.value.detail


async def test_no_directory_gets_at_an_account_by_changing_the_address(acme, call, db):
    elsewhere = await organizations.create(call, region_code="US", display_name="Victim")
    await prove(db, elsewhere.id, "victim.com")
    victim = await add(call, elsewhere.id, "boss@victim.com")
    person = await acme.create("ada")
    for email in ("boss@victim.com", "grace@acme.com", ""):
        with pytest.raises(Fault) as refused:
            await acme.change(person, emails=[{"value": email}])
        assert (refused.value.status, refused.value.scim_type) == (400, "mutability")
        assert "ada@acme.com" in refused.value.detail
    again = await acme.change(person, emails=[{"value": "ADA@acme.com"}])  # only its spelling
    assert again.user_id == person.user_id
    assert (
        await users.get(call, users.UserIdentifier(victim.id))
    ).memberships == victim.memberships


async def test_further_addresses_come_and_go_beside_the_one_of_the_account(acme, db):
    person = await acme.create("ada@acme.com", email="")
    assert person.email == "ada@acme.com"
    person = await acme.change(person, emails=[{"value": "a.l@acme.com", "type": "work"}])
    assert person.email == "ada@acme.com"
    assert person.email == (await told(db))[-1]["after"]["email"]
    with pytest.raises(Fault, match="cannot be changed"):
        await acme.change(person, userName="a.l@acme.com")
    assert await acme.status("ada") == "ACTIVE"
    assert await acme.user("a.l") is None


async def test_an_account_of_the_address_is_linked_and_its_other_places_stay(acme, call, db):
    elsewhere = await organizations.create(call, region_code="US", display_name="Elsewhere")
    there = await add(call, elsewhere.id, "ada@acme.com", INVITED)
    assert not there.email_verified
    since = await new(db)
    person = await acme.create("ada", name={"givenName": "Ada"})
    assert person.user_id == there.id
    user = await acme.user("ada")
    assert user.email_verified
    assert user.profile["given_name"] == "Ada"
    assert user.membership_in(elsewhere.id) == there.memberships[0]
    assert await acme.status("ada") == "ACTIVE"
    assert [one["type"] for one in await told(db, since)] == [
        "user.organization_membership_created",
        "user.updated",
        "organization.directory.user_created",
    ]


async def test_a_member_that_was_there_keeps_its_place(acme, call):
    member = await add(call, acme.organization.id, "ada@acme.com")
    await acme.create("ada")
    user = await acme.user("ada")
    assert user.memberships == member.memberships


async def test_an_invited_person_is_a_member_by_the_directory(acme, call, db):
    await add(call, acme.organization.id, "ada@acme.com", INVITED)
    since = await new(db)
    await acme.create("ada")
    (place,) = (await acme.user("ada")).memberships
    assert (place.status, place.provisioning_method) == ("ACTIVE", "direct_provision")
    assert place.join_time is not None
    assert "user.organization_membership_created" in types(await told(db, since))


async def test_inactive_is_out_and_active_again_is_in(acme, db):
    person = await acme.create("ada")
    since = await new(db)
    person = await acme.change(person, active=False)
    assert await acme.status("ada") == "INACTIVE"
    assert await acme.roles("ada") == ["member"]
    membership, user = await told(db, since)
    assert membership["type"] == "user.organization_membership_updated"
    assert membership["before"]["membership"]["membership_status"] == "ACTIVE"
    assert membership["after"]["membership"]["membership_status"] == "INACTIVE"
    assert user["type"] == "organization.directory.user_updated"
    assert (user["before"]["active"], user["after"]["active"]) == (True, False)
    since = user["id"]
    await acme.change(person, active=True)
    assert await acme.status("ada") == "ACTIVE"
    happened = await told(db, since)
    assert types(happened) == ["user.organization_membership_updated", "user_updated"]
    assert_all_valid(happened)


async def test_deleted_is_out(acme, db):
    person = await acme.create("ada")
    since = await new(db)
    await acme.remove(person)
    assert await acme.status("ada") == "INACTIVE"
    _, deleted = happened = await told(db, since)
    assert deleted["type"] == "organization.directory.user_deleted"
    assert deleted["after"] is None
    assert deleted["before"] == {
        "id": person.id,
        "organization_id": acme.organization.id,
        "dp_id": "00uada",
        "email": "ada@acme.com",
    }
    assert_all_valid(happened)
    again = await acme.create("ada")
    assert again.user_id == person.user_id
    assert await acme.status("ada") == "ACTIVE"


async def test_a_person_that_begins_inactive_gets_nothing(acme, call):
    person = await acme.create("ada", active=False)
    assert person.user_id is None
    assert await acme.user("ada") is None
    person = await acme.change(person, active=True)
    assert await acme.status("ada") == "ACTIVE"
    member = await add(call, acme.organization.id, "grace@acme.com")
    invited = await add(call, acme.organization.id, "alan@acme.com", INVITED)
    for name, user in (("grace", member), ("alan", invited)):
        found = await acme.create(name, active=False)
        assert found.user_id == user.id
        assert await acme.status(name) == "INACTIVE"


async def test_no_seat_is_a_lasting_refusal(acme, call, db):
    await organizations.set_max_allowed_users(call, acme.organization.id, 1)
    person = await acme.create("ada")
    with pytest.raises(Fault) as refused:
        await acme.create("grace")
    assert (refused.value.status, refused.value.scim_type) == (403, "")
    assert refused.value.detail == "organization has reached its limit of 1 users"
    assert await acme.user("grace") is None
    person = await acme.change(person, active=False)
    grace = await acme.create("grace")
    with pytest.raises(Fault, match="limit of 1 users"):
        await acme.change(person, active=True)
    assert await acme.status("ada") == "INACTIVE"
    await acme.remove(grace)
    await acme.change(person, active=True)


async def test_out_means_out_also_for_the_last_administrator(acme, call, db, caplog):
    terms = Terms(provisioning_method="org_creator")
    ada = await add(call, acme.organization.id, "ada@acme.com", terms)
    await memberships.add_roles(call, acme.organization.id, ada.id, [NamedRole("", "", "admin")])
    person = await acme.create("ada")
    await acme.create("grace")
    with caplog.at_level(logging.WARNING):
        await acme.change(person, active=False)
    assert await acme.status("ada") == "INACTIVE"
    (record,) = [one for one in caplog.records if "last administrator" in one.message]
    assert record.fields == {"organization_id": acme.organization.id, "user_id": ada.id}


async def test_a_profile_keeps_in_step_and_the_rest_of_it_stays(acme, call):
    person = await acme.create("ada", name={"givenName": "Ada"}, displayName="Ada L")
    await users.change(
        call, users.UserIdentifier(person.user_id), {"profile": {"gender": "f", "given_name": "A"}}
    )
    person = await acme.change(person, name={"familyName": "King"}, displayName="Ada K")
    profile = (await acme.user("ada")).profile
    assert profile == {
        "name": "Ada K",
        "family_name": "King",
        "gender": "f",
        "given_name": "A",  # the directory has none any more, and did not write this one
        "preferred_username": "ada",
    }
    await acme.change(person, displayName=None, name=None)
    profile = (await acme.user("ada")).profile
    assert profile == {"gender": "f", "given_name": "A", "preferred_username": "ada"}


async def test_an_account_that_was_deleted_is_made_anew(acme, call):
    person = await acme.create("ada")
    await leaving.remove_user(call, users.UserIdentifier(person.user_id), forced=True)
    again = await acme.change(person, title="Countess")
    assert again.user_id not in {None, person.user_id}
    assert await acme.status("ada") == "ACTIVE"


async def test_the_link_to_an_account_that_was_deleted_goes(acme, call, db):
    ada, grace = await acme.create("ada"), await acme.create("grace")
    await leaving.remove_user(call, users.UserIdentifier(ada.user_id), forced=True)
    for person in (ada, grace):
        await provisioning.left(db, person.user_id, acme.organization.id, 0)
    assert (await acme.person("ada")).user_id is None
    assert (await acme.person("grace")).user_id == grace.user_id


async def test_a_member_that_was_removed_is_back_with_the_next_word_of_the_directory(acme, call):
    person = await acme.create("ada")
    await leaving.remove_member(
        call, acme.organization.id, users.UserIdentifier(person.user_id), cascade=False, forced=True
    )
    await acme.change(person, title="Countess")
    assert await acme.status("ada") == "ACTIVE"


async def test_in_modular_mode_there_are_records_and_events_alone(acme, db):
    since = await new(db)
    acme.is_modular = True
    person = await acme.create("ada", email="ada@anywhere.com")
    person = await acme.change(person, active=False)
    await acme.remove(person)
    assert person.user_id is None
    assert await acme.user("ada") is None
    assert types(await told(db, since)) == ["user_created", "user_updated", "user_deleted"]


async def test_custom_attributes_are_the_registered_ones_as_the_directory_maps_them(db, call):
    acme = await world(db, attribute_mapping={"badge": "employeeNumber", "cost": "x.costs"})
    for key in ("badge", "tier", "cost", "unknown"):
        given = attributes.AttributeInput(
            key=key, label=key, datatype="STRING", enabled=True, required=False
        )
        await attributes.create(call, DIRECTORY, given)
    person = await acme.create(
        "ada",
        **{
            f"{EXTENSIONS}:enterprise:2.0:User": {"employeeNumber": "7", "department": "R&D"},
            f"{EXTENSIONS}:tenantry:2.0:User": {"Tier": "gold", "other": "no"},
        },
    )
    await users.change(
        call,
        users.UserIdentifier(person.user_id),
        {"profile": {"custom_attributes": {"badge": "0", "mine": "stays"}}},
    )
    await acme.change(person, title="Countess")
    profile = (await acme.user("ada")).profile
    assert profile["custom_attributes"] == {"badge": "7", "tier": "gold", "mine": "stays"}
    after = (await told(db))[-1]["after"]
    assert after["custom_attributes"] == {"badge": "7", "tier": "gold"}
    assert (after["employee_id"], after["department"]) == ("7", "R&D")


@pytest.mark.parametrize("seats", [None, 4])
async def test_many_at_once_have_the_same_meaning(acme, call, db, seats):
    await organizations.set_max_allowed_users(call, acme.organization.id, seats)
    known = await add(call, acme.organization.id, "known@acme.com")
    since = await new(db)
    documents = [
        acme.document("known"),
        acme.document("ada", displayName="Ada"),
        acme.document("off", active=False),
        acme.document("stranger", email="x@victim.com"),
        acme.document("ada2", email="ada@acme.com"),
        acme.document("ada", displayName="Again"),
        acme.document("grace"),
    ]
    found = await people.create_many(acme.call(), acme.directory, documents)
    ada, again = await acme.user("ada"), found[4]
    assert [getattr(one, "user_id", one) for one in found[:3]] == [known.id, ada.id, None]
    assert (found[3].scim_type, found[5].scim_type) == ("invalidValue", "uniqueness")
    assert again.user_id == ada.id
    assert ada.profile == {"name": "Ada", "preferred_username": "ada2"}
    for name in ("ada", "grace"):
        assert await acme.status(name) == "ACTIVE"
        assert await acme.roles(name) == ["member"]
    assert await acme.user("off") is None
    happened = await told(db, since)
    assert_all_valid(happened)
    assert types(happened).count("user_created") == 5
    of_ada = [one for one in happened if "ada@acme.com" in str(one["after"])]
    assert types(of_ada)[:3] == [
        "user.created",
        "user.organization_membership_created",
        "user_created",
    ]
