"""IDs that do not exist, or belong to another organization, are not found and change nothing."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pytest
from apis import Api, refused
from served_rpcs import METHODS, call, fields_for, headers_of, path_variables, request_of
from wires import ApiError

from tenantry.core.caller import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.api.methods import Method

_ID = re.compile(r"([a-z0-9]+)_\d{15,20}")
ORGANIZATION = ("organization_id", "org_id")
# A variable of a path that is no ID: a name, or a number.
_NAMES = {
    **dict.fromkeys(("role_name", "permission_name", "key"), "no_such_name"),
    **dict.fromkeys(("dek_version", "version"), 999_999),
    "external_id": "no-such-external-id",
}


def nowhere(value: str) -> str:
    """Return an ID of the same kind that does not exist."""
    found = _ID.fullmatch(value)
    assert found is not None
    return f"{found[1]}_1234567890123456789"


def ids_in(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield the IDs in a request, each with its place."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ids_in(inner, (*path, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from ids_in(inner, (*path, at))
    elif isinstance(value, str) and _ID.fullmatch(value):
        yield path, value


def replaced(request: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return the request with another value in this place."""
    first, *rest = path
    copy = request.copy()
    copy[first] = replaced(request[first], tuple(rest), value) if rest else value
    return copy


@contextlib.contextmanager
def answers(*codes: str, about: object):
    try:
        with pytest.raises(ApiError) as problem:
            yield
        assert problem.value.code in codes, problem.value
    except BaseException as problem:
        problem.add_note(f"about {about}")
        raise


def variables_of(method: Method) -> set[str]:
    return {name for route in method.routes for name in path_variables(route.template)}


# IDs that are not looked up, each with its reason.
NOT_LOOKED_UP = {
    # The server sets them in the response, which has the same message.
    ("RegisterTOTP", "totp_registration"),
    ("InviteOperator", "operator"),
    ("UpdateOperator", "operator"),
    ("CreateEmailTemplate", "template"),
    # Sample data for the remote server.
    ("TestInterceptor", "data"),
    # The codes of an unknown user are as invalid as any other.
    ("VerifyUserCode", "user_id"),
    # An unknown organization has no templates of its own, and an unknown connection no state.
    ("ListEmailTemplates", "organization_id"),
    ("ListConnectionStates", "connection_ids"),
    # The events of an unknown organization are replayed: none.
    ("ReplayEvents", "organization_id"),
    # A page asks which domains it may be embedded in; it does not learn which links exist.
    ("ListAuthorizedDomains", "link_id"),
    # Counts of a deleted object are kept; those of an unknown object are zero.
    ("GetActivity", "key"),
}
# The body repeats the variable of the path, or belongs to its object: which of them is wrong?
REPEATED_IN_BODY = {
    *("UpdatePermission", "UpdateSsoUserAttribute", "UpdateDirectoryUserAttribute"),
    "UpdateLoginUserDetails",
}
# It inserts the client and, by a savepoint, takes it back: no row remains.
ROLLED_BACK = "CreateOrganizationClient"


def is_filter(method: Method, field: str) -> bool:
    """Whether an unknown ID selects nothing: outside of the path of a list."""
    return method.name.startswith(("List", "Search")) and field not in variables_of(method)


@pytest.mark.parametrize("name", METHODS)
async def test_unknown_ids(app_wires, objects, written, recorded, name):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    changes = [(path, nowhere(value)) for path, value in ids_in(request)]
    changes += [((field,), value) for field, value in _NAMES.items() if field in request]
    await recorded()
    before = written()
    for path, value in changes:
        field = path[0]
        if is_filter(method, field) or (name, field) in NOT_LOOKED_UP:
            continue
        not_found = field in variables_of(method) and name not in REPEATED_IN_BODY
        codes = ("NOT_FOUND",) if not_found else ("NOT_FOUND", "INVALID_ARGUMENT")
        with answers(*codes, about=path):
            await call(api, method, replaced(request, path, value))
    assert await recorded() == []
    assert written() == before or name == ROLLED_BACK


# It adds the user of another organization.
ADDS_FROM_ELSEWHERE = "CreateMembership"


def within_organization() -> list[str]:
    """Return the rpcs whose request names an organization and an object within it."""
    found = []
    for name, method in METHODS.items():
        variables = variables_of(method)
        if name != ADDS_FROM_ELSEWHERE and {*ORGANIZATION} & variables:
            objects = [each for each in variables if each.endswith(("id", "role_name"))]
            if {*objects} - {*ORGANIZATION, "external_id"}:
                found.append(name)
    return found


@pytest.mark.parametrize("name", within_organization())
async def test_objects_of_another_organization(app_wires, objects, written, name):
    """The path names one organization, and the object is in another."""
    method = METHODS[name]
    request = await request_of(method, objects)
    (key,) = {*ORGANIZATION} & request.keys()
    api = Api(app_wires["connect"], await headers_of(method, objects))
    elsewhere = await objects.another().get("org")
    before = written()
    with refused("NOT_FOUND"):
        await call(api, method, {**request, key: elsewhere})
    assert written() == before


# The ID is that of the environment.
OF_ENVIRONMENT = {"GetCurrentSession"}


def of_visitors() -> list[Any]:
    """Return the rpcs of users and portal sessions that name an organization or an object."""
    return [
        pytest.param(name, kind, id=f"{name}-{kind.label}")
        for name, method in METHODS.items()
        for kind in (Kind.USER_SESSION, Kind.PORTAL_SESSION)
        if method.allowed & kind.bits
        and method.fields.get(kind)
        and variables_of(method) - {"event_type"}
        and name not in OF_ENVIRONMENT
    ]


@pytest.mark.parametrize(("name", "kind"), of_visitors())
async def test_visitors_of_another_organization(app_wires, new_objects, written, name, kind):
    """A user or a portal session calls with the IDs of an organization that is not theirs."""
    method, theirs, own = METHODS[name], new_objects(), new_objects()
    cookie = await own.get("user_cookie" if kind is Kind.USER_SESSION else "portal_cookie")
    request = fields_for(await request_of(method, theirs), method.fields[kind])
    api = Api(app_wires["connect"], (("cookie", cookie),))
    before = written()
    with refused("NOT_FOUND"):
        await call(api, method, request)
    assert written() == before
