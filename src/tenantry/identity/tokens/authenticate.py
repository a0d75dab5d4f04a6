"""The caller, from the headers of a request: a client, a person, or a portal's visitor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tenantry.access.clients import allowed_networks
from tenantry.access.clients.model import M2M
from tenantry.core import errors
from tenantry.core.caller import ANONYMOUS, Caller, Kind, Origin
from tenantry.identity.grants import subjects
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens import api_scopes
from tenantry.identity.tokens.access_tokens import MANAGEMENT_SCOPES
from tenantry.identity.tokens.signed_tokens import KNOWN
from tenantry.identity.tokens.user_tokens import are_of_person
from tenantry.tenants.portal_links import service as portal_links

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.access_tokens import AccessToken, AccessTokens
    from tenantry.identity.tokens.signed_tokens import SignedTokens
    from tenantry.identity.tokens.user_tokens import UserToken, UserTokens
    from tenantry.net.http import Cookie
    from tenantry.tenants.environment.effective import Effective


@dataclass(frozen=True, slots=True)
class _ClientToken:
    """An access token of a client that was in force, and the caller that it names."""

    token: AccessToken
    caller: Caller


_MOST_TOKENS = 4  # looked at in one request
_NO_BEARER = "the authorization header has to be `Bearer`, a space and an access token"


class Authenticator:
    """Finds the caller: by an access token, else by the cookie of a session or of the portal."""

    def __init__(
        self,
        db: Database,
        signed: SignedTokens,
        tokens: AccessTokens,
        user_tokens: UserTokens,
        *,
        session_cookie: SessionCookie,
        portal_cookie: Cookie,
        effective: Effective,
    ) -> None:
        self._db = db
        self._signed = signed
        self._tokens = tokens
        self._user_tokens = user_tokens
        self._session_cookie = session_cookie
        self._portal_cookie = portal_cookie
        self._effective = effective
        # The clients that call, by their tokens, each as long as `AccessTokens.is_unchanged`.
        self._known: dict[str, _ClientToken] = {}

    async def __call__(self, headers: Mapping[str, str], address: str) -> Caller:
        """Return the caller; without credentials that is nobody.

        One of several `authorization` values has to be good: after a refresh the Python SDK
        sends the stale token beside the fresh one for good.
        """
        authorization = headers.get("authorization")
        if authorization is not None:
            return await self._by_token(authorization, address)
        cookies = headers.get("cookie", "")
        if not cookies:
            return ANONYMOUS
        # Not every call of a page of another origin asks first (CORS).
        origin = Origin(site=headers.get("sec-fetch-site", ""), page=headers.get("origin", ""))
        if not origin.is_of(self._effective.given.public_url, no_browser=True, address_bar=True):
            return ANONYMOUS
        found = ANONYMOUS
        if self._session_cookie.name in cookies:
            found = await self._by_session(cookies, address)
        if found is ANONYMOUS and self._portal_cookie.name in cookies:
            found = await self._by_portal(cookies)
        return found

    async def _by_token(self, authorization: str, address: str) -> Caller:
        problem: errors.Unauthenticated | None = None
        values = authorization.split(",")
        if len(values) > _MOST_TOKENS:
            raise errors.Unauthenticated(help=_NO_BEARER)
        for value in values:
            scheme, _, token = value.strip().partition(" ")
            token = token.strip()
            if scheme.lower() != "bearer" or not token:
                continue
            try:
                claims = await self._signed.claims(token)
                known = self._known.get(token)
                if (
                    known is None
                    or known.token.claims is not claims
                    or not await self._tokens.is_unchanged(known.token)
                ):
                    if are_of_person(claims):
                        return _bearer(await self._user_tokens.in_force(claims))
                    known = self._remember(token, await self._tokens.in_force(claims))
            except errors.Unauthenticated as bad:
                problem = bad
                continue
            if not allowed_networks.allows(known.token.client, address):
                raise errors.PermissionDenied(allowed_networks.REFUSAL)
            return known.caller
        raise problem or errors.Unauthenticated(help=_NO_BEARER)

    def _remember(self, token: str, found: AccessToken) -> _ClientToken:
        caller = caller_of(found.client, found.claims.get(MANAGEMENT_SCOPES))
        self._known.pop(token, None)
        while len(self._known) >= KNOWN:
            del self._known[next(iter(self._known))]
        known = self._known[token] = _ClientToken(found, caller)
        return known

    async def _by_session(self, cookies: str, address: str) -> Caller:
        secret = self._session_cookie.read(cookies)
        subject = await subjects.find_of_cookie(self._db, secret)
        if subject is None:
            return ANONYMOUS
        await enforcement.check(self._db, subject, address=address)
        return self.person(subject)

    @staticmethod
    def person(subject: Subject) -> Caller:
        """Return a person as the caller that the cookie of their session makes of them."""
        if subject.organization_id == NO_ORGANIZATION:
            raise errors.PermissionDenied("this user does not belong to an organization")
        permissions = api_scopes.of(subject.permissions)
        return Caller(
            Kind.USER_SESSION,
            subject.user.id,
            subject.organization_id,
            permissions,
            subject.session_id,
            impersonator=subject.impersonation.operator_id if subject.impersonation else "",
            features=subject.organization_features,
        )

    async def _by_portal(self, cookies: str) -> Caller:
        secret = self._portal_cookie.read(cookies)
        session = await portal_links.find_session(self._db, secret) if secret else None
        if session is None:
            return ANONYMOUS
        return portal_links.caller(session, self._effective.settings.portal_roles)


def _bearer(token: UserToken) -> Caller:
    """Return the person whom an application speaks for, with the scopes of the token at most.

    An application hands its tokens to other APIs. So one that is not for us as well, by its aud
    (RFC 9068 section 4), names a person and permits nothing. Nor does a scope that the application
    has lost since.
    """
    person = Authenticator.person(token.subject)
    scopes = frozenset[str]()
    if token.is_for_us:
        scopes = token.subject.client_scopes.intersection(token.scopes)
    assert person.permissions is not None
    return replace(
        person,
        permissions=person.permissions & scopes,
        token_scopes=scopes,
        client_id=token.client_id,
    )


def caller_of(client: Client, limit: Sequence[str] | None = None) -> Caller:
    """Return a client as a caller: one of an organization may make no call of this API.

    ``limit`` are the management scopes of its access token, None for those of the client.
    """
    if client.client_type == M2M:
        return Caller(Kind.ORGANIZATION_CLIENT, client.id, client.organization_id, frozenset())
    lists = [scopes for scopes in (client.management_scopes, limit) if scopes is not None]
    if not lists:
        return Caller(Kind.MANAGEMENT_CLIENT, client.id)
    scopes = frozenset(lists[0]).intersection(*lists[1:])
    return Caller(Kind.MANAGEMENT_CLIENT, client.id, permissions=scopes)
