"""The protocol of RFC 7644 over HTTP: endpoints, media types, pages, entity tags, errors."""

from __future__ import annotations

import pytest
from providers import BULK, ERROR, GROUP, patch, says_error

from tenantry.endpoints.scim.bulk import MOST_OPERATIONS

LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


async def test_a_user_is_created_found_changed_and_deleted(provider):
    created = await provider("POST", "/Users", provider.user("ada", displayName="Ada"))
    assert created.status_code == 201
    assert created.headers["content-type"] == "application/scim+json"
    user = created.json()
    assert created.headers["location"] == user["meta"]["location"]
    assert user["meta"]["location"].endswith(
        f"/directory/{provider.directory.id}/scim/v2/Users/{user['id']}"
    )
    assert created.headers["etag"] == user["meta"]["version"]
    query = {"filter": f'userName eq "ADA@{provider.domain}"'}
    found = (await provider("GET", "/Users", query=query)).json()
    assert found == {
        "schemas": [LIST],
        "totalResults": 1,
        "itemsPerPage": 1,
        "startIndex": 1,
        "Resources": [user],
    }
    changed = await provider(
        "PATCH", f"/Users/{user['id']}", patch({"op": "replace", "path": "active", "value": False})
    )
    assert changed.status_code == 200
    assert changed.json()["active"] is False
    deleted = await provider("DELETE", f"/Users/{user['id']}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    says_error(await provider("GET", f"/Users/{user['id']}"), 404)


@pytest.mark.parametrize(
    "base",
    [
        "/directory/{id}/scim/v2",
        "/api/v1/directories/{id}/scim/v2",
        "/api/v1/directoies/{id}/scim/v2",
        "/directory/{id}/scim/v2/",
    ],
)
async def test_each_address_of_a_directory_answers(provider, base):
    base = base.format(id=provider.directory.id)
    answer = await provider("GET", "/Users/", base=base)
    assert answer.json()["totalResults"] == 0
    says_error(await provider("GET", "/Users/diruser_1", base=base), 404)


async def test_json_and_scim_json_are_taken_and_nothing_else(provider):
    for media_type in ("application/json", "application/scim+json; charset=utf-8"):
        answer = await provider("POST", "/Groups", {"displayName": "G"}, content_type=media_type)
        assert answer.status_code == 201
    refused = await provider("POST", "/Groups", {"displayName": "G"}, content_type="text/xml")
    says_error(refused, 415)
    refused = await provider("POST", "/Groups", b"{}", content_encoding="gzip")
    says_error(refused, 415)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"null", b'"x"', b"\xff{}", b"[" * 5000])
async def test_a_body_that_is_no_object_is_refused(provider, body):
    says_error(await provider("POST", "/Users", body), 400, "invalidSyntax")


@pytest.mark.parametrize(
    ("verb", "path", "status"),
    [
        ("GET", "/Nothing", 404),
        ("GET", "/Users/a/b", 404),
        ("GET", "/Users/%00", 404),
        ("GET", f"/Users/{'x' * 5000}", 404),
        ("PUT", "/Users", 405),
        ("POST", "/Users/diruser_1", 405),
        ("GET", "/Bulk", 405),
        ("POST", "/Schemas", 405),
        ("PUT", "/ServiceProviderConfig", 405),
        ("POST", "/", 405),
        ("OPTIONS", "/Users", 204),
        ("GET", "/Me", 501),
        ("PATCH", "/Me", 501),
    ],
)
async def test_what_is_not_there_is_told_as_scim_does(provider, verb, path, status):
    # The body is not even read.
    body = b"x" if verb in {"POST", "PUT", "PATCH"} else None
    answer = await provider(verb, path, body)
    if status == 204:
        assert answer.status_code == 204
        return
    says_error(answer, status)
    if status == 405:
        assert "allow" in answer.headers


async def test_entity_tags_hold_changes_and_save_answers(provider):
    user = await provider.create("ada")
    path, etag = f"/Users/{user['id']}", user["meta"]["version"]
    unchanged = await provider("GET", path, if_none_match=etag)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    change = patch({"op": "replace", "path": "title", "value": "T"})
    changed = await provider("PATCH", path, change, if_match=etag)
    assert changed.status_code == 200
    for verb, body in (("PATCH", change), ("PUT", provider.user("ada")), ("DELETE", None)):
        says_error(await provider(verb, path, body, if_match=etag), 412)
    seen = await provider("GET", path, if_none_match=etag)
    assert seen.json()["title"] == "T"
    assert seen.headers["etag"] == seen.json()["meta"]["version"]
    assert (await provider("DELETE", path, if_match="*")).status_code == 204


async def test_answers_have_the_attributes_that_are_asked_for(provider):
    user = await provider.create("ada", displayName="Ada", title="T")
    path = f"/Users/{user['id']}"
    some = (await provider("GET", path, query={"attributes": "userName,emails.value"})).json()
    assert some.keys() == {"schemas", "id", "userName", "emails"}
    assert some["emails"] == [{"value": f"ada@{provider.domain}"}]
    rest = (await provider("GET", path, query={"excludedAttributes": "title,id"})).json()
    assert "title" not in rest
    assert rest["id"] == user["id"]
    created = await provider("POST", "/Users?attributes=userName", provider.user("bob"))
    assert created.json().keys() == {"schemas", "id", "userName"}
    group = await provider.create_group("G", user["id"])
    patched = await provider(
        "PATCH",
        f"/Groups/{group['id']}?attributes=displayName",
        patch({"op": "replace", "path": "displayName", "value": "H"}),
    )
    assert (patched.status_code, patched.json()["displayName"]) == (200, "H")


