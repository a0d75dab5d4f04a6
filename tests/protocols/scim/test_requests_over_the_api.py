"""The log of requests as administrators read it over the API."""

from __future__ import annotations

from apis import refused


async def test_requests_are_listed_with_their_answers(api, provider):
    of = {
        "organization_id": provider.directory.organization_id,
        "directory_id": provider.directory.id,
    }
    user = await provider.create("ada")
    group = await provider.create_group("G", user["id"], "unknown")
    await provider("POST", "/Users", provider.user("ada"), user_agent="Okta SCIM Client 1.0.0")
    await provider.logged(3)
    service = api.directory_requests
    page = await service.list_directory_requests(**of, page_size=2)
    taken, pushed = page["requests"]
    assert (taken["method"], taken["path"], taken["status"]) == ("POST", "/Users", 409)
    assert (taken["user_agent"], taken["resource_id"]) == ("Okta SCIM Client 1.0.0", "")
    assert "userName" in taken["error"]
    assert pushed["resource_id"] == group["id"]
    assert pushed["payload"]["displayName"] == "G"
    assert pushed["skipped"] == [{"member": "unknown", "reason": "unknown"}]
    rest = await service.list_directory_requests(**of, page_token=page["next_page_token"])
    assert [one["resource_id"] for one in rest["requests"]] == [user["id"]]
    failed = await service.list_directory_requests(**of, failed=True)
    assert [one["id"] for one in failed["requests"]] == [taken["id"]]
    about = await service.list_directory_requests(**of, resource_id=group["id"])
    assert [one["id"] for one in about["requests"]] == [pushed["id"]]
    assert (await service.get_directory_request(**of, id=taken["id"]))["request"] == taken


async def test_a_directory_is_looked_at_in_its_organization_alone(api, new_provider):
    one, other = await new_provider(), await new_provider()
    with refused("NOT_FOUND"):
        await api.directory_requests.list_directory_requests(
            organization_id=one.directory.organization_id, directory_id=other.directory.id
        )
    await other.create("ada")
    (request,) = await other.logged(1)
    of_one = {
        "organization_id": one.directory.organization_id,
        "directory_id": one.directory.id,
    }
    for id_ in (request.id, "dirreq_1", "x"):
        with refused("NOT_FOUND"):
            await api.directory_requests.get_directory_request(**of_one, id=id_)


async def test_pushes_that_a_disabled_directory_refuses_are_listed_without_what_they_bring(
    api, new_provider
):
    provider = await new_provider(enabled=False)
    assert (await provider("POST", "/Users", provider.user("ada"))).status_code == 403
    await provider.logged(1)
    found = await api.directory_requests.list_directory_requests(
        organization_id=provider.directory.organization_id, directory_id=provider.directory.id
    )
    (one,) = found["requests"]
    assert (one["method"], one["path"], one["status"]) == ("POST", "/Users", 403)
    assert "disabled" in one["error"]
    assert not one.get("payload")
