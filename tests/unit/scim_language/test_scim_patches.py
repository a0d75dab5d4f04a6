"""PATCH: what operations make of a user's document, and of a group's members."""

from __future__ import annotations

import copy

import pytest

from tenantry.tenants.directories.scim import patches
from tenantry.tenants.directories.scim.faults import Fault

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
USER = {
    "userName": "ann",
    "displayName": "Ann",
    "title": "x",
    "name": {"givenName": "Ann", "familyName": "Lee"},
    ENTERPRISE: {"manager": {"value": "1"}},
}


def operations(sent):
    return patches.parse({"Operations": sent})


def patched(sent, document=USER):
    before = copy.deepcopy(document)
    after = patches.apply_to_user(document, operations(sent), id="diruser_1")
    assert document == before
    return after


def op(name, path=None, value=None):
    """Return an operation."""
    return {"op": name, **({} if path is None else {"path": path}), "value": value}


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        ([op("Replace", "active", "False")], {"active": False}),
        ([op("replace", None, {"active": False})], {"active": False}),
        (
            [op("replace", None, {"displayName": "B", "name.givenName": "K"})],
            {"displayName": "B", "name": {"givenName": "K", "familyName": "Lee"}},
        ),
        (
            [op("replace", None, {f"{ENTERPRISE}:employeeNumber": "9"})],
            {ENTERPRISE: {"manager": {"value": "1"}, "employeeNumber": "9"}},
        ),
        (
            [op("Add", 'emails[type eq "work"].value', "n@x.com")],
            {"emails": [{"type": "work", "value": "n@x.com"}]},
        ),
        (
            [
                op("Add", 'emails[type eq "work"].primary', "true"),
                op("Add", 'emails[type eq "work"].type', "work"),
                op("Add", 'emails[type eq "work"].value', "n@x.com"),
            ],
            {"emails": [{"type": "work", "primary": True, "value": "n@x.com"}]},
        ),
        (
            [op("add", f"{ENTERPRISE}:manager", "2c2f")],
            {ENTERPRISE: {"manager": {"value": "2c2f"}}},
        ),
        ([op("replace", f"{ENTERPRISE}:manager", "")], {ENTERPRISE: None}),
        ([op("Remove", "title", "")], {"title": None}),
        ([op("Replace", "displayName", [{"$ref": None, "value": "U"}])], {"displayName": "U"}),
        ([op("replace", None, {"id": "diruser_1", "nickName": "n"})], {"nickName": "n"}),
        ([op("add", "urn:x:y:2.0:User:Tag", "1")], {"urn:x:y:2.0:User": {"Tag": "1"}}),
        (
            [op("replace", None, {'emails[type eq "work"].value': "n@x.com"})],
            {"emails": [{"type": "work", "value": "n@x.com"}]},
        ),
        (
            [op("replace", None, {ENTERPRISE: {"department": "d"}})],
            {ENTERPRISE: {"manager": {"value": "1"}, "department": "d"}},
        ),
        ([op("replace", ENTERPRISE, {"MANAGER": None, "other": 1})], {ENTERPRISE: None}),
        ([op("replace", ENTERPRISE, None)], {ENTERPRISE: None}),
        (
            [op("replace", "name", {"givenName": None, "middleName": "M"})],
            {"name": {"familyName": "Lee", "middleName": "M"}},
        ),
        ([op("replace", "name", "")], {"name": None}),
        ([op("remove", "name.givenName"), op("remove", "name.familyName")], {"name": None}),
        ([op("add", "unknown", "x"), op("add", None, {"unknown": "x", "groups": []})], {}),
        ([op("add", "schemas", ["x"])], {}),
    ],
)
def test_what_providers_send_is_done(sent, changed):
    after = patched(sent)
    expected = {**USER, **changed}
    assert after == {name: value for name, value in expected.items() if value is not None}


LISTED = {
    "userName": "ann",
    "emails": [
        {"value": "a@x.com", "type": "work", "primary": True},
        {"value": "b@x.com", "type": "home"},
    ],
    "addresses": [{"type": "work", "country": "DE"}],
    "roles": [{"value": "r"}],
}


