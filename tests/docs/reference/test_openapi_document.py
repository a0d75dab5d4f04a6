"""The OpenAPI document is valid, exact, and agrees with its own examples."""

from __future__ import annotations

import json

import pytest
import schemathesis
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tenantry.endpoints.docs.reference.languages import LANGUAGES, samples

VERBS = {"get", "put", "post", "patch", "delete"}


def operations_of(document):
    for path, item in document["paths"].items():
        for verb in VERBS & item.keys():
            yield path, verb, item[verb]


@pytest.fixture(scope="module")
def validator(document):
    """Makes the validator of a schema that stands in the document."""
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)

    def make(schema):
        resolved = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
        return Draft202012Validator(resolved, registry=registry, format_checker=FormatChecker())

    return make


def success(operation):
    (status,) = [s for s in operation["responses"] if s.startswith("2")]
    told = operation["responses"][status].get("content", {})  # /oauth/revoke answers no body
    return told.get("application/json", {"schema": {}})


def test_it_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1.")
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert all(found.ok() for found in schema.get_all_operations())


def test_its_schemas_are_json_schema(document):
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for _, _, operation in operations_of(document):
        for parameter in operation.get("parameters", ()):
            Draft202012Validator.check_schema(parameter["schema"])


def test_it_has_every_route(methods, document):
    served = {(r.template, r.verb.lower()) for method in methods for r in method.routes}
    rpcs = {f"{method.name}{n}" for method in methods for n in ("", 2, 3)}
    told = {(path, verb) for path, verb, o in operations_of(document) if o["operationId"] in rpcs}
    assert told == served


def test_operation_ids_are_unique(document):
    ids = [operation["operationId"] for _, _, operation in operations_of(document)]
    assert len(ids) == len(set(ids))


def test_every_example_fits_its_schema(document, validator):
    checked = 0
    for _, _, operation in operations_of(document):
        told = [success(operation)] if "example" in success(operation) else []
        told += operation.get("requestBody", {}).get("content", {}).values()
        told += operation.get("parameters", ())
        for each in told:
            if "example" in each:
                validator(each["schema"]).validate(each["example"])
                checked += 1
    for response in document["components"]["responses"].values():
        told = response["content"]["application/json"]
        if "example" in told:
            validator(told["schema"]).validate(told["example"])
            checked += 1
    assert checked >= 50


def test_an_answer_without_what_is_always_there_is_refused(document, validator):
    told = success(document["paths"]["/api/v1/organizations/{id}"]["get"])
    for name in ("id", "display_name", "region_code", "metadata", "organization"):
        example = {k: v for k, v in told["example"].items() if k != name}
        assert not validator(told["schema"]).is_valid(example), name
    for name in ("external_id", "slug", "logo_url", "settings"):
        example = {k: v for k, v in told["example"].items() if k != name}
        assert validator(told["schema"]).is_valid(example), name


def test_one_object_is_answered_flat_and_whole(document):
    flat = {
        operation["operationId"]
        for _, _, operation in operations_of(document)
        if "allOf" in success(operation)["schema"]
    }
    assert flat == {
        "CreateOrganization",
        "UpdateOrganization",
        "GetOrganization",
        "GetOrganizationByExternalId",
    }
    example = success(document["paths"]["/api/v1/organizations/{id}"]["patch"])["example"]
    assert {**example, "organization": None} == {**example["organization"], "organization": None}


@pytest.mark.parametrize(
    "body",
    [
        {"display_name": ""},
        {"display_name": "x" * 201},
        {"display_name": 1},
        {"metadata": {"ab": "too short a key"}},
        {"metadata": {"key": ""}},
        {"metadata": {f"key{n}": "v" for n in range(11)}},
        {"slug": "Not A Slug"},
        {"unknown": "member"},
    ],
)
def test_a_request_that_breaks_a_rule_is_refused(document, validator, body):
    patch = document["paths"]["/api/v1/organizations/{id}"]["patch"]
    schema = patch["requestBody"]["content"]["application/json"]["schema"]
    assert validator(schema).is_valid({"display_name": "x" * 200, "slug": ""})
    assert not validator(schema).is_valid(body)


def test_one_message_can_have_two_schemas(document):
    schemas = document["components"]["schemas"]
    assert "maxLength" in schemas["UpdateOrganization"]["properties"]["display_name"]
    assert "maxLength" not in schemas["organizations.Organization"]["properties"]["display_name"]
    assert schemas["OrganizationSettingsInput"]["additionalProperties"] is False
    assert schemas["OrganizationSettings"]["required"] == ["features"]


def test_two_messages_of_one_name_are_told_apart(document):
    schemas = document["components"]["schemas"]
    assert "is_scalekit_permission" in schemas["roles.Permission"]["properties"]
    assert "tags" in schemas["users.Permission"]["properties"]
    assert {"roles.Role", "commons.Role", "commons.RoleInput"} <= schemas.keys()


def test_variables_of_the_path_are_not_in_the_body(document):
    path = "/api/v1/organizations/{organization_id}/session-policy"
    body = document["paths"][path]["patch"]["requestBody"]
    assert "organization_id" not in body["content"]["application/json"]["schema"]["properties"]


def test_it_carries_the_samples_of_the_page(reference, document):
    rpcs = {operation.name: operation.method.name for operation in reference[0]}
    for _, _, operation in operations_of(document):
        if operation["tags"] == ["OAuth"]:
            continue
        told = {s["label"]: s["source"] for s in operation["x-codeSamples"]}
        found = samples(rpcs[operation["operationId"]])
        assert told == {
            language.label: found[language.key] for language in LANGUAGES if language.key in found
        }
        assert "cURL" in told


def test_it_says_how_to_get_in(document):
    schemes = document["components"]["securitySchemes"]
    flow = schemes["client"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == document["servers"][0]["url"] + "/oauth/token"
    assert schemes["token"]["scheme"] == "bearer"
