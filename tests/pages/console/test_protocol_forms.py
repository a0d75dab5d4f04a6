"""Forms of the console for the protocol of a connection: SAML, OpenID Connect, OAuth 2.0."""

from __future__ import annotations

import html
import re

import pytest
from idp_metadata_pages import MetadataPage, certificate, pem
from operators_at_work import OPERATOR, enter, texts
from sso_pages import problems, value_of

from tenantry.identity.operators.model import READER

BY_HAND = {
    "idp_entity_id": "https://idp.example.com/entity",
    "idp_sso_url": "https://idp.example.com/sso",
    "idp_slo_url": "https://idp.example.com/slo",
    "certificate": pem(certificate("idp")),
}
ENDPOINTS = {
    "authorize_uri": "https://idp.example.com/authorize",
    "token_uri": "https://idp.example.com/token",
    "jwks_uri": "https://idp.example.com/keys",
    "user_info_uri": "https://idp.example.com/me",
}
CLIENT = {
    "issuer": "https://idp.example.com",
    "client_id": "us",
    "client_secret": "of-the-provider",
    "configuration_type": "MANUAL",
    "discovery_endpoint": "",
    **ENDPOINTS,
}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"


@pytest.fixture
async def browser(http, database):
    """An operator with the role that changes things."""
    return await enter(http, database, OPERATOR)


class Connection:
    """A connection of an organization: its page, and what the API shows of it."""

    def __init__(self, rest, organization_id, id_) -> None:
        self.rest, self.organization_id, self.id = rest, organization_id, id_
        self.path = f"/console/connections/{id_}/protocol"

    async def shown(self):
        of = {"organization_id": self.organization_id, "id": self.id}
        return (await self.rest.connections.get_connection(**of))["connection"]

    async def further(self):
        answer = await self.rest.single_sign_on.get_connection_settings(connection_id=self.id)
        return answer["settings"]


@pytest.fixture
def connection(rest, make):
    async def made(provider, type_):
        organization = await make.organization()
        answer = await rest.connections.create_connection(
            organization_id=organization["id"], connection={"provider": provider, "type": type_}
        )
        return Connection(rest, organization["id"], answer["connection"]["id"])

    return made


async def test_saml_by_hand_with_all_of_its_settings(browser, connection):
    saml = await connection("OKTA", "SAML")
    page = await browser.send(f"{saml.path}/saml", **BY_HAND)
    assert "Changes saved." in page
    assert "CN=idp" in texts(page)
    found = await saml.shown()
    assert found["status"] == "COMPLETED"
    assert found["saml_config"]["sp_assertion_url"] in page

    page = await browser.send(
        f"{saml.path}/settings",
        force_authn="true",
        want_request_signed="true",
        saml_signing_option="SAML_ONLY_ASSERTION_SIGNING",
        idp_name_id_format="PERSISTENT",
        idp_sso_request_binding="HTTP_POST",
        idp_slo_request_binding="HTTP_POST",
        default_redirect_uri="https://app.example.com/start",
        certificate_id="",
        sp_entity_id="urn:formerly:elsewhere",
        sp_assertion_url=found["saml_config"]["sp_assertion_url"],
        sp_slo_url="",
        ui_button_title="By Okta",
        key_id="okta",
    )
    assert problems(page) == {}
    found = await saml.shown()
    config = found["saml_config"]
    assert (config["force_authn"], config["jit_provisioning_with_sso_enabled"]) == (True, False)
    assert config["saml_signing_option"] == "SAML_ONLY_ASSERTION_SIGNING"
    assert config["idp_name_id_format"] == "PERSISTENT"
    assert config["idp_slo_request_binding"] == "HTTP_POST"
    assert config["default_redirect_uri"] == "https://app.example.com/start"
    assert config["sp_entity_id"] == "urn:formerly:elsewhere"
    assert (found["ui_button_title"], found["key_id"]) == ("By Okta", "okta")
    assert config["idp_sso_url"] == BY_HAND["idp_sso_url"]  # of another form

    page = await browser.send(f"{saml.path}/saml", **{**BY_HAND, "certificate": ""})
    assert len((await saml.shown())["saml_config"]["idp_certificates"]) == 1


