"""An identity provider that speaks SAML: its responses are good ones, or bent by an argument.

Signatures are made by xmlsec, another implementation than the one under test.
"""

from __future__ import annotations

import base64
import functools
import os
from dataclasses import dataclass, replace

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from tenantry.core.times import DAY, MINUTE
from tenantry.identity.connections.saml import certificates
from tenantry.identity.connections.saml.parsing import written
from tenantry.identity.connections.saml.trust import Trust

NOW = 1_790_000_000_000_000  # 2026-09-21
SKEW = 90_000_000
IDP, SP = "https://idp.test/metadata", "https://sp.test/sso/v1/saml/conn_1"
ACS, SLO = f"{SP}/callback", f"{SP}/slo"
REQUEST = "_request1"
NAMESPACES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xenc": "http://www.w3.org/2001/04/xmlenc#",
}
EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_XENC, _XENC11 = NAMESPACES["xenc"], "http://www.w3.org/2009/xmlenc11#"
EMAIL_FORMAT = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"

RESPONSE = """\
<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" \
xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_response" Version="2.0" \
IssueInstant="{issue_instant}"{destination}{answers}>{response_issuer}\
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>\
<saml:Assertion ID="_assertion" Version="2.0" IssueInstant="{issue_instant}">\
<saml:Issuer>{issuer}</saml:Issuer>\
<saml:Subject>{subject}<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">\
<saml:SubjectConfirmationData Recipient="{recipient}" NotOnOrAfter="{confirmed_until}"{confirms}/>\
</saml:SubjectConfirmation></saml:Subject>\
<saml:Conditions NotBefore="{not_before}" NotOnOrAfter="{not_on_or_after}">\
<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience></saml:AudienceRestriction>\
</saml:Conditions>\
<saml:AuthnStatement AuthnInstant="{issue_instant}" SessionIndex="_session"{session_until}>\
<saml:AuthnContext><saml:AuthnContextClassRef>\
urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>\
</saml:AuthnStatement>\
<saml:AttributeStatement>{attributes}</saml:AttributeStatement>\
</saml:Assertion></samlp:Response>"""


def attribute(name: str, *values: str, more: str = "") -> str:
    inner = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
    return f'<saml:Attribute Name="{name}"{more}>{inner}</saml:Attribute>'


ATTRIBUTES = (
    attribute("email", "ann@acme.test")
    + attribute("firstName", "Ann")
    + attribute("lastName", "Lee")
    + attribute("groups", "staff", "admins &amp; others")
)
NAME_ID = f'<saml:NameID Format="{EMAIL_FORMAT}" SPNameQualifier="{SP}">ann@acme.test</saml:NameID>'


@functools.cache
def pair(name: str) -> certificates.SigningPair:
    """A key and its certificate, the same whenever asked for."""
    return certificates.make_signing_pair(name, not_before=NOW - DAY, not_after=NOW + 365 * DAY)


