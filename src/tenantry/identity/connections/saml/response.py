"""A response with its assertion, from an identity provider to our assertion consumer.

The Web Browser SSO profile (Profiles 4.1) over HTTP-POST. Once a signature verified, all is read
from the tree that its verification gave, and nothing from the one that came.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.identity.connections.faults import evidenced
from tenantry.identity.connections.saml import decryption, evidence, faults, parsing, signatures
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import (
    BEARER,
    DS,
    SAML,
    SAMLP,
    STATUS,
    SUCCESS,
    XMLNS_XSI,
)
from tenantry.identity.connections.saml.trust import (
    NameID,
    Trust,
    hold_to_destination,
    hold_to_issuer,
    read_name_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lxml.etree import _Element

    from tenantry.identity.connections.faults import Fault

_ASSERTION, _ENCRYPTED = f"{SAML}Assertion", f"{SAML}EncryptedAssertion"
_EITHER = (_ASSERTION, _ENCRYPTED)
_PARTS = frozenset(
    {f"{SAML}Issuer", f"{DS}Signature", f"{SAMLP}Extensions", f"{SAMLP}Status", *_EITHER}
)
_CONDITIONS = (f"{SAML}AudienceRestriction", f"{SAML}OneTimeUse", f"{SAML}ProxyRestriction")


@dataclass(frozen=True, slots=True)
class Received:
    """A response as it came: nothing in it is proved yet."""

    root: _Element

    @property
    def in_response_to(self) -> str | None:
        """The ID of the request that it says it answers: where to look, not what to trust."""
        said: str | None = self.root.get("InResponseTo")
        return said


@dataclass(frozen=True, slots=True)
class Assertion:
    """The verified statements of an identity provider; times in microseconds since 1970.

    `not_on_or_after` is when it can be presented no more, but for the skew: so long its `id` is
    remembered, for it is good once. `friendly_names` are by the attributes' names. `evidence` says
    how it was proved, and nothing of the person.
    """

    id: str
    name_id: NameID
    attributes: Mapping[str, tuple[str, ...]]
    friendly_names: Mapping[str, str]
    session_index: str | None
    session_not_on_or_after: int | None
    authn_instant: int | None
    not_on_or_after: int
    evidence: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class _Clock:
    now: int
    skew: int

    def past(self, until: int | None) -> bool:
        return until is not None and self.now >= until + self.skew

    def before(self, since: int | None) -> bool:
        return since is not None and self.now < since - self.skew


@dataclass(slots=True)
class _Read:
    """A response as far as it was verified: its parts take the places of those that came."""

    root: _Element
    assertion: _Element | None = None
    proofs: list[signatures.Signature] = field(default_factory=list)

    def verified(self, element: _Element, trust: Trust) -> _Element:
        covered, proof = signatures.verified(element, trust.idp_certificates, sha1=trust.sha1)
        self.proofs.append(proof)
        return covered

    def evidence(self, name_id_format: str | None = None) -> dict[str, Any]:
        assertion = self.root.find(_ASSERTION) if self.assertion is None else self.assertion
        return evidence.of(self.root, assertion, self.proofs, name_id_format=name_id_format)


def parse(saml_response: str) -> Received:
    """Read the form's parameter SAMLResponse (Bindings 3.5.4), within the bounds of `parsing`."""
    root = parsing.parse(parsing.decode("SAMLResponse", saml_response))
    if root.tag != f"{SAMLP}Response" or root.get("Version") != "2.0":
        found = f"{parsing.local(root.tag)} {root.get('Version', '')}".strip()
        raise SAMLError(faults.NOT_A_RESPONSE, found=found, expected="Response")
    return Received(root)


def verify(
    received: Received, trust: Trust, *, in_response_to: str | None, now: int, skew: int
) -> Assertion:
    """Return the assertion of a response, once all of it holds (Profiles 4.1.4.2, 4.1.4.3).

    `in_response_to` is the ID of the request that this browser was sent with, or None for a
    sign-in that the identity provider began. `now` is in microseconds since 1970, `skew` in
    microseconds. Not decided here: whether the assertion came before, and who may sign in with it.
    """
    read = _Read(received.root)
    with evidenced(read.evidence):
        return _verify(read, trust, in_response_to=in_response_to, clock=_Clock(now, skew))


