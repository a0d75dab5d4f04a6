"""The request that a typed call is shown as: sent over REST, it is the same call."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from protobuf import DescFieldValueList, DescFieldValueMessage, DescMessage
from served import SERVICES

from tenantry.api import http_calls, messages
from tenantry.api.http_calls import HttpCall
from tenantry.api.methods import HttpRoute, of_service
from tenantry.endpoints.grpc_rest import rest
from tenantry.endpoints.grpc_rest.router import Router
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.net.http import Request


class Nothing:
    """A service that has every method."""

    def __getattr__(self, name) -> None: ...


class Pipeline:
    """Keeps what a wire has read."""

    def __init__(self) -> None:
        self.call = None

    async def admit(self, *_call: object) -> None: ...

    async def run(self, method, _admission, message, **given: dict[str, list[str]] | None):
        self.call = (method, message, given["extra"] or {})
        return method.output(), {}


METHODS = [method for service in SERVICES for method in of_service(service, Nothing())]
ROUTED = [method for method in METHODS if method.routes]
EXAMPLES = json.loads(files("tenantry.gen").joinpath("examples.json").read_text())
EXAMPLES["GetCurrentSessionRequest.id"] = "env_1"  # the example, "-", means the same as none


@pytest.fixture(scope="module")
def rest_api():
    router, pipeline = Router(), Pipeline()
    rest.add_routes(router, METHODS, pipeline)
    return SimpleNamespace(router=router, pipeline=pipeline)


def example(desc, depth=0):
    """The members of a message, by the examples of its fields."""
    found, oneofs = {}, set()
    for field in desc.fields:
        oneof = getattr(field.value, "oneof", None)
        if oneof is not None and oneof.name in oneofs and len(oneof.fields) > 1:
            continue
        value = EXAMPLES.get(f"{desc.name}.{field.name}")
        if value is None and depth < 3:
            match field.value:
                case DescFieldValueMessage(message=inner):
                    if not inner.type_name.startswith("google."):
                        value = example(inner, depth + 1)
                case DescFieldValueList(element=DescMessage() as inner):
                    value = [example(inner, depth + 1)]
        if value not in (None, {}, [{}]):
            found[field.name] = value
            oneofs.add(oneof.name if oneof else None)
    return found


async def sent(rest_api, call):
    """The method, message and extra members that REST reads from a request."""
    target, params = rest_api.router.match(call.verb, call.path)
    body = b"" if call.body is None else json.dumps(call.body).encode()
    headers = {"content-type": "application/json"}
    request = Request(call.verb, call.path, call.query, headers, body, "req_1", params=params)
    await target(request)
    return rest_api.pipeline.call


@pytest.mark.parametrize("method", ROUTED, ids=lambda method: method.path.rpartition(".")[2])
async def test_the_request_of_each_rpc_makes_the_same_call(rest_api, method):
    message = messages.from_members(method.input, example(method.input.desc()))
    extra = {}
    if method.routes[0].body != "*":  # such a body leaves no room for a query
        extra = {name: ["value"] for name in method.query if not name.endswith(".*")}
    call = http_calls.of_message(method, message, extra)
    if call is None:
        assert any("{" in route.template for route in method.routes)
        return
    read, found, beyond = await sent(rest_api, call)
    assert (read.path, found, beyond) == (method.path, message, extra)


def _update(**members: object):
    (method,) = (one for one in METHODS if one.name == "UpdateOrganization")
    request = organizations_pb.UpdateOrganizationRequest
    return method, messages.from_members(request, members)


def test_a_path_is_escaped():
    method, message = _update(id="org_1/é?", organization={"display_name": "A"})
    call = http_calls.of_message(method, message, {})
    assert call.path == "/api/v1/organizations/org_1%2F%C3%A9%3F"
    assert unquote(call.path).endswith("org_1/é?")


def test_a_message_that_fills_no_path_has_no_request():
    method, message = _update(organization={"display_name": "A"})
    assert http_calls.of_message(method, message, {}) is None


def test_a_request_line_has_the_path_of_the_first_route_that_its_values_fill():
    (method,) = (one for one in METHODS if one.name == "UpdateUser")
    line = http_calls.request_line
    assert line(method, {"id": "usr_1"}) == "PATCH /api/v1/users/usr_1"
    assert line(method, {"external_id": "a b"}) == "PATCH /api/v1/users:external/a b"
    moved = replace(method, routes=(HttpRoute("PUT", "/api/v2/people/{id}", "*"),))
    assert line(moved, {"id": "usr_1"}) == "PUT /api/v2/people/usr_1"


def test_a_request_line_has_other_values_in_its_query():
    (method,) = (one for one in METHODS if one.name == "GeneratePortalLink")
    line = http_calls.request_line(method, {"id": "org_1", "shareable": "true"})
    assert line == "PUT /api/v1/organizations/org_1/portal_links?shareable=true"


def test_a_request_line_leaves_empty_values_out():
    (method,) = (one for one in METHODS if one.name == "UpdateEmailTemplate")
    line = http_calls.request_line(method, {"organization_id": "", "template_id": "tpl_1"})
    assert line == "PATCH /api/v1/organizations/-/email/templates/tpl_1"


@pytest.mark.parametrize(
    "values", [{}, {"id": ""}, {"name": "org_1"}, {"id": "org_1", "name": "Acme"}]
)
def test_a_request_line_needs_members_of_the_request_that_fill_a_route(values):
    method, _ = _update()
    with pytest.raises(LookupError):
        http_calls.request_line(method, values)


def test_a_command_quotes_what_a_shell_would_read():
    call = HttpCall("PATCH", "/api/v1/organizations/org_1", "a=1", {"display_name": "It's $HOME"})
    assert call.curl("https://auth.test") == (
        "curl -X PATCH 'https://auth.test/api/v1/organizations/org_1?a=1' "
        '-H "Authorization: Bearer $TOKEN" \\\n'
        "  -H 'Content-Type: application/json' "
        """-d '{"display_name": "It'"'"'s $HOME"}'"""
    )
