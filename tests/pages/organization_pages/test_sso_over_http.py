"""An organization's admin sets connections up by pages, in the portal and as a member."""

from __future__ import annotations

import base64
import re

import pytest
from idp_metadata_pages import MetadataPage, certificate, pem
from operators_at_work import enter
from repository import ROOT
from signins import SignIns
from sso_pages import Pages, value_of

from tenantry.i18n.languages import LANGUAGES
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.saml.faults import METADATA as FAULT
from tenantry.identity.operators.model import READER

METADATA = """<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"
 entityID="https://sp.example.com"><md:SPSSODescriptor
 protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:AssertionConsumerService
 Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://sp.example.com/acs"
 index="0"/></md:SPSSODescriptor></md:EntityDescriptor>"""
BY_HAND = {
    "idp_entity_id": "https://idp.example.com/entity",
    "idp_sso_url": "https://idp.example.com/sso",
    "idp_slo_url": "",
    "idp_sso_request_binding": "HTTP_POST",
    "certificate": "",
}
ENDPOINTS = {
    "authorize_uri": "https://idp.example.com/authorize",
    "token_uri": "https://idp.example.com/token",
    "jwks_uri": "https://idp.example.com/keys",
}
CLIENT = {
    "issuer": "https://idp.example.com",
    "client_id": "us",
    "client_secret": "geheim-12345678",
}
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\n"

VECTORS = ROOT / "tests" / "support" / "vectors" / "idp_metadata"

NO_FILE = ("", b"")


@pytest.fixture
async def organization(rest, make):
    """One with single sign-on."""
    made = await make.organization()
    await rest.organizations.update_organization_settings(
        id=made["id"], settings={"features": [{"name": "sso", "enabled": True}]}
    )
    return made


@pytest.fixture
async def portal(http, make, organization):
    return Pages(http, await make.portal_session(http, organization["id"]))


@pytest.fixture
def member(database, http, rest, make, organization):
    """The pages of a new member of the organization with these permissions."""
    signins = SignIns(database, http, rest, make)

    async def enter(*permissions: str):
        role = await make.organization_role(organization["id"], permissions=list(permissions))
        user = await make.user(organization["id"], membership={"roles": [{"name": role["name"]}]})
        _, secret = await signins.session(user)
        return Pages(http, f"__Host-tenantry_session={secret}", "/ui/organization/sso")

    return enter


@pytest.fixture
def shown(rest, organization):
    """A connection as the API shows it, by the path of its pages."""

    async def get(path):
        answer = await rest.connections.get_connection(
            organization_id=organization["id"], id=path.strip("/")
        )
        return answer["connection"]

    return get


async def saml(portal, **given: str):
    """The path of a connection that is complete."""
    path = await portal.make("okta", "saml")
    given = BY_HAND | {"certificate": pem(certificate("idp"))} | given
    await portal.done(f"{path}/details/saml", given, certificate_file=NO_FILE)
    return path


async def test_saml_by_hand_from_the_tile_to_enabled(portal, shown, events):
    assert "No connections yet" in await portal.text()
    for name in ("Okta", "Microsoft Entra ID", "Any SAML 2.0 provider", "Any OpenID Provider"):
        assert name in await portal.text("/new")
    assert "Okta" not in await portal.text("/new?q=shib")
    assert "No providers found" in await portal.text("/new?q=nobody")
    path = await portal.make("okta", "saml")
    guide, ours = await portal.text(f"{path}/guide"), (await shown(path))["saml_config"]
    for name in ("sp_assertion_url", "sp_entity_id", "sp_metadata_url"):
        assert ours[name] in guide
    assert "user.firstName" in guide
    problems, _ = await portal.refused(f"{path}/enable")
    assert "Complete the identity provider's details" in problems[""]
    der = base64.b64decode(certificate("idp"))
    await portal.done(f"{path}/details/saml", BY_HAND, certificate_file=("a.cer", der))
    details = await portal.text(f"{path}/details")
    assert "CN=idp" in details
    assert "SHA-256" in details
    assert "enabled" in await portal.done(f"{path}/enable")
    connection = await shown(path)
    assert (connection["enabled"], connection["status"]) == (True, "COMPLETED")
    assert connection["saml_config"]["idp_sso_request_binding"] == "HTTP_POST"
    listed = await portal.text()
    assert "Okta" in listed
    assert "Enabled" in listed
    assert "Connection enabled" in await portal.text(path)
    assert "disabled" in await portal.done(f"{path}/disable")
    assert "Enable the connection" in await portal.text(path)
    assert "deleted" in await portal.done(f"{path}/delete")
    assert (await portal.get(path)).status_code == 404
    told = [event["type"] for event in await events.new() if ".sso_" in event["type"]]
    assert [one.rpartition("_")[2] for one in told] == [
        *("created", "updated", "enabled", "disabled", "deleted")
    ]


