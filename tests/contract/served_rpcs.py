"""The served rpcs, and requests for them: the examples of the contract about live objects."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from apis import unique
from request_exceptions import EXCEPTIONS, OF_SESSIONS
from served import SERVICES

from tenantry.api.methods import Method, of_service
from tenantry.core.caller import Kind
from tenantry.endpoints.docs.reference import examples

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from apis import Api
    from contract_objects import Objects
    from wires import Answer, Headers

PUBLIC_URL = "https://tenantry.example.com"
# An ID of the examples, such as `org_2123312131125533`; its prefix is the kind of the object.
_EXAMPLE_ID = re.compile(r"([a-z0-9]+)_(?:21|98)\d{10,20}")
# Fields that name what the request creates or renames, by their paths: no two requests share one.
_NEW = {
    "organization.external_id": "{}",
    "organization.slug": "{}",
    "user.external_id": "{}",
    "user.email": "{}@example.com",
    "role.name": "{underscored}",
    "permission.name": "{underscored}",
    "domain.domain": "{}.example.com",
    "scope.name": "{colons}",
    "resource.resource_uri": "https://{}.example.com/mcp",
    "operator.email": "{}@example.com",
    "user_attribute.key": "{underscored}",
}
# Names of the examples, and the objects that have a name of their own instead.
_NAMED = {"editor": "env_role", "auditor": "org_role"}
_PERMISSION_FIELDS = ("permission_name", "permission_names", "role.permissions", "resource.scopes")


class _NoImplementation:
    """Has every method: the suite reads what the contract states about an rpc."""

    def __getattr__(self, name: str) -> None: ...


METHODS = {
    method.name: method
    for service in SERVICES
    for method in of_service(service, _NoImplementation())
}
assert len(METHODS) == sum(len(service.methods) for service in SERVICES), "two rpcs of one name"


def path_variables(template: str) -> list[str]:
    """Return the variables of a path template."""
    return re.findall(r"\{(\w+)\}", template)


def example(method: Method) -> dict[str, Any]:
    """Return the example request of an rpc, with the variables of its first route."""
    variables = path_variables(method.routes[0].template)
    made = copy.deepcopy(examples.request(method.input.desc(), (), PUBLIC_URL))
    for field in method.input.desc().fields:
        if field.name in variables and field.name not in made:
            oneof = getattr(field.value, "oneof", None)
            for other in oneof.fields if oneof else ():
                made.pop(other.name, None)
            made[field.name] = examples.value(field, PUBLIC_URL)
    return made


def sendable(name: str) -> dict[str, Any]:
    """Return a request that every protocol can send; its objects do not exist."""
    return example(METHODS[name])


async def request_of(method: Method, objects: Objects) -> dict[str, Any]:
    """Return the example request of an rpc, with the IDs of live objects."""
    request: dict[str, Any] = await _live(method, "", example(method), objects)
    if adapt := EXCEPTIONS.get(method.name):
        await adapt(objects, request)
    return request


async def _live(method: Method, path: str, value: Any, objects: Objects) -> Any:
    if isinstance(value, dict):
        return {
            name: await _live(method, f"{path}.{name}".lstrip("."), inner, objects)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [await _live(method, path, inner, objects) for inner in value]
    return await _live_text(method, path, value, objects) if isinstance(value, str) else value


async def _live_text(method: Method, path: str, value: str, objects: Objects) -> str:
    if path in _NEW:
        name = unique()
        spellings = {"underscored": name.replace("-", "_"), "colons": name.replace("-", ":")}
        return _NEW[path].format(name, **spellings)
    if path in _PERMISSION_FIELDS:
        return str(await objects.get("permission"))
    if value in _NAMED and not path.endswith("display_name"):
        return str((await objects.get(_NAMED[value]))["name"])
    if found := _EXAMPLE_ID.fullmatch(value):
        return str(await objects.get(_kind(method, found[1])))
    return value


def _kind(method: Method, prefix: str) -> str:
    """Return the kind of object that an ID in a request of this rpc names."""
    if prefix == "conn" and "EnvironmentConnection" in method.name:
        return "environment_conn"
    if prefix == "sec":
        return "m2morg_sec" if "OrganizationClient" in method.name else "skc_sec"
    if prefix == "dir" and method.service.endswith("DirectoryPollingService"):
        return "polled_dir"
    return prefix


def call(api: Api, method: Method, request: dict[str, Any]) -> Awaitable[Answer]:
    """Call an rpc."""
    return api.wire.call(method.desc, request, api.headers)


async def headers_of(method: Method, objects: Objects) -> Headers:
    """Return the headers of a caller that the contract lets make the call."""
    if method.allowed & Kind.MANAGEMENT_CLIENT.bits and method.name not in OF_SESSIONS:
        headers = dict(objects.api.headers)
    elif method.for_anybody:
        headers = {}
    else:
        headers = {"cookie": await objects.get("user_cookie")}
    return tuple((name, value) for name, value in (headers | objects.headers).items() if value)


def fields_for(request: dict[str, Any], allowed: tuple[str, ...], path: str = "") -> dict[str, Any]:
    """Return the part of a request that a caller may send."""
    kept: dict[str, Any] = {}
    for name, value in request.items():
        where = f"{path}{name}"
        if where in allowed and name != "update_mask":  # it names fields beyond
            kept[name] = value
        elif isinstance(value, dict) and any(one.startswith(f"{where}.") for one in allowed):
            kept[name] = fields_for(value, allowed, f"{where}.")
    return kept
