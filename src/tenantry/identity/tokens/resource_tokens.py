"""Access tokens for resources: JWTs whose audience is an MCP server or another API (RFC 8707).

The API of this server rejects them: their audience is the resource. Introspection and revocation
accept them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.access.resources import issuers
from tenantry.core import errors, ids
from tenantry.core.times import SECOND
from tenantry.identity.consents import service as consents
from tenantry.identity.grants import claims as claims_of
from tenantry.identity.grants import subjects
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens.access_tokens import Issued
from tenantry.identity.tokens.signed_tokens import DELEGATED_FROM, NOT_IN_FORCE
from tenantry.identity.tokens.user_tokens import Draft, is_person

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.engine import Database
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.signed_tokens import SignedTokens


@dataclass(frozen=True, slots=True)
class ResourceToken:
    """An access token for a resource that is in force."""

    claims: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its jti."""
        return str(self.claims["jti"])

    @property
    def client_id(self) -> str:
        """The client that it was given to."""
        return str(self.claims["client_id"])

    @property
    def expires(self) -> int:
        """The Unix time at which it ends."""
        return int(self.claims["exp"])


class ResourceTokens:
    """Issues and verifies the tokens; with ``by_resource``, `iss` is the issuer of the resource."""

    def __init__(
        self,
        db: Database,
        ring: KeyRing,
        signed: SignedTokens,
        clients: ClientCache,
        resources: ResourceCache,
        *,
        issuer: str,
        by_resource: bool,
    ) -> None:
        self._db = db
        self._ring = ring
        self._signed = signed
        self._clients = clients
        self._resources = resources
        self._issuer = issuer
        self._by_resource = by_resource

    def draft(self, client: Client, resource: Resource) -> Draft:
        """Begin a token for a resource."""
        seconds = client.expiry or resource.access_token_expiry
        return Draft(self._db.new_id(ids.TOKEN), int(time.time()), seconds)

    async def issue_for_user(
        self,
        draft: Draft,
        client: Client,
        resource: Resource,
        subject: Subject,
        *,
        scopes: Sequence[str],
        more: Mapping[str, Any] = claims_of.NOTHING,
    ) -> Issued:
        """Return a token about a user; ``more`` are the claims of the token template."""
        claims = claims_of.access_token(
            subject,
            issuer=self._issuer_of(resource),
            client_id=client.id,
            scopes=scopes,
            compact=False,
            more=more,
        )
        return await self._issue(draft, client, {**claims, "aud": list(resource.audience)})

    async def issue_for_client(
        self, draft: Draft, client: Client, resource: Resource, scopes: Sequence[str]
    ) -> Issued:
        """Return a token that a client gets for itself (RFC 6749 section 4.4)."""
        claims = {
            "iss": self._issuer_of(resource),
            "sub": client.id,
            "aud": list(resource.audience),
            "client_id": client.id,
            "scope": " ".join(scopes),
            "scopes": list(scopes),
            "custom_claims": dict(client.custom_claims),
        }
        return await self._issue(draft, client, claims)

    async def is_one(self, token: str) -> bool:
        """Whether a token is of this kind, in force or not."""
        return are_of_resource(await self._signed.claims(token))

    async def verify(self, token: str) -> ResourceToken:
        """Return a token that is in force.

        Its client exists and belongs to the resource, and it was not revoked. The session of a
        user is live, the user is a member, and the user consents to the scopes. A token for an
        identity assertion needs its connection and `xaa` instead of a session and a consent.
        """
        claims = await self._signed.claims(token)
        if not are_of_resource(claims) or not await self._is_in_force(claims):
            raise errors.Unauthenticated(NOT_IN_FORCE)
        return ResourceToken(claims)

    async def _is_in_force(self, claims: Mapping[str, Any]) -> bool:
        resource_id, client_id, token_id = claims["aud"][0], claims["client_id"], claims["jti"]
        client = await self._clients.in_force(client_id, token_id)
        if client is None or client.resource_id != resource_id:
            return False
        resource = await self._resources.find(resource_id)
        if resource is None:
            return False
        if claims["sub"] == client_id:
            return True
        organization_id = claims.get("oid", NO_ORGANIZATION)
        if "sid" not in claims:
            return resource.xaa and await self._is_asserted(claims, organization_id)
        subject = await subjects.find_of_token(
            self._db,
            session_id=claims["sid"],
            organization_id=organization_id,
            sub=claims["sub"],
            client_id=client_id,
            token_id=token_id,
            made=ids.made(token_id),
        )
        if subject is None:
            return False
        consent = await consents.find(
            self._db, client_id, user_id=subject.user.id, organization_id=organization_id
        )
        return consent is not None and consent.scopes_contain(claims.get("scopes", ()))

    async def _is_asserted(self, claims: Mapping[str, Any], organization_id: str) -> bool:
        """Whether the authorization by an identity provider, without a session, is in force."""
        subject = await subjects.find_asserted(
            self._db,
            claims["amr"][0],
            user_id=claims["sub"],
            organization_id=organization_id,
            auth_time=claims["auth_time"] * SECOND,
            token_id=claims["jti"],
        )
        return subject is not None

    async def _issue(self, draft: Draft, client: Client, claims: Mapping[str, Any]) -> Issued:
        sign = await self._ring.signer(client.access_token_signing_alg)
        at = draft.issue_time
        times = {"iat": at, "nbf": at, "exp": at + draft.seconds, "jti": draft.id}
        return Issued(sign({**claims, **times}), draft.id, max(0, draft.seconds - 1))

    def _issuer_of(self, resource: Resource) -> str:
        if not self._by_resource:
            return self._issuer
        return issuers.issuer_of(self._issuer, resource.id)


def granted(
    client: Client, resource: Resource, scopes: Sequence[str], subject: Subject | None = None
) -> tuple[str, ...]:
    """Return the scopes of a request that a token for a resource may have.

    These are scopes of the resource that the client may use, and, if the resource says so, that
    are permissions of the user. Scopes of OpenID Connect are kept for users.
    """
    allowed = [one for one in resource.scopes if not client.scopes or one in client.scopes]
    if subject is not None and resource.intersect_permissions:
        allowed = [one for one in allowed if one in subject.permissions]
    own = claims_of.SCOPES if subject is not None else ()
    return tuple(one for one in scopes if one in allowed or one in own)


def are_of_resource(claims: Mapping[str, Any]) -> bool:
    """Whether claims that we signed are those of an access token for a resource."""
    audience, sub, client_id = claims.get("aud"), claims.get("sub"), claims.get("client_id")
    if not isinstance(audience, list) or not audience or not isinstance(audience[0], str):
        return False
    token_id = claims.get("jti")
    return (
        ids.well_formed(ids.RESOURCE, audience[0])
        and DELEGATED_FROM not in claims
        and isinstance(client_id, str)
        and isinstance(token_id, str)
        and ids.well_formed(ids.TOKEN, token_id)
        and (sub == client_id or (is_person(sub) and _has_authentication(claims)))
    )


def _has_authentication(claims: Mapping[str, Any]) -> bool:
    """Whether claims name a session, or the connection of an identity assertion."""
    if "sid" in claims:
        return isinstance(claims["sid"], str) and ids.well_formed(ids.SESSION, claims["sid"])
    amr = claims.get("amr")
    return isinstance(amr, list) and len(amr) == 1 and ids.well_formed(ids.CONNECTION, amr[0])
