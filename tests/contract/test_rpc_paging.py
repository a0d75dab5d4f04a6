"""Every list pages by token: each row once, in one order, and only by tokens of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from apis import Api, refused
from protobuf import DescFieldValueList
from served_rpcs import METHODS, call, headers_of, path_variables, request_of
from wires import ApiError

if TYPE_CHECKING:
    from contract_objects import Objects

    from tenantry.api.methods import Method

LISTS = [
    name
    for name, method in METHODS.items()
    if "page_token" in {field.name for field in method.input.desc().fields}
]
MOST = 100  # rows of a page
TOUCHED = ("0", "-1", "[]", "' OR 1=1 --", "é", "../..", "x" * 5000)
# Rows that a list shows, one kind for each list: three of them are created.
ROWS = {
    "ListOrganization": "org",
    "SearchOrganization": "org",
    "ListUsers": "usr",
    "SearchUsers": "usr",
    "SearchOrganizationUsers": "usr",
    "SimulateOrganizationPolicy": "usr",
    "ListOrganizationUsers": "usr",
    "ListPermissions": "permission",
    "ListClient": "skc",
    "ListOrganizationClients": "m2morg",
    "ListTokens": "apit",
    "ListResources": "resource",
    "ListResourceUserConsents": "usrcnst",
    "ListEventsPaginated": "org",
    "ListEvents": "org",
    "ListEndpoints": "further_whe",
    "ListDeliveries": "dlv",
    "GetUserSessions": "ses",
    "ListOrganizationConnections": "conn",
    "SearchOrganizationConnections": "conn",
    "ListDirectoryGroups": "dirgroup",
    "ListDirectoryRequests": "dirreq",
    "ListDirectoryStates": "dir",
    "SearchEvents": "org",
    "ListMail": "mail",
    "ListDEKs": "data_key",
    "ListMasterKeys": "former_master_key",
    "ListInterceptors": "further_icp",
}
# Lists whose rows a test cannot create three of.
SHORT = {
    "ListEnvironment": "a deployment has one environment",
    "ListAppConnections": "Tenantry has no connected accounts: always empty",
    "ListCurrentAgentConsents": "rows are consents: tests/api/consents",
    "ListAuthRequests": "rows are sign-ins: tests/sign_in",
    "ListSignIns": "rows are sign-ins: tests/sign_in",
    "ListDirectoryUsers": "rows are pushed by SCIM: tests/directories_api",
}
# What rows within one parent share; everything else is created for each.
PARENTS = ("org", "usr", "user", "dir", "whe", "res")
REQUIRED = {
    "ListTokens": ("organization_id",),
    "ListResources": ("resource_type",),
    "ListResourceUserConsents": ("resource_id",),
    "SimulateOrganizationPolicy": ("policy",),
}
FILTERS: dict[str, dict[str, Any]] = {
    "SearchOrganization": {"query": "acme"},
    "SearchUsers": {"query": "example"},
    "SearchOrganizationUsers": {"query": "example"},
    "ListClient": {"filter": {"client_type": ["ALL"]}},
}
ONE_PAGE = "ListEnvironment"  # it has no second page, and no token


def rows_of(method: Method, answer: Any) -> list[Any]:
    """Return the rows of a page."""
    (field,) = (
        field
        for field in method.output.desc().fields
        if isinstance(field.value, DescFieldValueList)
    )
    rows: list[Any] = answer[field.name]
    return rows


async def list_request(method: Method, objects: Objects) -> dict[str, Any]:
    """Return the request of a list without filters."""
    request = await request_of(method, objects)
    kept = {*path_variables(method.routes[0].template), *REQUIRED.get(method.name, ())}
    found = {name: value for name, value in request.items() if name in kept}
    return found | FILTERS.get(method.name, {})


def test_every_list_has_rows():
    """A new list names the kind of its rows, or why it has none here."""
    assert {*ROWS, *SHORT} == {*LISTS}
    assert {*ROWS}.isdisjoint(SHORT)


async def create_rows(objects: Objects, kind: str) -> None:
    for _ in range(3):
        each = objects.another()
        for parent in PARENTS:
            if parent != kind and (kind, parent) != ("usr", "user"):
                each.preset(**{parent: await objects.get(parent)})
        await each.get(kind)


@pytest.mark.parametrize("name", ROWS)
async def test_pages(management, objects, app_database, name):
    """Page by page, a list has the same rows in the same order as on one page."""
    method = METHODS[name]
    request = await list_request(method, objects)
    await create_rows(objects, ROWS[name])
    first = await call(management, method, {**request, "page_size": 30})
    whole = rows_of(method, first)
    assert len(whole) >= 3
    walked, token, pages = [], "", []
    while len(walked) < min(len(whole), 5):
        page = await call(management, method, {**request, "page_size": 1, "page_token": token})
        (row,) = rows_of(method, page)
        walked.append(row)
        pages.append(page)
        token = page["next_page_token"]
        if not token:
            break
    assert walked == whole[: len(walked)]
    assert bool(token) == (len(walked) < len(whole))
    if "prev_page_token" in {field.name for field in method.output.desc().fields}:
        assert pages[0]["prev_page_token"] == ""
        back = {**request, "page_size": 1, "page_token": pages[1]["prev_page_token"]}
        assert rows_of(method, await call(management, method, back)) == walked[:1]
        last = {**request, "page_size": 1, "page_token": app_database.page_tokens.last}
        page = await call(management, method, last)
        assert page["next_page_token"] == ""
        assert first["next_page_token"] or rows_of(method, page) == whole[-1:]
    # The token of one list does not open another, nor does a changed one.
    token = pages[0]["next_page_token"]
    for changed in (f"{token}A", token[:-1], token.swapcase(), token * 2):
        with refused("INVALID_ARGUMENT", "page_token"):
            await call(management, method, {**request, "page_token": changed})
    other = METHODS["ListPermissions" if name != "ListPermissions" else "ListUsers"]
    with refused("INVALID_ARGUMENT", "page_token"):
        await call(management, other, {"page_token": token})


@pytest.mark.parametrize("name", [name for name in LISTS if name != ONE_PAGE])
async def test_invalid_tokens(app_wires, objects, name):
    method = METHODS[name]
    request = await list_request(method, objects)
    api = Api(app_wires["rest"], await headers_of(method, objects))
    for token in TOUCHED:
        with refused("INVALID_ARGUMENT", "page_token"):
            await call(api, method, {**request, "page_token": token})


@pytest.mark.parametrize("name", LISTS)
async def test_page_sizes(app_wires, objects, name):
    """A page has at most as many rows as were asked for, and 100 in any case."""
    method = METHODS[name]
    request = await list_request(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    for size in (1, 31, MOST, MOST + 1, 2**31 - 1):
        try:
            page = await call(api, method, {**request, "page_size": size})
        except ApiError as problem:
            assert problem.fields == ["page_size"]  # noqa: PT017 - or it is accepted
            assert size > 30
        else:
            assert len(rows_of(method, page)) <= min(size, MOST)