@functools.cache
def elliptic_pair():
    """A key of curve P-256, and its certificate."""
    theirs = pair("idp").certificate
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(theirs.subject)
        .issuer_name(theirs.subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(theirs.not_valid_before_utc)
        .not_valid_after(theirs.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def pem(private_key) -> bytes:
    return private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def sign(
    element,
    key: bytes,
    *,
    after=0,
    method=RSA_SHA256,
    digest=SHA256,
    c14n=EXC_C14N,
    certificate: str = "",
    prefixes: str = "",
):
    """Put a signature of the element behind one of its children, made by xmlsec."""
    key_info = (
        f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate>"
        "</ds:X509Data></ds:KeyInfo>"
    )
    inclusive = f'<ec:InclusiveNamespaces xmlns:ec="{EXC_C14N}" PrefixList="{prefixes}"/>'
    signature = etree.fromstring(
        f'<ds:Signature xmlns:ds="{NAMESPACES["ds"]}"><ds:SignedInfo>'
        f'<ds:CanonicalizationMethod Algorithm="{c14n}"/><ds:SignatureMethod Algorithm="{method}"/>'
        f'<ds:Reference URI="#{element.get("ID")}"><ds:Transforms>'
        f'<ds:Transform Algorithm="{NAMESPACES["ds"]}enveloped-signature"/>'
        f'<ds:Transform Algorithm="{c14n}">{inclusive * bool(prefixes)}</ds:Transform>'
        f'</ds:Transforms><ds:DigestMethod Algorithm="{digest}"/><ds:DigestValue/></ds:Reference>'
        f"</ds:SignedInfo><ds:SignatureValue/>{key_info * bool(certificate)}</ds:Signature>"
    )
    element.insert(after + 1, signature)
    xmlsec.tree.add_ids(element, ["ID"])
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key, xmlsec.KeyFormat.PEM)
    context.sign(signature)
    return element


@dataclass(frozen=True)
class Encryption:
    """How an element is encrypted for the service provider."""

    data: str = f"{_XENC11}aes256-gcm"
    key: str = f"{_XENC11}rsa-oaep"
    digest: str | None = SHA256
    mask: str | None = f"{_XENC11}mgf1sha256"
    beside: bool = False  # the key stands beside the data, not in it

    def encrypt(
        self, plain: bytes, for_: certificates.SigningPair, tag: str = "saml:EncryptedAssertion"
    ):
        bits = int(self.data.partition("aes")[2][:3])
        secret = os.urandom(bits // 8)
        if self.data.endswith("gcm"):
            nonce = os.urandom(12)
            data = nonce + AESGCM(secret).encrypt(nonce, plain, None)
        else:
            padder = block_padding.ANSIX923(128).padder()
            vector = os.urandom(16)
            encryptor = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
            data = vector + encryptor.update(padder.update(plain) + padder.finalize())
        names = {SHA256: hashes.SHA256, f"{_XENC11}mgf1sha256": hashes.SHA256}
        how = (
            padding.PKCS1v15()
            if self.key.endswith("rsa-1_5")
            else padding.OAEP(
                padding.MGF1(names.get(self.mask, hashes.SHA1)()),
                names.get(self.digest, hashes.SHA1)(),
                None,
            )
        )
        wrapped = for_.private_key.public_key().encrypt(secret, how)
        digest = f'<ds:DigestMethod Algorithm="{self.digest}"/>' if self.digest else ""
        mask = f'<xenc11:MGF Algorithm="{self.mask}"/>' if self.mask else ""
        key = (
            f'<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{self.key}">{digest}{mask}'
            f"</xenc:EncryptionMethod>{_cipher(wrapped)}</xenc:EncryptedKey>"
        )
        inside = "" if self.beside else f"<ds:KeyInfo>{key}</ds:KeyInfo>"
        return etree.fromstring(
            f'<{tag} xmlns:saml="{NAMESPACES["saml"]}" xmlns:xenc="{_XENC}" '
            f'xmlns:xenc11="{_XENC11}" xmlns:ds="{NAMESPACES["ds"]}">'
            f'<xenc:EncryptedData Type="{_XENC}Element">'
            f'<xenc:EncryptionMethod Algorithm="{self.data}"/>{inside}{_cipher(data)}'
            f"</xenc:EncryptedData>{key if self.beside else ''}</{tag}>"
        )


def _cipher(data: bytes) -> str:
    value = base64.b64encode(data).decode()
    return f"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"


GCM = Encryption()
CBC = Encryption(f"{_XENC}aes128-cbc", f"{_XENC}rsa-oaep-mgf1p", None, None, beside=True)
ENCRYPTIONS = {
    f"{bits}-{mode}-{name}": Encryption(f"{space}aes{bits}-{mode}", *key)
    for bits in (128, 192, 256)
    for mode, space in (("cbc", _XENC), ("gcm", _XENC11))
    for name, key in {
        "mgf1p": (f"{_XENC}rsa-oaep-mgf1p", f"{NAMESPACES['ds']}sha1", None),
        "mgf1p-sha256": (f"{_XENC}rsa-oaep-mgf1p", SHA256, None),
        "oaep": (f"{_XENC11}rsa-oaep", SHA256, f"{_XENC11}mgf1sha256"),
    }.items()
}


@dataclass(frozen=True)
class Provider:
    """One response, as fields of its template, and the way it is signed and encrypted."""

    issuer: str = IDP
    response_issuer: str | None = IDP
    destination: str | None = ACS
    recipient: str = ACS
    audience: str = SP
    answers: str | None = REQUEST
    confirms: str | None = REQUEST
    subject: str = NAME_ID
    attributes: str = ATTRIBUTES
    issue_instant: int = NOW
    not_before: int = NOW - MINUTE
    not_on_or_after: int = NOW + 5 * MINUTE
    confirmed_until: int = NOW + 5 * MINUTE
    session_until: int | None = None
    signs: tuple[str, ...] = ("Assertion",)
    encryption: Encryption | None = None
    template: str = RESPONSE
    key: bytes = b""
    certificate: str = ""
    method: str = RSA_SHA256
    digest: str = SHA256
    c14n: str = EXC_C14N
    prefixes: str = ""
    for_: certificates.SigningPair | None = None

    def xml(self) -> bytes:
        """The response as a document."""
        root = etree.fromstring(
            self.template.format(
                issuer=self.issuer,
                response_issuer=_element("saml:Issuer", self.response_issuer),
                destination=_named("Destination", self.destination),
                answers=_named("InResponseTo", self.answers),
                confirms=_named("InResponseTo", self.confirms),
                recipient=self.recipient,
                audience=self.audience,
                subject=self.subject,
                attributes=self.attributes,
                issue_instant=written(self.issue_instant),
                not_before=written(self.not_before),
                not_on_or_after=written(self.not_on_or_after),
                confirmed_until=written(self.confirmed_until),
                session_until=_named(
                    "SessionNotOnOrAfter", self.session_until and written(self.session_until)
                ),
            )
        )
        assertion = root.find("saml:Assertion", NAMESPACES)
        if "Assertion" in self.signs:
            self.signed(assertion)
        if self.encryption:
            plain = etree.tostring(assertion, with_tail=False)
            encrypted = self.encryption.encrypt(plain, self.for_ or pair("sp"))
            root.replace(assertion, encrypted)
        if "Response" in self.signs:
            self.signed(root, after=0 if self.response_issuer else -1)
        return etree.tostring(root)

    def signed(self, element, *, after: int = 0):
        return sign(
            element,
            self.key or pem(pair("idp").private_key),
            after=after,
            method=self.method,
            digest=self.digest,
            c14n=self.c14n,
            certificate=self.certificate,
            prefixes=self.prefixes,
        )

    def but(self, **changes: object) -> Provider:
        """Return the same, but for these fields."""
        return replace(self, **changes)


def _element(tag: str, value: str | None) -> str:
    return "" if value is None else f"<{tag}>{value}</{tag}>"


def _named(name: str, value: str | None) -> str:
    return "" if value is None else f' {name}="{value}"'


def trust(**changes: object) -> Trust:
    """The connection's side: it trusts this provider, by its certificate."""
    return replace(
        Trust(
            idp_entity_id=IDP,
            idp_certificates=(pair("idp").certificate,),
            sp_entity_id=SP,
            acs_urls=(ACS,),
            slo_urls=(SLO,),
            decryption_keys=(pair("sp").private_key,),
        ),
        **changes,
    )


def form(xml: bytes) -> str:
    """A message as a form's parameter."""
    return base64.b64encode(xml).decode()


GOOD = {
    "assertion signed": Provider(),
    "response signed": Provider(signs=("Response",)),
    "both signed": Provider(signs=("Assertion", "Response")),
    "assertion signed and encrypted": Provider(encryption=GCM),
    "response signed, assertion encrypted": Provider(signs=("Response",), encryption=CBC),
    "both signed, assertion encrypted": Provider(signs=("Assertion", "Response"), encryption=CBC),
    "begun by the provider": Provider(answers=None, confirms=None),
    "with included namespaces": Provider(signs=("Assertion", "Response"), prefixes="samlp saml xs"),
    "with the certificate": Provider(certificate=certificates.base64_of(pair("idp").certificate)),
}