async def test_lists_page_by_index(provider):
    for name in ("c", "a", "b"):
        await provider.create(name)
    query = {"sortBy": "userName", "sortOrder": "descending", "startIndex": 2, "count": 1}
    page = (await provider("GET", "/Users", query=query)).json()
    assert (page["totalResults"], page["itemsPerPage"], page["startIndex"]) == (3, 1, 2)
    assert [user["externalId"] for user in page["Resources"]] == ["b"]
    none = (await provider("GET", "/Users", query={"count": 0})).json()
    assert (none["totalResults"], none["Resources"]) == (3, [])
    low = (await provider("GET", "/Users", query={"startIndex": -5, "count": -1})).json()
    assert (low["startIndex"], low["itemsPerPage"]) == (1, 0)
    high = (await provider("GET", "/Users", query={"startIndex": 10**17})).json()
    assert high["Resources"] == []


async def test_lists_page_by_cursor(provider):
    ids = [(await provider.create(name))["id"] for name in "abcde"]
    seen, cursor = [], ""
    while cursor is not None:
        query = {"cursor": cursor, "count": 2}
        page = (await provider("GET", "/Users", query=query)).json()
        assert "startIndex" not in page
        assert page["totalResults"] == 5
        seen += [user["id"] for user in page["Resources"]]
        cursor = page.get("nextCursor")
    assert seen == ids
    says_error(await provider("GET", "/Users", query={"cursor": "x"}), 400, "invalidCursor")
    says_error(await provider("GET", "/", query={"cursor": ""}), 400, "invalidCursor")


async def test_names_of_attributes_that_are_left_empty_are_as_without(provider):
    user = await provider.create("ada")
    query = {"attributes": "", "excludedAttributes": ""}
    assert (await provider("GET", f"/Users/{user['id']}", query=query)).json() == user


async def test_searches_come_by_post_too(provider):
    user = await provider.create("ada")
    group = await provider.create_group("Ada", user["id"])
    search = {"filter": f'id eq "{user["id"]}"', "attributes": ["userName"], "count": 10}
    found = (await provider("POST", "/Users/.search", search)).json()
    assert [one.keys() for one in found["Resources"]] == [{"schemas", "id", "userName"}]
    named = {"filter": 'displayName eq "ada"'}
    (one,) = (await provider("POST", "/Groups/.search", named)).json()["Resources"]
    assert one["id"] == group["id"]
    everything = (await provider("POST", "/.search", {"startIndex": 1})).json()
    assert [one["id"] for one in everything["Resources"]] == [user["id"], group["id"]]
    second = (await provider("GET", "/", query={"startIndex": 2, "count": 1})).json()
    assert (second["totalResults"], second["Resources"][0]["id"]) == (2, group["id"])
    of_type = {"filter": 'meta.resourceType eq "Group"'}  # section 3.4.2.1
    (one,) = (await provider("POST", "/.search", of_type)).json()["Resources"]
    assert one["meta"]["resourceType"] == "Group"


@pytest.mark.parametrize(
    ("query", "scim_type"),
    [
        ({"filter": "userName eq"}, "invalidFilter"),
        ({"filter": 'userName eq "\x00"'}, "invalidValue"),
        ({"startIndex": "x"}, "invalidValue"),
        ({"count": "1.5"}, "invalidValue"),
        ({"sortOrder": "up"}, "invalidValue"),
        ({"sortBy": "a[b]"}, "invalidValue"),
        ({"attributes": "a b"}, "invalidValue"),
        ([("count", "1"), ("Count", "2")], "invalidValue"),
        ([(f"a{n}", "1") for n in range(60)], "invalidValue"),
    ],
)
async def test_a_question_that_cannot_be_read_names_its_fault(provider, query, scim_type):
    says_error(await provider("GET", "/Users", query=query), 400, scim_type)


async def test_a_plus_in_an_address_stays_one_where_spaces_are_spelled_out(provider):
    user = await provider.create("a+b")
    for spelled in ("userName%20eq%20%22a+b@{}%22", "userName+eq+%22a%2Bb@{}%22"):
        answer = await provider("GET", f"/Users?filter={spelled.format(provider.domain)}")
        assert [one["id"] for one in answer.json()["Resources"]] == [user["id"]]


