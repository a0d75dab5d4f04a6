"""Messages of ours, and of single logout, over both bindings; signatures checked by xmlsec."""

from __future__ import annotations

import base64
import zlib
from urllib.parse import parse_qs, quote, urlsplit

import pytest
import xmlsec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from saml_attacks import WRAPPINGS, forge
from saml_provider import (
    ACS,
    EMAIL_FORMAT,
    GCM,
    IDP,
    NAMESPACES,
    NOW,
    SKEW,
    SLO,
    SP,
    Provider,
    elliptic_pair,
    form,
    pair,
    pem,
    sign,
    trust,
)

from tenantry.core.times import MINUTE
from tenantry.identity.connections.saml import bindings, faults, logout, parsing, writing
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.connections.saml.trust import NameID

SSO = "https://idp.test/sso"
ANN = NameID("ann@acme.test", EMAIL_FORMAT, "idp", SP)
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"


def authn_request(**changes: object):
    return writing.authn_request(
        **{
            "identifier": "_1",
            "sp_entity_id": SP,
            "acs_url": ACS,
            "sso_url": SSO,
            "now": NOW,
            **changes,
        }
    )


def verified_by_xmlsec(element, certificate):
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(
        certificate.public_bytes(Encoding.PEM), xmlsec.KeyFormat.CERT_PEM
    )
    context.verify(element.find("ds:Signature", NAMESPACES))


def test_an_authn_request_says_where_the_answer_goes():
    root = authn_request(name_id_format=NameIDFormat.PERSISTENT, force_authn=True)
    assert dict(root.attrib) == {
        "ID": "_1",
        "Version": "2.0",
        "IssueInstant": "2026-09-21T14:13:20Z",
        "Destination": SSO,
        "ForceAuthn": "true",
        "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
        "AssertionConsumerServiceURL": ACS,
    }
    assert (parsing.local(root[0].tag), root[0].text) == ("Issuer", SP)
    policy = root.find("samlp:NameIDPolicy", NAMESPACES)
    assert dict(policy.attrib) == {
        "Format": "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent",
        "AllowCreate": "true",
    }
    plain = authn_request()
    assert "ForceAuthn" not in plain.attrib
    assert "Format" not in plain.find("samlp:NameIDPolicy", NAMESPACES).attrib


def test_ids_are_names_of_xml_and_differ():
    ids = {writing.new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(one) == 41 and one.startswith("_") for one in ids)


