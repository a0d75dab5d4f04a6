"""A response of an identity provider: a good one is read, and any other says its fault."""

from __future__ import annotations

import pytest
from lxml import etree
from saml_provider import (
    ACS,
    CBC,
    EMAIL_FORMAT,
    ENCRYPTIONS,
    GCM,
    GOOD,
    IDP,
    NAME_ID,
    NAMESPACES,
    NOW,
    REQUEST,
    RESPONSE,
    SKEW,
    SP,
    Encryption,
    Provider,
    attribute,
    elliptic_pair,
    form,
    pair,
    pem,
    trust,
)

from tenantry.core.times import MINUTE, SECOND
from tenantry.identity.connections.saml import faults, response
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.trust import NameID, SigningOption

DS, XENC = NAMESPACES["ds"], NAMESPACES["xenc"]


def verify(xml, *, in_response_to=REQUEST, now=NOW, **changes: object):
    if isinstance(xml, Provider):
        xml = xml.xml()
    return response.verify(
        response.parse(form(xml)),
        trust(**changes),
        in_response_to=in_response_to,
        now=now,
        skew=SKEW,
    )


def refused(xml, fault, **given: object):
    with pytest.raises(SAMLError) as raised:
        verify(xml, **given)
    assert raised.value.fault is fault, raised.value
    return raised.value.description


@pytest.mark.parametrize("name", GOOD)
def test_a_good_response_is_read(name):
    provider = GOOD[name]
    assertion = verify(provider, in_response_to=provider.answers)
    assert assertion == response.Assertion(
        id="_assertion",
        name_id=NameID("ann@acme.test", EMAIL_FORMAT, None, SP),
        attributes={
            "email": ("ann@acme.test",),
            "firstName": ("Ann",),
            "lastName": ("Lee",),
            "groups": ("staff", "admins & others"),
        },
        friendly_names={},
        session_index="_session",
        session_not_on_or_after=None,
        authn_instant=NOW,
        not_on_or_after=NOW + 5 * MINUTE,
    )


def test_the_request_that_it_says_it_answers_is_known_before_it_is_verified():
    assert response.parse(form(Provider().xml())).in_response_to == REQUEST
    assert response.parse(form(GOOD["begun by the provider"].xml())).in_response_to is None


DEMANDS = {
    SigningOption.NO_SIGNING: {"a", "r", "ar"},
    SigningOption.SAML_RESPONSE_OR_ASSERTION_SIGNING: {"a", "r", "ar"},
    SigningOption.SAML_ONLY_RESPONSE_SIGNING: {"r", "ar"},
    SigningOption.SAML_ONLY_ASSERTION_SIGNING: {"a", "ar"},
    SigningOption.SAML_RESPONSE_ASSERTION_SIGNING: {"ar"},
}


@pytest.mark.parametrize("signing", SigningOption)
@pytest.mark.parametrize("encryption", [None, GCM])
def test_a_response_has_the_signatures_that_the_option_demands(signing, encryption):
    for signs in ("", "a", "r", "ar"):
        names = {"a": "Assertion", "r": "Response"}
        provider = Provider(signs=tuple(names[one] for one in signs), encryption=encryption)
        if signs in DEMANDS[signing]:
            assert verify(provider, signing=signing).name_id.value == "ann@acme.test"
        else:
            refused(provider, faults.UNSIGNED, signing=signing)


def test_each_signature_that_is_there_must_verify():
    for bad in ("Response", "Assertion"):
        root = etree.fromstring(GOOD["both signed"].xml())
        path = "ds:Signature" if bad == "Response" else "saml:Assertion/ds:Signature"
        value = root.find(f"{path}/ds:SignatureValue", NAMESPACES)
        value.text = "AAAA" + value.text.strip()[4:]
        refused(etree.tostring(root), faults.SIGNATURE, signing=SigningOption.NO_SIGNING)


def test_any_of_several_certificates_verifies_an_expired_one_too():
    certificates = (pair("next").certificate, pair("idp").certificate)
    assert verify(Provider(), idp_certificates=certificates).id == "_assertion"
    late = Provider(
        not_on_or_after=NOW * 2, confirmed_until=NOW * 2, signs=("Assertion", "Response")
    )
    assert verify(late, now=NOW + 3650 * 24 * 60 * MINUTE).id == "_assertion"
    assert "(1 checked)" in refused(
        Provider(), faults.SIGNATURE, idp_certificates=(pair("next").certificate,)
    )
    refused(Provider(), faults.SIGNATURE, idp_certificates=())


