"""Forms of the console for all that the API takes of applications and interceptors."""

from __future__ import annotations

import html
import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import RSAKey
from operators_at_work import OPERATOR, enter, texts

from tenantry.identity.operators.model import READER

APPLICATION = {
    "name": "App",
    "post_login_uris": "https://app.example.com/callback",
    "post_logout_redirect_uris": "",
    "back_channel_logout_uris": "",
    "initiate_login_uri": "",
    "has_pkce": "1",
    "enforce_pkce": "true",
    "has_grants": "1",
    "grant_types-authorization_code": "true",
    "grant_types-refresh_token": "true",
    "access_token_expiry": "900",
    "scopes": "",
    "custom_claims": "plan = gold\nformula = a=b",
    "networks": "203.0.113.0/24\n2001:db8::1",
    "networks_only": "true",
}
INTERCEPTOR = {
    "display_name": "Known countries",
    "description": "Asks the map",
    "trigger_point": "PRE_SIGNUP",
    "api_url": "https://hooks.example.com/ask",
    "timeout_ms": "1000",
    "failure_policy": "FAIL_OPEN",
}


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


@pytest.fixture
async def application(browser):
    return await browser.lands("/console/applications/create", name="Acme", client_type="WEB_APP")


def told(page, id_):
    """The problem that a page tells beside a field, None without one."""
    found = re.search(rf'id="{id_}-problem"[^>]*>([^<]*(?:<bdi>[^<]*</bdi>)?[^<]*)<', page)
    return found and texts(html.unescape(found[1]))


async def client(api, path):
    found = await api.clients.get_client(client_id=path.rpartition("/")[2])
    return found["client"]