async def test_a_metadata_file(portal, shown):
    path = await portal.make("saml", "saml")
    xml = MetadataPage().xml
    await portal.done(f"{path}/details/file", metadata=("metadata.xml", b"\xef\xbb\xbf" + xml))
    config = (await shown(path))["saml_config"]
    assert config["idp_entity_id"] == "https://idp.example.com/entity"
    assert config["idp_slo_url"] == "https://idp.example.com/slo"
    assert len(config["idp_certificates"]) == 1
    other = await portal.make("ad-fs", "saml")
    as_windows_writes = ('<?xml version="1.0" encoding="utf-16"?>' + xml.decode()).encode("utf-16")
    await portal.done(f"{other}/details/file", metadata=("metadata.xml", as_windows_writes))
    assert (await shown(other))["status"] == "COMPLETED"


async def test_keycloak_from_its_file_has_its_requests_signed(portal, shown):
    path = await portal.make("saml", "saml")
    keycloak = (VECTORS / "keycloak.xml").read_bytes()
    await portal.done(f"{path}/details/file", metadata=("descriptor.xml", keycloak))
    assert (await shown(path))["saml_config"]["want_request_signed"] is True


async def test_a_file_with_an_http_address_says_which(portal, shown):
    path = await portal.make("saml", "saml")
    xml = MetadataPage().xml.replace(b"https://idp.example.com/sso", b"http://idp.example.com/sso")
    problems, _ = await portal.refused(f"{path}/details/file", metadata=("m.xml", xml))
    assert list(problems) == ["metadata"]
    assert "SingleSignOnService URL" in problems["metadata"]
    assert "does not use HTTPS: http://idp.example.com/sso" in problems["metadata"]
    assert (await shown(path))["status"] == "DRAFT"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "required"),
        (b"\x89PNG\xff\xfe", "must be XML"),
        (b"<html/>", "describes 0 SAML 2.0 identity providers"),
        (METADATA.encode(), "describes 0 SAML 2.0 identity providers"),
        (b"<" + b"x" * (257 << 10), "too large"),
        (b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>", "it contains a DTD"),
        (pem(certificate("idp")).encode(), "it is not valid XML"),
    ],
)
async def test_a_file_that_is_no_metadata(portal, shown, content, says):
    path = await portal.make("saml", "saml")
    named = ("m.xml", content) if content else NO_FILE
    problems, _ = await portal.refused(f"{path}/details/file", metadata=named)
    assert says in problems.get("metadata", ""), problems
    assert (await shown(path))["status"] == "DRAFT"


async def test_a_body_that_is_too_large(portal):
    path = await portal.make("saml", "saml")
    answer = await portal.http.post(
        f"{portal.root}{path}/details/file",
        files={"metadata": ("m.xml", b"x" * (400 << 10))},
        headers=portal.headers,
    )
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "required"),
        ("metadata", "full URL"),
        ("http://idp.example.com/metadata", "https://"),
        ("https://user:secret@idp.example.com", "full URL"),
        ("https://127.0.0.1:1/metadata", "public"),
        ("https://169.254.169.254/latest", "public"),
        ("https://idp.example.com/" + "x" * 2100, "too long"),
    ],
)
async def test_an_address_of_metadata_that_cannot_be_taken(portal, shown, url, says):
    path = await saml(portal)
    problems, text = await portal.refused(f"{path}/details/url", {"idp_metadata_url": url})
    assert says in problems["idp_metadata_url"]
    assert value_of(text, "idp_metadata_url") == url
    config = (await shown(path))["saml_config"]
    assert config["idp_entity_id"] == BY_HAND["idp_entity_id"]
    assert not config.get("idp_metadata_url")


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ({"idp_entity_id": ""}, "idp_entity_id", "required"),
        ({"idp_sso_url": "ftp://idp"}, "idp_sso_url", "full URL"),
        ({"idp_slo_url": "nowhere"}, "idp_slo_url", "full URL"),
        ({"certificate": ""}, "certificate", "required"),
        ({"certificate": "rubbish"}, "certificate", "not an X.509 certificate"),
        ({"certificate": KEY}, "certificate", "private key"),
        ({"certificate": pem(certificate("idp"))[:-40]}, "certificate", "certificate is invalid"),
    ],
)
async def test_what_is_typed_wrong_is_told_beside_its_field_and_nothing_is_lost(
    portal, shown, given, field, says
):
    path = await portal.make("google-workspace", "saml")
    good = BY_HAND | {"certificate": pem(certificate("idp"))}
    problems, text = await portal.refused(
        f"{path}/details/saml", good | given, certificate_file=NO_FILE
    )
    assert list(problems) == [field]
    assert says in problems[field]
    assert "PRIVATE KEY-----" not in text
    for name, value in (good | given).items():
        if name != "idp_sso_request_binding" and KEY not in value:
            assert value_of(text, name).strip() == value.strip()
    assert (await shown(path))["status"] == "DRAFT"


