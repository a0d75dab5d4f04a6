"""Metadata: an identity provider's is read within bounds, and ours is one that others read."""

from __future__ import annotations

import base64

import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from saml_attacks import TEXTS
from saml_provider import ACS, NAMESPACES, NOW, SLO, SP, pair

from tenantry.core.times import DAY, SECOND
from tenantry.identity.connections.saml import certificates
from tenantry.identity.connections.saml.certificates import base64_of
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import idp_metadata, sp_metadata
from tenantry.identity.connections.saml.metadata.idp_metadata import IdentityProvider
from tenantry.identity.connections.saml.names import Binding, NameIDFormat

MD = "urn:oasis:names:tc:SAML:2.0:metadata"
XMLNS = f'xmlns:md="{MD}" xmlns:ds="{NAMESPACES["ds"]}"'
SAMLP = NAMESPACES["samlp"]


def key(name, use=' use="signing"'):
    encoded = base64_of(pair(name).certificate)
    lines = "\n".join(encoded[at : at + 64] for at in range(0, len(encoded), 64))
    return (
        f"<md:KeyDescriptor{use}><ds:KeyInfo><ds:X509Data><ds:X509Certificate>\n{lines}\n"
        "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    )


def endpoint(service, binding, url, more=""):
    return f'<md:{service} Binding="{binding}" Location="{url}"{more}/>'


SSO = endpoint("SingleSignOnService", Binding.HTTP_REDIRECT, "https://idp.test/sso")
SIGNED = ' WantAuthnRequestsSigned="true"'


def entity(inner=None, *, name="https://idp.test/metadata", more="", role="", xmlns=XMLNS):
    inner = key("idp") + SSO if inner is None else inner
    return (
        f'<md:EntityDescriptor {xmlns} entityID="{name}"{more}>'
        f'<md:IDPSSODescriptor protocolSupportEnumeration="{SAMLP}"{role}>{inner}'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


def read(text):
    return idp_metadata.read(text.encode())


def refused(text, said):
    with pytest.raises(SAMLError, match=said) as raised:
        read(text)
    assert raised.value.code == "invalid_saml_metadata"


def test_all_that_a_connection_needs_is_read():
    inner = (
        key("idp")
        + key("next", "")
        + key("idp", "")
        + key("sp", ' use="encryption"')
        + endpoint(
            "SingleLogoutService",
            Binding.HTTP_POST,
            "https://idp.test/slo",
            ' ResponseLocation="https://idp.test/slo/done"',
        )
        + endpoint("SingleLogoutService", Binding.HTTP_REDIRECT, "https://idp.test/slo/r")
        + "<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</md:NameIDFormat>"
        + "<md:NameIDFormat>urn:mace:shibboleth:1.0:nameIdentifier</md:NameIDFormat>"
        + endpoint("SingleSignOnService", "urn:oasis:names:tc:SAML:2.0:bindings:SOAP", "urn:x")
        + SSO
        + endpoint("SingleSignOnService", Binding.HTTP_REDIRECT, "https://idp.test/second")
        + endpoint("SingleSignOnService", Binding.HTTP_POST, "https://idp.test/post?a=1&amp;b=2")
    )
    assert read(entity(inner, role=SIGNED)) == IdentityProvider(
        entity_id="https://idp.test/metadata",
        sso_urls={
            Binding.HTTP_REDIRECT: "https://idp.test/sso",
            Binding.HTTP_POST: "https://idp.test/post?a=1&b=2",
        },
        slo_urls={
            Binding.HTTP_POST: "https://idp.test/slo",
            Binding.HTTP_REDIRECT: "https://idp.test/slo/r",
        },
        slo_response_urls={
            Binding.HTTP_POST: "https://idp.test/slo/done",
            Binding.HTTP_REDIRECT: "https://idp.test/slo/r",
        },
        certificates=(pair("idp").certificate, pair("next").certificate),
        want_authn_requests_signed=True,
        valid_until=None,
    )


def test_the_first_end_of_validity_counts_and_a_past_one_is_told_not_refused():
    until = ' validUntil="2026-01-01T00:00:{}Z"'
    text = entity(more=until.format("02"), role=until.format("01"))
    assert read(text).valid_until == 1_767_225_601 * SECOND
    assert read(entity(more=until.format("02"))).valid_until == 1_767_225_602 * SECOND


def test_comments_and_a_declaration_are_usual_in_metadata():
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<!-- for Acme -->\n' + entity(
        f"<!-- <ds:old/> -->{key('idp')}{SSO}"
    )
    assert read(text).entity_id == "https://idp.test/metadata"
    certificate = base64_of(pair("idp").certificate)
    divided = entity(
        key("idp").replace("\n", "").replace(certificate[:50], f"{certificate[:50]}<!-- -->") + SSO
    )
    assert read(divided).certificates == (pair("idp").certificate,)


def test_one_identity_provider_is_found_among_other_entities():
    service = (
        '<md:EntityDescriptor entityID="https://other.test"><md:SPSSODescriptor '
        f'protocolSupportEnumeration="{SAMLP}"/></md:EntityDescriptor>'
    )
    inner = entity(xmlns="")
    both = f"<md:EntitiesDescriptor {XMLNS}>{service}{{}}</md:EntitiesDescriptor>"
    assert read(both.format(inner)).entity_id == "https://idp.test/metadata"
    nested = f"<md:EntitiesDescriptor>{inner}</md:EntitiesDescriptor>"
    assert read(both.format(nested)).entity_id == "https://idp.test/metadata"
    refused(both.format(inner + inner), "2 SAML 2.0 identity providers")
    refused(both.format(""), "0 SAML 2.0 identity providers")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not valid XML"),
        ("<html><body>Sign in</body></html>", "0 SAML 2.0 identity providers"),
        (entity(name=""), "entityID"),
        (entity(name="a" * 1025), "entityID"),
        (entity(key("idp")), "SingleSignOnService"),
        (entity(SSO), "no signing certificate"),
        (entity(key("sp", ' use="encryption"') + SSO), "no signing certificate"),
        (
            entity().replace(SAMLP, "urn:oasis:names:tc:SAML:1.1:protocol"),
            "0 SAML 2.0 identity providers",
        ),
        (entity(more=' validUntil="soon"'), "validUntil"),
        (entity("<x/>" * 5000), "too many elements"),
        (f"<!DOCTYPE x>{entity()}", "DTD"),
        (entity("<?x y?>"), "processing instruction"),
        (entity(more=' ID="_1"', role=' Id="_1"'), "_1"),
        (entity(" " * 300_000), "256 KB"),
        (f"{entity()}<!-- ", "not valid XML"),
        (entity("".join(key(f"idp{n}") for n in range(9)) + SSO), "more than 8"),
    ],
)
def test_other_documents_are_refused_and_say_why(text, said):
    refused(text, said)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://idp.test",
        "//idp.test/sso",
        "https://",
        "https://[",
        "https://idp.test/a b",
        "https://idp.test/é",
        "https://idp.test/&#10;x",
        "https://idp.test/" + "a" * 2048,
    ],
)
def test_an_address_that_is_none_of_the_web_is_refused(url):
    refused(
        entity(key("idp") + endpoint("SingleSignOnService", Binding.HTTP_POST, url)),
        "URL is invalid",
    )


