"""Single logout (Core 3.7, Profiles 4.4): requests and answers, ours and an identity provider's.

A LogoutRequest or LogoutResponse that is not signed is never taken: anybody could end sessions.
By POST the signature is in the message, by redirect over the query.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core.times import MINUTE
from tenantry.identity.connections.saml import (
    bindings,
    decryption,
    faults,
    parsing,
    signatures,
    writing,
)
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import SAML, SAMLP, STATUS, SUCCESS
from tenantry.identity.connections.saml.trust import (
    NameID,
    Trust,
    hold_to_destination,
    hold_to_issuer,
    read_name_id,
)

if TYPE_CHECKING:
    from lxml.etree import _Element

_REQUEST, _RESPONSE = f"{SAMLP}LogoutRequest", f"{SAMLP}LogoutResponse"
_GOOD_FOR = 5 * MINUTE  # a request that does not say how long
_PARTIAL, _RESPONDER = f"{STATUS}PartialLogout", f"{STATUS}Responder"


@dataclass(frozen=True, slots=True)
class LogoutRequest:
    """A verified wish to end a person's sessions: those of the indexes, or all without any.

    `not_on_or_after` is when it can be presented no more, but for the skew, in microseconds since
    1970: so long its `id` is remembered.
    """

    id: str
    name_id: NameID
    session_indexes: tuple[str, ...]
    not_on_or_after: int


@dataclass(frozen=True, slots=True)
class LogoutResponse:
    """A verified answer to a Tenantry LogoutRequest; `success` is False for a part of it too."""

    in_response_to: str
    success: bool


def logout_request(
    *,
    identifier: str,
    sp_entity_id: str,
    slo_url: str,
    name_id: NameID,
    session_index: str | None,
    now: int,
    not_on_or_after: int,
) -> _Element:
    """Return an unsigned LogoutRequest for one session; times in microseconds since 1970.

    The NameID goes back as it came, qualifiers too: only so is it the same subject (Core 3.3.4).
    """
    root = writing.message(
        _REQUEST,
        identifier=identifier,
        issuer=sp_entity_id,
        destination=slo_url,
        now=now,
        NotOnOrAfter=parsing.written(not_on_or_after),
    )
    writing.child(
        root,
        f"{SAML}NameID",
        text=name_id.value,
        Format=name_id.format,
        NameQualifier=name_id.name_qualifier,
        SPNameQualifier=name_id.sp_name_qualifier,
    )
    if session_index is not None:
        writing.child(root, f"{SAMLP}SessionIndex", text=session_index)
    return root


def logout_response(
    *,
    identifier: str,
    sp_entity_id: str,
    slo_url: str,
    in_response_to: str,
    now: int,
    success: bool,
) -> _Element:
    """Return an unsigned LogoutResponse to a LogoutRequest of the identity provider."""
    root = writing.message(
        _RESPONSE,
        identifier=identifier,
        issuer=sp_entity_id,
        destination=slo_url,
        now=now,
        InResponseTo=in_response_to,
    )
    of = writing.child(root, f"{SAMLP}Status")
    writing.child(of, f"{SAMLP}StatusCode", Value=SUCCESS if success else _RESPONDER)
    return root


def read_request(
    received: str | bindings.Query, trust: Trust, *, now: int, skew: int
) -> LogoutRequest:
    """Return a LogoutRequest of the connection's identity provider, once all of it holds.

    `received` is the form's field, or the query of a redirect. `now` is in microseconds since
    1970, `skew` in microseconds. The caller ends sessions of this connection only.
    """
    root = _verified(received, _REQUEST, bindings.REQUEST, trust)
    issued = parsing.time(root, "IssueInstant")
    if issued is None:
        raise SAMLError(faults.ELEMENT, parent="LogoutRequest", element="IssueInstant")
    until = parsing.time(root, "NotOnOrAfter") or issued + _GOOD_FOR
    if now >= until + skew:
        raise SAMLError(
            faults.LOGOUT_EXPIRED, until=parsing.written(until), now=parsing.written(now)
        )
    encrypted = parsing.only(root, f"{SAML}EncryptedID")
    name_id = (
        parsing.one(root, f"{SAML}NameID")
        if encrypted is None
        else decryption.decrypted(
            encrypted, trust.decryption_keys, covered=True, tag=f"{SAML}NameID"
        )
    )
    indexes = root.findall(f"{SAMLP}SessionIndex")
    return LogoutRequest(
        root.get("ID", ""),
        read_name_id(name_id),
        tuple(parsing.text(one) for one in indexes),
        until,
    )


def read_response(received: str | bindings.Query, trust: Trust) -> LogoutResponse:
    """Return a LogoutResponse of the connection's identity provider, once all of it holds."""
    root = _verified(received, _RESPONSE, bindings.RESPONSE, trust)
    code = parsing.one(parsing.one(root, f"{SAMLP}Status"), f"{SAMLP}StatusCode")
    second = parsing.only(code, f"{SAMLP}StatusCode")
    partial = second is not None and second.get("Value") == _PARTIAL
    return LogoutResponse(
        root.get("InResponseTo", ""), code.get("Value") == SUCCESS and not partial
    )


def _verified(received: str | bindings.Query, tag: str, parameter: str, trust: Trust) -> _Element:
    certificates, sha1 = trust.idp_certificates, trust.sha1
    if isinstance(received, bindings.Query):
        received.verify(certificates, sha1=sha1)
        root = parsing.parse(received.message)
    else:
        root = parsing.parse(parsing.decode(parameter, received))
    if root.tag != tag or root.get("Version") != "2.0" or not root.get("ID"):
        raise SAMLError(
            faults.NOT_A_RESPONSE, found=parsing.local(root.tag), expected=parsing.local(tag)
        )
    if not isinstance(received, bindings.Query):
        if not signatures.is_signed(root):
            raise SAMLError(faults.UNSIGNED, element=parsing.local(tag))
        root, _ = signatures.verified(root, certificates, sha1=sha1)
    hold_to_issuer(root, trust, required=True)
    hold_to_destination(root, trust.slo_urls, required=True)
    return root
