"""Addresses that no page of ours leads to."""

from __future__ import annotations

import pytest
from organization_visitors import by_link, new_organization


@pytest.mark.parametrize("odd", ["%0d%0aX-Evil:%201", "%e2%80%ae", "..%2f..%2fdomains"])
@pytest.mark.parametrize("below", ["secrets", "secrets/regenerate"])
async def test_an_odd_id_stays_one_segment_of_the_address_that_follows(
    http, make, rest, odd, below
):
    made = await new_organization(make, rest)
    visitor = await by_link(http, make, made["id"])
    led = await visitor.get(f"/portal/scim/{odd}/{below}")
    assert led.status_code == 303
    assert "x-evil" not in led.headers
    assert led.headers["location"].startswith("/portal/scim/")
    assert led.headers["location"].count("/") == 3
    assert (await visitor.get(led.headers["location"])).status_code == 404