def _verify(read: _Read, trust: Trust, *, in_response_to: str | None, clock: _Clock) -> Assertion:
    received = read.root
    assertion = _covered(read, trust)
    root = read.root
    if assertion.get("Version") != "2.0" or not (identifier := assertion.get("ID")):
        raise SAMLError(
            faults.NOT_A_RESPONSE, found="Assertion without an ID", expected="Assertion"
        )
    hold_to_issuer(assertion, trust, required=True)
    until = _hold_to_conditions(parsing.one(assertion, f"{SAML}Conditions"), trust, clock)
    subject = parsing.one(assertion, f"{SAML}Subject")
    presented = _confirm(
        subject,
        trust,
        in_response_to=in_response_to,
        said=root.get("InResponseTo"),
        said_is_signed=root is not received,
        clock=clock,
    )
    session_index, session_until, authn_instant = _authn(assertion, clock)
    attributes, friendly_names = _attributes(assertion)
    name_id = _name_id(subject, trust)
    return Assertion(
        id=identifier,
        name_id=name_id,
        attributes=attributes,
        friendly_names=friendly_names,
        session_index=session_index,
        session_not_on_or_after=session_until,
        authn_instant=authn_instant,
        not_on_or_after=presented if until is None else min(presented, until),
        evidence=read.evidence(name_id.format),
    )


def _covered(read: _Read, trust: Trust) -> _Element:
    """Return the one assertion of a response, which a signature covers that verified.

    The response is the one that came unless its own signature covers it: then it is read anew.
    """
    _hold_to_parts(read.root)
    everywhere = len(list(read.root.iter(*_EITHER)))
    if response_signed := signatures.is_signed(read.root):
        read.root = read.verified(read.root, trust)
    root = read.root
    _hold_to_status(root)
    children = list(root.iterchildren(*_EITHER))
    if everywhere != 1 or len(children) != 1:
        raise SAMLError(faults.ASSERTIONS, found=everywhere)
    hold_to_issuer(root, trust, required=False)
    hold_to_destination(root, trust.acs_urls, required=False)
    read.assertion = assertion = _plain(children[0], trust, covered=response_signed)
    if assertion_signed := signatures.is_signed(assertion):
        read.assertion = assertion = read.verified(assertion, trust)
    missing = (
        ("Response" if trust.signing.of_response and not response_signed else "")
        or ("Assertion" if trust.signing.of_assertion and not assertion_signed else "")
        or ("" if response_signed or assertion_signed else "response or its assertion")
    )
    if missing:
        raise SAMLError(faults.UNSIGNED, element=missing)
    return assertion


def _hold_to_parts(root: _Element) -> None:
    """Refuse a response with a child that it cannot have (Core 3.2.2, 3.3.3).

    One such would be a signature that is spelled so that nobody takes it for one.
    """
    for child in root:
        if child.tag not in _PARTS:
            raise SAMLError(
                faults.SIGNATURE_SHAPE,
                reason=f"the response contains an unexpected {parsing.local(child.tag)}",
            )


def _plain(assertion: _Element, trust: Trust, *, covered: bool) -> _Element:
    """Return the assertion, decrypted if it is encrypted, and nothing nested in it."""
    if assertion.tag == _ASSERTION:
        if trust.assertion_encrypted:
            raise SAMLError(faults.UNENCRYPTED)
        return assertion
    plain = decryption.decrypted(assertion, trust.decryption_keys, covered=covered, tag=_ASSERTION)
    if (everywhere := len(list(plain.iter(*_EITHER)))) != 1:
        raise SAMLError(faults.ASSERTIONS, found=everywhere)
    return plain


def _hold_to_status(root: _Element) -> None:
    """Refuse any status but success (Core 3.2.2.1)."""
    status = parsing.one(root, f"{SAMLP}Status")
    code = parsing.one(status, f"{SAMLP}StatusCode")
    if (value := code.get("Value", "")) == SUCCESS:
        return
    second = parsing.only(code, f"{SAMLP}StatusCode")
    values = [value] if second is None else [value, second.get("Value", "")]
    message = parsing.text(parsing.only(status, f"{SAMLP}StatusMessage"))
    fault = {
        f"{STATUS}AuthnFailed": faults.NOT_COMPLETED,
        f"{STATUS}NoPassive": faults.LOGIN_REQUIRED,
    }.get(values[-1], faults.STATUS)
    found = ", ".join(
        [one.removeprefix(STATUS) for one in values if one] + [message] * bool(message)
    )
    raise SAMLError(fault, found=found or "no status")