def test_sha1_is_taken_by_the_option_only():
    for changes in (
        {"method": f"{DS}rsa-sha1"},
        {"digest": f"{DS}sha1"},
        {"method": f"{DS}rsa-sha1", "digest": f"{DS}sha1"},
    ):
        provider = Provider(signs=("Assertion", "Response"), **changes)
        assert "sha1" in refused(provider, faults.SIGNATURE_METHOD)
        assert verify(provider, sha1=True).id == "_assertion"
    assert verify(Provider(), sha1=True).id == "_assertion"


def test_larger_hashes_are_taken():
    more = "http://www.w3.org/2001/04/xmldsig-more#"
    for bits, digest in ((384, f"{more}sha384"), (512, f"{XENC}sha512")):
        provider = Provider(method=f"{more}rsa-sha{bits}", digest=digest)
        assert verify(provider).id == "_assertion"


@pytest.mark.parametrize("name", ENCRYPTIONS)
def test_each_encryption_is_decrypted_cbc_under_a_signed_response_only(name):
    provider = Provider(signs=("Assertion", "Response"), encryption=ENCRYPTIONS[name])
    assert verify(provider, assertion_encrypted=True).name_id.value == "ann@acme.test"
    unsigned = provider.but(signs=("Assertion",))
    if "cbc" in name:
        refused(unsigned, faults.UNSIGNED_CBC)
    else:
        assert verify(unsigned).id == "_assertion"


def test_the_key_of_our_previous_certificate_decrypts_too():
    keys = (pair("next").private_key, pair("sp").private_key)
    assert verify(Provider(encryption=GCM), decryption_keys=keys).id == "_assertion"
    refused(Provider(encryption=GCM), faults.DECRYPTION, decryption_keys=keys[:1])
    refused(Provider(encryption=GCM), faults.DECRYPTION, decryption_keys=())


def test_an_unencrypted_assertion_is_refused_where_encryption_is_demanded():
    refused(Provider(), faults.UNENCRYPTED, assertion_encrypted=True)


@pytest.mark.parametrize("encryption", [GCM, CBC])
def test_an_encrypted_name_id_is_read(encryption):
    subject = encryption.encrypt(
        f'<saml:NameID xmlns:saml="{NAMESPACES["saml"]}">7 of 9</saml:NameID>'.encode(),
        pair("sp"),
        "saml:EncryptedID",
    )
    provider = Provider(subject=etree.tostring(subject).decode())
    assert verify(provider).name_id == NameID("7 of 9")
    wrong = encryption.encrypt(b"<NameID>ann@acme.test</NameID>", pair("sp"), "saml:EncryptedID")
    refused(Provider(subject=etree.tostring(wrong).decode()), faults.ELEMENT)


@pytest.mark.parametrize(
    ("changes", "fault", "said"),
    [
        ({"issuer": "https://other.test"}, faults.ISSUER, "https://other.test"),
        ({"response_issuer": "https://other.test"}, faults.ISSUER, IDP),
        ({"audience": "https://other.test"}, faults.AUDIENCE, "https://other.test"),
        ({"recipient": f"{ACS}/x"}, faults.RECIPIENT, ACS),
        ({"destination": "https://other.test/acs"}, faults.DESTINATION, ACS),
        ({"destination": ""}, faults.DESTINATION, "missing"),
        ({"answers": "_other", "confirms": "_other"}, faults.IN_RESPONSE_TO, "_other"),
        ({"confirms": "_other"}, faults.IN_RESPONSE_TO, "_other"),
        ({"answers": "_other"}, faults.IN_RESPONSE_TO, REQUEST),
        ({"answers": None, "confirms": None}, faults.IN_RESPONSE_TO, "missing"),
        # only the unsigned response says which request it answers
        ({"confirms": None}, faults.IN_RESPONSE_TO, REQUEST),
        ({"not_before": NOW + 2 * MINUTE}, faults.ASSERTION_EARLY, "2026-09-21T"),
        ({"not_on_or_after": NOW - 2 * MINUTE}, faults.ASSERTION_EXPIRED, "2026-09-21T"),
        ({"confirmed_until": NOW - 2 * MINUTE}, faults.RESPONSE_EXPIRED, "2026-09-21T"),
        ({"session_until": NOW - 2 * MINUTE}, faults.SESSION_EXPIRED, "2026-09-21T"),
    ],
)
def test_a_response_for_another_party_or_time_is_refused(changes, fault, said):
    for signs in (("Assertion",), ("Assertion", "Response")):
        if changes != {"confirms": None} or "Response" not in signs:
            assert said in refused(Provider(signs=signs, **changes), fault)


