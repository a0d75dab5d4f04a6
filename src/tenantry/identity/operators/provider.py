"""Operators by their own OpenID Provider, which the settings name: code flow with PKCE.

It says who somebody is, and nothing about what they may do: only an operator that was invited by
the e-mail address comes in. From then on they are known by the provider's `sub`.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from sqlalchemy import bindparam, update

from tenantry.core import errors
from tenantry.core.times import MINUTE, now
from tenantry.crypto import vault
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.oidc import authorization, callback, faults, metadata, tokens
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.settings import OIDCSettings
from tenantry.identity.federation.model import FederationRequest
from tenantry.identity.operators import sessions
from tenantry.identity.operators.model import Operator, operators
from tenantry.identity.operators.service import find_by_email
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.identity.connections.oidc.callback import CallbackResponse
    from tenantry.identity.connections.oidc.metadata import Metadata
    from tenantry.identity.federation.openid import RelyingParty
    from tenantry.settings import Settings

CALLBACK = "/console/sign-in/callback"
LIFE = 10 * MINUTE  # of the way there and back
_SCOPES = ("openid", "email", "profile")
_BINDING = Binding("way of an operator to their provider")
_NOBODY = "console"  # whose requests they are, where a connection's id is asked for

_log = logging.getLogger(__name__)

_o = operators.c
_BY_SUBJECT = crud.get(operators, by=("subject",))
_KNOW = Statement(
    update(operators)
    .where(_o.id == bindparam("p_id"), _o.subject.is_(None))
    .values(subject=bindparam("p_subject"))
    .returning(_o.id)
)


class LoginRefused(errors.PermissionDenied):
    """The provider did not vouch for anybody, or for nobody that was invited."""

    sentence = (
        "your account at the identity provider does not belong to an operator of this console"
    )


@dataclass(frozen=True, slots=True)
class LoginState:
    """One way to the provider: kept by the browser that goes it, encrypted."""

    state: str
    nonce: str
    code_verifier: str
    goal: str  # the page to come to
    begun: int


class Provider:
    """The provider of the settings."""

    def __init__(self, party: RelyingParty, settings: Settings) -> None:
        self._party = party
        self._vault = party.db.vault
        self._issuer = settings.console_oidc_issuer
        self._secret = settings.console_oidc_client_secret
        self._redirect_uri = f"{settings.public_url}{CALLBACK}"
        # Without TLS only where nobody else comes, and in networks that the operator allows.
        self._is_debug = settings.development
        self._settings = OIDCSettings(
            issuer=self._issuer, client_id=settings.console_oidc_client_id, scopes=_SCOPES
        )

    @property
    def name(self) -> str:
        """Its host, by which people know it; "" without a provider."""
        return urlsplit(self._issuer).hostname or ""

    async def start(self, goal: str) -> tuple[str, str]:
        """Return the address to send a browser to, and what it has to keep for the way back.

        Raises:
            LoginRefused: the provider's metadata could not be fetched.

        """
        try:
            provider = await self._metadata()
        except OIDCError as error:
            raise self._refused(error) from None
        way = LoginState(vault.new_secret(), vault.new_secret(), vault.new_secret(), goal, now())
        members = authorization.members(
            self._settings,
            redirect_uri=self._redirect_uri,
            state=way.state,
            nonce=way.nonce,
            code_verifier=way.code_verifier,
        )
        place = provider.authorization_endpoint
        kept = json.dumps([way.state, way.nonce, way.code_verifier, way.goal, way.begun]).encode()
        return (
            f"{place}{'&' if '?' in place else '?'}{urlencode(members)}",
            self._vault.encrypt(kept, _BINDING),
        )

    async def finish(self, call: Call, kept: str, answer: CallbackResponse) -> tuple[str, str]:
        """Return the secret of a new session, and the page to come to.

        Raises:
            LoginRefused: the response is invalid, belongs to another browser, or names a person who
                was not invited.

        """
        way = self._login_state(kept)
        if way is None or not vault.matches(answer.state, vault.digest(way.state)):
            raise LoginRefused
        try:
            claims = await self._claims(way, answer)
        except OIDCError as error:
            raise self._refused(error) from None
        async with call.db.transaction() as db:
            operator = await self._operator(db, claims)
            return await sessions.begin(call, db, operator, method=sessions.PROVIDER), way.goal

    async def _claims(self, way: LoginState, answer: CallbackResponse) -> Mapping[str, Any]:
        provider = await self._metadata()
        callback.hold_to_issuer(answer, provider.issuer, says_issuer=provider.says_issuer)
        code, client_id = callback.code(answer), self._settings.client_id
        header = tokens.basic(client_id, self._secret)
        found = await self._party.fetching.exchange(
            _NOBODY,
            provider.token_endpoint,
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_uri,
                "code_verifier": way.code_verifier,
            },
            authorization=header,
            secrets=(code, way.code_verifier, self._secret, header),
            is_debug=self._is_debug,
        )
        asked = FederationRequest(
            connection_id=_NOBODY,
            auth_request_id=None,
            test_id=None,
            facts={"nonce": way.nonce, "max_age": None, "is_anew": False},
            create_time=way.begun,
            expire_time=way.begun + LIFE,
        )
        jwt = await self._party.verified(
            provider, found, asked, client_id=client_id, is_debug=self._is_debug
        )
        claims: Mapping[str, Any] = jwt.claims
        return claims

    async def _operator(self, db: Session, claims: Mapping[str, Any]) -> Operator:
        """Return the operator of an ID token: by the subject, else by the address, the first time.

        Raises:
            LoginRefused: there is no such operator.

        """
        subject = f"{self._issuer} {claims['sub']}"
        row = await db.fetch_one(_BY_SUBJECT, p_subject=subject)
        if row is not None:
            return Operator.from_row(row)
        email = claims.get("email")
        if claims.get("email_verified") is not True or not isinstance(email, str):
            raise LoginRefused
        try:
            known = await find_by_email(db, email_addresses.checked(email))
        except errors.InvalidArgument:
            raise LoginRefused from None
        if known is None or not await db.fetch_all(_KNOW, p_id=known.id, p_subject=subject):
            raise LoginRefused
        return replace(known, subject=subject)

    async def _metadata(self) -> Metadata:
        place = metadata.address(self._issuer)
        found = await self._party.fetching.metadata(place, is_debug=self._is_debug)
        if not found.authorization_endpoint or not found.token_endpoint or not found.jwks_uri:
            raise OIDCError(
                faults.NO_ENDPOINT, name="authorization endpoint, token endpoint or jwks_uri"
            )
        if found.issuer.rstrip("/") != self._issuer.rstrip("/"):
            raise OIDCError(
                faults.DISCOVERY, reason=f"it belongs to another issuer, {found.issuer}"
            )
        return found

    def _login_state(self, kept: str) -> LoginState | None:
        try:
            way = LoginState(*json.loads(self._vault.decrypt(kept, _BINDING, from_outside=True)))
        except (WrongKey, ValueError, TypeError):
            return None
        return way if now() - way.begun < LIFE else None

    def _refused(self, error: OIDCError) -> LoginRefused:
        fields = {"issuer": self._issuer, "problem": error.description}
        _log.warning("operator sign-in with OpenID Connect failed", extra={"fields": fields})
        return LoginRefused()
