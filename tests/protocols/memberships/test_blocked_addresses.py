"""Where the operator says so, disposable and public addresses cannot join."""

from __future__ import annotations

import pytest
from apis import Api, access_token, refused, unique
from factories import Make
from servers import LiveServer
from wires import Rest, over_https


@pytest.fixture(scope="module")
async def strict(tmp_path_factory):
    """The API of a server that blocks both."""
    server = LiveServer(
        tmp_path_factory.mktemp("strict"), block_disposable_emails=True, block_public_emails=True
    ).start()
    wire = Rest(server)
    async with over_https(server) as http:
        token = await access_token(http, server.client_id, server.client_secret)
    yield Api(wire, (("authorization", f"Bearer {token}"),))
    await wire.aclose()
    server.stop()


@pytest.mark.parametrize(
    ("domain", "says"),
    [
        ("mailinator.com", "disposable"),
        ("MAILINATOR.com", "disposable"),
        ("gmail.com", "public email domain"),
        ("Outlook.com", "public email domain"),
    ],
)
async def test_a_blocked_address_is_refused(strict, domain, says):
    organization = await Make(strict).organization()
    with refused("INVALID_ARGUMENT", "user.email", says=says):
        await strict.users.create_user_and_membership(
            organization_id=organization["id"], user={"email": f"{unique()}@{domain}"}
        )
    page = await strict.users.list_organization_users(organization_id=organization["id"])
    assert page["total_size"] == 0


async def test_another_address_is_fine(strict):
    user = await Make(strict).user()
    other = await Make(strict).organization()
    await strict.users.create_membership(organization_id=other["id"], id=user["id"], membership={})


@pytest.mark.wires("rest")
async def test_unless_the_operator_says_so_any_address_is_fine(api, make):
    for domain in ("mailinator.com", "gmail.com"):
        await make.user(email=f"{unique()}@{domain}")
