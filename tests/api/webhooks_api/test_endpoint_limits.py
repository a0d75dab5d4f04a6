"""How many endpoints there may be, and changes of one endpoint at once."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from apis import refused, unique
from wires import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable

pytestmark = pytest.mark.wires("rest")


async def at_once(*calls: Awaitable[Any]) -> Counter[str]:
    """Make these calls; return how many were answered how."""
    done = await asyncio.gather(*calls, return_exceptions=True)
    return Counter(
        one.code if isinstance(one, ApiError) else "?" if isinstance(one, Exception) else "OK"
        for one in done
    )


def address():
    return f"https://hooks.example.com/{unique()}"


async def test_an_organization_has_at_most_twenty_also_of_many_at_once(api, make):
    organization = (await make.organization())["id"]
    other = (await make.organization())["id"]

    def create(organization_id):
        return api.webhooks.create_endpoint(
            endpoint={"url": address(), "organization_id": organization_id}
        )

    codes = await at_once(*(create(organization) for _ in range(26)))
    assert codes == {"OK": 20, "INVALID_ARGUMENT": 6}
    limit = "organization has reached its limit of 20 endpoints; delete one first"
    with refused("INVALID_ARGUMENT", says=limit):
        await create(organization)
    await create(other)
    page = await api.webhooks.list_endpoints(organization_id=organization, page_size=100)
    assert page["total_size"] == len(page["endpoints"]) == 20
    await api.webhooks.delete_endpoint(endpoint_id=page["endpoints"][0]["id"])
    await create(organization)
    for one in (organization, other):
        await api.organizations.delete_organization(id=one)


async def test_the_environment_has_at_most_a_hundred_of_its_own(api, endpoints):
    """Those of organizations are not among them."""
    page = await api.webhooks.list_endpoints(page_size=100)
    assert page["next_page_token"] == ""
    room = 100 - sum("organization_id" not in endpoint for endpoint in page["endpoints"])
    assert room > 50
    for _ in range(room):
        await endpoints.made()
    with refused("INVALID_ARGUMENT", says="environment has reached its limit of 100 endpoints"):
        await endpoints.made()


async def test_changes_of_different_members_at_once_are_all_kept(api, endpoint, events):
    key = {"endpoint_id": endpoint["id"]}
    await events.new()
    changes = [{"url": address()}, {"description": "New"}, {"ordered": True}]
    changes.append({"event_types": ["role.created"]})
    codes = await at_once(*(api.webhooks.update_endpoint(**key, endpoint=c) for c in changes))
    assert codes == {"OK": 4}
    read = await api.webhooks.get_endpoint(**key)
    assert read.etag == '"5"'
    for change in changes:
        assert change.items() <= read["endpoint"].items()
    told = await events.new()
    assert all(b["before"] == a["after"] for a, b in itertools.pairwise(told))


async def test_of_changes_with_one_etag_one_is_made(api, endpoint):
    once = api.sending(if_match='"1"').webhooks
    codes = await at_once(
        *(
            once.update_endpoint(endpoint_id=endpoint["id"], endpoint={"description": f"N{n}"})
            for n in range(6)
        )
    )
    assert codes == {"OK": 1, "FAILED_PRECONDITION": 5}


async def test_an_endpoint_that_is_deleted_meanwhile_leaves_nothing(api, endpoints, events):
    for _ in range(5):
        key = {"endpoint_id": (await endpoints.made())["id"]}
        await events.new()
        codes = await at_once(
            api.webhooks.send_test_event(**key),
            api.webhooks.rotate_endpoint_secret(**key),
            api.webhooks.delete_endpoint(**key),
            api.webhooks.update_endpoint(**key, endpoint={"description": "New"}),
            api.webhooks.disable_endpoint(**key),
            api.webhooks.delete_endpoint(**key),
            api.webhooks.send_test_event(**key),
        )
        assert codes.keys() <= {"OK", "NOT_FOUND", "INVALID_ARGUMENT"}, codes
        told = [event["type"] for event in await events.new()]
        assert told.count("webhook_endpoint.deleted") == 1
        assert told[-1] == "webhook_endpoint.deleted"


async def test_an_organization_goes_while_its_endpoints_are_made(api, make):
    for _ in range(5):
        organization = (await make.organization())["id"]
        new = {"url": address(), "organization_id": organization}
        made = await api.webhooks.create_endpoint(endpoint=new)
        key = {"endpoint_id": made["endpoint"]["id"]}
        codes = await at_once(
            *(api.webhooks.create_endpoint(endpoint=new) for _ in range(3)),
            api.webhooks.send_test_event(**key),
            api.organizations.delete_organization(id=organization),
            api.webhooks.rotate_endpoint_secret(**key),
        )
        assert codes.keys() <= {"OK", "NOT_FOUND"}, codes
        left = await api.webhooks.list_endpoints(organization_id=organization)
        assert left["total_size"] == 0
