"""The words of SAML, XML Signature and XML Encryption: namespaces, tags, identifiers."""

from __future__ import annotations

from enum import StrEnum

XMLNS_SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
XMLNS_SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
XMLNS_MD = "urn:oasis:names:tc:SAML:2.0:metadata"
XMLNS_DS = "http://www.w3.org/2000/09/xmldsig#"
XMLNS_XENC = "http://www.w3.org/2001/04/xmlenc#"
XMLNS_XENC11 = "http://www.w3.org/2009/xmlenc11#"
XMLNS_XSI = "http://www.w3.org/2001/XMLSchema-instance"

# Prefixes by which tags are asked for and written.
SAML = f"{{{XMLNS_SAML}}}"
SAMLP = f"{{{XMLNS_SAMLP}}}"
MD = f"{{{XMLNS_MD}}}"
DS = f"{{{XMLNS_DS}}}"
XENC = f"{{{XMLNS_XENC}}}"
XENC11 = f"{{{XMLNS_XENC11}}}"

BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
SUCCESS = f"{STATUS}Success"


class Binding(StrEnum):
    """How a message travels (Bindings 3.4, 3.5)."""

    HTTP_REDIRECT = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"
    HTTP_POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


class NameIDFormat(StrEnum):
    """Kinds of NameID (Core 8.3)."""

    UNSPECIFIED = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
    EMAIL = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress"
    TRANSIENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    PERSISTENT = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