@pytest.mark.parametrize(
    ("sent", "changed"),
    [
        (op("Remove", "emails", [{"value": "A@x.com"}]), {"emails": LISTED["emails"][1:]}),
        (op("Remove", "emails", [{"value": "a@x.com", "type": "home"}]), {}),
        (op("Remove", "emails", [{}]), {}),
        (op("Remove", "emails", []), {}),
        (op("Remove", "emails"), {"emails": None}),
        (op("Remove", "emails", ""), {"emails": None}),
        (op("remove", 'emails[type eq "other"]'), {}),
        (op("remove", 'emails[type eq "work"].value'), {"emails": LISTED["emails"][1:]}),
        (op("replace", 'emails[type eq "work"].value', ""), {"emails": LISTED["emails"][1:]}),
        (op("replace", 'emails[type eq "work"]', None), {"emails": LISTED["emails"][1:]}),
        (op("replace", "emails", []), {"emails": None}),
        (op("replace", "emails", {"value": "c@x.com"}), {"emails": [{"value": "c@x.com"}]}),
        (
            op("add", "emails", "A@x.com"),
            {
                "emails": [
                    {"value": "A@x.com", "type": "work", "primary": True},
                    LISTED["emails"][1],
                ]
            },
        ),
        (
            op("add", "emails", {"value": "b@x.com", "primary": "true"}),
            {
                "emails": [
                    {"value": "a@x.com", "type": "work", "primary": False},
                    {"value": "b@x.com", "type": "home", "primary": True},
                ]
            },
        ),
        (
            op("add", 'emails[type eq "home"].primary', "True"),
            {
                "emails": [
                    {"value": "a@x.com", "type": "work", "primary": False},
                    {"value": "b@x.com", "type": "home", "primary": True},
                ]
            },
        ),
        (
            op("add", "addresses", [{"type": "work", "country": "DE"}, {"country": "FR"}]),
            {"addresses": [{"type": "work", "country": "DE"}, {"country": "FR"}]},
        ),
        (op("remove", "addresses", {"country": "DE"}), {"addresses": None}),
        (
            op("add", "roles", [{"id": "1", "value": "R", "displayName": "x"}]),
            {"roles": [{"value": "R"}]},
        ),
        (
            op("add", 'roles[primary eq "True"].value', "n"),
            {"roles": [{"value": "r"}, {"primary": True, "value": "n"}]},
        ),
        (op("add", "roles.type", "t"), {"roles": [{"value": "r", "type": "t"}]}),
        (op("add", "ims.value", "t"), {"ims": [{"value": "t"}]}),
    ],
)
def test_values_of_a_list_are_changed(sent, changed):
    expected = {**LISTED, **changed}
    after = patched([sent], document=LISTED)
    assert after == {name: value for name, value in expected.items() if value is not None}


@pytest.mark.parametrize(
    ("sent", "scim_type"),
    [
        (op("remove", "userName"), "mutability"),
        (op("replace", "userName", ""), "invalidValue"),
        (op("replace", "id", "x"), "mutability"),
        (op("replace", None, {"id": "x"}), "mutability"),
        (op("add", "groups", []), "mutability"),
        (op("replace", 'emails[value co "a"].type', "home"), "noTarget"),
        (op("replace", "a b", ""), "invalidPath"),
        (op("replace", 'emails[type zz "work"]', ""), "invalidFilter"),
        (op("replace", "active", "maybe"), "invalidValue"),
        (op("replace", 'title[value eq "x"]', "y"), "invalidPath"),
        (op("replace", ENTERPRISE, "x"), "invalidValue"),
        (op("add", 'emails[type eq "work"]', [{"value": "a"}, {"value": "b"}]), "invalidValue"),
        (op("add", 'emails[type eq "work"]', {"type": "home"}), "invalidValue"),
        (op("add", 'emails[type eq "work" or type eq "home"]', {"value": "a"}), "noTarget"),
        (op("add", None, {"emails[": "x"}), "invalidFilter"),
        (op("add", "meta.version", "x"), "mutability"),
        (op("add", f"{ENTERPRISE}:manager.displayName", "x"), "mutability"),
    ],
)
def test_what_cannot_be_done_is_refused(sent, scim_type):
    with pytest.raises(Fault) as refused:
        patched([sent])
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)


@pytest.mark.parametrize(
    ("sent", "steps"),
    [
        ([op("Remove", "members", [{"$ref": None, "value": "u1"}])], [("remove", ["u1"])]),
        ([op("remove", 'members[value eq "u1"]')], [("remove", ["u1"])]),
        (
            [
                op("remove", 'members[value eq "u1" or value eq "u2"]'),
                op("remove", "members", "u3"),
            ],
            [("remove", ["u1", "u2", "u3"])],
        ),
        ([op("Add", "Members", [{"value": "a"}, {"value": "b"}])], [("add", ["a", "b"])]),
        ([op("replace", "members", [{"value": "a"}])], [("replace", ["a"])]),
        ([op("replace", "members", [])], [("clear", [])]),
        ([{"op": "remove", "path": "members"}], [("clear", [])]),
        ([op("remove", "members", [])], []),
        ([op("replace", None, {"members": [], "displayName": "n"})], [("clear", [])]),
        ([op("add", "members", "a"), op("add", "members", "b")], [("add", ["a", "b"])]),
    ],
)
def test_members_are_steps(sent, steps):
    patch = patches.read_group_patch(operations(sent), id="dirgroup_1")
    assert patch.member_steps == steps
    assert patch.apply({"displayName": "n"}) == {"displayName": "n"}
