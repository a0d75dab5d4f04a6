"""Messages, metadata and certificates in plain words, for people who look for a fault.

No value read here is verified; `judgements` say what our rules hold against a response. Times
are shown with their distance from the time that is given as now.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tenantry.identity.connections.saml import bindings, certificates, faults, parsing, response
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.metadata import idp_metadata
from tenantry.identity.connections.saml.names import DS, MD, SAML, SAMLP, STATUS, XENC
from tenantry.identity.connections.saml.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cryptography import x509
    from lxml.etree import _Element

    from tenantry.identity.connections.faults import Fault

Rows = list[tuple[str, str]]
_SECOND = 1_000_000
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_MESSAGES = (bindings.RESPONSE, bindings.REQUEST)
_SHOWN = 1000  # characters of a value
_EITHER = (f"{SAML}Assertion", f"{SAML}EncryptedAssertion")
_LATE = (
    faults.ASSERTION_EXPIRED,
    faults.ASSERTION_EARLY,
    faults.RESPONSE_EXPIRED,
    faults.SESSION_EXPIRED,
)


@dataclass(frozen=True, slots=True)
class Section:
    """A part under its name: rows of a name and a value."""

    name: str
    rows: Rows = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A view of our rules: ``taken`` is None where they cannot be asked, as ``about`` says."""

    about: str
    taken: bool | None
    fault: Fault | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text that was read; the sections go from the outside in."""

    sections: list[Section]
    judgements: list[Judgement]


@dataclass(frozen=True, slots=True)
class Expected:
    """The connection's side, as far as it is given; else a response is held to its own claims."""

    certificates: tuple[x509.Certificate, ...] = ()
    idp_entity_id: str | None = None
    sp_entity_id: str | None = None
    acs_url: str | None = None
    in_response_to: str | None = None
    sha1: bool = False


def decode(pasted: bytes, expected: Expected, *, now: int, skew: int) -> Decoded:
    """Read a pasted text: XML, base64 of it, an address or a form with one, or a certificate.

    `now` is in microseconds since 1970, `skew` in microseconds.
    """
    if b"-----BEGIN" in pasted:
        return Decoded([_certificate(certificates.read(pasted), "Certificate", now)], [])
    carried, data = _unwrapped(pasted)
    root = parsing.parse(data, comments=b"EntityDescriptor" in data or b"EntitiesDesc" in data)
    if root.tag in (f"{MD}EntityDescriptor", f"{MD}EntitiesDescriptor"):
        return Decoded([*carried, *_metadata(root, now)], [_judge_metadata(root, data)])
    if not root.tag.startswith(SAMLP):
        name = parsing.local(root.tag)
        raise SAMLError(faults.NOT_A_RESPONSE, found=name, expected="message or metadata")
    sections = [*carried, *_message(root, now)]
    if root.tag != f"{SAMLP}Response":
        return Decoded(sections, [])
    return Decoded(sections, _judge(root, expected, now=now, skew=skew))


def _unwrapped(pasted: bytes) -> tuple[list[Section], bytes]:
    """Return the XML of a pasted text, and what it came in."""
    text = pasted.decode(errors="replace").strip()
    if text.startswith(("<", "\ufeff")):
        return [], pasted.strip()
    if any(f"{name}=" in text for name in _MESSAGES):
        return _of_query(text)
    return [], _of_value(unquote(text) if "%" in text else text)


def _of_query(text: str) -> tuple[list[Section], bytes]:
    """Read an address of the Redirect binding, or the body of a form."""
    try:
        url = urlsplit(text) if text.startswith(("https://", "http://")) else None
    except ValueError:
        raise SAMLError(faults.PARAMETER, name=bindings.RESPONSE) from None
    members = dict(parse_qsl((url.query or url.fragment) if url else text.lstrip("?")))
    name = next((name for name in _MESSAGES if name in members), "")
    rows = [("URL", url._replace(query="", fragment="").geturl())] if url else []
    rows += [(one, members[one]) for one in ("RelayState", "SigAlg") if one in members]
    if url:
        rows.append(("Signed", "yes" if "Signature" in members else "no"))
    value = members.get(name, "").replace(" ", "+")  # pasted as it was before it was encoded
    return [Section(f"Parameter {name}", printable_rows(rows))], _of_value(value)


