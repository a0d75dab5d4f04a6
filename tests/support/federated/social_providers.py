"""Social providers: their connections of the environment, and the shapes of their answers."""

from __future__ import annotations

from typing import Any

from apis import unique
from connections_of_tests import connection
from openid_providers import CLIENT_ID, CLIENT_SECRET

from tenantry.identity.connections import model


async def social(place, provider, name="GITHUB", **members: Any):
    """A connection of the environment to a provider with endpoints of its own."""
    settings = {
        "authorize_uri": f"{provider.issuer}/authorize",
        "token_uri": f"{provider.issuer}/token",
        "user_info_uri": f"{provider.issuer}/user",
        "client_id": CLIENT_ID,
        **members.pop("settings", {}),
    }
    return await connection(
        place,
        model.OAUTH,
        organization=False,
        provider=name,
        settings=settings,
        secret=CLIENT_SECRET,
        debug_enabled=True,
        **members,
    )


def as_github(provider, email, *, verified=True, form=False):
    """Have the provider answer as GitHub does."""
    provider.answers["/user"] = {
        "login": "ann",
        "id": int(unique("").removeprefix("-").encode().hex()[:12], 16),
        "name": "Ann Smith",
        "avatar_url": "https://avatars.example.com/1",
        "email": None,
    }
    provider.answers["/user/emails"] = [
        {"email": f"old-{email}", "primary": False, "verified": True},
        {"email": email, "primary": True, "verified": verified},
    ]
    if form:
        provider.answers["/token"] = b"access_token=gho_1&scope=read%3Auser&token_type=bearer"