def test_a_response_that_is_signed_may_alone_say_which_request_it_answers():
    signed = Provider(signs=("Response",), confirms=None)
    assert verify(signed).id == "_assertion"
    refused(signed.but(answers="_other"), faults.IN_RESPONSE_TO)
    assert verify(Provider(answers=None)).id == "_assertion"


@pytest.mark.parametrize("answers", [(REQUEST, REQUEST), (None, REQUEST), (REQUEST, None)])
def test_an_answer_to_a_request_is_not_taken_as_begun_by_the_provider(answers):
    provider = Provider(answers=answers[0], confirms=answers[1])
    refused(provider, faults.IN_RESPONSE_TO, in_response_to=None)


def test_another_connection_of_the_same_address_does_not_take_a_response():
    """Attack case 13: two customers' providers, one assertion consumer."""
    theirs = Provider(issuer="https://idp.other.test", key=pem(pair("other").private_key))
    both = theirs.but(response_issuer="https://idp.other.test", signs=("Assertion", "Response"))
    assert verify(
        both,
        idp_entity_id="https://idp.other.test",
        idp_certificates=(pair("other").certificate,),
    ).id
    refused(both, faults.SIGNATURE)
    # even where both have one certificate, or one says the other's name
    refused(theirs.but(response_issuer=None, key=b""), faults.ISSUER)
    refused(theirs.but(issuer=IDP), faults.SIGNATURE)


def test_the_skew_holds_to_the_second_on_both_sides():
    ends = Provider(not_on_or_after=NOW, confirmed_until=NOW, session_until=NOW)
    assert verify(ends, now=NOW + SKEW - 1).not_on_or_after == NOW
    refused(ends, faults.ASSERTION_EXPIRED, now=NOW + SKEW)
    begins = Provider(not_before=NOW)
    assert verify(begins, now=NOW - SKEW).id == "_assertion"
    refused(begins, faults.ASSERTION_EARLY, now=NOW - SKEW - 1)


def test_it_can_be_presented_until_the_first_of_its_ends():
    late = NOW + 60 * MINUTE
    assert verify(Provider(confirmed_until=late)).not_on_or_after == NOW + 5 * MINUTE
    assert verify(Provider(not_on_or_after=late)).not_on_or_after == NOW + 5 * MINUTE


def edited(**changes: object):
    """A response of a template with other words; each must be there to be changed."""
    template = RESPONSE
    for old, new in changes.values():
        assert old in template
        template = template.replace(old, new)
    return Provider(template=template)


CONFIRMATION = RESPONSE[
    RESPONSE.index("<saml:SubjectConfirmation ") : RESPONSE.index("</saml:Subject>")
]
CONDITIONS = RESPONSE[RESPONSE.index("<saml:Conditions") : RESPONSE.index("<saml:AuthnStatement")]
AUTHN = RESPONSE[RESPONSE.index("<saml:AuthnStatement") : RESPONSE.index("<saml:AttributeSt")]
STATUS = RESPONSE[RESPONSE.index("<samlp:Status>") : RESPONSE.index("<saml:Assertion ")]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (CONFIRMATION, "", faults.ELEMENT),
        (":cm:bearer", ":cm:holder-of-key", faults.ELEMENT),
        (' NotOnOrAfter="{confirmed_until}"', "", faults.RESPONSE_EXPIRED),
        (' Recipient="{recipient}"', "", faults.RECIPIENT),
        (' NotOnOrAfter="{confirmed_until}"', ' NotOnOrAfter="soon"', faults.TIME),
        (' NotOnOrAfter="{confirmed_until}"', ' NotOnOrAfter="2026-02-30T00:00:00Z"', faults.TIME),
        (CONDITIONS, "", faults.ELEMENT),
        (CONDITIONS, CONDITIONS * 2, faults.ELEMENT),
        ("<saml:Audience>{audience}</saml:Audience>", "", faults.AUDIENCE),
        ("</saml:AudienceRestriction>", "</saml:AudienceRestriction><x/>", faults.CONDITION),
        (
            "<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>"
            "</saml:AudienceRestriction>",
            "",
            faults.AUDIENCE,
        ),
        (
            "</saml:Conditions>",
            "<saml:AudienceRestriction><saml:Audience>https://other.test</saml:Audience>"
            "</saml:AudienceRestriction></saml:Conditions>",
            faults.AUDIENCE,
        ),
        (AUTHN, "", faults.ELEMENT),
        ("{subject}", "", faults.ELEMENT),
        ("{subject}", "{subject}{subject}", faults.ELEMENT),
        ("{subject}", "<saml:NameID> </saml:NameID>", faults.ELEMENT),
        ("{subject}", "<saml:NameID>ann<x>@</x>acme.test</saml:NameID>", faults.ELEMENT),
        ("{subject}", f"<saml:NameID>{'a' * 1025}</saml:NameID>", faults.ELEMENT),
        ("<saml:Issuer>{issuer}</saml:Issuer>", "", faults.ISSUER),
        ('ID="_assertion" Version="2.0"', 'ID="_assertion" Version="1.1"', faults.NOT_A_RESPONSE),
        ('ID="_response" Version="2.0"', 'ID="_response" Version="1.1"', faults.NOT_A_RESPONSE),
        (STATUS, "", faults.ELEMENT),
        ("status:Success", "status:Requester", faults.STATUS),
        ("samlp:Response", "samlp:ArtifactResponse", faults.NOT_A_RESPONSE),
    ],
)
def test_a_part_that_saml_demands_is_missed(old, new, fault):
    refused(edited(one=(old, new)), fault)