async def test_certificates_come_and_go_and_the_last_stays_while_it_serves(browser, connection):
    saml = await connection("OKTA", "SAML")
    await browser.send(f"{saml.path}/saml", **BY_HAND)
    await browser.send(f"{saml.path.removesuffix('/protocol')}/enable")
    next_one = pem(certificate("next", days=10))
    page = await browser.send(f"{saml.path}/certificates/add", next_certificate=next_one)
    assert "Expires soon" in texts(page)
    kept = (await saml.shown())["saml_config"]["idp_certificates"]
    assert len(kept) == 2
    for text in ("", "no certificate", KEY):
        page = await browser.send(f"{saml.path}/certificates/add", next_certificate=text)
        assert "next_certificate" in problems(page), text
        assert "MIIEvQ" not in page
    for one in kept:
        page = await browser.send(f"{saml.path}/certificates/remove", certificate_id=one["id"])
    assert problems(page)
    assert len((await saml.shown())["saml_config"]["idp_certificates"]) == 1


async def test_metadata_of_a_saml_provider(browser, connection, http):
    saml = await connection("CUSTOM", "SAML")
    async with MetadataPage() as provider:
        await browser.send(f"{saml.path}/settings", debug_enabled="true")
        page = await browser.send(f"{saml.path}/metadata", idp_metadata_url=provider.url)
        assert problems(page) == {}
        config = (await saml.shown())["saml_config"]
        assert config["idp_metadata_url"] == provider.url
        await browser.send(f"{saml.path}/settings")
        other = "https://nowhere.invalid/metadata"
        page = await browser.send(f"{saml.path}/metadata", idp_metadata_url=other)
        assert list(problems(page)) == ["idp_metadata_url"]
        assert value_of(page, "idp_metadata_url") == other
        assert (await saml.shown())["saml_config"]["idp_metadata_url"] == provider.url
    headers = {"cookie": browser.cookie, "sec-fetch-site": "same-origin"}
    sent = await http.post(
        f"{saml.path}/metadata",
        headers=headers,
        files={"metadata": ("metadata.xml", provider.xml.replace(b'"false"', b'"true"'))},
        data={"idp_metadata_url": ""},
    )
    assert problems(await browser.get(sent.headers["location"])) == {}
    config = (await saml.shown())["saml_config"]
    assert config["want_request_signed"] is True
    assert not config.get("idp_metadata_url")
    assert config["idp_entity_id"] == provider.entity_id
    for content in (b"", b"no xml", b"x" * (300 << 10)):
        sent = await http.post(
            f"{saml.path}/metadata", headers=headers, files={"metadata": ("m.xml", content)}
        )
        assert problems(await browser.get(sent.headers["location"])), content[:10]


async def test_an_openid_provider_by_hand_with_all_of_its_settings(browser, connection):
    oidc = await connection("CUSTOM", "OIDC")
    page = await browser.send(f"{oidc.path}/oidc", **CLIENT)
    assert problems(page) == {}
    assert "of-the-provider" not in page
    found = await oidc.shown()
    assert found["configuration_type"] == "MANUAL"
    assert {name: found["oidc_config"][name] for name in ENDPOINTS} == ENDPOINTS
    hidden = found["oidc_config"]["client_secret"]
    await browser.send(f"{oidc.path}/oidc", **{**CLIENT, "client_secret": ""})
    assert (await oidc.shown())["oidc_config"]["client_secret"] == hidden

    page = await browser.send(
        f"{oidc.path}/settings",
        **{"pkce_enabled": "true", "scopes-email": "on", "scopes-phone": "on"},
        token_auth_type="URL_PARAMS",
        ui_button_title="",
    )
    assert problems(page) == {}
    config = (await oidc.shown())["oidc_config"]
    assert config["scopes"] == ["openid", "email", "phone"]
    assert (config["token_auth_type"], config["pkce_enabled"]) == ("URL_PARAMS", True)
    assert config["sync_user_profile_on_login"] is False
    page = await browser.send(
        f"{oidc.path}/settings", token_auth_type="BASIC_AUTH", ui_button_title="x" * 300
    )
    assert "ui_button_title" in problems(page)
    assert 'name="scopes-email" checked' not in page  # as it was typed


async def test_an_issuer_that_does_not_answer_leaves_all_as_it_was(browser, connection):
    oidc = await connection("CUSTOM", "OIDC")
    await browser.send(f"{oidc.path}/oidc", **CLIENT)
    wrong = {"issuer": "https://nowhere.invalid", "client_id": "other", "client_secret": "hush"}
    page = await browser.send(
        f"{oidc.path}/oidc", **{**CLIENT, **wrong, "configuration_type": "DISCOVERY"}
    )
    assert list(problems(page)) == ["issuer"]
    assert value_of(page, "client_id") == "other"
    assert "hush" not in page
    assert (await oidc.shown())["oidc_config"]["issuer"] == CLIENT["issuer"]
    page = await browser.send(f"{oidc.path}/oidc", **{**CLIENT, "token_uri": "nowhere"})
    assert list(problems(page)) == ["token_uri"]


