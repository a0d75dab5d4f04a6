"""A sign-in by SAML over the wire: the way to the identity provider, and the way back."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from connections_of_tests import start
from hosted import answered, heading
from lxml import etree
from saml_idps import SSO_URL, asked, post, provider, saml_connection, text_of
from saml_provider import GOOD, NAMESPACES, SHA256, attribute, form, pair

from tenantry.core.times import MINUTE, now
from tenantry.identity.connections.certificates.key_pairs import ensure
from tenantry.identity.connections.saml import bindings
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.federation import requests

FORMATS = {
    "NAME_ID_FORMAT_NIL": None,
    "UNSPECIFIED": NameIDFormat.UNSPECIFIED,
    "EMAIL": NameIDFormat.EMAIL,
    "TRANSIENT": NameIDFormat.TRANSIENT,
    "PERSISTENT": NameIDFormat.PERSISTENT,
}
OPTIONS = {
    "NO_SIGNING": {"assertion signed", "response signed", "both signed"},
    "SAML_ONLY_RESPONSE_SIGNING": {"response signed", "both signed"},
    "SAML_ONLY_ASSERTION_SIGNING": {"assertion signed", "both signed"},
    "SAML_RESPONSE_ASSERTION_SIGNING": {"both signed"},
    "SAML_RESPONSE_OR_ASSERTION_SIGNING": {"assertion signed", "response signed", "both signed"},
}
ENCRYPTED = [
    "assertion signed and encrypted",
    "response signed, assertion encrypted",
    "both signed, assertion encrypted",
]


async def identity_of(place, visitor, answer):
    """The verified identity that a browser is led back with, and to which sign-in."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    found = re.fullmatch(
        rf"{place.server.url}(/login/areq_\d+)/sso\?arrival=([\w-]{{43}})", location
    )
    assert found, location
    assert found[1] == visitor.path
    assert answer.headers["referrer-policy"] == "no-referrer"
    request, identity = await requests.take_arrival(place.database, found[2])
    assert f"/login/{request.auth_request_id}" == visitor.path
    return identity


@pytest.mark.parametrize("binding", ["HTTP_REDIRECT", "HTTP_POST"])
@pytest.mark.parametrize("signed", [False, True])
async def test_the_browser_takes_a_request_along(place, application, visitor, binding, signed):
    conn = await saml_connection(place, idp_sso_request_binding=binding, want_request_signed=signed)
    sent = await start(visitor, application, conn)
    assert sent.headers["cache-control"] == "no-store"
    request = asked(sent)
    base = f"{place.server.url}/sso/v1/saml/{conn.id}"
    root = request.root
    assert request.url.startswith(SSO_URL)
    assert len(request.relay_state) <= 80
    assert root.get("AssertionConsumerServiceURL") == f"{base}/callback"
    assert root.get("Destination") == SSO_URL
    assert root.get("ForceAuthn") is None
    assert text_of(root, "saml:Issuer") == base
    by_form = root.find("ds:Signature", NAMESPACES)
    assert (by_form is not None) == (signed and binding == "HTTP_POST")
    assert ("Signature" in request.query) == (signed and binding == "HTTP_REDIRECT")


@pytest.mark.parametrize("signed", [False, True])
async def test_the_address_of_the_person_goes_along(place, application, visitor, signed):
    conn = await saml_connection(place, want_request_signed=signed)
    sent = await start(visitor, application, conn, login_hint="ann+1@acme.test")
    location = sent.headers["location"]
    assert location.endswith("&login_hint=ann%2B1%40acme.test")
    assert asked(sent).root.get("Destination") == SSO_URL
    if signed:
        # With all of the query, as the provider gets it.
        received = bindings.read_query(urlsplit(location).query, bindings.REQUEST)
        certificate = (await ensure(place.database)).current.pair.certificate
        received.verify([certificate], sha1=False)
        assert "login_hint" not in received.octets.decode()


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"idp_sso_url": "https://idp.test/sso?login_hint=x%40y.test"}, "ann@acme.test"),
        ({"idp_sso_request_binding": "HTTP_POST"}, "ann@acme.test"),
        ({}, "a" * 300 + "@acme.test"),
    ],
    ids=["its own", "a form", "long"],
)
async def test_an_address_stays_here(place, application, visitor, settings, hint):
    conn = await saml_connection(place, **settings)
    request = asked(await start(visitor, application, conn, login_hint=hint))
    assert hint.replace("@", "%40") not in request.url
    assert request.url.count("login_hint") == str(settings).count("login_hint")


