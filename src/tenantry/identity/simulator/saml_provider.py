"""The simulator as a SAML identity provider: it reads AuthnRequests and writes responses."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from tenantry.core.times import MINUTE, now
from tenantry.identity.connections.saml import bindings, certificates, parsing, writing
from tenantry.identity.connections.saml.names import (
    BEARER,
    DS,
    MD,
    SAML,
    SAMLP,
    STATUS,
    SUCCESS,
    XMLNS_DS,
    XMLNS_MD,
    XMLNS_SAMLP,
    Binding,
    NameIDFormat,
)
from tenantry.identity.connections.settings import SAMLSettings

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tenantry.identity.connections.model import Connection
    from tenantry.identity.simulator.model import Person, Refusal
    from tenantry.identity.simulator.provider import Simulator

_GOOD_FOR = 5 * MINUTE
_PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:Password"  # noqa: S105 - a name, no secret


def request_id(query: str) -> str:
    """Return the ID of the AuthnRequest in a redirect's query.

    Raises:
        SAMLError: there is none.

    """
    read = bindings.read_query(query, bindings.REQUEST)
    return str(parsing.parse(read.message).get("ID", ""))


def answer(
    simulator: Simulator,
    connection: Connection,
    said: Person | Refusal,
    *,
    in_response_to: str,
) -> str:
    """Return the form's field with a response: an assertion about a person, or an error.

    Without ``in_response_to`` it is one that the provider began.
    """
    from tenantry.identity.simulator.model import Person

    at, issuer = now(), simulator.issuer(connection.id)
    root = writing.message(
        f"{SAMLP}Response",
        identifier=writing.new_id(),
        issuer=issuer,
        destination=simulator.callback(connection),
        now=at,
        InResponseTo=in_response_to or None,
    )
    status = writing.child(root, f"{SAMLP}Status")
    if isinstance(said, Person):
        writing.child(status, f"{SAMLP}StatusCode", Value=SUCCESS)
        assertion = _assertion(simulator, connection, said, at, in_response_to)
        root.append(_signed(simulator, assertion))
    else:
        code = writing.child(status, f"{SAMLP}StatusCode", Value=f"{STATUS}Responder")
        if said.status:
            writing.child(code, f"{SAMLP}StatusCode", Value=f"{STATUS}{said.status}")
        writing.child(status, f"{SAMLP}StatusMessage", text=said.said)
        root = _signed(simulator, root)
    return base64.b64encode(parsing.serialize(root)).decode()


def metadata(simulator: Simulator, connection_id: str) -> bytes:
    """Return its metadata (Metadata 2.4.3)."""
    from lxml import etree

    issuer = simulator.issuer(connection_id)
    root = etree.Element(f"{MD}EntityDescriptor", nsmap={"md": XMLNS_MD, "ds": XMLNS_DS})
    root.set("entityID", issuer)
    role = writing.child(root, f"{MD}IDPSSODescriptor", protocolSupportEnumeration=XMLNS_SAMLP)
    key = writing.child(role, f"{MD}KeyDescriptor", use="signing")
    data = writing.child(writing.child(key, f"{DS}KeyInfo"), f"{DS}X509Data")
    encoded = certificates.base64_of(simulator.certificate)
    writing.child(data, f"{DS}X509Certificate", text=encoded)
    writing.child(
        role, f"{MD}SingleSignOnService", Binding=Binding.HTTP_REDIRECT, Location=f"{issuer}/sso"
    )
    return parsing.serialize(root)


def _assertion(
    simulator: Simulator, connection: Connection, person: Person, at: int, in_response_to: str
) -> _Element:
    from lxml import etree

    acs_url, until = simulator.callback(connection), parsing.written(at + _GOOD_FOR)
    settings = SAMLSettings.stored(connection.settings)
    audience = settings.sp_entity_id or acs_url.removesuffix("/callback")
    by_email = settings.idp_name_id_format == "EMAIL"
    root = etree.Element(f"{SAML}Assertion", nsmap={"saml": SAML[1:-1]})
    writing.set_all(root, ID=writing.new_id(), Version="2.0", IssueInstant=parsing.written(at))
    writing.child(root, f"{SAML}Issuer", text=simulator.issuer(connection.id))
    subject = writing.child(root, f"{SAML}Subject")
    writing.child(
        subject,
        f"{SAML}NameID",
        text=person.email if by_email else person.subject,
        Format=NameIDFormat.EMAIL if by_email else NameIDFormat.PERSISTENT,
    )
    confirmation = writing.child(subject, f"{SAML}SubjectConfirmation", Method=BEARER)
    writing.child(
        confirmation,
        f"{SAML}SubjectConfirmationData",
        Recipient=acs_url,
        NotOnOrAfter=until,
        InResponseTo=in_response_to or None,
    )
    conditions = writing.child(
        root, f"{SAML}Conditions", NotBefore=parsing.written(at), NotOnOrAfter=until
    )
    restriction = writing.child(conditions, f"{SAML}AudienceRestriction")
    writing.child(restriction, f"{SAML}Audience", text=audience)
    statement = writing.child(
        root,
        f"{SAML}AuthnStatement",
        AuthnInstant=parsing.written(at),
        SessionIndex=writing.new_id(),
    )
    context = writing.child(statement, f"{SAML}AuthnContext")
    writing.child(context, f"{SAML}AuthnContextClassRef", text=_PASSWORD)
    attributes = writing.child(root, f"{SAML}AttributeStatement")
    names = {"firstName": person.given_name, "lastName": person.family_name}
    for name, value in {**person.attributes, **names, "email": person.email}.items():
        if value:
            attribute = writing.child(attributes, f"{SAML}Attribute", Name=name)
            writing.child(attribute, f"{SAML}AttributeValue", text=value)
    return root


def _signed(simulator: Simulator, element: _Element) -> _Element:
    """Return the element with its signature behind the Issuer, by ECDSA and SHA-256."""
    from lxml import etree
    from signxml.algorithms import CanonicalizationMethod, SignatureMethod
    from signxml.signer import XMLSigner

    place = etree.Element(f"{DS}Signature", nsmap={"ds": XMLNS_DS}, Id="placeholder")
    element[0].addnext(place)
    signer = XMLSigner(
        signature_algorithm=SignatureMethod.ECDSA_SHA256,
        c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
    )
    return signer.sign(
        element,
        key=simulator.key,
        cert=[simulator.certificate],
        reference_uri=element.get("ID"),
    )
