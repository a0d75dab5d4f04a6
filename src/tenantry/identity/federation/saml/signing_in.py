"""A sign-in by SAML: the request that a browser takes along, and the response that it brings.

The Web Browser SSO profile (Profiles 4.1). A response is held to the request of its RelayState, or,
where the connection allows it and nothing was asked, is one that the identity provider began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.identity.connections.faults import evidenced
from tenantry.identity.connections.federated_identities import FederatedIdentity
from tenantry.identity.connections.saml import bindings, faults, response, writing
from tenantry.identity.connections.saml.attributes import EMAIL, profile
from tenantry.identity.connections.saml.bindings import REQUEST, RESPONSE
from tenantry.identity.connections.saml.faults import SAMLError
from tenantry.identity.connections.saml.names import NameIDFormat
from tenantry.identity.connections.settings import HTTP_POST
from tenantry.identity.federation import attributes, evidence, replays, requests
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.model import FrontChannelMessage
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Session
    from tenantry.identity.connections.saml.response import Assertion
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.federation.saml.service_provider import ServiceProvider, SPConfiguration
    from tenantry.tenants.user_attributes.model import UserAttribute

# Names of the attribute that lists groups, in lower case.
_GROUPS = (
    "groups",
    "group",
    "memberof",
    "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups",
    "http://schemas.xmlsoap.org/claims/group",
    "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",  # isMemberOf
)


async def start(
    db: Session,
    side: SPConfiguration,
    *,
    auth_request_id: str | None = None,
    test_id: str | None = None,
    force_authn: bool = False,
    login_hint: str | None = None,
) -> FrontChannelMessage:
    """Start an SP-initiated login; return the redirect.

    ``force_authn`` asks for a new proof, despite any session there is (Core 3.4.1). A
    ``login_hint`` goes with a redirect; the address of a form stays as the provider's metadata has
    it.
    """
    settings = side.settings
    force_authn = force_authn or settings.force_authn
    identifier = writing.new_id()
    relay_state = await requests.begin(
        db,
        side.connection.id,
        auth_request_id=auth_request_id,
        test_id=test_id,
        facts={"id": identifier, "force_authn": force_authn},
    )
    message = writing.authn_request(
        identifier=identifier,
        sp_entity_id=side.sp_entity_id,
        acs_url=side.acs_urls[0],
        sso_url=settings.idp_sso_url,
        now=now(),
        name_id_format=side.name_id_format,
        force_authn=force_authn,
    )
    pair = side.signing if settings.want_request_signed else None
    if settings.idp_sso_request_binding == HTTP_POST:
        fields = {REQUEST: bindings.form_value(message, pair=pair), "RelayState": relay_state}
        return FrontChannelMessage(settings.idp_sso_url, fields)
    return FrontChannelMessage(
        bindings.redirect(
            settings.idp_sso_url,
            REQUEST,
            message,
            relay_state=relay_state,
            pair=pair,
            login_hint=_hinted(settings.idp_sso_url, login_hint),
        )
    )


def _hinted(url: str, login_hint: str | None) -> str:
    """Return a hint for an address that has none; one that is too long stays here."""
    given = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    has_room = "login_hint" not in given and len(login_hint or "") <= email_addresses.MAX
    return login_hint or "" if has_room else ""


async def receive(
    provider: ServiceProvider,
    side: SPConfiguration,
    form: Mapping[str, str],
    request: FederationRequest | None,
) -> FederatedIdentity:
    """Return whom a response vouches for, once all of it holds and it was not used before.

    ``request`` is the way that its RelayState ends, None for one that the identity provider began.
    """
    registered = await provider.custom_attributes.get()
    at, received = now(), form.get(RESPONSE, "")

    def read(side: SPConfiguration) -> tuple[Assertion, FederatedIdentity]:
        return _read(side, received, request, registered, at)

    try:
        assertion, identity = await provider.verified(side, read, size=len(received))
        with evidenced(lambda: assertion.evidence):
            await _spend(provider.db, side, assertion)
    except SAMLError as error:
        raise fault_of(error) from None
    return identity


async def _spend(db: Session, side: SPConfiguration, assertion: Assertion) -> None:
    until = assertion.not_on_or_after + 2 * side.skew
    if not await replays.spend(db, side.connection.id, assertion.id, expire_time=until):
        raise SAMLError(faults.REPLAYED)


def _read(
    side: SPConfiguration,
    saml_response: str,
    request: FederationRequest | None,
    registered: Sequence[UserAttribute],
    at: int,
) -> tuple[Assertion, FederatedIdentity]:
    """Verify a response; takes processor time alone, so it may run in a thread."""
    if not saml_response:
        raise SAMLError(faults.PARAMETER, name=RESPONSE)
    received = response.parse(saml_response)
    if request is None and received.in_response_to is not None:
        raise SAMLError(faults.NOT_WAITING)
    asked = None if request is None else request.facts["id"]
    assertion = response.verify(received, side.trust, in_response_to=asked, now=at, skew=side.skew)
    with evidenced(lambda: assertion.evidence):
        if request is not None and request.facts.get("force_authn"):
            _hold_to_new_proof(assertion, request, side.skew)
        return assertion, _identity(side, assertion, registered)


def _hold_to_new_proof(assertion: Assertion, request: FederationRequest, skew: int) -> None:
    """Refuse an old session of the identity provider where a new proof was asked for."""
    proved = assertion.authn_instant
    if proved is None or proved < request.create_time - skew:
        raise SAMLError(faults.OLD_SESSION)


def _identity(
    side: SPConfiguration, assertion: Assertion, registered: Sequence[UserAttribute]
) -> FederatedIdentity:
    mapping = {one.key: one.default_saml_mapping or one.key for one in registered}
    mapping |= side.connection.attribute_mapping
    values = profile(assertion, mapping)
    try:
        email = email_addresses.checked(values[EMAIL][0])
    except errors.InvalidArgument:
        raise SAMLError(faults.WRONG_EMAIL, found=values[EMAIL][0]) from None
    name_id = assertion.name_id
    # A transient NameID is another one at each sign-in (Core 8.3.8): it names nobody for long.
    subject = email if name_id.format == NameIDFormat.TRANSIENT else name_id.value
    return FederatedIdentity(
        subject=subject,
        email=email,
        profile=attributes.profile(values),
        groups=attributes.groups(_groups(assertion, mapping)),
        claims=attributes.claims(values, registered),
        received={
            name: sent[0] if len(sent) == 1 else list(sent)
            for name, sent in assertion.attributes.items()
        },
        session_index=assertion.session_index,
        session_expire_time=assertion.session_not_on_or_after,
        hint=_hint(assertion),
        evidence=evidence.bounded(assertion.evidence),
    )


def _groups(assertion: Assertion, mapping: Mapping[str, str]) -> tuple[str, ...]:
    if attributes.GROUPS in mapping:
        return assertion.attributes.get(mapping[attributes.GROUPS], ())
    sent = {name.lower(): values for name, values in assertion.attributes.items()}
    return next((sent[name] for name in _GROUPS if name in sent), ())


def _hint(assertion: Assertion) -> dict[str, Any]:
    """Return the NameID with its qualifiers: a logout names the same subject by it."""
    name_id = assertion.name_id
    members = {
        "value": name_id.value,
        "format": name_id.format,
        "name_qualifier": name_id.name_qualifier,
        "sp_name_qualifier": name_id.sp_name_qualifier,
    }
    return {name: value for name, value in members.items() if value is not None}