def _hold_to_conditions(conditions: _Element, trust: Trust, clock: _Clock) -> int | None:
    """Hold to Conditions (Core 2.5.1), of which we must know each; return when they end."""
    not_before = parsing.time(conditions, "NotBefore")
    not_on_or_after = parsing.time(conditions, "NotOnOrAfter")
    if clock.before(not_before):
        raise _late(faults.ASSERTION_EARLY, clock, since=not_before)
    if clock.past(not_on_or_after):
        raise _late(faults.ASSERTION_EXPIRED, clock, until=not_on_or_after)
    for condition in conditions:
        if condition.tag not in _CONDITIONS:
            raise SAMLError(faults.CONDITION, found=parsing.local(condition.tag))
    restrictions = conditions.findall(f"{SAML}AudienceRestriction")
    for audiences in [
        [parsing.text(one) for one in each.findall(f"{SAML}Audience")] for each in restrictions
    ] or [[]]:
        if trust.sp_entity_id not in audiences:
            found = ", ".join(audiences) or "missing"
            raise SAMLError(faults.AUDIENCE, found=found, expected=trust.sp_entity_id)
    return not_on_or_after


def _confirm(
    subject: _Element,
    trust: Trust,
    *,
    in_response_to: str | None,
    said: str | None,
    said_is_signed: bool,
    clock: _Clock,
) -> int:
    """Find the bearer's confirmation that holds (Profiles 4.1.4.2); return when it ends."""
    fault = SAMLError(faults.ELEMENT, parent="Subject", element="SubjectConfirmation")
    for confirmation in subject.findall(f"{SAML}SubjectConfirmation"):
        if confirmation.get("Method") != BEARER:
            continue
        try:
            data = parsing.one(confirmation, f"{SAML}SubjectConfirmationData")
            until = _confirmed_until(data, trust, clock)
            # Signed is the confirmation's own, and the response's only where that is signed.
            confirmed = data.get("InResponseTo")
            proved = confirmed or (said if said_is_signed else None)
            if proved == in_response_to and {confirmed, said} <= {None, in_response_to}:
                return until
            fault = SAMLError(
                faults.IN_RESPONSE_TO,
                found=proved or said or "missing",
                expected=in_response_to or "none (IdP-initiated)",
            )
        except SAMLError as error:
            fault = error
    raise fault


def _confirmed_until(data: _Element, trust: Trust, clock: _Clock) -> int:
    """Hold SubjectConfirmationData to our address and the time (Core 2.4.1.2)."""
    recipient = data.get("Recipient")
    if recipient not in trust.acs_urls:
        ours = " or ".join(trust.acs_urls)
        raise SAMLError(faults.RECIPIENT, found=recipient or "missing", expected=ours)
    until = parsing.time(data, "NotOnOrAfter")
    if until is None or clock.past(until):
        raise _late(faults.RESPONSE_EXPIRED, clock, until=until)
    if clock.before(since := parsing.time(data, "NotBefore")):
        raise _late(faults.ASSERTION_EARLY, clock, since=since)
    return until


def _authn(assertion: _Element, clock: _Clock) -> tuple[str | None, int | None, int | None]:
    """Read the first AuthnStatement (Core 2.7.2): session index, end of session, instant."""
    statement = assertion.find(f"{SAML}AuthnStatement")
    if statement is None:
        raise SAMLError(faults.ELEMENT, parent="Assertion", element="AuthnStatement")
    until = parsing.time(statement, "SessionNotOnOrAfter")
    if clock.past(until):
        raise _late(faults.SESSION_EXPIRED, clock, until=until)
    return statement.get("SessionIndex"), until, parsing.time(statement, "AuthnInstant")


def _name_id(subject: _Element, trust: Trust) -> NameID:
    encrypted = parsing.only(subject, f"{SAML}EncryptedID")
    if encrypted is None:
        return read_name_id(parsing.one(subject, f"{SAML}NameID"))
    name_id = decryption.decrypted(
        encrypted, trust.decryption_keys, covered=True, tag=f"{SAML}NameID"
    )
    return read_name_id(name_id)


def _attributes(assertion: _Element) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Read all attributes (Core 2.7.3): values by name, and friendly names by name."""
    values: dict[str, tuple[str, ...]] = {}
    friendly_names: dict[str, str] = {}
    for attribute in assertion.iterfind(f"{SAML}AttributeStatement/{SAML}Attribute"):
        name = attribute.get("Name", "")
        values[name] = values.get(name, ()) + tuple(
            parsing.text(value)
            for value in attribute.iterfind(f"{SAML}AttributeValue")
            if value.get(f"{{{XMLNS_XSI}}}nil") not in ("true", "1")
        )
        if friendly_name := attribute.get("FriendlyName"):
            friendly_names.setdefault(name, friendly_name)
    return values, friendly_names


def _late(fault: Fault, clock: _Clock, **times: int | None) -> SAMLError:
    shown = {
        name: "an unknown time" if at is None else parsing.written(at) for name, at in times.items()
    }
    return SAMLError(fault, now=parsing.written(clock.now), **shown)