async def test_the_service_describes_itself(provider):
    config = (await provider("GET", "/ServiceProviderConfig")).json()
    assert config["bulk"] == {
        "supported": True,
        "maxOperations": MOST_OPERATIONS,
        "maxPayloadSize": 1 << 20,
    }
    types = (await provider("GET", "/ResourceTypes")).json()
    assert [one["id"] for one in types["Resources"]] == ["User", "Group"]
    one = (await provider("GET", "/ResourceTypes/Group")).json()
    assert one["schema"] == GROUP
    schemas = (await provider("GET", "/Schemas")).json()
    for schema in schemas["Resources"]:
        assert (await provider("GET", f"/Schemas/{schema['id']}")).json() == schema
    says_error(await provider("GET", "/Schemas/urn:none"), 404)
    says_error(await provider("GET", "/Schemas", query={"filter": "id pr"}), 403)


async def test_bulk_changes_name_each_other_in_any_order(provider):
    body = {
        "schemas": [BULK],
        "Operations": [
            {
                "method": "POST",
                "path": "/Groups",
                "bulkId": "g",
                "data": {"displayName": "G", "members": [{"value": "bulkId:a"}]},
            },
            {"method": "post", "path": "/Users", "bulkId": "a", "data": provider.user("a")},
            {
                "method": "PATCH",
                "path": "/Users/bulkId:a",
                "data": patch({"op": "replace", "path": "title", "value": "T"}),
            },
            {"method": "POST", "path": "/Users", "bulkId": "b", "data": provider.user("a")},
            {"method": "DELETE", "path": "/Users/bulkId:b"},
            {"method": "DELETE", "path": "/Users/diruser_1"},
        ],
    }
    answer = await provider("POST", "/Bulk", body)
    assert answer.status_code == 200
    done = answer.json()["Operations"]
    assert [one["status"] for one in done] == ["201", "201", "200", "409", "409", "404"]
    assert done[3]["response"]["scimType"] == "uniqueness"
    assert done[3]["response"]["schemas"] == [ERROR]
    group_id = done[0]["location"].rpartition("/")[2]
    user_id = done[1]["location"].rpartition("/")[2]
    assert await provider.members(group_id) == [user_id]
    assert (await provider("GET", f"/Users/{user_id}")).json()["title"] == "T"


async def test_bulk_stops_after_so_many_errors(provider):
    operations = [{"method": "DELETE", "path": f"/Users/diruser_{n}"} for n in range(4)]
    body = {"schemas": [BULK], "failOnErrors": 2, "Operations": operations}
    done = (await provider("POST", "/Bulk", body)).json()["Operations"]
    assert [one["status"] for one in done] == ["404", "404"]


async def test_bulk_holds_to_versions(provider):
    user = await provider.create("ada")
    change = {
        "method": "PATCH",
        "path": f"/Users/{user['id']}",
        "version": user["meta"]["version"],
        "data": patch({"op": "replace", "path": "title", "value": "T"}),
    }
    body = {"schemas": [BULK], "Operations": [change, change]}
    done = (await provider("POST", "/Bulk", body)).json()["Operations"]
    assert [one["status"] for one in done] == ["200", "412"]
    assert done[0]["version"] != user["meta"]["version"]


async def test_requests_are_logged_with_what_became_of_them(provider):
    user = await provider.create("ada", password="s3cret")
    await provider("POST", "/Users", provider.user("ada"))
    await provider("GET", "/Users", query={"filter": 'userName eq "nobody"'})
    group = await provider.create_group("G", user["id"], "unknown")
    created, taken, asked, pushed = (await provider.logged(4))[::-1]
    assert (created.method, created.path, created.status) == ("POST", "/Users", 201)
    assert created.resource_id == user["id"]
    assert created.payload["password"] == "…"
    assert taken.status == 409
    assert "userName" in taken.error
    assert (asked.query, asked.resource_id) == ("filter=userName+eq+%22nobody%22", "nobody")
    assert pushed.resource_id == group["id"]
    assert pushed.skipped == ({"member": "unknown", "reason": "unknown"},)


async def test_a_nul_is_refused_and_stands_in_the_way_of_no_other_request(provider):
    for path in ("/Users/a%00b", "/%00/x", "/Users?filter=%00"):
        answer = await provider("GET", path)
        assert answer.status_code in {400, 404}
    group = {"schemas": [GROUP], "displayName": "G", "members": [{"value": "n\0body"}]}
    user = provider.user("bob")
    for kind, body in (
        *(("/Groups", group), ("/Users", user | {"userName": "a\0b"})),
        *(("/Users", user | {"x\0y": "z"}), ("/Users", user | {"title": "\\\0"})),
        ("/Bulk", {"schemas": [BULK], "Operations": [{"method": "POST", "path": "\0"}]}),
    ):
        says_error(await provider("POST", kind, body), 400, "invalidValue")
    await provider.create("ada", title="\\u0000 is none")
    assert (await provider.logged(9))[0].status == 201


async def test_the_first_request_that_is_taken_completes_the_set_up(new_provider, rest):
    provider = await new_provider(status="IN_PROGRESS")
    of = {"organization_id": provider.directory.organization_id, "id": provider.directory.id}
    await provider("POST", "/Users", {})
    before = (await rest.directories.get_directory(**of))["directory"]
    assert before["status"] == "IN_PROGRESS"
    await provider("GET", "/Users", query={"count": 1})
    after = (await rest.directories.get_directory(**of))["directory"]
    assert after["status"] == "COMPLETED"
    assert after["last_synced_at"]