@pytest.mark.parametrize("name", FORMATS)
async def test_a_kind_of_name_id_is_asked_for(place, application, visitor, name):
    conn = await saml_connection(place, idp_name_id_format=name)
    request = asked(await start(visitor, application, conn))
    assert request.root.find("samlp:NameIDPolicy", NAMESPACES).get("Format") == FORMATS[name]


@pytest.mark.parametrize(
    "case",
    [
        ({}, {}, False),
        ({"force_authn": True}, {}, True),
        ({}, {"prompt": "login"}, True),
        ({}, {"max_age": 0}, True),
        ({}, {"max_age": 60}, False),
    ],
)
async def test_a_new_proof_is_asked_for(place, application, visitor, case):
    settings, members, forced = case
    conn = await saml_connection(place, **settings)
    request = asked(await start(visitor, application, conn, **members))
    assert (request.root.get("ForceAuthn") == "true") == forced
    old = provider(place, conn, request).but(issue_instant=now() - 10 * MINUTE)
    answer = await post(visitor, conn, old, request.relay_state)
    if forced:
        assert answered(answer)["error"] == "user_login_required"
    else:
        assert (await identity_of(place, visitor, answer)).email == "ann@acme.test"


@pytest.mark.parametrize("good", ["assertion signed", "response signed", "both signed"])
@pytest.mark.parametrize("option", OPTIONS)
async def test_a_response_has_the_signatures_of_the_option(
    place, application, visitor, option, good
):
    conn = await saml_connection(place, saml_signing_option=option)
    request = asked(await start(visitor, application, conn))
    answer = await post(visitor, conn, provider(place, conn, request, good), request.relay_state)
    if good in OPTIONS[option]:
        identity = await identity_of(place, visitor, answer)
        assert identity.subject == identity.email == "ann@acme.test"
        assert identity.profile == {"given_name": "Ann", "family_name": "Lee"}
        assert identity.groups == ("staff", "admins & others")
        assert identity.session_index == "_session"
        assert identity.hint["value"] == "ann@acme.test"
    else:
        failed = answered(answer)
        assert failed["error"] == "signature_validation_failed"
        assert failed["state"] == "a state"


@pytest.mark.parametrize("good", ENCRYPTED)
async def test_an_encrypted_assertion_is_for_our_key(place, application, visitor, good):
    ours = (await ensure(place.database)).current.pair
    conn = await saml_connection(place, assertion_encrypted=True)
    request = asked(await start(visitor, application, conn))
    response = provider(place, conn, request, good).but(for_=ours)
    answer = await post(visitor, conn, response, request.relay_state)
    assert (await identity_of(place, visitor, answer)).email == "ann@acme.test"
    request = asked(await start(visitor, application, conn))
    elsewhere = provider(place, conn, request, good).but(for_=pair("somebody"))
    answer = await post(visitor, conn, elsewhere, request.relay_state)
    assert answered(answer)["error"] == "invalid_saml_response"
    request = asked(await start(visitor, application, conn))
    answer = await post(visitor, conn, provider(place, conn, request), request.relay_state)
    assert answered(answer)["error"] == "invalid_saml_response"  # not encrypted


async def test_an_address_comes_by_the_mapping_of_the_connection(place, application, visitor):
    mapping = {"email": "user.mail", "name": "shown", "groups": "teams"}
    conn = await saml_connection(place, members={"attribute_mapping": mapping})
    sent = (
        attribute("user.mail", "bo@acme.test")
        + attribute("email", "other@acme.test")
        + attribute("shown", "Bo Li")
        + attribute("teams", "one", "two", "one")
    )
    request = asked(await start(visitor, application, conn))
    response = provider(place, conn, request).but(attributes=sent)
    identity = await identity_of(
        place, visitor, await post(visitor, conn, response, request.relay_state)
    )
    assert (identity.email, identity.profile) == ("bo@acme.test", {"name": "Bo Li"})
    assert identity.groups == ("one", "two")
    assert not identity.email_verified


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        (attribute("firstName", "Ann"), "firstName"),
        (attribute("email", "ann at acme"), "ann at acme"),
        (attribute("email", ""), "no attributes"),
    ],
)
async def test_without_an_address_nobody_signs_in(place, application, visitor, attributes, said):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    plain = "<saml:NameID>ann</saml:NameID>"
    response = provider(place, conn, request).but(attributes=attributes, subject=plain)
    failed = answered(await post(visitor, conn, response, request.relay_state))
    assert failed["error"] == "mandatory_attribute_missing"
    assert said in failed["error_description"]