async def test_settings_beyond_the_scalekit_api(browser, connection, make):
    oidc = await connection("CUSTOM", "OIDC")
    role = await make.role()
    page = await browser.send(
        f"{oidc.path}/further",
        private_key_jwt="true",
        id_jag_enabled="true",
        end_session_uri="https://idp.example.com/logout",
        login_uri="",
        group_roles=f"CN=Admins,OU=x = {role['name']}",
        attribute_mapping="email = mail\ngiven_name = http://schemas.example.com/name?a=b",
    )
    assert problems(page) == {}
    kept = await oidc.further()
    assert kept["private_key_jwt"] is kept["id_jag_enabled"] is True
    assert kept["group_roles"]["roles"] == {"CN=Admins,OU=x": role["name"]}
    assert kept["attribute_mapping"]["attributes"] == {
        "email": "mail",
        "given_name": "http://schemas.example.com/name?a=b",
    }
    assert f"CN=Admins,OU=x = {role['name']}" in html.unescape(page)
    for wrong, field in (
        ({"group_roles": "Admins = nobody"}, "group_roles"),
        ({"group_roles": "Admins"}, "group_roles"),
        ({"attribute_mapping": "email"}, "attribute_mapping"),
        ({"end_session_uri": "nowhere"}, "end_session_uri"),
    ):
        page = await browser.send(f"{oidc.path}/further", private_key_jwt="true", **wrong)
        assert list(problems(page)) == [field]
        (typed,) = wrong.values()
        assert value_of(page, field) == typed
    await browser.send(f"{oidc.path}/further", group_roles="", attribute_mapping="")
    kept = await oidc.further()
    assert not kept.get("group_roles", {}).get("roles")
    assert not kept.get("attribute_mapping", {}).get("attributes")


async def test_a_social_provider_with_all_of_its_settings(http, database, rest):
    browser = await enter(http, database)  # an owner: all users may sign in by it
    one = await browser.lands("/console/connections/environment/create", provider="GITLAB")
    page = await browser.send(
        f"{one}/protocol/settings",
        pkce_enabled="true",
        token_endpoint_auth_method="client_secret_basic",
        prompt="select_account",
        extra_authorize_params="hd = example.com",
    )
    assert problems(page) == {}
    answer = await rest.connections.get_environment_connection(connection_id=one.rpartition("/")[2])
    config = answer["connection"]["oauth_config"]
    assert config["extensions"]["extra_authorize_params"] == {"hd": "example.com"}
    assert config["token_endpoint_auth_method"] == "client_secret_basic"
    assert (config["prompt"], config["pkce_enabled"]) == ("select_account", True)
    page = await browser.send(
        f"{one}/protocol/settings", extra_authorize_params="state = x", prompt="again"
    )
    assert list(problems(page)) == ["extra_authorize_params"]
    assert value_of(page, "prompt") == "again"
    assert await browser.lands(f"{one}/delete") == "/console/connections"


async def test_a_form_of_another_protocol_is_of_nothing(browser, connection):
    oidc = await connection("CUSTOM", "OIDC")
    answer = await browser.post(f"{oidc.path}/saml", **BY_HAND)
    assert answer.status_code == 404
    listed = await browser.get("/console/connections/environment")
    pages = {
        id_: await browser.get(f"/console/connections/{id_}")
        for id_ in set(re.findall(r"/console/connections/(conn_\d+)", listed))
    }
    (mail,) = (id_ for id_, page in pages.items() if "<dd>PASSWORDLESS</dd>" in page)
    await browser.get(f"/console/connections/{mail}/protocol", status=404)


async def test_a_reader_sees_the_protocol_and_no_form(http, database, browser, connection):
    saml = await connection("OKTA", "SAML")
    await browser.send(f"{saml.path}/saml", **BY_HAND)
    reader = await enter(http, database, READER)
    page = (await reader.get(saml.path)).partition("<main")[2].partition("</main>")[0]
    assert BY_HAND["idp_entity_id"] in page
    assert 'method="post"' not in page
    for below in ("saml", "settings", "further", "certificates/add"):
        assert (await reader.post(f"{saml.path}/{below}")).status_code == 403


async def test_it_speaks_german(browser, connection):
    for provider, type_ in (("OKTA", "SAML"), ("CUSTOM", "OIDC")):
        page = await browser.get(
            (await connection(provider, type_)).path, **{"accept-language": "de"}
        )
        assert "Identitätsanbieter" in page
