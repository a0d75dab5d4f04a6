"""Paths of PATCH, and the RFC's own examples of operations (RFC 7644 section 3.5.2)."""

from __future__ import annotations

import pytest

from tenantry.tenants.directories.scim import patches, paths
from tenantry.tenants.directories.scim.faults import Fault

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
WRITTEN = {
    "userName": None,
    "USERNAME": "userName",
    "name.familyName": None,
    "Name.FAMILYNAME": "name.familyName",
    "members": None,
    'addresses[type eq "work"]': None,
    'members[value eq "2819c223-7f76-453a-919d-413861904646"]': None,
    'members[value eq "2819c223"].displayName': None,
    'emails[type eq "work" and value ew "example.com"]': None,
    'emails[type eq "work"].VALUE': 'emails[type eq "work"].value',
    'Emails[Type eq "a]b" or not (primary eq "True")].value': (
        'emails[type eq "a]b" or not (primary eq true)].value'
    ),
    f"{CORE}:userName": "userName",
    f"{CORE.upper()}:name.givenName": "name.givenName",
    f"{ENTERPRISE}:manager.displayName": None,
    "department": f"{ENTERPRISE}:department",
    ENTERPRISE: None,
    "urn:x:y:2.0:User:Tag": None,
    "urn:x:y:2.0:User": None,
    "urn:x:y:Tag.part": None,
    "members.$ref": None,
    "urn:ietf:params:scim:schemas:extension:tenantry:2.0:User:badge_number-1": None,
}


@pytest.mark.parametrize("text", WRITTEN)
def test_a_path_is_read_and_written(text):
    found = paths.parse(text)
    assert str(found) == (WRITTEN[text] or text)
    assert paths.parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *(" ", "a b", ".a", "a.", "a.b.c", "1a", "a[", "a]", "[a pr]", "a[b pr", "a[b pr]c"),
        *("a[b pr].", "a[b pr].c.d", "a[b pr] and c pr", "a.b[c pr]", "a[b pr]..c", "a[]", "é"),
        *("urn:", "urn:x:", "urn:x:a b", f"{ENTERPRISE}:", f"{ENTERPRISE}[a pr]", "a[b pr].urn:c"),
        *("a\0", "a" * 1001, "a[" + "(" * 30, "a[b[c pr]]", "members[value eq u1]"),
    ],
)
def test_another_path_is_refused(text):
    with pytest.raises(Fault) as refused:
        paths.parse(text)
    assert refused.value.status == 400
    assert refused.value.scim_type in {"invalidPath", "invalidFilter"}


WORK = {"type": "work", "streetAddress": "911 Universal City Plaza", "country": "US"}
HOME = {"type": "home", "locality": "Hollywood"}
ANN = {"userName": "ann", "nickName": "Ann"}


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [
        (  # Section 3.5.2.1
            ANN,
            {
                "op": "add",
                "value": {"emails": [{"value": "b@x.com", "type": "home"}], "nickName": "B"},
            },
            {**ANN, "emails": [{"value": "b@x.com", "type": "home"}], "nickName": "B"},
        ),
        (  # Section 3.5.2.2
            {**ANN, "emails": [{"value": "b@x.com", "type": "work"}, {"value": "b@y.com"}]},
            {"op": "remove", "path": 'emails[type eq "work" and value ew "x.com"]'},
            {**ANN, "emails": [{"value": "b@y.com"}]},
        ),
        (ANN, {"op": "remove", "path": "nickName"}, {"userName": "ann"}),
        (  # Section 3.5.2.3
            {**ANN, "addresses": [{"type": "work", "region": "CA"}, HOME]},
            {"op": "replace", "path": 'addresses[type eq "work"]', "value": WORK},
            {**ANN, "addresses": [WORK, HOME]},
        ),
        (
            {**ANN, "addresses": [WORK, HOME]},
            {
                "op": "replace",
                "path": 'addresses[type eq "work"].streetAddress',
                "value": "1010 Broadway Ave",
            },
            {**ANN, "addresses": [WORK | {"streetAddress": "1010 Broadway Ave"}, HOME]},
        ),
        (
            {**ANN, "emails": [{"value": "old@x.com"}]},
            {
                "op": "replace",
                "value": {"emails": [{"value": "b@x.com", "primary": True}], "nickName": "Babs"},
            },
            {**ANN, "emails": [{"value": "b@x.com", "primary": True}], "nickName": "Babs"},
        ),
    ],
)
def test_examples_of_the_rfc(before, operation, after):
    assert patches.apply_to_user(before, patches.parse({"Operations": [operation]})) == after


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {},
        {"Operations": []},
        {"Operations": {}},
        {"Operations": ["x"]},
        {"Operations": [{}]},
        {"Operations": [{"op": "move", "path": "title", "value": "x"}]},
        {"Operations": [{"op": 1}]},
        {"Operations": [{"op": "add", "path": 1, "value": "x"}]},
        {"Operations": [{"op": "add", "path": "title"}]},
        {"Operations": [{"op": "add", "value": "x"}]},
        {"Operations": [{"op": "remove", "value": "x"}]},
        {"operations": [{"OP": "remove", "Path": ""}]},
    ],
)
def test_what_is_no_patch_is_refused(sent):
    with pytest.raises(Fault) as refused:
        patches.parse(sent)
    assert refused.value.status == 400
    assert refused.value.scim_type in {"invalidSyntax", "invalidPath", "invalidValue", "noTarget"}


@pytest.mark.parametrize(
    ("operation", "scim_type"),
    [
        ({"op": "add", "path": 'members[value eq "a"]', "value": "b"}, "mutability"),
        ({"op": "replace", "path": 'members[value eq "a"].display', "value": "b"}, "mutability"),
        ({"op": "remove", "path": 'members[type eq "User"]'}, "invalidFilter"),
        ({"op": "remove", "path": 'members[value eq "a" and type eq "User"]'}, "invalidFilter"),
        ({"op": "replace", "path": "members.display", "value": "b"}, "mutability"),
        ({"op": "replace", "value": {"id": "other"}}, "mutability"),
    ],
)
def test_members_are_not_changed_otherwise(operation, scim_type):
    with pytest.raises(Fault) as refused:
        patches.read_group_patch(patches.parse({"Operations": [operation]}), id="dirgroup_1")
    assert (refused.value.status, refused.value.scim_type) == (400, scim_type)


@pytest.mark.parametrize(
    ("operation", "after"),
    [
        ({"op": "replace", "path": "displayName", "value": "h"}, {"displayName": "h"}),
        (
            {"op": "add", "value": {"externalId": "1", "members": ["a"]}},
            {"displayName": "g", "externalId": "1"},
        ),
        ({"op": "replace", "path": "title", "value": "h"}, {"displayName": "g"}),
        ({"op": "replace", "path": f"{ENTERPRISE}:department", "value": "h"}, {"displayName": "g"}),
        (
            {"op": "add", "path": "urn:x:y:2.0:Group:Tag", "value": "h"},
            {"displayName": "g", "urn:x:y:2.0:Group": {"Tag": "h"}},
        ),
    ],
)
def test_a_groups_document_has_no_members(operation, after):
    patch = patches.read_group_patch(patches.parse({"Operations": [operation]}))
    assert patch.apply({"displayName": "g"}) == after


def test_a_group_keeps_its_name():
    sent = [{"op": "remove", "path": "displayName"}]
    patch = patches.read_group_patch(patches.parse({"Operations": sent}))
    with pytest.raises(Fault, match="displayName is required"):
        patch.apply({"displayName": "g"})
