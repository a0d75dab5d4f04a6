"""Two other implementations, xmlsec (C) and bergshamra (Rust), take whatever we take, and read it
alike; and a document that was changed says what it said before, or is refused.
"""

from __future__ import annotations

import functools
import re

import pybergshamra
import pytest
import xmlsec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from saml_mutations import CHANGES, changed
from saml_provider import ENCRYPTIONS, GOOD, NAMESPACES, NOW, SKEW, Provider, form, pair, pem, trust
from sampling import examples

from tenantry.identity.connections.saml import faults, response
from tenantry.identity.connections.saml.faults import SAMLError

CERTIFICATE = pair("idp").certificate.public_bytes(Encoding.PEM)


@functools.cache
def good(name):
    return GOOD[name].xml()


def ours(xml, provider):
    return response.verify(
        response.parse(form(xml)), trust(), in_response_to=provider.answers, now=NOW, skew=SKEW
    )


def by_xmlsec(xml):
    """Verify each signature of the document by xmlsec; return the elements that they cover."""
    root = etree.fromstring(xml)
    xmlsec.tree.add_ids(root, ["ID"])
    covered = []
    for signature in root.iter(f"{{{NAMESPACES['ds']}}}Signature"):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(CERTIFICATE, xmlsec.KeyFormat.CERT_PEM)
        context.verify(signature)
        uri = signature.find("ds:SignedInfo/ds:Reference", NAMESPACES).get("URI")
        covered += root.xpath("//*[@ID=$id]", id=uri.removeprefix("#"))
    return covered


def by_bergshamra(xml):
    """Verify each signature of the document by bergshamra."""
    keys = pybergshamra.KeysManager()
    keys.add_key(pybergshamra.load_x509_cert_pem(CERTIFICATE))
    context = pybergshamra.DsigContext(keys)
    context.skip_time_checks = True
    # Written anew: it leaves a line's end in an attribute, where any parser of XML reads a space.
    written = etree.tostring(etree.fromstring(xml), encoding="unicode")
    results = pybergshamra.verify_all(context, written)
    assert results
    assert all(result.all_reference_digests_verified for result in results), [
        result.reason for result in results
    ]


def names(element):
    return [one.text for one in element.iter(f"{{{NAMESPACES['saml']}}}NameID")]


def assert_all_agree(xml, assertion):
    by_bergshamra(xml)
    covered = by_xmlsec(xml)
    assert covered
    for element in covered:
        encrypted = element.find("saml:EncryptedAssertion", NAMESPACES) is not None
        assert names(element) == [] if encrypted else [assertion.name_id.value]


SIGNED_OUTSIDE = [name for name in GOOD if name != "assertion signed and encrypted"]


@pytest.mark.parametrize("name", SIGNED_OUTSIDE)
def test_others_take_what_we_take_and_read_the_same_name(name):
    assert_all_agree(good(name), ours(good(name), GOOD[name]))


@pytest.mark.parametrize("name", ENCRYPTIONS)
def test_others_decrypt_what_we_decrypt(name):
    """bergshamra alone: xmlsec of this age does not know all of them."""
    provider = Provider(signs=("Assertion", "Response"), encryption=ENCRYPTIONS[name])
    xml = provider.xml()
    assertion = ours(xml, provider)
    keys = pybergshamra.KeysManager()
    keys.add_key(pybergshamra.load_rsa_private_pem(pem(pair("sp").private_key)))
    plain = pybergshamra.decrypt(pybergshamra.EncContext(keys), xml.decode()).encode()
    assert names(etree.fromstring(plain)) == [assertion.name_id.value]


@pytest.mark.parametrize("name", GOOD)
def test_a_changed_response_says_the_same_or_is_refused(name):
    provider, before = GOOD[name], ours(good(name), GOOD[name])

    @given(CHANGES)
    @settings(max_examples=examples(200), deadline=None)
    def check(changes):
        xml = changed(good(name), changes)
        try:
            assertion = ours(xml, provider)
        except SAMLError:
            return
        assert assertion == before
        if name in SIGNED_OUTSIDE:
            assert_all_agree(xml, assertion)

    check()


@pytest.mark.parametrize(
    ("name", "part", "bent"),
    [
        # A signature in another namespace is no signature, and a response has no other children.
        ("both signed", rb'xmlns:ds="http:', b'xmlns:ds="httpa'),
        ("assertion signed", rb"<samlp:Status>", b"<samlp:Object/><samlp:Status>"),
        # The same bytes, spelled with bits to spare: 256 of them end in one of A, Q, g and w.
        ("assertion signed", rb"[AQgw]==</ds:SignatureValue>", b"x==</ds:SignatureValue>"),
    ],
)
def test_a_signature_in_another_form_is_refused(name, part, bent):
    xml, bends = re.subn(part, bent, good(name), count=1)
    assert bends == 1
    with pytest.raises(SAMLError) as refused:
        ours(xml, GOOD[name])
    assert refused.value.fault is faults.SIGNATURE_SHAPE


@given(st.sampled_from(SIGNED_OUTSIDE), st.integers(0), st.binary(min_size=1, max_size=4))
@settings(max_examples=examples(400), deadline=None)
def test_a_response_with_other_bytes_says_the_same_or_is_refused(name, at, inserted):
    xml = good(name)
    at %= len(xml)
    for bent in (xml[:at] + inserted + xml[at:], xml[:at] + inserted + xml[at + len(inserted) :]):
        try:
            assertion = ours(bent, GOOD[name])
        except SAMLError:
            continue
        assert assertion == ours(xml, GOOD[name])
        assert_all_agree(bent, assertion)