def test_a_redirect_is_signed_over_its_exact_query():
    url = bindings.redirect(
        f"{SSO}?tenant=1", "SAMLRequest", authn_request(), relay_state="a b&c/é", pair=pair("sp")
    )
    assert url.startswith(f"{SSO}?tenant=1&SAMLRequest=")
    query = urlsplit(url).query.partition("&")[2]
    octets = query.partition("&Signature=")[0]
    key = pair("sp").certificate.public_key()
    given = parse_qs(query)
    value = base64.b64decode(given["Signature"][0])
    key.verify(value, octets.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert given["RelayState"] == ["a b&c/é"]
    assert given["SigAlg"] == [RSA_SHA256]
    message = zlib.decompress(base64.b64decode(given["SAMLRequest"][0]), -15)
    assert etree.fromstring(message).get("ID") == "_1"
    with pytest.raises(InvalidSignature):
        key.verify(value, octets.encode() + b"x", padding.PKCS1v15(), hashes.SHA256())


def test_a_redirect_need_not_be_signed_nor_have_a_relay_state():
    url = bindings.redirect(SSO, "SAMLRequest", authn_request(), relay_state=None, pair=None)
    assert set(parse_qs(urlsplit(url).query)) == {"SAMLRequest"}
    read = bindings.read_query(urlsplit(url).query, "SAMLRequest")
    assert (read.relay_state, read.signature) == (None, None)
    assert read.message == etree.tostring(authn_request())


@pytest.mark.parametrize("message", ["request", "logout"])
def test_a_form_has_the_signature_in_the_message_behind_its_issuer(message):
    root = authn_request() if message == "request" else our_logout_request()
    value = bindings.form_value(root, pair=pair("sp"))
    signed = etree.fromstring(base64.b64decode(value))
    assert parsing.local(signed[1].tag) == "Signature"
    verified_by_xmlsec(signed, pair("sp").certificate)
    plain = etree.fromstring(base64.b64decode(bindings.form_value(root, pair=None)))
    assert plain.find("ds:Signature", NAMESPACES) is None


def test_names_with_marks_of_xml_are_written_as_text():
    root = authn_request(sp_entity_id="urn:a<b>&'\"", sso_url="https://idp.test/?a=1&b=2")
    again = etree.fromstring(etree.tostring(root))
    assert again[0].text == "urn:a<b>&'\""
    assert again.get("Destination") == "https://idp.test/?a=1&b=2"


# Single logout.
def our_logout_request():
    return logout.logout_request(
        identifier="_2",
        sp_entity_id=SP,
        slo_url=f"{IDP}/slo",
        name_id=ANN,
        session_index="_session",
        now=NOW,
        not_on_or_after=NOW + 5 * MINUTE,
    )


def test_a_logout_request_names_the_subject_as_it_came():
    root = our_logout_request()
    name_id = root.find("saml:NameID", NAMESPACES)
    assert name_id.text == ANN.value
    assert dict(name_id.attrib) == {
        "Format": EMAIL_FORMAT,
        "NameQualifier": "idp",
        "SPNameQualifier": SP,
    }
    assert root.findtext("samlp:SessionIndex", namespaces=NAMESPACES) == "_session"
    assert root.get("NotOnOrAfter") == "2026-09-21T14:18:20Z"


LOGOUT = """<samlp:{kind} xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" \
xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_logout" Version="2.0" \
IssueInstant="{issued}" Destination="{destination}" {more}>\
<saml:Issuer>{issuer}</saml:Issuer>{inner}</samlp:{kind}>"""
SUBJECT = f'<saml:NameID Format="{EMAIL_FORMAT}">ann@acme.test</saml:NameID>'
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"


def theirs(
    kind="LogoutRequest",
    destination=SLO,
    more="",
    issuer=IDP,
    inner=None,
    *,
    issued="2026-09-21T14:13:20Z",
):
    if inner is None:
        inner = f"{SUBJECT}<samlp:SessionIndex>_session</samlp:SessionIndex>"
    text = LOGOUT.format(
        kind=kind,
        destination=destination,
        more=more,
        issuer=issuer,
        inner=inner,
        issued=issued,
    )
    return etree.fromstring(text)


def answer(code="Success", second=""):
    nested = f'<samlp:StatusCode Value="{STATUS}{second}"/>' if second else ""
    status = f'<samlp:Status><samlp:StatusCode Value="{STATUS}{code}">{nested}'
    return theirs(
        "LogoutResponse",
        more='InResponseTo="_2"',
        inner=f"{status}</samlp:StatusCode></samlp:Status>",
    )


def posted(root, by="idp"):
    return form(etree.tostring(sign(root, pem(pair(by).private_key))))


def redirected(root, by="idp", parameter="SAMLRequest", change=lambda query: query):
    url = bindings.redirect(SLO, parameter, root, relay_state="s", pair=pair(by))
    return bindings.read_query(change(urlsplit(url).query), parameter)


def read(received, **changes: object):
    return logout.read_request(received, trust(**changes), now=NOW, skew=SKEW)


def refused(received, fault, **changes: object):
    with pytest.raises(SAMLError) as raised:
        read(received, **changes)
    assert raised.value.fault is fault, raised.value


@pytest.mark.parametrize("bound", [posted, redirected])
def test_a_logout_request_of_the_provider_is_read(bound):
    request = read(bound(theirs()))
    assert request == logout.LogoutRequest(
        "_logout", NameID("ann@acme.test", EMAIL_FORMAT), ("_session",), NOW + 5 * MINUTE
    )
    assert read(bound(theirs(inner=SUBJECT))).session_indexes == ()


@pytest.mark.parametrize("bound", [posted, redirected])
@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"issuer": "https://other.test"}, faults.ISSUER),
        ({"destination": "https://other.test"}, faults.DESTINATION),
        ({"more": 'NotOnOrAfter="2026-09-21T14:11:50Z"'}, faults.LOGOUT_EXPIRED),
        ({"issued": "2026-09-21T14:06:50Z"}, faults.LOGOUT_EXPIRED),
        ({"issued": "yesterday"}, faults.TIME),
        ({"inner": ""}, faults.ELEMENT),
        ({"kind": "AuthnRequest"}, faults.NOT_A_RESPONSE),
    ],
)
def test_a_logout_request_for_others_is_refused(bound, changes, fault):
    refused(bound(theirs(**changes)), fault)