def _of_value(value: str) -> bytes:
    """Return XML from base64, whether it is deflated or not."""
    plain = re.sub(r"\s", "", value).translate(str.maketrans("-_", "+/"))
    data = parsing.decode("SAMLResponse", plain + "=" * (-len(plain) % 4))
    if data.lstrip()[:1] == b"<" or data.startswith(b"\xef\xbb\xbf"):
        return data
    return parsing.inflate("SAMLResponse", data)


def _message(root: _Element, now: int) -> Iterator[Section]:
    yield Section(
        parsing.local(root.tag),
        printable_rows(
            [
                ("ID", root.get("ID")),
                ("Issuer", parsing.text(root.find(f"{SAML}Issuer"))),
                ("Issued", _moment(root, "IssueInstant", now)),
                ("Destination", root.get("Destination")),
                ("In response to", root.get("InResponseTo")),
                ("ACS URL", root.get("AssertionConsumerServiceURL")),
                ("ForceAuthn", root.get("ForceAuthn")),
                ("Expires", _moment(root, "NotOnOrAfter", now)),
                ("Status", _status(root)),
                *_name_id(root),
                *(("Session", parsing.text(one)) for one in root.iter(f"{SAMLP}SessionIndex")),
                ("Signature", _signature(root)),
            ]
        ),
    )
    yield from _certificates(root, now)
    for number, assertion in enumerate(root.iterchildren(*_EITHER), 1):
        yield from _assertion(assertion, now, number)


def _assertion(assertion: _Element, now: int, number: int) -> Iterator[Section]:
    name = "Assertion" if number == 1 else f"Assertion {number}"
    if assertion.tag != f"{SAML}Assertion":
        methods = [one.get("Algorithm", "") for one in assertion.iter(f"{XENC}EncryptionMethod")]
        yield Section(f"{name}, encrypted", [("Algorithm", one) for one in methods])
        return
    subject = assertion.find(f"{SAML}Subject")
    conditions = assertion.find(f"{SAML}Conditions")
    rows: list[tuple[str, str | None]] = [
        ("ID", assertion.get("ID")),
        ("Issuer", parsing.text(assertion.find(f"{SAML}Issuer"))),
        ("Issued", _moment(assertion, "IssueInstant", now)),
        *(_name_id(subject) if subject is not None else ()),
    ]
    for data in assertion.iter(f"{SAML}SubjectConfirmationData"):
        rows += [
            ("Recipient", data.get("Recipient")),
            ("In response to", data.get("InResponseTo")),
            ("Expires", _moment(data, "NotOnOrAfter", now)),
        ]
    if conditions is not None:
        rows += [
            ("Valid from", _moment(conditions, "NotBefore", now)),
            ("Valid until", _moment(conditions, "NotOnOrAfter", now)),
            *(("Audience", parsing.text(one)) for one in conditions.iter(f"{SAML}Audience")),
        ]
    for statement in assertion.iterchildren(f"{SAML}AuthnStatement"):
        rows += [
            ("Authenticated", _moment(statement, "AuthnInstant", now)),
            ("Session", statement.get("SessionIndex")),
            ("Session expires", _moment(statement, "SessionNotOnOrAfter", now)),
        ]
    yield Section(name, printable_rows([*rows, ("Signature", _signature(assertion))]))
    yield from _certificates(assertion, now)
    attributes = [
        (one.get("Name", ""), parsing.text(value))
        for one in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute")
        for value in one.iterfind(f"{SAML}AttributeValue")
    ]
    yield Section("Attributes", printable_rows(attributes) or [("none", "")])


