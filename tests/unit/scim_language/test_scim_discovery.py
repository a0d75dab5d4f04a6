"""Documents by which the service describes itself, as scim2-models reads them."""

from __future__ import annotations

import pytest

from tenantry.tenants.directories.scim import discovery, schemas

BASE = "https://app.test/directory/dir_1/scim/v2"
CUSTOM = schemas.custom({"badge": "NUMBER", "tags": "ARRAY", "cleared": "BOOL", "extra": "OBJECT"})
CONFIG = discovery.service_provider_config(
    BASE,
    documentation="https://app.test/docs",
    most_results=200,
    bulk_operations=1000,
    bulk_bytes=1 << 20,
    page_size=100,
)


@pytest.fixture(scope="module")
def library():
    # Only here: its import takes seconds among thousands of modules, and each process of a run
    # collects all tests.
    import scim2_models

    return scim2_models


@pytest.mark.parametrize(
    ("model", "documents"),
    [
        ("ServiceProviderConfig", [CONFIG]),
        ("ResourceType", discovery.resource_types(BASE, CUSTOM)),
        ("ResourceType", discovery.resource_types(BASE)),
        ("Schema", discovery.schemas(BASE, CUSTOM)),
        ("Schema", discovery.schemas(BASE)),
    ],
)
def test_another_library_reads_the_whole_document(library, model, documents):
    shown = {"scim_ctx": library.Context.RESOURCE_QUERY_RESPONSE}
    read = getattr(library, model).model_validate
    for document in documents:
        assert read(document, **shown).model_dump(**shown) == document


def test_attributes_of_the_environment_are_a_schema_of_users():
    user, group = discovery.resource_types(BASE, CUSTOM)
    extensions = [one["schema"] for one in user["schemaExtensions"]]
    assert extensions == [schemas.ENTERPRISE.id, CUSTOM.id]
    assert "schemaExtensions" not in group
    last = discovery.schemas(BASE, CUSTOM)[-1]
    assert [(one["name"], one["type"], one["multiValued"]) for one in last["attributes"]] == [
        ("badge", "decimal", False),
        ("tags", "string", True),
        ("cleared", "boolean", False),
        ("extra", "complex", False),
    ]
    assert len(discovery.schemas(BASE, schemas.custom({}))) == 3


def told(attributes, prefix=""):
    """Yield each attribute by its path, without its description."""
    for one in attributes:
        path = f"{prefix}{one['name']}"
        yield (
            path,
            {name: one.get(name) for name in one if name not in {"description", "subAttributes"}},
        )
        yield from told(one.get("subAttributes", ()), f"{path}.")


# A password is never kept, there are no groups in groups, and names of people and groups are ours.
OTHERWISE = {
    "password": None,
    "groups.type": {"canonicalValues": ["direct"]},
    "members.type": {"canonicalValues": ["User"]},
    "members.$ref": {"referenceTypes": ["User"]},
    "members.display": {"mutability": "readOnly"},
    "manager.value": {"required": False},
    "manager.$ref": {"required": False},
    # An account is identified by its address.
    "emails": {"required": True},
    "emails.value": {"required": True},
}


@pytest.mark.parametrize(("schema", "model"), [(0, "User"), (1, "Group"), (2, "EnterpriseUser")])
def test_attributes_are_those_of_the_rfc(library, schema, model):
    defined = getattr(library, model).to_schema()
    shown = defined.model_dump(scim_ctx=library.Context.RESOURCE_QUERY_RESPONSE)
    theirs = dict(told(shown["attributes"]))
    ours = dict(told(discovery.schemas(BASE)[schema]["attributes"]))
    for path, other in OTHERWISE.items():
        if path in theirs:
            theirs[path] = theirs[path] | other if other else None
    assert ours == {path: one for path, one in theirs.items() if one}


def test_the_members_of_a_group_say_how_many_a_request_may_have():
    group = next(one for one in discovery.schemas("https://x") if one["name"] == "Group")
    (members,) = (one for one in group["attributes"] if one["name"] == "members")
    assert "A request can have at most 100000 members and 16 MiB." in members["description"]