def test_a_logout_request_of_somebody_else_ends_no_session():
    """Attack case 20."""
    for bound in (posted, redirected):
        refused(bound(theirs(), by="stranger"), faults.SIGNATURE)
    refused(form(etree.tostring(theirs())), faults.UNSIGNED)
    unsigned = urlsplit(
        bindings.redirect(SLO, "SAMLRequest", theirs(), relay_state=None, pair=None)
    ).query
    refused(bindings.read_query(unsigned, "SAMLRequest"), faults.UNSIGNED)
    # A signature in the message counts for nothing in a redirect.
    inside = sign(theirs(), pem(pair("idp").private_key))
    query = bindings.redirect(SLO, "SAMLRequest", inside, relay_state=None, pair=None)
    refused(bindings.read_query(urlsplit(query).query, "SAMLRequest"), faults.UNSIGNED)


def test_a_signature_over_something_else_in_a_logout_request_counts_for_nothing():
    """Attack case 3: an assertion that the provider signed, in a forged request."""
    signed = etree.fromstring(Provider().xml()).find("saml:Assertion", NAMESPACES)
    forged = theirs()
    extensions = etree.Element(f"{{{NAMESPACES['samlp']}}}Extensions")
    extensions.append(signed)
    forged.insert(1, extensions)
    refused(form(etree.tostring(forged)), faults.UNSIGNED)
    forged.insert(1, signed.find("ds:Signature", NAMESPACES))
    refused(form(etree.tostring(forged)), faults.SIGNATURE_SHAPE)


@pytest.mark.parametrize("wrap", [wrap.__name__ for wrap in WRAPPINGS[:2]])
@pytest.mark.parametrize("kind", ["of its own", "the same"])
def test_a_wrapped_logout_request_is_refused(wrap, kind):
    good = etree.tostring(sign(theirs(), pem(pair("idp").private_key)))
    forged = forge(f"{wrap}, ID {kind}", good)
    assert forged is not None
    with pytest.raises(SAMLError):
        read(form(forged))


def test_an_encrypted_name_id_in_a_logout_request_is_read():
    plain = f'<saml:NameID xmlns:saml="{NAMESPACES["saml"]}">7</saml:NameID>'.encode()
    inner = etree.tostring(GCM.encrypt(plain, pair("sp"), "saml:EncryptedID")).decode()
    assert read(posted(theirs(inner=inner))).name_id == NameID("7")


@pytest.mark.parametrize(
    "change",
    [
        lambda query: query.replace("RelayState=s", "RelayState=t"),
        lambda query: query.replace("RelayState=s", "RelayState=%73"),
        lambda query: query.replace("&RelayState=s", ""),
        lambda query: query.replace("rsa-sha256", "rsa-sha512"),
    ],
)
def test_a_query_that_was_changed_is_refused(change):
    refused(redirected(theirs(), change=change), faults.SIGNATURE)


def test_a_query_is_verified_as_it_came_in_whatever_order_and_case():
    message = base64.b64encode(zlib.compress(etree.tostring(theirs()), wbits=-15)).decode()

    def lower(text):
        return (
            quote(text, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3A", "%3a")
        )

    octets = f"SAMLRequest={lower(message)}&RelayState=x+y&SigAlg={lower(RSA_SHA256)}"
    signature = pair("idp").private_key.sign(octets.encode(), padding.PKCS1v15(), hashes.SHA256())
    parts = [*octets.split("&"), f"Signature={lower(base64.b64encode(signature).decode())}", "z=1"]
    query = bindings.read_query("&".join(reversed(parts)), "SAMLRequest")
    assert query.relay_state == "x y"
    assert read(query).id == "_logout"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "SAMLRequest=",
        "SAMLRequest=AAAA",
        "SAMLRequest=*",
        "SAMLResponse=AAAA",
        "SAMLRequest=AAAA&SAMLRequest=AAAA",
        "SAMLRequest=AAAA&SAMLEncoding=urn:other",
    ],
)
def test_a_query_without_one_message_is_refused(query):
    with pytest.raises(SAMLError) as refusal:
        bindings.read_query(query, "SAMLRequest")
    assert refusal.value.fault is faults.PARAMETER


