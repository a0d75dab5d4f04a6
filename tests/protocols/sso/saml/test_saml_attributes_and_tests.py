"""Attributes that become claims, and tests of SAML connections, over the wire."""

from __future__ import annotations

import html
import time

import pytest
from apis import unique
from connections_of_tests import start
from hosted import heading
from saml_idps import asked, post, provider, saml_connection
from saml_provider import ATTRIBUTES, attribute
from sqlalchemy import insert

from tenantry.core.times import now
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.federation import requests
from tenantry.tenants.user_attributes.model import CUSTOM, SSO, UserAttribute, user_attributes

_REGISTER = Statement(
    insert(user_attributes).values(bound(user_attributes)).returning(user_attributes.c.key)
)
SECONDS = 30.0  # until a server has read the attributes anew


async def register(place, key, datatype="STRING", mapping="", *, enabled=True, kind=SSO):
    made = UserAttribute(
        kind=kind,
        key=key,
        label=key,
        datatype=datatype,
        category=CUSTOM,
        enabled=enabled,
        required=False,
        default_saml_mapping=mapping,
        default_oidc_mapping="",
        create_time=now(),
        update_time=now(),
    )
    assert await place.database.fetch_one(_REGISTER, **prefixed(made.to_row()))


async def claims_of(place, application, visitor, sent, **members: object):
    conn = await saml_connection(place, members=members)
    request = asked(await start(visitor, application, conn))
    response = provider(place, conn, request).but(attributes=ATTRIBUTES + sent)
    answer = await post(visitor, conn, response, request.relay_state)
    secret = answer.headers["location"].partition("arrival=")[2]
    _, identity = await requests.take_arrival(place.database, secret)
    return identity.claims


@pytest.fixture(scope="module")
async def registered(place):
    """Attributes of each type, registered before the server reads them."""
    word = unique("a").replace("-", "")
    keys = {name: f"{name}_{word}" for name in ("dept", "level", "manager", "sites", "more", "off")}
    await register(place, keys["dept"], mapping=f"department{word}"[:25])
    await register(place, keys["level"], "NUMBER")
    await register(place, keys["manager"], "BOOL")
    await register(place, keys["sites"], "ARRAY")
    await register(place, keys["more"], "OBJECT")
    await register(place, keys["off"], enabled=False)
    await register(place, "sub")  # reserved: never a claim of a provider
    return keys, f"department{word}"[:25]


async def settled(place, application, visitor, key):
    """Sign in until the server has read the attributes that are registered."""
    until = time.monotonic() + SECONDS
    while key not in await claims_of(place, application, visitor, attribute(key, "1")):
        assert time.monotonic() < until


async def test_registered_attributes_become_claims_of_their_types(
    place, application, visitor, registered
):
    keys, mapped = registered
    await settled(place, application, visitor, keys["level"])
    sent = (
        attribute(mapped, "Sales")
        + attribute(keys["level"], "7")
        + attribute(keys["manager"], "TRUE")
        + attribute(keys["sites"], "Bonn", "Köln")
        + attribute(keys["more"], '{"a": [1]}')
        + attribute(keys["off"], "x")
        + attribute("not_registered", "x")
        + attribute("sub", "usr_1")
        + attribute("roles", "admin")
    )
    assert await claims_of(place, application, visitor, sent) == {
        keys["dept"]: "Sales",
        keys["level"]: 7,
        keys["manager"]: True,
        keys["sites"]: ["Bonn", "Köln"],
        keys["more"]: {"a": [1]},
    }
    wrong = (
        attribute(keys["level"], "NaN")
        + attribute(keys["manager"], "perhaps")
        + attribute(keys["more"], "[" * 5000)
    )
    assert await claims_of(place, application, visitor, wrong) == {}
    own = {"attribute_mapping": {keys["dept"]: "team"}}
    sent = attribute(mapped, "Sales") + attribute("team", "Support")
    assert await claims_of(place, application, visitor, sent, **own) == {keys["dept"]: "Support"}


@pytest.mark.parametrize("good", [True, False])
async def test_a_test_of_a_connection_ends_on_its_page(place, visitor, good):
    """It signs nobody in; the connection need not be enabled."""
    conn = await saml_connection(place, members={"enabled": False})
    request = asked(await visitor.get(f"/sso/v1/saml/{conn.id}/test"))
    response = provider(place, conn, request)
    response = response if good else response.but(audience="https://sp.test")
    answer = await post(visitor, conn, response, request.relay_state)
    assert answer.status_code == 303
    path = answer.headers["location"].removeprefix(place.server.url)
    assert path.startswith("/sso/v1/tests/test_")
    page = await visitor.get(path)
    assert page.status_code == 200
    text = html.unescape(page.text)
    if good:
        assert "ann@acme.test" in text
        assert "admins & others" in text
    else:
        assert "https://sp.test" in text
        assert "invalid_saml_response" in text
    assert not any("session" in name for name in visitor.cookies)
    page = await post(visitor, conn, response, request.relay_state)
    assert heading(page) == "Sign-in failed"