def _name_id(parent: _Element) -> Iterator[tuple[str, str | None]]:
    element = parent.find(f"{SAML}NameID")
    if element is not None:
        yield "NameID", parsing.text(element)
        yield "NameID format", element.get("Format")
    elif parent.find(f"{SAML}EncryptedID") is not None:
        yield "NameID", "encrypted"


def _status(root: _Element) -> str:
    codes = [one.get("Value", "") for one in root.iter(f"{SAMLP}StatusCode")]
    message = parsing.text(root.find(f"{SAMLP}Status/{SAMLP}StatusMessage"))
    return ", ".join([one.removeprefix(STATUS) for one in codes] + [message] * bool(message))


def _signature(element: _Element) -> str:
    found = element.find(f"{DS}Signature")
    if found is None:
        return "none"
    names = ("SignatureMethod", "DigestMethod")
    by = [one.get("Algorithm", "") for name in names for one in found.iter(f"{DS}{name}")]
    return ", ".join(one.rpartition("#")[2] for one in by) or "no algorithm"


def _certificates(element: _Element, now: int) -> Iterator[Section]:
    """Describe the certificates that a signature brings along."""
    signature = element.find(f"{DS}Signature")
    if signature is not None:
        for certificate in _brought(signature):
            yield _certificate(certificate, "Signature certificate", now)


def _brought(element: _Element) -> list[x509.Certificate]:
    found: list[x509.Certificate] = []
    for one in element.iter(f"{DS}X509Certificate"):
        try:
            found.append(certificates.read(parsing.text(one).encode()))
        except (SAMLError, binascii.Error):
            continue
    return found


def _certificate(certificate: x509.Certificate, name: str, now: int) -> Section:
    known, key = certificates.details(certificate), certificate.public_key()
    size = "other"
    if isinstance(key, rsa.RSAPublicKey):
        size = f"RSA, {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        size = f"EC, {key.curve.name}"
    return Section(
        name,
        printable_rows(
            [
                ("Subject", known.subject),
                ("Issuer", known.issuer),
                ("Key", size),
                ("Valid from", said(known.not_before, now)),
                ("Valid until", said(known.not_after, now)),
                ("SHA-256", certificate.fingerprint(hashes.SHA256()).hex(":")),
            ]
        ),
    )


def _metadata(root: _Element, now: int) -> Iterator[Section]:
    for entity in root.iter(f"{MD}EntityDescriptor"):
        yield Section(
            "Entity",
            printable_rows(
                [
                    ("Entity ID", entity.get("entityID")),
                    ("Valid until", _moment(entity, "validUntil", now)),
                    ("Signature", _signature(entity)),
                ]
            ),
        )
        for role in entity.iterchildren():
            name = parsing.local(role.tag)
            if not name.endswith("SSODescriptor"):
                continue
            wants = ("WantAuthnRequestsSigned", "AuthnRequestsSigned", "WantAssertionsSigned")
            rows: list[tuple[str, str | None]] = [(one, role.get(one)) for one in wants]
            rows += [
                (_service(endpoint), endpoint.get("Location"))
                for endpoint in role.iterchildren()
                if endpoint.get("Location")
            ]
            formats = role.iterfind(f"{MD}NameIDFormat")
            rows += [("NameID format", parsing.text(one)) for one in formats]
            kind = "Identity provider" if name.startswith("IDP") else "Service provider"
            yield Section(kind, printable_rows(rows))
            for descriptor in role.iterfind(f"{MD}KeyDescriptor"):
                use = descriptor.get("use", "any use")
                for certificate in _brought(descriptor):
                    yield _certificate(certificate, f"Certificate ({use})", now)


def _service(endpoint: _Element) -> str:
    binding = endpoint.get("Binding", "").rpartition(":")[2]
    return f"{parsing.local(endpoint.tag)}, {binding}"


def _judge_metadata(root: _Element, data: bytes) -> Judgement:
    about = "identity provider metadata"
    if next(root.iter(f"{MD}IDPSSODescriptor"), None) is None:
        return Judgement("the metadata does not describe an identity provider", None)
    try:
        idp_metadata.read(data)
    except SAMLError as error:
        return Judgement(about, False, error.fault, error.description)
    return Judgement(about, True)