def test_a_deflate_bomb_is_not_inflated():
    """Attack case 12."""
    bomb = base64.b64encode(zlib.compress(b"<a>" + b" " * 50_000_000, 9, wbits=-15)).decode()
    with pytest.raises(SAMLError) as refusal:
        bindings.read_query(f"SAMLRequest={quote(bomb, safe='')}", "SAMLRequest")
    assert refusal.value.fault is faults.TOO_LARGE
    for trailing in (b"x", b"\0" * 9):
        data = base64.b64encode(zlib.compress(b"<a/>", wbits=-15) + trailing).decode()
        with pytest.raises(SAMLError) as refusal:
            bindings.read_query(f"SAMLRequest={quote(data, safe='')}", "SAMLRequest")
        assert refusal.value.fault is faults.PARAMETER


def test_sha1_in_a_query_is_taken_by_the_option_only():
    message = base64.b64encode(zlib.compress(etree.tostring(theirs()), wbits=-15)).decode()
    sha1 = f"{NAMESPACES['ds']}rsa-sha1"
    octets = f"SAMLRequest={quote(message, safe='')}&SigAlg={quote(sha1, safe='')}"
    signature = pair("idp").private_key.sign(octets.encode(), padding.PKCS1v15(), hashes.SHA1())
    signed = f"{octets}&Signature={quote(base64.b64encode(signature).decode(), safe='')}"
    query = bindings.read_query(signed, "SAMLRequest")
    refused(query, faults.SIGNATURE_METHOD)
    assert read(query, sha1=True).id == "_logout"


def test_a_query_that_is_signed_by_elliptic_curves_is_read():
    message = base64.b64encode(zlib.compress(etree.tostring(theirs()), wbits=-15)).decode()
    method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    octets = f"SAMLRequest={quote(message, safe='')}&SigAlg={quote(method, safe='')}"
    key, certificate = elliptic_pair()
    r, s = decode_dss_signature(key.sign(octets.encode(), ec.ECDSA(hashes.SHA256())))
    value = base64.b64encode(r.to_bytes(32) + s.to_bytes(32)).decode()
    query = bindings.read_query(f"{octets}&Signature={quote(value, safe='')}", "SAMLRequest")
    both = (pair("idp").certificate, certificate)
    assert read(query, idp_certificates=both).id == "_logout"
    refused(query, faults.SIGNATURE)
    other = bindings.read_query(f"{octets}&Signature=AAAA", "SAMLRequest")
    refused(other, faults.SIGNATURE, idp_certificates=both)


@pytest.mark.parametrize("bound", ["posted", "redirected"])
@pytest.mark.parametrize(
    ("code", "second", "success"),
    [
        ("Success", "", True),
        ("Success", "PartialLogout", False),
        ("Responder", "PartialLogout", False),
        ("Requester", "", False),
    ],
)
def test_an_answer_to_our_logout_request_is_read(bound, code, second, success):
    root = answer(code, second)
    received = posted(root) if bound == "posted" else redirected(root, parameter="SAMLResponse")
    assert logout.read_response(received, trust()) == logout.LogoutResponse("_2", success)


@pytest.mark.parametrize("success", [True, False])
def test_our_answer_is_read_by_the_same_rules(success):
    root = logout.logout_response(
        identifier="_3",
        sp_entity_id=IDP,
        slo_url=SLO,
        in_response_to="_logout",
        now=NOW,
        success=success,
    )
    value = bindings.form_value(root, pair=pair("idp"))
    assert logout.read_response(value, trust()) == logout.LogoutResponse("_logout", success)