def test_a_certificate_that_we_cannot_use_is_left_out_beside_another():
    broken = "<md:KeyDescriptor><ds:KeyInfo><ds:X509Data><ds:X509Certificate>AAAA"
    broken += "</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
    assert read(entity(broken + key("idp") + SSO)).certificates == (pair("idp").certificate,)
    refused(entity(broken + SSO), "not an X.509 certificate")


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_harms_parsers_is_refused(name):
    bent = TEXTS[name](entity().replace("</md:Entity", "</samlp:Response></md:Entity").encode())
    with pytest.raises(SAMLError):
        idp_metadata.read(bent)


# Ours.
def ours(**changes: object):
    return sp_metadata.write(
        **{
            "identifier": "_md",
            "sp_entity_id": SP,
            "acs_urls": [ACS, "https://old.test/acs"],
            "slo_urls": [SLO],
            "current": pair("sp"),
            "others": [pair("next").certificate],
            "authn_requests_signed": True,
            "want_assertions_signed": True,
            "name_id_format": NameIDFormat.EMAIL,
            "valid_until": NOW + 30 * DAY,
            **changes,
        }
    )


def test_our_metadata_says_addresses_and_keys_the_next_one_too():
    root = etree.fromstring(ours())
    names = {"md": MD, **NAMESPACES}
    assert root.get("entityID") == SP
    assert root.get("validUntil") == "2026-10-21T14:13:20Z"
    (role,) = root.findall("md:SPSSODescriptor", names)
    assert dict(role.attrib) == {
        "AuthnRequestsSigned": "true",
        "WantAssertionsSigned": "true",
        "protocolSupportEnumeration": SAMLP,
    }
    keys = [
        (
            one.get("use"),
            certificates.read(one.findtext(".//ds:X509Certificate", namespaces=names).encode()),
        )
        for one in role.findall("md:KeyDescriptor", names)
    ]
    both = [pair("sp").certificate, pair("next").certificate]
    assert keys == [(use, one) for use in ("signing", "encryption") for one in both]
    places = [
        (one.get("Binding"), one.get("Location"), one.get("index"), one.get("isDefault"))
        for one in role.findall("md:AssertionConsumerService", names)
    ]
    post, redirect = Binding.HTTP_POST, Binding.HTTP_REDIRECT
    assert places == [
        (post, ACS, "0", "true"),
        (post, "https://old.test/acs", "1", "false"),
    ]
    logout = [one.get("Binding") for one in role.findall("md:SingleLogoutService", names)]
    assert sorted(logout) == sorted([post, redirect])
    assert role.findtext("md:NameIDFormat", namespaces=names) == NameIDFormat.EMAIL
    # The schema has an order.
    order = [etree.QName(one).localname for one in role]
    assert order == sorted(
        order,
        key=[
            "KeyDescriptor",
            "SingleLogoutService",
            "NameIDFormat",
            "AssertionConsumerService",
        ].index,
    )


def test_our_metadata_is_signed_by_the_current_key_in_front_of_all():
    root = etree.fromstring(ours())
    assert etree.QName(root[0]).localname == "Signature"
    xmlsec.tree.add_ids(root, ["ID"])
    context = xmlsec.SignatureContext()
    pem = pair("sp").certificate.public_bytes(Encoding.PEM)
    context.key = xmlsec.Key.from_memory(pem, xmlsec.KeyFormat.CERT_PEM)
    context.verify(root[0])


def test_our_metadata_leaves_out_whatever_there_is_not():
    root = etree.fromstring(
        ours(
            slo_urls=[],
            others=[],
            name_id_format=None,
            authn_requests_signed=False,
            want_assertions_signed=False,
        )
    )
    text = etree.tostring(root).decode()
    assert "SingleLogout" not in text
    assert "NameIDFormat" not in text
    assert text.count("KeyDescriptor use=") == 2
    assert 'AuthnRequestsSigned="false" WantAssertionsSigned="false"' in text
    assert base64.b64decode(root.findtext(f".//{{{NAMESPACES['ds']}}}SignatureValue"))