def test_a_confirmation_that_holds_is_found_among_others():
    other = CONFIRMATION.replace("{recipient}", "https://other.test")
    holder = CONFIRMATION.replace("bearer", "holder-of-key")
    assert verify(edited(one=(CONFIRMATION, other + holder + CONFIRMATION))).id == "_assertion"
    refused(edited(one=(CONFIRMATION, other + holder)), faults.RECIPIENT)


def test_our_audience_may_stand_among_others_and_conditions_may_say_more():
    more = "<saml:Audience>https://other.test</saml:Audience>"
    once = "</saml:AudienceRestriction><saml:OneTimeUse/>"
    provider = edited(
        one=("<saml:Audience>", f"{more}<saml:Audience>"), two=("</saml:AudienceRestriction>", once)
    )
    assert verify(provider).id == "_assertion"


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        ("AuthnFailed", faults.NOT_COMPLETED),
        ("NoPassive", faults.LOGIN_REQUIRED),
        ("RequestDenied", faults.STATUS),
    ],
)
def test_a_refusal_of_the_provider_is_passed_on_without_an_assertion(second, fault):
    status = "urn:oasis:names:tc:SAML:2.0:status:"
    xml = f"""<samlp:Response xmlns:samlp="{NAMESPACES["samlp"]}" ID="_r" Version="2.0">
        <samlp:Status><samlp:StatusCode Value="{status}Responder"><samlp:StatusCode
        Value="{status}{second}"/></samlp:StatusCode><samlp:StatusMessage>Ann is not assigned
        </samlp:StatusMessage></samlp:Status></samlp:Response>"""
    said = refused(xml.encode(), fault)
    if fault is not faults.LOGIN_REQUIRED:
        assert f"Responder, {second}, Ann is not assigned" in said


def test_attributes_of_one_name_are_joined_and_nil_is_left_out():
    xsi = "http://www.w3.org/2001/XMLSchema-instance"
    nil = f'<saml:AttributeValue xmlns:xsi="{xsi}" xsi:nil="true"/>'
    attributes = (
        attribute("email", "ann@acme.test", more=' FriendlyName="mail"')
        + attribute("groups", " staff\n", "a<x>b</x>c")
        + attribute("groups", "admins")
        + attribute("none").replace("></saml:Attribute>", f">{nil}</saml:Attribute>")
    )
    assertion = verify(Provider(attributes=attributes))
    assert assertion.attributes == {
        "email": ("ann@acme.test",),
        "groups": ("staff", "abc", "admins"),
        "none": (),
    }
    assert assertion.friendly_names == {"email": "mail"}


def test_a_time_may_have_a_fraction_and_a_zone():
    until = "2026-09-21T16:17:20.1234567+02:00"
    provider = edited(one=('NotOnOrAfter="{not_on_or_after}"', f'NotOnOrAfter="{until}"'))
    ends = verify(provider, now=NOW).not_on_or_after
    assert ends % SECOND == 123_456
    assert NOW < ends < NOW + 5 * MINUTE


def test_a_signature_of_elliptic_curves_is_read():
    theirs = pair("idp").certificate
    key, certificate = elliptic_pair()
    method = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    provider = Provider(key=pem(key), method=method)
    assert verify(provider, idp_certificates=(theirs, certificate)).id == "_assertion"
    refused(provider, faults.SIGNATURE)
    refused(Provider(), faults.SIGNATURE, idp_certificates=(certificate,))


@pytest.mark.parametrize(
    "encryption",
    [
        Encryption(key=f"{XENC}rsa-1_5"),
        Encryption(digest=f"{XENC}ripemd160"),
        Encryption(mask="urn:unknown"),
        Encryption(data="urn:aes128-ecb"),
    ],
)
def test_an_unknown_or_unsafe_encryption_is_named(encryption):
    provider = Provider(signs=("Response",), encryption=encryption)
    said = refused(provider, faults.ENCRYPTION_METHOD)
    assert any(one in said for one in ("rsa-1_5", "ripemd160", "urn:unknown", "ecb"))


