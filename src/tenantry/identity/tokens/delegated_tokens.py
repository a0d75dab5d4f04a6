"""Access tokens with which a client acts for a user (RFC 8693).

A token names the user (`sub`), the client (`act`), and the tokens that it was exchanged for
(`delegated_from`); it is in force while all of these are. The API of this server rejects it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.identity.grants import subjects
from tenantry.identity.tokens.access_tokens import Issued
from tenantry.identity.tokens.signed_tokens import DELEGATED_FROM, NOT_IN_FORCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.engine import Database
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.signed_tokens import SignedTokens


@dataclass(frozen=True, slots=True)
class DelegatedToken:
    """A delegated token that is in force, and the current state of its user."""

    claims: Mapping[str, Any]
    subject: Subject

    @property
    def id(self) -> str:
        """Its jti."""
        return str(self.claims["jti"])

    @property
    def client_id(self) -> str:
        """The client that acts."""
        return str(self.claims["client_id"])

    @property
    def expires(self) -> int:
        """The Unix time at which it ends."""
        return int(self.claims["exp"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Delegation:
    """What a client may do for a user, and the token that says so."""

    audience: Sequence[str]
    scopes: Sequence[str]
    chain: Sequence[tuple[str, str]]  # client ID and jti of each exchanged token, the first first
    act: Mapping[str, Any]
    may_act: Mapping[str, Any] | None
    expires: int  # Unix time of the exchanged token


class DelegatedTokens:
    """Issues and verifies the tokens."""

    def __init__(
        self,
        db: Database,
        ring: KeyRing,
        signed: SignedTokens,
        clients: ClientCache,
        resources: ResourceCache,
    ) -> None:
        self._db = db
        self._ring = ring
        self._signed = signed
        self._clients = clients
        self._resources = resources

    async def issue(
        self, client: Client, subject: Subject, grant: Delegation, *, issuer: str, seconds: int
    ) -> Issued:
        """Return a token that ends after ``seconds``, or with the exchanged token."""
        sign = await self._ring.signer(client.access_token_signing_alg)
        at = int(time.time())
        seconds = max(1, min(seconds, grant.expires - at))
        claims: dict[str, Any] = {
            "iss": issuer,
            "sub": subject.sub,
            "aud": list(grant.audience),
            "client_id": client.id,
            "oid": subject.organization_id,
            "sid": subject.session_id,
            "scope": " ".join(grant.scopes),
            "scopes": list(grant.scopes),
            "act": dict(grant.act),
            DELEGATED_FROM: [list(link) for link in grant.chain],
            "iat": at,
            "nbf": at,
            "exp": at + seconds,
            "jti": self._db.new_id(ids.TOKEN),
        }
        if permissions := [one for one in grant.scopes if one in subject.own_permissions]:
            claims["permissions"] = permissions
        if subject.organization_external_id:
            claims["xoid"] = subject.organization_external_id
        if subject.user.external_id:
            claims["xuid"] = subject.user.external_id
        if grant.may_act is not None:
            claims["may_act"] = dict(grant.may_act)
        return Issued(sign(claims), claims["jti"], max(0, seconds - 1))

    async def is_one(self, token: str) -> bool:
        """Whether a token is of this kind, in force or not."""
        return DELEGATED_FROM in await self._signed.claims(token)

    async def verify(self, token: str) -> DelegatedToken:
        """Return a token that is in force.

        Every token and client of the chain of exchanges is in force, each client may still
        exchange tokens, the session of the user is live, and the user is a member.

        Raises:
            errors.Unauthenticated: it is not in force.

        """
        claims = await self._signed.claims(token)
        subject = await self._subject(claims) if DELEGATED_FROM in claims else None
        if subject is None:
            raise errors.Unauthenticated(NOT_IN_FORCE)
        return DelegatedToken(claims, subject)

    async def _subject(self, claims: Mapping[str, Any]) -> Subject | None:
        (root_client, root_id), *exchanged = claims[DELEGATED_FROM]
        if await self._clients.in_force(root_client, root_id) is None:
            return None
        for client_id, token_id in exchanged:
            link = await self._clients.in_force(client_id, token_id)
            if link is None or not link.token_exchange_audiences:
                return None
        client = await self._clients.in_force(claims["client_id"], claims["jti"])
        if client is None or not _is_allowed(client, claims["aud"]):
            return None
        target = claims["aud"][0]
        is_resource = ids.well_formed(ids.RESOURCE, target)
        if is_resource and await self._resources.find(target) is None:
            return None
        return await subjects.find_of_token(
            self._db,
            session_id=claims["sid"],
            organization_id=claims["oid"],
            sub=claims["sub"],
            client_id=root_client,
            token_id=root_id,
            made=ids.made(root_id),
        )


def _is_allowed(client: Client, audience: Sequence[str]) -> bool:
    return audience[0] in (client.token_exchange_audiences or ())
