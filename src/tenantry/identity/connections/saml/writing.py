"""Elements of Tenantry's messages and metadata, and the AuthnRequest (Core 3.4)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import parsing
from tenantry.identity.connections.saml.names import SAML, SAMLP, XMLNS_SAML, XMLNS_SAMLP, Binding

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tenantry.identity.connections.saml.names import NameIDFormat


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


def authn_request(
    *,
    identifier: str,
    sp_entity_id: str,
    acs_url: str,
    sso_url: str,
    now: int,
    name_id_format: NameIDFormat | None = None,
    force_authn: bool = False,
) -> _Element:
    """Return an unsigned AuthnRequest, to be answered by POST to `acs_url`.

    `identifier` is of `new_id`; the answer says it. `now` is in microseconds since 1970.
    """
    root = message(
        f"{SAMLP}AuthnRequest",
        identifier=identifier,
        issuer=sp_entity_id,
        destination=sso_url,
        now=now,
        ForceAuthn="true" if force_authn else None,
        ProtocolBinding=Binding.HTTP_POST,
        AssertionConsumerServiceURL=acs_url,
    )
    child(root, f"{SAMLP}NameIDPolicy", Format=name_id_format, AllowCreate="true")
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