async def test_certificates_overlap_and_the_last_one_stays(portal, shown):
    path = await saml(portal)
    await portal.done(f"{path}/enable")
    for content in (KEY.encode(), b"rubbish", b"x" * (40 << 10)):
        problems, _ = await portal.refused(
            f"{path}/certificates", {"certificate": ""}, certificate_file=("a.pem", content)
        )
        assert problems["next_certificate"]
    next_one = pem(certificate("next", days=20))
    await portal.done(f"{path}/certificates", {"certificate": next_one}, certificate_file=NO_FILE)
    first, second = (await shown(path))["saml_config"]["idp_certificates"]
    await portal.done(f"{path}/certificates/remove", {"certificate_id": first["id"]})
    assert "expires" in await portal.text(path)
    assert "The identity provider's certificate expires" in await portal.text()
    assert "Expires soon" in await portal.text(f"{path}/details")
    problems, _ = await portal.refused(
        f"{path}/certificates/remove", {"certificate_id": second["id"]}
    )
    assert "needs at least one certificate" in problems[""]


async def test_a_certificate_that_has_expired_is_taken_and_pointed_to(portal, shown):
    path = await saml(portal, certificate=pem(certificate("old", days=-0.5)))
    assert (await shown(path))["status"] == "COMPLETED"
    assert "certificate expired" in await portal.text(path)
    assert "Expired" in await portal.text(f"{path}/details")


async def test_openid_connect_keeps_its_secret(portal, shown):
    path = await portal.make("oidc", "oidc")
    ours = (await shown(path))["oidc_config"]
    guide = await portal.text(f"{path}/guide")
    assert ours["redirect_uri"] in guide
    assert ours["backchannel_logout_redirect_uri"] in guide
    where = f"{path}/details/oidc"
    for given, field, says in (
        ({"issuer": ""}, "issuer", "required"),
        ({"issuer": "idp.example.com"}, "issuer", "full URL"),
        ({"issuer": "https://10.0.0.1"}, "issuer", "public"),
        ({"client_secret": ""}, "client_secret", "required"),
    ):
        problems, text = await portal.refused(where, CLIENT | given)
        assert list(problems) == [field]
        assert says in problems[field]
        assert CLIENT["client_secret"] not in text
        assert value_of(text, "client_id") == "us"
    by_hand = CLIENT | ENDPOINTS | {"manual": "true"}
    await portal.done(where, by_hand)
    assert (await shown(path))["status"] == "COMPLETED"
    page = await portal.get(f"{path}/details")
    assert CLIENT["client_secret"] not in page.text
    assert "********5678" in page.text
    await portal.done(where, by_hand | {"client_secret": "", "client_id": "others"})
    after = (await shown(path))["oidc_config"]
    assert (after["client_id"], after["client_secret"]) == ("others", "********5678")


async def test_the_mapping_of_attributes(portal, shown):
    path = await saml(portal)
    where = f"{path}/attributes"
    await portal.done(
        where, {"to-email": " user.mail ", "to-locale": "lang", "to-nothing": "x"}, f=NO_FILE
    )
    assert (await shown(path))["attribute_mapping"] == {"email": "user.mail", "locale": "lang"}
    assert value_of((await portal.get(where)).text, "to-email") == "user.mail"
    problems, text = await portal.refused(where, {"to-email": "x" * 300}, f=NO_FILE)
    assert "too long" in problems["to-email"]
    assert value_of(text, "to-email") == "x" * 300
    await portal.done(where, {"to-email": ""}, f=NO_FILE)
    assert not (await shown(path)).get("attribute_mapping")