async def test_all_of_an_application_is_changed_and_cleared(browser, application, api):
    page = await browser.send(f"{application}/update", **APPLICATION)
    assert "Changes saved." in page
    assert 'name="grant_types-refresh_token" checked' in page
    assert 'name="grant_types-client_credentials">' in page
    kept = await client(api, application)
    assert kept["enforce_pkce"] is True
    assert kept["grant_types"] == ["authorization_code", "refresh_token"]
    assert int(kept["access_token_expiry"]) == 900
    assert kept["custom_claims"] == [
        {"key": "plan", "value": "gold"},
        {"key": "formula", "value": "a=b"},
    ]
    assert kept["ip_allowlist"]["opted_in"] is True
    assert [one["value"] for one in kept["ip_allowlist"]["cidrs"]] == [
        "203.0.113.0/24",
        "2001:db8::1/128",
    ]
    assert "formula = a=b" in html.unescape(page)

    ticks = (
        "enforce_pkce",
        "networks_only",
        "grant_types-authorization_code",
        "grant_types-refresh_token",
    )
    bare = {name: "" for name in APPLICATION if name not in ticks} | {"name": "App"}
    await browser.send(f"{application}/update", **bare)
    kept = await client(api, application)
    assert not kept.get("enforce_pkce")
    for name in ("post_login_uris", "grant_types", "custom_claims", "ip_allowlist"):
        assert not kept.get(name), name
    assert "access_token_expiry" not in kept


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("access_token_expiry", "soon"),
        ("access_token_expiry", "5"),
        ("custom_claims", "plan"),
        ("custom_claims", "plan = a\nplan = b"),
        ("networks", "203.0.113.0/24 office"),
        ("post_login_uris", "https://app.example.com/ok\nno address"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field(browser, application, field, typed):
    page = await browser.send(f"{application}/update", **{**APPLICATION, field: typed})
    assert told(page, field), page
    assert html.escape(typed.split("\n")[0]) in page
    assert 'name="enforce_pkce" value="true" checked' in page  # nothing typed is lost


async def test_networks_that_lock_everybody_out_are_refused(browser, application):
    page = await browser.send(f"{application}/update", **{**APPLICATION, "networks": ""})
    assert "must not be empty while" in told(page, "networks")


async def test_keys_of_an_application_in_the_place_of_secrets(browser, application, api):
    key = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    public, private = key.as_dict(private=False), key.as_dict(private=True)
    way = {"token_endpoint_auth_method": "private_key_jwt", "access_token_signing_alg": "ES256"}
    path = f"{application}/settings"
    page = await browser.send(path, **way, jwks=json.dumps({"keys": [public]}))
    assert "Changes saved." in page
    id_ = application.rpartition("/")[2]
    kept = (await api.client_settings.get_client_settings(client_id=id_))["settings"]
    assert kept["token_endpoint_auth_method"] == "private_key_jwt"
    assert kept["access_token_signing_alg"] == "ES256"
    assert kept["jwks"]["keys"][0]["n"] == public["n"]
    assert public["n"] in page

    for text in ("[1]", "{", json.dumps({"keys": [private]})):
        page = await browser.send(path, **way, jwks=text)
        assert told(page, "jwks"), text
        assert private["d"] not in page
    page = await browser.send(path, **way, jwks="")
    assert "private_key_jwt requires a key" in told(page, "jwks")
    page = await browser.send(
        path, token_endpoint_auth_method="", access_token_signing_alg="RS256", jwks=""
    )
    kept = (await api.client_settings.get_client_settings(client_id=id_))["settings"]
    assert not kept.get("jwks")


async def test_audiences_and_servers_of_token_exchange(browser, application, api):
    id_ = application.rpartition("/")[2]

    async def exchange():
        answer = await api.client_settings.get_client_settings(client_id=id_)
        return answer["settings"].get("token_exchange", {})

    audience = "https://api.example.com"
    page = await browser.send(f"{application}/exchange", audiences=f"{audience}\ninvoices")
    assert "Changes saved." in page
    server = {
        "issuer": "https://auth.partner.example",
        "server_client_id": "acme-agent",
        "resources": "https://mcp.partner.example/mcp",
        "server_scopes": "issues:read\nissues:write",
    }
    page = await browser.send(f"{application}/servers/add", **server)
    assert "acme-agent" in page
    target = {
        "issuer": "https://auth.partner.example",
        "client_id": "acme-agent",
        "resources": ["https://mcp.partner.example/mcp"],
        "scopes": ["issues:read", "issues:write"],
    }
    kept = {"audiences": [audience, "invoices"], "identity_assertions": [target]}
    assert await exchange() == kept

    page = await browser.send(f"{application}/servers/add", **server)
    assert "more than once" in told(page, "issuer")
    for field, typed in (("issuer", "partner"), ("server_client_id", "")):
        page = await browser.send(f"{application}/servers/add", **{**server, field: typed})
        assert told(page, field), page
    page = await browser.send(f"{application}/exchange", audiences="x" * 300)
    assert told(page, "audiences")
    assert await exchange() == kept

    await browser.send(f"{application}/servers/remove", issuer=server["issuer"])
    await browser.send(f"{application}/exchange", audiences="")
    assert await exchange() == {}


async def test_a_public_client_has_no_way_to_authenticate(browser):
    path = await browser.lands("/console/applications/create", name="Phone", client_type="NTV")
    page = await browser.get(path)
    assert 'name="access_token_signing_alg"' in page
    assert 'name="jwks"' not in page
    assert 'name="token_endpoint_auth_method"' not in page


async def test_a_reader_sees_what_an_application_has(http, database, browser, application):
    await browser.send(f"{application}/update", **APPLICATION)
    page = await (await enter(http, database, READER)).get(application)
    for text in ("formula = a=b", "203.0.113.0/24", "authorization_code, refresh_token"):
        assert text in texts(page)
    assert '/settings"' not in page.partition("<main")[2]


@pytest.fixture
async def strong(server, rest):
    """The pages of clients that may call the API."""
    new = {"name": "Backend", "client_type": "WEB_APP"}
    id_ = (await rest.clients.create_client(client=new))["client"]["id"]
    await rest.clients.create_client_secret(client_id=id_)
    return [f"/console/applications/{one}" for one in (id_, server.client_id)]


async def test_no_form_of_an_operator_changes_a_client_that_may_call_the_api(
    browser, strong, rest, http, database
):
    owner = await enter(http, database)
    key = RSAKey.import_key(rsa.generate_private_key(65537, 2048)).as_dict(private=False)
    for path in strong:
        id_ = path.rpartition("/")[2]
        forms = re.findall(r'<form method="post" action="([^"]+)"', await owner.get(path))
        own = {form for form in forms if form.startswith(path)}
        assert len(own) >= 4
        page = await browser.get(path)
        assert re.findall(rf'action="({path}[^"]*)"', page) == [f"{path}/update"]
        before = await rest.clients.get_client(client_id=id_)
        settings = await rest.client_settings.get_client_settings(client_id=id_)
        sent = APPLICATION | {
            "has_access": "1",
            "api_access": "true",
            "name": "Renamed",
            "jwks": json.dumps({"keys": [key]}),
            "token_endpoint_auth_method": "private_key_jwt",
            "access_token_signing_alg": "ES256",
            "access": "*",
            "days": "1",
            "audiences": "https://api.example.com",
            "issuer": "https://auth.partner.example",
            "server_client_id": "acme-agent",
        }
        for form in own:
            assert (await browser.post(form, **sent)).status_code == 403, form
        assert (await rest.clients.get_client(client_id=id_)) == before
        assert (await rest.client_settings.get_client_settings(client_id=id_)) == settings
        renamed = await browser.send(f"{path}/update", name="Renamed")
        assert "Changes saved." in renamed
        await rest.clients.update_client(
            client_id=id_, client={"name": before["client"]["name"]}, mask="name"
        )


async def test_an_owner_limits_an_application_to_management_scopes(strong, rest, http, database):
    owner, path = await enter(http, database), strong[0]
    id_ = path.rpartition("/")[2]
    some = {"management_scopes-users:read": "on", "management_scopes-sso:write": "on"}
    page = await owner.send(f"{path}/settings", access="some", **some)
    assert 'name="management_scopes-sso:write" checked' in page
    kept = (await rest.client_settings.get_client_settings(client_id=id_))["settings"]
    assert kept["management_scopes"] == ["users:read", "sso:write"]
    reader = texts(await (await enter(http, database, READER)).get(path))
    assert "users:read, sso:write" in reader
    page = await owner.send(f"{path}/settings", access="some")
    assert "must contain at least one scope" in told(page, "management_scopes")
    page = await owner.send(f"{path}/settings", access="*", **some)
    kept = (await rest.client_settings.get_client_settings(client_id=id_))["settings"]
    assert kept["management_scopes"] == ["*"]


async def test_an_operator_makes_applications_without_api_access(browser, application, api):
    assert (await client(api, application))["disallow_scalekit_api_access"] is True
    assert 'name="api_access"' not in await browser.get(application)
    forged = {"name": "App", "has_access": "1", "api_access": "true"}
    assert (await browser.post(f"{application}/update", **forged)).status_code == 403
    assert (await client(api, application))["disallow_scalekit_api_access"] is True


async def interceptor(api, path):
    found = await api.interceptors.get_interceptor(id=path.rpartition("/")[2])
    return found["interceptor"]


async def test_an_interceptor_is_told_who_asks(browser, api):
    key = {"auth_config_type": "API_KEY", "header_name": "X-Own-Key", "api_key": "kept-to-itself"}
    path = await browser.lands("/console/interceptors/create", **INTERCEPTOR, **key)
    page = await browser.get(path)
    assert "API key in a header" in texts(page)
    assert 'value="x-own-key"' in page
    assert "kept-to-itself" not in page
    kept = await interceptor(api, path)
    assert kept["description"] == "Asks the map"
    assert kept["config"]["auth_config"]["api_key"]["header_name"] == "x-own-key"

    # Nothing new is said of it: the key that nobody sees stays, and a description goes.
    same = {"auth_config_type": "API_KEY", "header_name": "x-own-key", "api_key": ""}
    page = await browser.send(f"{path}/update", **{**INTERCEPTOR, "description": ""}, **same)
    assert "Changes saved." in page
    kept = await interceptor(api, path)
    assert kept["config"]["auth_config"]["auth_config_type"] == "API_KEY"
    assert not kept.get("description")

    token = {
        "auth_config_type": "OAUTH2",
        "token_url": "https://op.example.com/token",
        "client_id": "tenantry",
        "client_secret": "another-of-theirs",
        "scope": "ask",
    }
    page = await browser.send(f"{path}/update", **INTERCEPTOR, **token)
    assert "another-of-theirs" not in page
    kept = await interceptor(api, path)
    assert kept["config"]["auth_config"]["oauth2"]["client_id"] == "tenantry"
    await browser.send(f"{path}/update", **INTERCEPTOR, auth_config_type="")
    assert "config" not in await interceptor(api, path)
    await browser.lands(f"{path}/delete")  # others sign in at this server


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"auth_config_type": "API_KEY", "header_name": "host", "api_key": "k"}, "header_name"),
        ({"auth_config_type": "API_KEY", "header_name": "x-key", "api_key": ""}, "api_key"),
        (
            {
                "auth_config_type": "OAUTH2",
                "token_url": "no address",
                "client_id": "c",
                "client_secret": "s",
            },
            "token_url",
        ),
        ({"timeout_ms": "soon"}, "timeout_ms"),
        ({"timeout_ms": "5"}, "timeout_ms"),
    ],
)
async def test_what_is_wrong_with_an_interceptor_is_told_beside_its_field(browser, given, field):
    page = await browser.send("/console/interceptors/create", **{**INTERCEPTOR, **given})
    assert told(page, field), page
    assert 'value="Known countries"' in page
    assert " open>" in page or field == "timeout_ms"
