"""Resources as providers send them: which parts are kept, and how they are answered."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scim_examples import CORE, DOCUMENTS, ENTERPRISE

from tenantry.tenants.directories.scim import patches, resources, schemas
from tenantry.tenants.directories.scim.faults import Fault
from tenantry.tenants.directories.scim.selections import Selection

CUSTOM = schemas.custom(
    {"badge": "NUMBER", "cleared": "BOOL", "tags": "ARRAY", "extra": "OBJECT", "note": "STRING"}
)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"active": "True"}, {"active": True}),
        ({"active": "false"}, {"active": False}),
        ({"Active": [{"value": "False"}]}, {"active": False}),
        ({"displayName": [{"$ref": None, "value": "User x"}]}, {"displayName": "User x"}),
        ({"DISPLAYNAME": "x"}, {"displayName": "x"}),
        ({"displayName": ""}, {}),
        ({"displayName": None, "emails": [], "name": {"givenName": ""}}, {}),
        ({"name": "Ann Lee"}, {"name": {"formatted": "Ann Lee"}}),
        ({"name.givenName": "Ann"}, {"name": {"givenName": "Ann"}}),
        ({f"{CORE}:title": "x"}, {"title": "x"}),
        ({"externalid": 7}, {"externalId": "7"}),
        ({"password": "x", "groups": [], "id": "x", "meta": {"resourceType": "User"}}, {}),
        ({"schemas": "x", "unknown": {"a": "b"}, "a b": 1, "": 2}, {}),
        ({"emails": "a@x.com"}, {"emails": [{"value": "a@x.com"}]}),
        ({"emails": {"Value": "a@x.com", "other": 1}}, {"emails": [{"value": "a@x.com"}]}),
        ({"emails": [None, {}, {"value": None}, "a@x.com"]}, {"emails": [{"value": "a@x.com"}]}),
        (
            {"emails": [{"value": "a", "primary": "true"}, {"value": "b", "primary": True}]},
            {"emails": [{"value": "a", "primary": True}, {"value": "b", "primary": False}]},
        ),
        (
            {
                "roles": [
                    {"primary": False, "type": "WindowsAzureActiveDirectoryRole", "value": "r"}
                ]
            },
            {
                "roles": [
                    {"primary": False, "type": "WindowsAzureActiveDirectoryRole", "value": "r"}
                ]
            },
        ),
        ({"roles": []}, {}),
        ({"Manager": "123"}, {ENTERPRISE: {"manager": {"value": "123"}}}),
        (
            {ENTERPRISE.upper(): {"Manager": {"value": "1", "displayName": "M", "$ref": None}}},
            {ENTERPRISE: {"manager": {"value": "1"}}},
        ),
        ({ENTERPRISE: {"employeeNumber": 9, "other": "x"}}, {ENTERPRISE: {"employeeNumber": "9"}}),
        ({ENTERPRISE: None}, {}),
        ({f"{ENTERPRISE}:department": "d"}, {ENTERPRISE: {"department": "d"}}),
        ({"urn:x:y:2.0:User": {"A": [1, None]}}, {"urn:x:y:2.0:User": {"A": [1, None]}}),
        ({"urn:x:y": {"A": "1"}}, {"urn:x:y": {"A": "1"}}),
        ({"urn:x:y:2.0:User": "1", "urn:x:y:2.0:Group": [{"A": 1}]}, {}),
        ({"urn:x:y:2.0:User:A": {"B": 1}}, {"urn:x:y:2.0:User": {"A": {"B": 1}}}),
        ({"urn:x:y:2.0:User:A": "1"}, {"urn:x:y:2.0:User": {"A": "1"}}),
        ({"addresses": [{"type": "work", "country": "DE"}]},) * 2,
        ({"x509Certificates": [{"value": "MII="}]},) * 2,
    ],
)
def test_what_a_provider_sends_is_read_for_what_it_means(sent, kept):
    before = copy.deepcopy(sent)
    assert resources.read_user({"userName": "ann", **sent}) == {"userName": "ann", **kept}
    assert sent == before


@pytest.mark.parametrize(
    ("sent", "attribute"),
    [
        ({}, "userName"),
        ({"userName": ""}, "userName"),
        ({"userName": {"value": []}}, "userName"),
        ({"userName": "x" * 257}, "userName"),
        ({"userName": "ann", "active": "yes"}, "active"),
        ({"userName": "ann", "name": {"givenName": {"a": 1}, "familyName": True}}, "familyName"),
        ({"userName": "ann", "emails": [{"value": ["a", "b"]}]}, "emails.value"),
        ({"userName": "ann", ENTERPRISE: "x"}, ENTERPRISE[:60]),
        ({"userName": "ann", "title": "a\0"}, "title"),
    ],
)
def test_what_has_no_meaning_is_refused_by_its_name(sent, attribute):
    with pytest.raises(Fault) as refused:
        resources.read_user(sent)
    assert (refused.value.status, refused.value.scim_type) == (400, "invalidValue")
    assert attribute in refused.value.detail


@pytest.mark.parametrize("sent", [None, [], "x", 1, {"userName": "a", "USERNAME": "b"}])
def test_what_is_no_resource_is_refused(sent):
    with pytest.raises(Fault) as refused:
        resources.read_user(sent)
    assert refused.value.body() == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
        "status": "400",
        "scimType": "invalidSyntax",
        "detail": refused.value.detail,
    }


@pytest.mark.parametrize(
    ("sent", "members"),
    [
        ({}, None),
        ({"members": None}, None),
        ({"members": []}, []),
        ({"Members": [{"value": "a", "display": None}, "b", {"value": "a"}]}, ["a", "b"]),
        ({"members": {"value": "a"}}, ["a"]),
        ({"members": [{"$ref": "https://x/scim/v2/Users/a"}, {"value": None}, 1, {}]}, ["a"]),
    ],
)
def test_members_of_a_group_are_ids(sent, members):
    group = resources.read_group(
        {
            "schemas": ["http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "displayName": "G",
            "externalId": "1",
            **sent,
        }
    )
    assert group == resources.GroupPayload({"displayName": "G", "externalId": "1"}, members)
    assert resources.group_columns(group.document) == {
        "display_name": "G",
        "display_name_key": "g",
        "external_id": "1",
    }


def test_attributes_of_the_environment_have_their_types():
    sent = {
        "badge": "7",
        "Cleared": "True",
        "tags": ["a", {"value": "b"}, ""],
        "extra": {"a": {"b": [1]}},
        "note": 1.5,
        "other": "x",
    }
    kept = {
        "badge": 7,
        "cleared": True,
        "tags": ["a", "b"],
        "extra": {"a": {"b": [1]}},
        "note": "1.5",
    }
    under = {"userName": "ann", CUSTOM.id: kept}
    assert resources.read_user({"userName": "ann", CUSTOM.id: sent}, custom=CUSTOM) == under
    assert resources.read_user({"userName": "ann", **sent}, custom=CUSTOM) == under
    assert resources.read_user(under) == {"userName": "ann"}
    for name, value in {"badge": "x", "cleared": 1, "tags": [["a", "b"]]}.items():
        with pytest.raises(Fault, match=name):
            resources.read_user({"userName": "ann", CUSTOM.id: {name: value}}, custom=CUSTOM)


@pytest.mark.parametrize(
    ("operation", "kept"),
    [
        ({"op": "add", "path": f"{CUSTOM.id}:BADGE", "value": "9"}, {"badge": 9, "tags": ["a"]}),
        ({"op": "add", "path": f"{CUSTOM.id}:tags", "value": ["b"]}, {"tags": ["a", "b"]}),
        ({"op": "add", "path": f"{CUSTOM.id}:tags", "value": "a"}, {"tags": ["a"]}),
        ({"op": "remove", "path": f'{CUSTOM.id}:tags[value eq "A"]'}, None),
        ({"op": "remove", "path": f"{CUSTOM.id}:tags", "value": ["x"]}, {"tags": ["a"]}),
        (
            {"op": "replace", "path": f"{CUSTOM.id}:extra.a", "value": {"b": 1}},
            {"tags": ["a"], "extra": {"a": {"b": 1}}},
        ),
        ({"op": "replace", "value": {f"{CUSTOM.id}:note": "n"}}, {"tags": ["a"], "note": "n"}),
        ({"op": "remove", "path": CUSTOM.id}, None),
        ({"op": "add", "path": f"{CUSTOM.id}:other", "value": "9"}, {"tags": ["a"]}),
    ],
)
def test_attributes_of_the_environment_are_patched(operation, kept):
    document = {"userName": "ann", CUSTOM.id: {"tags": ["a"]}}
    read = patches.parse({"Operations": [operation]})
    after = patches.apply_to_user(document, read, custom=CUSTOM)
    assert after == {"userName": "ann", **({CUSTOM.id: kept} if kept else {})}


@pytest.mark.parametrize(
    ("document", "email"),
    [
        ({"emails": [{"value": "a@x.com"}, {"value": "B@x.com", "primary": True}]}, "B@x.com"),
        ({"emails": [{"value": "a@x.com"}, {"value": "b@x.com", "type": "Work"}]}, "b@x.com"),
        ({"emails": [{"value": "a@x.com", "type": "home"}, {"value": "b@x.com"}]}, "a@x.com"),
        ({"emails": [{"value": "no address", "primary": True}, {"value": "b@x.com"}]}, "b@x.com"),
        ({"emails": [{"type": "work"}]}, ""),
        ({"userName": "Ann@x.com"}, "Ann@x.com"),
        ({}, ""),
    ],
)
def test_an_account_is_named_by_the_address_that_is_preferred(document, email):
    document = {"userName": "Ann", "displayName": "É", **document}
    found = resources.columns(document)
    assert (found["email"], found["email_key"]) == (email, email.lower())
    assert found["user_name_key"] == document["userName"].lower()
    assert (found["display_name_key"], found["active"], found["external_id"]) == ("é", True, None)


def test_a_person_is_found_by_all_addresses():
    document = resources.read_user(
        {
            "userName": "ann",
            "emails": ["A@X.com", "a@x.com", "b@x.com", "no address", {"type": "w"}],
        }
    )
    assert resources.addresses(document) == ["a@x.com", "b@x.com", "no address"]


META = resources.meta(
    "User",
    location="https://app.test/Users/diruser_1",
    create_time=1_790_000_000_000_000,
    update_time=1_790_000_000_500_000,
    revision=3,
)


def shown(document, selection=None):
    return resources.represent(
        schemas.USER,
        document,
        id="diruser_1",
        meta=META,
        groups=[{"value": "dirgroup_1", "display": "G"}],
        selection=selection or Selection(),
    )


def test_a_resource_is_answered_with_id_meta_and_groups():
    document = {"userName": "ann", ENTERPRISE: {"department": "d"}}
    assert shown(document) == {
        "schemas": [CORE, ENTERPRISE],
        "id": "diruser_1",
        **document,
        "groups": [{"value": "dirgroup_1", "display": "G"}],
        "meta": {
            "resourceType": "User",
            "created": "2026-09-21T14:13:20Z",
            "lastModified": "2026-09-21T14:13:20.500Z",
            "location": "https://app.test/Users/diruser_1",
            "version": 'W/"3"',
        },
    }


@given(DOCUMENTS)
def test_an_answer_is_read_as_the_same_document(document):
    assert resources.read_user(shown(document)) == document


NAMES = st.lists(
    st.sampled_from(
        [
            *("userName", "TITLE", "name", "name.givenName", "emails", "emails.value", "active"),
            *("emails.type", "id", "schemas", "meta.version", f"{CORE}:displayName"),
            *("externalId", ENTERPRISE, f"{ENTERPRISE}:department"),
            f"{ENTERPRISE}:manager.value",
        ]
    ),
    min_size=1,
    max_size=4,
)


def without_empty(value):
    """Leave out members without a value: they say nothing (RFC 7643 section 2.5)."""
    if isinstance(value, dict):
        inner = {name: without_empty(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one not in (None, {}, [])}
    return [without_empty(one) for one in value] if isinstance(value, list) else value


@given(DOCUMENTS, NAMES, st.booleans())
def test_attributes_are_selected_as_by_another_library(document, names, wanted):
    from scim2_models import Context, EnterpriseUser, ResponseParameters, User

    asked = {"attributes": names} if wanted else {"excluded_attributes": names}
    user = User[EnterpriseUser].model_validate(shown(document))
    usual = {"scim_ctx": Context.RESOURCE_QUERY_RESPONSE}
    expected = user.model_dump(
        **usual, response_parameters=ResponseParameters[User[EnterpriseUser]](**asked)
    )
    selection = Selection.of(names if wanted else None, None if wanted else names)
    found = selection.apply(user.model_dump(**usual))
    assert found.pop("schemas")
    assert expected.pop("schemas")  # without those that nothing is left of
    assert without_empty(found) == without_empty(expected)


def test_both_selections_hold():
    selection = Selection.of(["userName", "name"], ["name.familyName", "userName", "id"])
    document = {"userName": "a", "name": {"givenName": "b", "familyName": "c"}, "title": "d"}
    assert shown(document, selection) == {
        "schemas": [CORE],
        "id": "diruser_1",
        "name": {"givenName": "b"},
    }
    assert [selection.wants(name) for name in ("name", "userName", "groups")] == [
        True,
        False,
        False,
    ]
    assert Selection.of(None, ["members"]).wants("members") is False
    assert Selection.of(["members.value"], None).wants("MEMBERS") is True
    assert Selection.of([], []).wants("groups") is True