async def test_settings(portal, shown):
    path = await saml(portal)
    where = f"{path}/settings"
    assert "SHA-1" in await portal.text(where)
    await portal.done(
        where,
        {
            "ui_button_title": "Acme's own",
            "force_authn": "true",
            "allow_idp_initiated_login": "true",
            "accept_sha1": "true",
            "saml_signing_option": "SAML_RESPONSE_ASSERTION_SIGNING",
            "idp_name_id_format": "",
            "idp_sso_request_binding": "HTTP_REDIRECT",
        },
    )
    after = await shown(path)
    config = after["saml_config"]
    assert after["ui_button_title"] == "Acme's own"
    assert config["force_authn"] is config["allow_idp_initiated_login"] is True
    assert config["jit_provisioning_with_sso_enabled"] is False
    assert config["saml_signing_option"] == "SAML_RESPONSE_ASSERTION_SIGNING"
    assert "Acme's own" in await portal.text()
    problems, _ = await portal.refused(where, {"ui_button_title": "x" * 300})
    assert "too long" in problems["ui_button_title"]
    await portal.done(where, {"jit_provisioning_with_sso_enabled": "true"})
    assert (await shown(path))["saml_config"]["jit_provisioning_with_sso_enabled"] is True


async def test_identity_assertions_are_switched_on_and_off(portal, rest):
    path = await portal.make("oidc", "oidc")
    for value in ("true", ""):
        await portal.done(f"{path}/settings", {"id_jag_enabled": value})
        kept = await rest.single_sign_on.get_connection_settings(connection_id=path[1:])
        assert kept["settings"]["id_jag_enabled"] is (value == "true")
        is_on = re.search(
            r'name="id_jag_enabled"[^>]* checked', (await portal.get(f"{path}/settings")).text
        )
        assert bool(is_on) is (value == "true")


async def test_settings_are_kept_all_or_none(portal, shown, events):
    path = await saml(portal)
    before = await shown(path)
    await events.new()
    # The first of the two calls takes what the second refuses.
    changed = {"allow_idp_initiated_login": "true", "accept_sha1": "true", "force_authn": "true"}
    long = changed | {"ui_button_title": "x" * 300}
    problems, text = await portal.refused(f"{path}/settings", long)
    assert list(problems) == ["ui_button_title"]
    assert re.search(r'name="accept_sha1"[^>]* checked', text)
    assert await shown(path) == before
    assert await events.new() == []
    oidc = await portal.make("oidc", "oidc")
    changed = {"pkce_enabled": "true", "ui_button_title": "Acme", "end_session_uri": "no address"}
    before = await shown(oidc)
    problems, _ = await portal.refused(f"{oidc}/settings", changed)
    assert list(problems) == ["end_session_uri"]
    assert await shown(oidc) == before
    await portal.done(f"{oidc}/settings", changed | {"end_session_uri": "https://idp.example/end"})
    assert (await shown(oidc))["ui_button_title"] == "Acme"


async def test_domains_are_those_that_are_verified(portal, shown, make, organization):
    domain = await make.domain(organization["id"])
    elsewhere = await make.domain((await make.organization())["id"])
    path, other = await saml(portal), await saml(portal)
    assert domain["domain"] in await portal.text(f"{path}/settings")
    await portal.done(f"{path}/domains", {domain["id"]: "true", elsewhere["id"]: "true"})
    assert [one["domain"] for one in (await shown(path))["domains"]] == [domain["domain"]]
    assert not (await shown(other)).get("domains")
    assert "another connection" in await portal.text(f"{other}/settings")


async def test_pages_say_to_which_connection_a_domain_leads(
    portal, http, database, make, organization
):
    domain = (await make.domain(organization["id"]))["domain"]
    older, newer = await saml(portal), await saml(portal)
    for path in (older, newer):
        assert f"Users of {domain}" not in await portal.text(path)
        assert domain in await portal.text(path)
    await portal.done(f"{newer}/enable")
    here = f"Users of {domain} sign in with this connection."
    there = f"Users of {domain} sign in with Okta"
    assert here in await portal.text(newer)
    assert there in await portal.text(older)
    # The oldest that is enabled serves it.
    await portal.done(f"{older}/enable")
    assert here in await portal.text(older)
    assert "the oldest enabled one is used" not in await portal.text(older)
    page = (await portal.get(newer)).text
    assert f'<a href="/portal/sso{older}"><bdi>Okta</bdi></a>' in page
    assert there in await portal.text(newer)
    assert "the oldest enabled one is used" in await portal.text(newer)
    assert (await portal.text()).count(there) == 1
    operator = await enter(http, database, READER)
    assert f'<a href="/console/connections{older}">' in await operator.get(
        f"/console/connections{newer}"
    )
    assert "sign-ins use this connection" in await operator.get(f"/console/connections{older}")
    # Chosen for the newer one, it leads there alone.
    ids = re.findall(r'name="(dom_\d+)"', (await portal.get(f"{newer}/settings")).text)
    await portal.done(f"{newer}/domains", {ids[0]: "true"})
    assert here in await portal.text(newer)
    assert domain not in await portal.text(older)


