"""The AuthnRequest that sends a browser to its identity provider (Core 3.4, Profiles 4.1.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.connections.saml import writing
from tenantry.identity.connections.saml.names import SAMLP, Binding

if TYPE_CHECKING:
    from lxml.etree import _Element

    from tenantry.identity.connections.saml.names import NameIDFormat


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

    `identifier` is of `writing.new_id`; the answer says it. `now` is in microseconds since 1970.
    """
    root = writing.message(
        f"{SAMLP}AuthnRequest",
        identifier=identifier,
        issuer=sp_entity_id,
        destination=sso_url,
        now=now,
        ForceAuthn="true" if force_authn else None,
        ProtocolBinding=Binding.HTTP_POST,
        AssertionConsumerServiceURL=acs_url,
    )
    writing.child(root, f"{SAMLP}NameIDPolicy", Format=name_id_format, AllowCreate="true")
    return root