def _judge(root: _Element, expected: Expected, *, now: int, skew: int) -> list[Judgement]:
    """Hold a response to our rules: now, and if it is out of time, as of its issue time too."""
    given = expected.certificates
    pinned = given or tuple(_brought(root))
    if not pinned:
        about = "no identity provider metadata or certificate was given"
        return [Judgement(about, None)]
    if next(root.iter(f"{SAML}EncryptedAssertion", f"{SAML}EncryptedID"), None) is not None:
        return [
            Judgement("the response is encrypted, and only the server has the private key", None)
        ]
    by = (
        "the given certificate" if given else "the response's own certificate, which proves nothing"
    )
    received, trust = response.Received(root), _trust(root, expected, pinned)
    first = _verdict(received, trust, expected, f"now, with {by}", now=now, skew=skew)
    if first.fault not in _LATE:
        return [first]
    try:
        issued = parsing.time(root, "IssueInstant")
    except SAMLError:
        issued = None
    if issued is None:
        return [first]
    then = _verdict(received, trust, expected, f"at issue time, with {by}", now=issued, skew=skew)
    return [first, then]


def _trust(root: _Element, expected: Expected, pinned: Sequence[x509.Certificate]) -> Trust:
    """Return the connection's side: as it is given, else as the response itself claims it."""
    assertion = root.find(f"{SAML}Assertion")
    claimed = root if assertion is None else assertion
    data = next(claimed.iter(f"{SAML}SubjectConfirmationData"), None)
    recipient = None if data is None else data.get("Recipient")
    audience = parsing.text(next(claimed.iter(f"{SAML}Audience"), None))
    addresses = {one for one in (root.get("Destination"), recipient) if one}
    trust = Trust(
        idp_entity_id=expected.idp_entity_id or parsing.text(claimed.find(f"{SAML}Issuer")),
        idp_certificates=tuple(pinned),
        sp_entity_id=expected.sp_entity_id or audience,
        acs_urls=tuple(sorted(addresses)),
        sha1=expected.sha1,
    )
    return replace(trust, acs_urls=(expected.acs_url,)) if expected.acs_url else trust


def _verdict(
    received: response.Received,
    trust: Trust,
    expected: Expected,
    about: str,
    *,
    now: int,
    skew: int,
) -> Judgement:
    in_response_to = expected.in_response_to or _answered(received.root)
    try:
        response.verify(received, trust, in_response_to=in_response_to, now=now, skew=skew)
    except SAMLError as error:
        return Judgement(about, False, error.fault, error.description)
    return Judgement(about, True)


def _answered(root: _Element) -> str | None:
    data = next(root.iter(f"{SAML}SubjectConfirmationData"), None)
    return root.get("InResponseTo") or (None if data is None else data.get("InResponseTo"))


def _moment(element: _Element, attribute: str, now: int) -> str | None:
    try:
        at = parsing.time(element, attribute)
    except SAMLError:
        return f"{element.get(attribute)} (not a timestamp)"
    return None if at is None else said(at, now)


def said(at: int, now: int) -> str:
    """Return a time with its distance from now, in its largest unit."""
    seconds = abs(at - now) // _SECOND
    for unit, size in _UNITS:
        if seconds >= size:
            many = f"{seconds // size} {unit}{'' if seconds // size == 1 else 's'}"
            return f"{parsing.written(at)} ({f'{many} ago' if at < now else f'in {many}'})"
    return f"{parsing.written(at)} (now)"


def printable_rows(rows: Sequence[tuple[str, str | None]]) -> Rows:
    """Return the rows that have a value, safe to print: the texts are somebody else's."""
    return [(_printable(name), _printable(value)) for name, value in rows if value]


def _printable(text: str) -> str:
    plain = "".join(char if char.isprintable() else "?" for char in text[: _SHOWN + 1])
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"
