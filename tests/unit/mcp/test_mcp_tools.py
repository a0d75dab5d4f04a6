"""The tools of the MCP server: which rpcs are tools, and what their definitions state."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from served import SERVICES

from tenantry.api.methods import of_service
from tenantry.core.caller import Caller, Kind
from tenantry.endpoints.mcp import tools
from tenantry.endpoints.mcp.tools import CREDENTIALS, EXCLUDED_SERVICES, TOOLSETS, Catalogue

NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Nothing:
    """Has every method."""

    def __getattr__(self, name) -> None: ...


METHODS = [method for service in SERVICES for method in of_service(service, Nothing())]
CATALOGUE = Catalogue(METHODS)
ALL_SCOPES = Caller(Kind.MANAGEMENT_CLIENT, "skc_1")
READER = Caller(Kind.OPERATOR, "opr_1", reads_only=True)


def test_every_service_is_in_one_toolset_or_excluded():
    served = {method.service.rpartition(".")[2] for method in METHODS}
    grouped = [service for services in TOOLSETS.values() for service in services]
    assert sorted((*grouped, *EXCLUDED_SERVICES)) == sorted(served)


def test_no_response_has_a_new_credential():
    secrets = {"plain_secret", "token", "link", "secret"}
    for tool in CATALOGUE.tools.values():
        fields = tool.method.output.desc().fields
        found = {field.name for field in fields if field.name in secrets}
        # A portal link is made to be sent to a customer.
        assert not found or tool.name == "generate_portal_link", tool.name


def test_names_of_excluded_rpcs_exist():
    assert {method.name for method in METHODS} >= CREDENTIALS


@pytest.mark.parametrize("tool", CATALOGUE.tools.values(), ids=lambda tool: tool.name)
def test_a_definition_is_valid(tool):
    definition = tool.definition()
    assert NAME.fullmatch(definition["name"])
    assert definition["description"]
    schema = definition["inputSchema"]
    jsonschema.Draft202012Validator.check_schema(schema)
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(schema)))
    assert references == {f"#/$defs/{name}" for name in schema.get("$defs", ())}
    hints = definition["annotations"]
    assert not (hints["readOnlyHint"] and hints["destructiveHint"])


def test_arguments_of_the_protocol_are_no_fields_of_requests():
    for tool in CATALOGUE.tools.values():
        fields = {field.name for field in tool.method.input.desc().fields}
        assert not fields & {tools.DRY_RUN, tools.CONFIRMATION}, tool.name


def test_deletions_ask_for_confirmation():
    for tool in CATALOGUE.tools.values():
        deletes = any(route.verb == "DELETE" for route in tool.method.routes)
        assert tool.is_destructive or not deletes, tool.name


def test_a_reader_is_offered_tools_that_change_nothing():
    listed = CATALOGUE.listed(READER, TOOLSETS)
    assert listed
    assert all(tool["annotations"]["readOnlyHint"] for tool in listed)
    assert len(CATALOGUE.listed(ALL_SCOPES, TOOLSETS)) > len(listed)


def test_a_client_is_offered_what_its_scopes_allow():
    caller = Caller(Kind.MANAGEMENT_CLIENT, "skc_1", permissions=frozenset({"users:read"}))
    names = {tool["name"] for tool in CATALOGUE.listed(caller, TOOLSETS)}
    assert "get_user" in names
    assert not names & {"get_organization", "update_user"}


def test_the_default_toolsets_are_small_enough_for_a_model():
    listed = CATALOGUE.listed(READER, tools.DEFAULT)
    assert len(listed) <= 60
    assert len(json.dumps(listed)) <= 60_000


def test_toolsets_of_a_url():
    assert tools.selected("") == tools.DEFAULT
    assert tools.selected("users,roles") == ["users", "roles"]
    assert set(tools.selected("all")) == set(TOOLSETS)
