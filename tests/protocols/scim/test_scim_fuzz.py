"""Any request at all: the answer is one of SCIM, an error with its body, and never a 5xx."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from providers import BULK, ENTERPRISE, ERROR, GROUP, USER, patch
from sampling import examples

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = st.sampled_from(
    [
        *("userName", "id", "externalId", "active", "emails", "name", "displayName", "members"),
        *("groups", "meta", "schemas", "roles", "password", "title", "x509Certificates", "Members"),
        *("name.givenName", "emails.value", 'emails[type eq "work"].value', "addresses", "photos"),
        *('members[value eq "a"]', "emails[primary eq true]", f"{ENTERPRISE}:manager", ENTERPRISE),
        *(f"{USER}:userName", "urn:x:y", "meta.lastModified", "emails[", "a.b.c", "", "$ref"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(
        ["", "True", "false", "a@b.example", "\x00", "\ud7ff", "bulkId:a", "ß" * 300]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            NAMES | st.sampled_from(["value", "type", "primary"]) | TEXT, inner, max_size=3
        )
    ),
    max_leaves=8,
)
RESOURCES = st.dictionaries(NAMES | TEXT, VALUES, max_size=6)
OPERATIONS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "Replace", "remove", "move"]) | VALUES},
    optional={"path": NAMES | VALUES, "value": VALUES},
)
PATCHES = st.lists(OPERATIONS, max_size=4).map(lambda some: patch(*some)) | RESOURCES
OPERATORS = st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "xx"])
LITERALS = st.sampled_from(
    [
        '"a"',
        '"A@B.example"',
        "true",
        "null",
        "1",
        "-1.5e9",
        '"2026-01-01T00:00:00Z"',
        '"\\u0000"',
        '"',
    ]
) | VALUES.map(json.dumps)
FILTERS = (
    st.recursive(
        st.tuples(NAMES, OPERATORS, LITERALS).map(" ".join),
        lambda inner: (
            st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map("".join)
            | inner.map("not ({})".format)
            | inner.map("({})".format)
            | st.tuples(NAMES, inner).map(lambda two: f"{two[0]}[{two[1]}]")
        ),
        max_leaves=5,
    )
    | TEXT
)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            *("filter", "sortBy", "sortOrder", "startIndex", "count", "cursor", "attributes"),
            *("excludedAttributes", "Filter", "x"),
        ]
    ),
    FILTERS | NAMES | st.integers().map(str) | TEXT,
    max_size=4,
)
BULKS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "method": st.sampled_from(["POST", "PUT", "PATCH", "DELETE", "GET"]) | VALUES,
            "path": st.sampled_from(
                ["/Users", "/Groups", "/Users/a", "/Users/bulkId:a", "Groups/bulkId:b", "/", "//"]
            )
            | VALUES,
            "bulkId": st.sampled_from(["a", "b"]) | VALUES,
            "version": VALUES,
            "data": RESOURCES | PATCHES | VALUES,
        },
    )
    | VALUES,
    max_size=4,
).map(lambda some: {"schemas": [BULK], "Operations": some})
PATHS = st.sampled_from(
    [
        *("", "/", "/Users", "/Groups", "/Users/{user}", "/Groups/{group}", "/Users/x", "/Bulk"),
        *("/Me", "/.search", "/Users/.search", "/Groups/.search", "/Schemas", "/x/y/z"),
        *("/ResourceTypes/User", "/ServiceProviderConfig", "/Users/%00"),
        f"/Schemas/{GROUP}",
    ]
)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    PATHS,
    QUERIES,
    st.none() | RESOURCES | PATCHES | BULKS | QUERIES | VALUES | st.binary(max_size=20),
)


@pytest.fixture
async def known(provider):
    """Ids of a user and of a group."""
    user = await provider.create("ada")
    group = await provider.create_group("G", user["id"])
    return {"user": user["id"], "group": group["id"]}


async def test_any_request_has_an_answer_of_scim(provider, known):
    loop = asyncio.get_running_loop()

    @given(requests=st.lists(REQUESTS, min_size=1, max_size=8))
    @settings(
        max_examples=examples(300),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    def some(requests):
        asyncio.run_coroutine_threadsafe(_sent(provider, known, requests), loop).result(60)

    await asyncio.to_thread(some)


async def _sent(provider, known, requests):
    for verb, path, query, body in requests:
        target = path.format(**known) + (f"?{urlencode(query, errors='replace')}" if query else "")
        answer = await provider(verb, target, body, accept="*/*")
        told = (verb, target, body, answer.status_code, answer.text)
        assert answer.status_code < 500 or answer.status_code == 501, told
        if verb == "HEAD" or answer.status_code in {204, 304}:
            continue
        assert answer.headers["content-type"] == "application/scim+json", told
        content = answer.json()
        if answer.status_code >= 400:
            assert content["schemas"] == [ERROR], told
            assert content["status"] == str(answer.status_code), told
            assert content["detail"], told
