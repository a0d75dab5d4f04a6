"""Elements of Tenantry's messages and metadata."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import parsing
from tenantry.identity.connections.saml.names import SAML, XMLNS_SAML, XMLNS_SAMLP

if TYPE_CHECKING:
    from lxml.etree import _Element


def new_id() -> str:
    """Return the ID of a message (Core 1.3.4): 160 random bits, which no other message has."""
    return f"_{secrets.token_hex(20)}"


def message(
    tag: str, *, identifier: str, issuer: str, destination: str, now: int, **attributes: str | None
) -> _Element:
    """Return a message of the protocol with its Issuer (Core 3.2.1); `now` in microseconds."""
    from lxml import etree

    nsmap = {"samlp": XMLNS_SAMLP, "saml": XMLNS_SAML}
    root = etree.Element(tag, nsmap=nsmap)
    set_all(
        root,
        ID=identifier,
        Version="2.0",
        IssueInstant=parsing.written(now),
        Destination=destination,
        **attributes,
    )
    child(root, f"{SAML}Issuer", text=issuer)
    return root


def child(
    parent: _Element, tag: str, *, text: str | None = None, **attributes: str | None
) -> _Element:
    """Add a child, with a text and with the attributes that are not None."""
    from lxml import etree

    element = etree.SubElement(parent, tag)
    element.text = text
    set_all(element, **attributes)
    return element


def set_all(element: _Element, **attributes: str | None) -> None:
    for name, value in attributes.items():
        if value is not None:
            element.set(name, value)