def test_all_faults_of_decryption_look_alike():
    for break_ in ("CipherValue", "key"):
        root = etree.fromstring(Provider(encryption=GCM).xml())
        values = root.findall(".//xenc:CipherValue", NAMESPACES)
        value = values[-1] if break_ == "CipherValue" else values[0]
        value.text = "AAAA" + value.text[4:]
        refused(etree.tostring(root), faults.DECRYPTION)
    other = Provider(encryption=GCM, for_=pair("next"))
    refused(other, faults.DECRYPTION)


def test_a_value_of_the_message_is_shortened_in_a_sentence():
    said = refused(Provider(audience="x" * 5000 + "\u202e"), faults.AUDIENCE)
    assert len(said) < 400
    assert "\u202e" not in refused(Provider(audience="x\u202e"), faults.AUDIENCE)


def test_a_name_id_without_a_format_is_taken():
    subject = NAME_ID.replace(f' Format="{EMAIL_FORMAT}"', "")
    assert verify(Provider(subject=subject)).name_id.format is None


def test_whatever_an_encryption_hides_is_held_to_the_same_bounds():
    """Attack case 2: an encrypted assertion with another one in it, or with markup."""
    plain = Provider().xml()
    assertion = etree.fromstring(plain).find("saml:Assertion", NAMESPACES)
    inner = etree.tostring(assertion)
    nested = inner.replace(b"<saml:Conditions", b"<saml:Advice>" + inner + b"</saml:Advice><saml:C")
    for hidden, fault in (
        (nested.replace(b"<saml:C ", b"<saml:Conditions "), faults.DUPLICATE_ID),
        (
            inner.replace(b"</saml:Assertion>", b"<saml:Assertion/></saml:Assertion>"),
            faults.ASSERTIONS,
        ),
        (b"<!DOCTYPE a>" + inner, faults.MARKUP),
        (inner.replace(b"ann@", b"ann<!-- -->@"), faults.MARKUP),
        (b"<a/>", faults.ELEMENT),
    ):
        root = etree.fromstring(plain)
        root.replace(root.find("saml:Assertion", NAMESPACES), GCM.encrypt(hidden, pair("sp")))
        refused(etree.tostring(root), fault)


@pytest.mark.parametrize("encryption", [GCM, CBC])
def test_ciphertext_that_is_cut_is_refused(encryption):
    """Signed by the provider itself: so it is decrypted."""
    for kept in (4, 16, 24, 44):
        provider = Provider(signs=(), encryption=encryption)
        root = etree.fromstring(provider.xml())
        path = "saml:EncryptedAssertion/xenc:EncryptedData/xenc:CipherData/xenc:CipherValue"
        value = root.find(path, NAMESPACES)
        value.text = value.text[:kept]
        provider.signed(root)
        refused(etree.tostring(root), faults.DECRYPTION)


def test_a_key_of_another_length_is_refused():
    short = GCM.encrypt(b"<a/>", pair("sp"))
    data = short.find("xenc:EncryptedData/xenc:EncryptionMethod", NAMESPACES)
    data.set("Algorithm", "http://www.w3.org/2009/xmlenc11#aes128-gcm")
    root = etree.fromstring(Provider().xml())
    root.replace(root.find("saml:Assertion", NAMESPACES), short)
    refused(etree.tostring(root), faults.DECRYPTION)


def test_two_keys_of_one_encryption_are_refused():
    root = etree.fromstring(Provider(encryption=GCM).xml())
    key = next(root.iter(f"{{{XENC}}}EncryptedKey"))
    key.addnext(etree.fromstring(etree.tostring(key)))
    refused(etree.tostring(root), faults.DECRYPTION)


@pytest.mark.parametrize("text", ["", "*", "AAA", "PGEvPg", "PGE+é", "PGEvPg==PGE="])
def test_a_field_that_is_not_base64_is_refused(text):
    with pytest.raises(SAMLError) as raised:
        response.parse(text)
    assert raised.value.code == "invalid_saml_form_params"


def test_a_field_that_is_too_large_is_not_decoded():
    for text in ("A" * 600_000, form(b" " * 300_000)):
        with pytest.raises(SAMLError) as raised:
            response.parse(text)
        assert raised.value.fault is faults.TOO_LARGE


def test_base64_may_be_broken_into_lines():
    text = form(Provider().xml())
    lines = "\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    assert response.parse(lines).in_response_to == REQUEST