async def test_a_member_who_may_only_read_changes_nothing(portal, member, shown):
    path = await saml(portal)
    reader = await member("sk_org_sso_read")
    for page in (
        "",
        *(
            f"{path}{part}"
            for part in ("", "/guide", "/details", "/attributes", "/test", "/settings")
        ),
    ):
        answer = await reader.get(page)
        assert answer.status_code == 200, page
        assert "<button>" not in answer.text
        assert "/delete" not in answer.text
    for form in (
        "enable",
        "delete",
        "details/url",
        "attributes",
        "settings",
        "domains",
        "certificates",
    ):
        answer = await reader.http.post(f"{reader.root}{path}/{form}", headers=reader.headers)
        assert answer.status_code == 403, form
    for page in ("/new", "/new/okta"):
        assert (await reader.get(page)).status_code == 403
    assert not (await shown(path)).get("enabled")


async def test_fields_that_no_form_has_change_nothing(portal, shown):
    path = await portal.make("saml", "saml")
    odd = {"visit": "x", "path": "https://evil.example", "field": "y", "": "z", "key": "w"}
    for where in ("details/saml", "details/oidc", "details/url", "attributes"):
        headers = portal.headers
        answer = await portal.http.post(f"{portal.root}{path}/{where}", data=odd, headers=headers)
        assert answer.status_code == 303, where
        assert answer.headers["location"].startswith(f"{portal.root}{path}"), where
    assert (await shown(path))["status"] == "DRAFT"
    for missing in ("/new/nobody", "/new/..%2fokta", "/conn_1", "/conn_1/guide"):
        assert (await portal.get(missing)).status_code == 404


async def test_a_private_key_is_never_repeated(portal):
    path = await portal.make("saml", "saml")
    given = BY_HAND | {"idp_entity_id": "", "certificate": KEY}
    problems, text = await portal.refused(f"{path}/details/saml", given, certificate_file=NO_FILE)
    assert list(problems) == ["idp_entity_id"]
    assert "PRIVATE KEY" not in text


async def test_the_simulator_needs_no_details(portal, rest, organization):
    made = await rest.connections.create_connection(
        organization_id=organization["id"],
        connection={"provider": "IDP_SIMULATOR", "type": "OIDC"},
    )
    path = f"/{made['connection']['id']}"
    assert "Provide the issuer" not in await portal.text(path)
    place, _ = await portal.post(f"{path}/enable")
    assert "done=sso_enabled" in place
    assert "told=" in place


async def test_a_member_who_may_manage_does_all_that_a_link_does(member, shown):
    admin = await member("sk_org_sso_read", "sk_org_sso_manage")
    path = await saml(admin)
    await admin.done(f"{path}/enable")
    await admin.done(f"{path}/settings", {"accept_sha1": "true"})
    await admin.done(f"{path}/attributes", {"to-email": "mail"}, f=NO_FILE)
    assert (await shown(path))["attribute_mapping"] == {"email": "mail"}
    await admin.done(f"{path}/details/file", metadata=("m.xml", MetadataPage().xml))
    for page in ("/guide", "/details", "/test", "/settings"):
        await admin.text(path + page)
    await admin.done(f"{path}/delete")


async def test_a_connection_of_another_organization_is_not_there(http, make, rest, portal):
    other = await make.organization()
    await rest.organizations.update_organization_settings(
        id=other["id"], settings={"features": [{"name": "sso", "enabled": True}]}
    )
    stranger = Pages(http, await make.portal_session(http, other["id"]))
    path = await saml(portal)
    for page in ("", "/guide", "/details", "/attributes", "/test", "/settings"):
        assert (await stranger.get(path + page)).status_code == 404
    for form in ("enable", "delete", "settings", "details/url"):
        answer = await http.post(
            f"{stranger.root}{path}/{form}",
            data={"idp_metadata_url": "x"},
            headers=stranger.headers,
        )
        assert answer.status_code == 404, form
    assert (await portal.get(path)).status_code == 200


