"""Sign-ins by an OpenID Provider, step by step, as browsers and applications take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from apis import unique
from connections_of_tests import connection, start
from hosted import answered
from openid_providers import ANN, CLIENT_SECRET

from tenantry.identity.connections import model

if TYPE_CHECKING:
    import httpx
    from hosted import Application, Deployment, Visitor
    from openid_providers import OpenIDProvider

    from tenantry.identity.connections.model import Connection


async def oidc_connection(
    place: Deployment, provider: OpenIDProvider, *, domain: bool = True, **members: Any
) -> Connection:
    """A connection to a provider, of an organization that owns the domain of the person there."""
    settings = provider.settings | members.pop("settings", {})
    made = await connection(
        place,
        settings=settings,
        **{
            "secret": CLIENT_SECRET,
            "configuration_type": model.DISCOVERY,
            "debug_enabled": True,
            **members,
        },
    )
    if domain:
        own = f"{unique('acme')}.example.com"
        await place.make.domain(made.organization_id, domain=own)
        provider.person = ANN | {"sub": unique("sub"), "email": f"ann@{own}"}
    return made


async def to_provider(
    visitor: Visitor, application: Application, conn: Connection, **members: Any
) -> str:
    """Begin a sign-in; return the address at the provider that the browser is sent to."""
    sent = await start(visitor, application, conn, **members)
    assert sent.status_code == 303, sent.text
    location: str = sent.headers["location"]
    return location


def local(visitor: Visitor, location: str) -> str:
    """The path of an address of ours."""
    url = visitor.place.server.url
    assert location.startswith(f"{url}/"), location
    return location.removeprefix(url)


async def come_back(visitor: Visitor, location: str) -> httpx.Response:
    """Go where the provider sends the browser."""
    return await visitor.get(local(visitor, location))


async def signed_in(
    visitor: Visitor, application: Application, conn: Connection, provider: OpenIDProvider
) -> dict[str, Any]:
    """Sign in all the way; return the application's tokens."""
    there = await to_provider(visitor, application, conn)
    back = await come_back(visitor, provider.answer_to(there))
    assert back.status_code == 303, back.text
    done = await visitor.get(local(visitor, back.headers["location"]))
    return await application.tokens(visitor.http, answered(done)["code"])


def told(answer: httpx.Response) -> dict[str, str]:
    """The error that the application is told."""
    found = answered(answer)
    assert found["state"] == "a state"
    assert "code" not in found
    return found


def state_of(location: str) -> str:
    """The state of an authorization request."""
    return dict(parse_qsl(urlsplit(location).query))["state"]


def led_on(answer: httpx.Response, visitor: Visitor) -> str:
    """The path that a verified answer leads the browser on to."""
    assert answer.status_code == 303, answer.text
    found = local(visitor, answer.headers["location"])
    assert re.fullmatch(rf"{visitor.path}/sso\?arrival=[\w-]{{43}}", found), found
    return found
