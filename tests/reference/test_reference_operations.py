"""The operations are what the descriptors say."""

from __future__ import annotations

import pytest

from tenantry.reference import failures
from tenantry.reference.comments import comment, first_sentence


@pytest.fixture(scope="module")
def named(reference):
    return {operation.name: operation for operation in reference[0]}


def names(parameters):
    return [parameter.member.name for parameter in parameters]


def test_every_route_of_every_rpc_is_an_operation(methods, named):
    assert len(named) == sum(len(method.routes) for method in methods) > 0
    for method in methods:
        assert method.name in named


def test_every_operation_is_described(named):
    for operation in named.values():
        assert operation.summary, operation.name
        assert operation.callers, operation.name
        members = [p.member for p in operation.parameters]
        members += [*operation.answer, *(operation.body.members if operation.body else ())]
        assert [m.name for m in members if not m.description] == [], operation.name


def test_every_field_of_a_request_can_be_sent_once(named):
    """In the path, in the query or in the body; but for what excludes a variable of the path."""
    excluded = {"UpdateOrganization": {"external_id"}, "GetOrganization": {"external_id"}}
    excluded |= {"DeleteOrganization": {"external_id"}, "GetOrganizationByExternalId": {"id"}}
    for operation in named.values():
        outside = names(operation.at("path")) + names(operation.at("query"))
        outside = [name.partition(".")[0] for name in outside if not name.endswith("*")]
        body = operation.body
        if body and body.without:
            inside = [m.name for m in body.members if "." not in m.name]
        else:
            inside = ["organization", "settings"][: 1 if body else 0]
            if operation.name == "UpdateOrganizationSettings":
                inside = ["settings"]
        fields = {field.name for field in operation.method.input.desc().fields}
        sent = outside + inside
        assert len(sent) == len(set(sent)), operation.name
        assert set(sent) == fields - excluded.get(operation.name, set()), operation.name


def test_parameters_have_their_rules(named):
    (page_size,) = [
        p.member for p in named["SearchOrganization"].parameters if p.member.name == "page_size"
    ]
    assert page_size.rules == ("at most 30",)
    features = named["GeneratePortalLink"].at("query")[-1].member
    assert (features.type, features.choices) == ("list of enums", ("dir_sync", "sso"))
    body = {m.name: m for m in named["CreateOrganization"].body.members}
    assert body["display_name"].required
    assert body["metadata"].type == "map of strings"
    assert "up to 10 pairs" in body["metadata"].rules


def test_a_query_beyond_the_message_is_a_parameter(named):
    assert "metadata.*" in names(named["ListOrganization"].at("query"))


def test_if_match_stops_changes_of_an_organization(named):
    conditional = {n for n, o in named.items() if "If-Match" in names(o.at("header"))}
    assert conditional == {
        "UpdateOrganization",
        "DeleteOrganization",
        "UpdateOrganizationSettings",
        "UpdateOrganizationSessionPolicy",
        "UpdateOrganizationBranding",
        "UpsertUserManagementSettings",
    }
    assert all(412 in named[name].statuses for name in conditional)


def test_answers_that_show_an_organization_have_an_etag(named):
    assert {name for name, operation in named.items() if not operation.etag} == {
        "ListOrganization",
        "SearchOrganization",
        "DeleteOrganization",
        "GeneratePortalLink",
        "GetPortalLinks",
        "DeletePortalLink",
        "DeletePortalLinkByID",
        "GetApplicationSessionPolicy",
    }


def test_only_a_post_takes_an_idempotency_key(named):
    keyed = {n for n, o in named.items() if "Idempotency-Key" in names(o.at("header"))}
    assert keyed == {"CreateOrganization"}
    assert 422 in named["CreateOrganization"].statuses


def test_the_organization_is_shown_flat_and_whole(named):
    answer = {m.name: m for m in named["UpdateOrganization"].answer}
    assert answer["id"].required
    assert answer["organization"].required
    assert not answer["external_id"].required


def test_every_error_is_told():
    told = {failure.error_code: failure for failure in failures.failures()}
    assert told["PRECONDITION_FAILED"].status == 412
    assert told["UNAUTHENTICATED"].status == 401
    assert len(told["INVALID_ARGUMENT"].meanings) == 2  # of a field, of a duplicate
    assert all(failure.meanings[0] for failure in told.values())


def test_a_first_sentence_ends_at_its_full_stop():
    assert first_sentence("Ends here. Not there.") == "Ends here"
    assert first_sentence("Such as `a.b`, not earlier.") == "Such as `a.b`, not earlier"
    assert comment("no.such.Thing") == ""