async def test_a_form_of_another_site_is_refused(http, portal):
    path = await saml(portal)
    for told in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
        headers = {"cookie": portal.headers["cookie"], **told}
        answer = await http.post(f"{portal.root}{path}/delete", headers=headers)
        assert answer.status_code == 403
    assert (await portal.get(path)).status_code == 200


async def test_hostile_texts_are_texts(portal):
    path = await saml(portal)
    hostile = '"><script>alert(1)</script>{{7*7}}<b>'
    given = BY_HAND | {"idp_entity_id": hostile}
    await portal.done(f"{path}/details/saml", given, certificate_file=NO_FILE)
    await portal.done(f"{path}/settings", {"ui_button_title": hostile})
    await portal.done(f"{path}/attributes", {"to-email": hostile}, f=NO_FILE)
    for page in (
        "",
        path,
        *(f"{path}/{one}" for one in ("guide", "details", "attributes", "settings")),
    ):
        text = (await portal.get(page)).text
        assert "<script>alert" not in text
        assert "49" not in text.partition("alert(1)")[2][:40]


async def test_pages_speak_german(http, portal):
    path = await saml(portal)
    portal.headers["accept-language"] = "de"
    for page in (
        "",
        "/new",
        path,
        *(f"{path}/{one}" for one in ("guide", "details", "attributes", "test", "settings")),
    ):
        assert '<html lang="de">' in (await portal.get(page)).text
    assert "App-Integration anlegen" in await portal.text(f"{path}/guide")
    problems, _ = await portal.refused(
        f"{path}/details/url", {"idp_metadata_url": "https://127.0.0.1:1/x"}
    )
    assert "Metadaten" in problems["idp_metadata_url"]


@pytest.mark.parametrize("reader", LANGUAGES)
async def test_the_steps_of_a_guide_are_in_the_reader_s_language_and_labels_in_english(
    portal, reader
):
    path = await portal.make("okta", "saml")
    portal.headers["accept-language"] = reader
    text = (await portal.get(f"{path}/guide")).text
    assert f'<html lang="{reader}">' in text
    assert set(re.findall(r'<(?:h2|p) lang="(\w+)">', text)) == {reader}
    assert "<b lang='en'>Create App Integration</b>" in text
    assert 'lang="en">Audience URI (SP Entity ID)</span>' in text
    assert ("and enter your product" in text) == (reader == "en")
    details = (await portal.get(f"{path}/details")).text
    assert '<span lang="en">Metadata URL</span>' in details


@pytest.mark.parametrize("reader", LANGUAGES)
async def test_a_failed_read_of_a_provider_is_told_in_the_reader_s_language(portal, reader):
    path = await saml(portal)
    portal.headers["accept-language"] = reader
    problems, text = await portal.refused(
        f"{path}/details/url", {"idp_metadata_url": "https://127.0.0.1:1/x"}
    )
    assert f'<html lang="{reader}">' in text
    remedy = explanations.say_fault(reader, FAULT.sentence.format(reason="x")).remedy
    assert remedy in problems["idp_metadata_url"]


async def test_only_a_test_ticks_the_step_of_the_test(portal):
    path = await saml(portal)
    await portal.done(f"{path}/enable")
    page = (await portal.get(path)).text
    steps = re.findall(r"<li([^>]*)>\s*<h2>([^<]*)", page)
    done = {name.strip(): 'class="done"' in attributes for attributes, name in steps}
    assert done["Test the connection"] is False
    assert list(done.values()).count(True) == 3


async def test_a_test_that_ends_at_the_provider_leaves_a_trace(portal, http, shown):
    path = await saml(portal)
    assert "No tests in the last hour" in await portal.text(f"{path}/test")
    begun = await http.get((await shown(path))["test_connection_uri"])
    assert begun.status_code in {200, 303}  # a form or a redirect to the provider
    text = await portal.text(f"{path}/test")
    assert "Not completed" in text
    assert "The test has not completed." in text


async def test_without_a_verified_domain_the_pages_warn(portal, make, organization):
    warning = "Your organization has no verified domain."
    path = await saml(portal)
    assert warning in await portal.text(path)
    await portal.done(f"{path}/enable")
    assert warning in await portal.text(path)
    await make.domain(organization["id"], domain_type="ALLOWED_EMAIL_DOMAIN")
    assert warning in await portal.text(path)
    await make.domain(organization["id"], domain_type="ORGANIZATION_DOMAIN")
    assert warning not in await portal.text(path)
