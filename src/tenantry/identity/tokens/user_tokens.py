"""Access tokens of people: JWTs that an application gets for a person in a session.

Other APIs take one until it expires. Our own endpoints look up, at most 0.9 s ago, whether its
session is live and its person still a member, so that a session that ends is refused here within a
second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.identity.grants import claims as claims_of
from tenantry.identity.grants import subjects
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens import api_scopes
from tenantry.identity.tokens.access_tokens import Issued
from tenantry.identity.tokens.signed_tokens import DELEGATED_FROM, NOT_IN_FORCE
from tenantry.tenants.users.model import is_federated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.db.engine import Database
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.signed_tokens import SignedTokens
    from tenantry.tenants.environment.effective import Effective

_MOST = 20_000  # subjects that are remembered


@dataclass(frozen=True, slots=True)
class Draft:
    """A token that is about to be issued, before its subject is known."""

    id: str
    issue_time: int  # Unix time
    seconds: int

    @property
    def expire_time(self) -> int:
        """When it ends, in microseconds since 1970."""
        return (self.issue_time + self.seconds) * 1_000_000


@dataclass(frozen=True, slots=True)
class UserToken:
    """A Tenantry token that is good: its claims, and its subject as that is now."""

    claims: Mapping[str, Any]
    subject: Subject

    @property
    def id(self) -> str:
        """Its jti."""
        return str(self.claims["jti"])

    @property
    def client_id(self) -> str:
        """The application that it was given to."""
        return str(self.claims["client_id"])

    @property
    def is_for_us(self) -> bool:
        """Whether it is for our own API as well, and not for the application's alone."""
        return self.claims["iss"] in self.claims["aud"]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Its audience, scopes and end."""
        return tuple(self.claims["scopes"])

    @property
    def expires(self) -> int:
        """The Unix time at which it ends."""
        return int(self.claims["exp"])


@dataclass(frozen=True, slots=True)
class _Token:
    """A token by its jti; its claims say where its subject is found."""

    id: str
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False)


class UserTokens:
    """Issues and verifies them."""

    def __init__(
        self,
        db: Database,
        ring: KeyRing,
        signed: SignedTokens,
        *,
        issuer: str,
        effective: Effective,
        compact: bool,
    ) -> None:
        self._db = db
        self._ring = ring
        self._signed = signed
        self._issuer = issuer
        self._effective = effective
        self._compact = compact
        self._subjects: TtlCache[_Token, Subject] = TtlCache(
            self._read, seconds=FRESH_SECONDS, most=_MOST, name="token subjects"
        )

    def draft(self, client: Client) -> Draft:
        """Begin a token for an application."""
        token_id = self._db.new_id(ids.TOKEN)
        seconds = self._effective.settings.access_token_minutes * 60
        return Draft(token_id, int(time.time()), client.expiry or seconds)

    async def issue(
        self,
        draft: Draft,
        client: Client,
        subject: Subject,
        scopes: Sequence[str],
        more: Mapping[str, Any] = claims_of.NOTHING,
    ) -> Issued:
        """Return the token, about this subject and with these scopes.

        ``more`` are the claims of the token template.
        """
        sign = await self._ring.signer(client.access_token_signing_alg)
        at, seconds = draft.issue_time, draft.seconds
        if subject.impersonation is not None:  # an API that looks at the token alone rejects, too
            seconds = max(1, min(seconds, subject.impersonation.until // 1_000_000 - at))
        # A refresh token may have a scope that the application has lost since.
        for_us = [name for name in api_scopes.NAMES if name in scopes and name in client.scopes]
        scopes = [name for name in scopes if name not in api_scopes.NAMES or name in for_us]
        claims = {
            **claims_of.access_token(
                subject,
                issuer=self._issuer,
                also_for=[self._issuer] if for_us else [],
                client_id=client.id,
                scopes=scopes,
                compact=self._compact,
                more=more,
            ),
            "iat": at,
            "nbf": at,
            "exp": at + seconds,
            "jti": draft.id,
        }
        return Issued(sign(claims), draft.id, max(0, seconds - 1))

    async def is_one(self, token: str) -> bool:
        """Whether a token is of this kind, in force or not."""
        return are_of_person(await self._signed.claims(token))

    async def verify(self, token: str) -> UserToken:
        """Return a token that is in force."""
        return await self.in_force(await self._signed.claims(token))

    async def in_force(self, claims: Mapping[str, Any]) -> UserToken:
        """Return a person's token that says this, as `SignedTokens` has read it."""
        invalid = errors.Unauthenticated(NOT_IN_FORCE)
        if not are_of_person(claims):
            raise invalid
        subject = await self._subjects.get(_Token(claims["jti"], claims))
        if subject is None:
            raise invalid
        return UserToken(claims, subject)

    def forget(self, token_id: str) -> None:
        """Look a token up the next time: it was revoked just now."""
        self._subjects.forget(_Token(token_id))

    def forget_all(self) -> None:
        """Look every token up the next time: some were revoked just now."""
        self._subjects.forget_all()

    async def _read(self, tokens: Sequence[_Token]) -> dict[_Token, Subject]:
        (token,) = tokens
        claims = token.claims
        subject = await subjects.find_of_token(
            self._db,
            session_id=claims["sid"],
            organization_id=claims.get("oid", NO_ORGANIZATION),
            sub=claims["sub"],
            client_id=claims["client_id"],
            token_id=token.id,
            made=ids.made(token.id),
        )
        return {} if subject is None else {token: subject}


def are_of_person(claims: Mapping[str, Any]) -> bool:
    """Whether claims that we signed are those of a person's access token, and of no other kind."""
    sub, client_id = claims.get("sub"), claims.get("client_id")
    return (
        is_person(sub)
        and DELEGATED_FROM not in claims
        and isinstance(client_id, str)
        and claims.get("aud") in ([client_id], [client_id, claims["iss"]])
        and isinstance(claims.get("scopes"), list)
        and _is_id(claims, "jti", ids.TOKEN)
        and _is_id(claims, "sid", ids.SESSION)
        and (_is_id(claims, "oid", ids.ORGANIZATION) or _is_alone(claims))
    )


def is_person(sub: object) -> bool:
    """Whether a `sub` is that of a person: our id, or of one that a provider alone knows."""
    return isinstance(sub, str) and (ids.well_formed(ids.USER, sub) or is_federated(sub))


def _is_alone(claims: Mapping[str, Any]) -> bool:
    """Whether they are of somebody in no organization, whom a social provider alone knows."""
    return "oid" not in claims and is_federated(claims["sub"])


def _is_id(claims: Mapping[str, Any], name: str, prefix: str) -> bool:
    value = claims.get(name)
    return isinstance(value, str) and ids.well_formed(prefix, value)
