"""Programs of others that admins meet: providers' sign-in pages, applications, a SCIM client."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import parse_qsl, urlsplit

import httpx2
import nano_idp
from playwright.async_api import Error


async def without_tls(place, organization_id, url):
    """Let the connection of this address reach a provider without TLS, as only operators may."""
    connection_id = re.search(r"conn_\d+", url)[0]
    at = {"organization_id": organization_id, "id": connection_id}
    found = (await place.api.connections.get_connection(**at))["connection"]
    await place.api.connections.update_connection(
        **at, connection={"provider": found["provider"], "debug_enabled": True}
    )
    return connection_id


async def come_back(page, place, application, connection_id, fill_in):
    """Go from an application to a provider; the parameters with which the browser comes back."""
    await page.goto(place.server.url + application.path(connection_id=connection_id))
    async with page.expect_request(f"{application.redirect_uri}**") as found:
        with contextlib.suppress(Error):
            await fill_in(page)
    return dict(parse_qsl(urlsplit((await found.value).url).query))


async def signed_in(page, place, application, connection_id, fill_in):
    """Sign in at an application by a connection; its tokens of the person."""
    came = await come_back(page, place, application, connection_id, fill_in)
    async with place.visitor() as elsewhere:
        return await application.tokens(elsewhere.http, came["code"])


async def at_nanoidp(page, email):
    await page.fill("[name=username]", email.partition("@")[0])
    await page.fill("[name=password]", nano_idp.PASSWORD)
    await page.click("button[type=submit]")


async def at_oidc_provider(page):
    await page.fill("[name=login]", "ann")
    await page.fill("[name=password]", "x")
    await page.get_by_role("button").first.click()
    await page.get_by_role("button", name="Continue").click()


def push(trust, endpoint, token, email):
    """Push a person and a group as a SCIM client does that knows nothing of us."""
    # Only here: it takes seconds, and each process of a run collects all tests.
    from scim2_client.engines.httpx2 import SyncSCIMClient

    headers = {"authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=endpoint, headers=headers, verify=trust) as http:
        client = SyncSCIMClient(http)
        client.discover()
        user_model, group_model = map(client.get_resource_model, ("User", "Group"))
        user = user_model(
            user_name=email,
            name={"givenName": "Kim", "familyName": "Lee"},
            emails=[{"value": email, "type": "work", "primary": True}],
            active=True,
        )
        made = client.create(user)
        group = group_model(display_name="Engineering", members=[{"value": made.id}])
        client.create(group)
        return made.id
