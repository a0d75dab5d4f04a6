"""A sign-in by OpenID Connect: the request that a browser takes along, and the code it brings.

The authorization code flow (OpenID Connect Core 1.0 section 3.1), whose ID token is the proof. A
logout at the provider ends our sessions, and ours may end that of the provider.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tenantry.core import errors
from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.identity.connections import addresses
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.faults import evidenced
from tenantry.identity.connections.federated_identities import FederatedIdentity, FederationError
from tenantry.identity.connections.model import DISCOVERY
from tenantry.identity.connections.oidc import (
    authorization,
    callback,
    faults,
    id_token,
    jwts,
    logout_token,
    metadata,
    profile,
    userinfo,
)
from tenantry.identity.connections.oidc.claims import TENANT
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.oidc.metadata import Metadata
from tenantry.identity.connections.settings import PRIVATE_KEY_JWT, OIDCSettings
from tenantry.identity.federation import attributes, clients, evidence, replays, requests, sessions
from tenantry.identity.federation.attributes import CustomAttributes
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.model import FrontChannelMessage
from tenantry.net import email_addresses
from tenantry.telemetry.log import warn_rate_limited

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Database
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.oidc.callback import CallbackResponse
    from tenantry.identity.connections.oidc.jwts import Signed
    from tenantry.identity.connections.oidc.tokens import Tokens
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.identity.federation.clients import Sign
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.federation.sessions import FederatedSession
    from tenantry.settings import Settings
    from tenantry.tenants.user_attributes.model import UserAttribute

# The fact of a logout: where the browser goes once it comes back.
BACK = "back"
_HINT_MAX = 16_000  # characters of an ID token that goes back in an address
_LONGEST_SID = 255

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuthenticationOptions:
    """The wishes of an application that go on to the provider; ``max_age`` in seconds."""

    login_hint: str | None = None
    prompt: tuple[str, ...] = ()
    max_age: int | None = None


class RelyingParty:
    """Our side of all OpenID Connect connections, in one process.

    ``sign`` makes JWTs of claims with our own key.
    """

    def __init__(self, db: Database, fetching: Fetching, settings: Settings, sign: Sign) -> None:
        self.db = db
        self.fetching = fetching
        self.custom_attributes = CustomAttributes(db)
        self.public_url = settings.public_url
        self.skew = settings.sso_clock_skew_seconds
        self._sign = sign

    async def start(
        self,
        connection: Connection,
        asked: AuthenticationOptions,
        *,
        auth_request_id: str | None = None,
        test_id: str | None = None,
    ) -> tuple[str, dict[str, str]]:
        """Start a login at the provider; return the address and the members of the request."""
        settings = OIDCSettings.stored(connection.settings)
        try:
            provider = await self.provider(connection, settings)
            address = _needed(provider.authorization_endpoint, "authorization endpoint")
        except OIDCError as error:
            raise fault_of(error) from None
        facts = begun(asked)
        state = await requests.begin(
            self.db, connection.id, auth_request_id=auth_request_id, test_id=test_id, facts=facts
        )
        return address, authorization.members(
            settings,
            redirect_uri=self.redirect_uri(connection),
            state=state,
            nonce=facts["nonce"],
            code_verifier=facts["code_verifier"],
            login_hint=asked.login_hint,
            prompt=asked.prompt,
            max_age=asked.max_age,
        )

    async def receive(
        self, connection: Connection, answer: CallbackResponse, request: FederationRequest
    ) -> FederatedIdentity:
        """Return the person that the provider vouches for, once all of its answer holds."""
        settings = OIDCSettings.stored(connection.settings)
        try:
            provider = await self.provider(connection, settings)
            callback.hold_to_issuer(answer, provider.issuer, says_issuer=provider.says_issuer)
            code = callback.code(answer)
            token_uri = _needed(provider.token_endpoint, "token endpoint")
            shown = await self._client(connection, settings, token_uri)
            found = await self.exchange(
                connection, token_uri, code, request, shown, pkce=settings.pkce_enabled
            )
            jwt = await self.verified(
                provider,
                found,
                request,
                client_id=settings.client_id,
                is_debug=connection.debug_enabled,
            )
            with evidenced(lambda: evidence.of_id_token(jwt)):
                return await self._identity(connection, settings, provider, found, jwt)
        except OIDCError as error:
            raise fault_of(error) from None

    async def end_sessions(self, call: Call, connection: Connection, token: str) -> int:
        """End the sessions that a logout token names; return how many there were."""
        settings = OIDCSettings.stored(connection.settings)
        try:
            provider = await self.provider(connection, settings)
            jwt = jwts.read(token, algorithms=provider.algorithms)
            # All that needs no key comes first: anybody may send one.
            found = logout_token.verify(
                jwt,
                issuer=provider.issuer,
                client_id=settings.client_id,
                now=now() / SECOND,
                skew=self.skew,
            )
            await self.hold_to_signature(jwt, provider, is_debug=connection.debug_enabled)
        except OIDCError as error:
            raise fault_of(error) from None
        async with self.db.transaction() as db:
            until = found.expires * SECOND
            if not await replays.spend(db, connection.id, found.jti, expire_time=until):
                raise FederationError("invalid_request", "The logout token was already used.")
            return await sessions.end(
                replace(call, db=db),
                connection.id,
                subject=found.subject,
                session_index=found.session_index,
            )

    async def leave(
        self, connection: Connection, session: FederatedSession, back: str
    ) -> FrontChannelMessage | None:
        """Return where a browser ends its session at the provider, which sends it to us again.

        RP-Initiated Logout 1.0; we send it on to ``back``. None where the connection does not want
        that, and where the provider has no such place, or cannot be asked for it: our own logout
        is done in any case.
        """
        settings = OIDCSettings.stored(connection.settings)
        if not settings.idp_logout_required:
            return None
        try:
            provider = await self.provider(connection, settings)
        except OIDCError as error:
            fields = {"connection_id": connection.id, "problem": error.description}
            warn_rate_limited(_log, "skipped sign-out at the OpenID Provider", error.code, fields)
            return None
        address = settings.end_session_uri or provider.end_session_endpoint
        if not address:
            return None
        members = {
            "client_id": settings.client_id,
            "post_logout_redirect_uri": addresses.logout_callback(self.public_url, connection),
            "state": await requests.begin(self.db, connection.id, facts={BACK: back}),
        }
        if session.hint is not None and "id_token" in session.hint:
            members["id_token_hint"] = session.hint["id_token"]
        return FrontChannelMessage(f"{address}{'&' if '?' in address else '?'}{urlencode(members)}")

    async def provider(self, connection: Connection, settings: OIDCSettings) -> Metadata:
        """Return the provider of a connection: what it publishes, or what an admin wrote."""
        place = settings.discovery_endpoint
        if not place and settings.issuer:
            place = metadata.address(settings.issuer)
        if connection.configuration_type == DISCOVERY and place:
            found = await self.fetching.metadata(place, is_debug=connection.debug_enabled)
            _hold_to_issuer(found, settings.issuer)
        else:
            found = Metadata(
                issuer=settings.issuer,
                authorization_endpoint=settings.authorize_uri,
                token_endpoint=settings.token_uri,
                userinfo_endpoint=settings.user_info_uri,
                jwks_uri=settings.jwks_uri,
                end_session_endpoint=settings.end_session_uri,
            )
        if TENANT in found.issuer and connection.organization_id is not None:
            # Any customer of Microsoft's could say to be anybody of this organization.
            raise OIDCError(faults.MANY_TENANTS)
        return found

    def redirect_uri(self, connection: Connection) -> str:
        return addresses.callback(self.public_url, connection)

    async def verified(
        self,
        provider: Metadata,
        found: Tokens,
        request: FederationRequest,
        *,
        client_id: str,
        is_debug: bool,
    ) -> Signed:
        """Return the ID token among these tokens, verified whole."""
        if found.id_token is None:
            raise OIDCError(faults.NO_ID_TOKEN)
        jwt = jwts.read(found.id_token, algorithms=provider.algorithms)
        with evidenced(lambda: evidence.of_id_token(jwt, verified=False)):
            await self.hold_to_signature(jwt, provider, is_debug=is_debug)
        facts = request.facts
        with evidenced(lambda: evidence.of_id_token(jwt)):
            id_token.verify(
                jwt,
                issuer=provider.issuer,
                client_id=client_id,
                nonce=facts["nonce"],
                now=now() / SECOND,
                skew=self.skew,
                access_token=found.access_token,
                max_age=facts["max_age"],
                since=request.create_time / SECOND if facts["is_anew"] else None,
            )
        return jwt

    async def exchange(
        self,
        connection: Connection,
        token_uri: str,
        code: str,
        request: FederationRequest,
        shown: clients.PresentedCredentials,
        *,
        pkce: bool,
        form_allowed: bool = False,
    ) -> Tokens:
        """Return the tokens for a code."""
        verifier = request.facts["code_verifier"]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri(connection),
            **shown.form,
            **({"code_verifier": verifier} if pkce else {}),
        }
        return await self.fetching.exchange(
            connection.id,
            token_uri,
            form,
            authorization=shown.authorization,
            secrets=(code, verifier, *shown.secrets),
            form_allowed=form_allowed,
            is_debug=connection.debug_enabled,
        )

    async def _client(
        self, connection: Connection, settings: OIDCSettings, token_uri: str
    ) -> clients.PresentedCredentials:
        if settings.token_auth_type == PRIVATE_KEY_JWT:
            return await clients.by_key(
                self._sign, settings.client_id, token_uri, issuer=self.public_url
            )
        secret = client_secrets.secret_of(self.db, connection)
        return clients.by_secret(settings.token_auth_type, settings.client_id, secret)

    async def hold_to_signature(self, jwt: Signed, provider: Metadata, *, is_debug: bool) -> None:
        address = _needed(provider.jwks_uri, "jwks_uri")
        await self.fetching.verify(jwt, address, is_debug=is_debug)

    async def _identity(
        self,
        connection: Connection,
        settings: OIDCSettings,
        provider: Metadata,
        found: Tokens,
        jwt: Signed,
    ) -> FederatedIdentity:
        claims = jwt.claims
        registered = await self.custom_attributes.get()
        mapping = mapping_of(connection, registered)
        whole = claims
        if provider.userinfo_endpoint and profile.lacks(claims, mapping):
            told = await self.fetching.userinfo(
                connection.id,
                provider.userinfo_endpoint,
                found.access_token,
                is_debug=connection.debug_enabled,
            )
            whole = profile.joined(claims, userinfo.of_subject(told, claims["sub"]))
        hint = found.id_token if settings.idp_logout_required else None
        return identity(
            claims["sub"],
            whole,
            mapping,
            registered,
            session_index=_session_index(claims),
            hint={"id_token": hint} if hint and len(hint) <= _HINT_MAX else None,
            evidence=evidence.bounded(
                evidence.of_openid(jwt, scopes=settings.scopes, claims=whole)
            ),
        )


def begun(asked: AuthenticationOptions) -> dict[str, Any]:
    """Return the facts that the answer to a new request is held to."""
    return {
        "nonce": vault.new_secret(),
        "code_verifier": vault.new_secret(),
        "max_age": asked.max_age,
        "is_anew": "login" in asked.prompt,
    }


def mapping_of(connection: Connection, registered: Sequence[UserAttribute]) -> dict[str, str]:
    """Return the claim of each attribute by its key: as the connection maps it, else all do."""
    mapping = {one.key: one.default_oidc_mapping or one.key for one in registered}
    return mapping | dict(connection.attribute_mapping)


def identity(
    subject: str,
    claims: Mapping[str, Any],
    mapping: Mapping[str, str],
    registered: Sequence[UserAttribute],
    **more: Any,
) -> FederatedIdentity:
    """Return the identity of a person of whom a provider says these claims."""
    values = profile.values(claims, mapping)
    email = values[profile.EMAIL][0]
    try:
        email_addresses.checked(email)
    except errors.InvalidArgument:
        raise OIDCError(faults.WRONG_EMAIL, found=email) from None
    return FederatedIdentity(
        subject=subject,
        email=email,
        email_verified=profile.email_verified(claims, mapping),
        profile=attributes.profile(values),
        groups=attributes.groups(values.get(attributes.GROUPS, ())),
        claims=attributes.claims(values, registered),
        received=claims,
        **more,
    )


def _needed(address: str, name: str) -> str:
    if not address:
        raise OIDCError(faults.NO_ENDPOINT, name=name)
    return address


def _hold_to_issuer(found: Metadata, issuer: str) -> None:
    """Refuse metadata that names another issuer than the connection: nobody changes it silently."""
    is_named = issuer and not metadata.is_document(issuer) and TENANT not in found.issuer
    if is_named and found.issuer.rstrip("/") != issuer.rstrip("/"):
        raise OIDCError(faults.DISCOVERY, reason=f"it belongs to another issuer, {found.issuer}")


def _session_index(claims: Mapping[str, Any]) -> str | None:
    sid = claims.get("sid")
    good = isinstance(sid, str) and 0 < len(sid) <= _LONGEST_SID and "\x00" not in sid
    return sid if good else None