async def test_a_transient_name_id_names_nobody_for_long(place, application, visitor):
    conn = await saml_connection(place, idp_name_id_format="TRANSIENT")
    for name in ("_t1", "_t2"):
        request = asked(await start(visitor, application, conn))
        subject = f'<saml:NameID Format="{NameIDFormat.TRANSIENT}">{name}</saml:NameID>'
        response = provider(place, conn, request).but(subject=subject)
        identity = await identity_of(
            place, visitor, await post(visitor, conn, response, request.relay_state)
        )
        assert identity.subject == "ann@acme.test"
        assert identity.hint["value"] == name


async def test_names_and_addresses_of_another_vendor_are_kept(place, application, visitor):
    old = {
        "sp_entity_id": "https://old.vendor.test/acme",
        "sp_assertion_url": "https://old.vendor.test/acme/acs",
    }
    conn = await saml_connection(place, **old)
    for acs in (old["sp_assertion_url"], f"{place.server.url}/sso/v1/saml/{conn.id}/callback"):
        request = asked(await start(visitor, application, conn))
        assert text_of(request.root, "saml:Issuer") == old["sp_entity_id"]
        assert request.root.get("AssertionConsumerServiceURL") == old["sp_assertion_url"]
        response = provider(place, conn, request).but(
            audience=old["sp_entity_id"], destination=acs, recipient=acs
        )
        # Another host, whose name leads here; the way back is our own.
        answer = await visitor.http.post(
            f"/sso/v1/saml/{conn.id}/callback",
            data={
                "SAMLResponse": form(response.xml()),
                "RelayState": request.relay_state,
            },
            headers={"host": "old.vendor.test"},
        )
        assert (await identity_of(place, visitor, answer)).email == "ann@acme.test"


async def test_an_address_of_a_connection_of_before_is_served(place, application, visitor):
    """Its host leads here now, and its path names a connection that another vendor had."""
    old = "https://auth.acme.test/sso/v1/saml/conn_7/callback"
    conn = await saml_connection(place, sp_assertion_url=old)
    for path, taken in (("conn_7", True), ("conn_8", False)):
        request = asked(await start(visitor, application, conn))
        response = provider(place, conn, request).but(destination=old, recipient=old)
        answer = await visitor.http.post(
            f"/sso/v1/saml/{path}/callback",
            data={"SAMLResponse": form(response.xml()), "RelayState": request.relay_state},
            headers={"host": "auth.acme.test"},
        )
        assert answer.status_code == (303 if taken else 400)
        if taken:
            assert (await identity_of(place, visitor, answer)).email == "ann@acme.test"


async def test_a_long_list_of_groups_comes_whole(place, application, visitor):
    conn = await saml_connection(place)
    request = asked(await start(visitor, application, conn))
    many = [f"group-{number:04}-of-a-large-directory" for number in range(900)]
    response = provider(place, conn, request, "both signed").but(
        attributes=attribute("email", "ann@acme.test") + attribute("memberOf", *many)
    )
    answer = await post(visitor, conn, response, request.relay_state)
    identity = await identity_of(place, visitor, answer)
    assert identity.groups == tuple(many)


@pytest.mark.parametrize("path", ["", "/metadata"])
async def test_metadata_says_what_an_identity_provider_needs(place, visitor, path):
    conn = await saml_connection(place, want_request_signed=True)
    base = f"{place.server.url}/sso/v1/saml/{conn.id}"
    answer = await visitor.http.get(urlsplit(base).path + path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/samlmetadata+xml")
    assert "content-disposition" not in answer.headers
    root = etree.fromstring(answer.content)
    assert root.get("entityID") == base
    md = {"md": "urn:oasis:names:tc:SAML:2.0:metadata"}
    (role,) = root.findall("md:SPSSODescriptor", md)
    assert role.get("AuthnRequestsSigned") == "true"
    acs = [one.get("Location") for one in role.findall("md:AssertionConsumerService", md)]
    assert acs == [f"{base}/callback"]
    uses = [one.get("use") for one in role.findall("md:KeyDescriptor", md)]
    assert sorted(uses) == ["encryption", "signing"]
    assert root.find("ds:Signature", NAMESPACES) is not None
    assert SHA256 in answer.text
    saved = await visitor.http.get(f"{urlsplit(base).path}{path}?download")
    assert saved.headers["content-disposition"] == f'attachment; filename="{conn.id}.xml"'


async def test_there_is_no_metadata_of_what_is_no_saml_connection(place, visitor):
    for path in ("conn_1", "conn_999999999999999999", "x", "conn_%F0%9F%98%80"):
        answer = await visitor.http.get(f"/sso/v1/saml/{path}/metadata")
        assert answer.status_code == 404


async def test_a_browser_is_told_what_is_wrong_in_its_language(place, application, visitor):
    conn = await saml_connection(place)
    answer = await post(visitor, conn, GOOD["assertion signed"], None)
    assert answer.status_code == 400
    assert heading(answer) == "Sign-in failed"
