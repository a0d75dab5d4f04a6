"""Token exchange: a client acts for a user (RFC 8693).

A client exchanges a user's access token for one that names both, for an audience in its settings.
The token never permits more than the user's token, the user, or the client does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.clients.model import M2M, TOKEN_EXCHANGE
from tenantry.access.resources import issuers
from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted, identity_assertion_request
from tenantry.events.interceptors.model import PRE_M2M_TOKEN_CREATION
from tenantry.identity.grants import claims as claims_of
from tenantry.identity.grants import refresh_tokens
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.tokens.access_tokens import LIFETIME_SECONDS
from tenantry.identity.tokens.delegated_tokens import Delegation
from tenantry.identity.tokens.signed_tokens import DELEGATED_FROM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.call import Call
    from tenantry.endpoints.oauth.grant_types.identity_assertion_request import (
        IdentityAssertionRequest,
    )
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.delegated_tokens import DelegatedToken, DelegatedTokens
    from tenantry.identity.tokens.user_tokens import UserToken, UserTokens

GRANT_TYPE = TOKEN_EXCHANGE
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - a name, no secret
_JWT = "urn:ietf:params:oauth:token-type:jwt"
_MOST_ACTORS = 4  # in a chain of exchanges
_MAY_ACT = "may_act"
_NOT_IN_FORCE = "subject_token is not an access token of a user that is in force"


class TokenExchange:
    """See `Grant`."""

    def __init__(
        self,
        user_tokens: UserTokens,
        delegated_tokens: DelegatedTokens,
        resources: ResourceCache,
        *,
        templates: TokenTemplates,
        interceptors: Interceptors,
        assertions: IdentityAssertionRequest,
        issuer: str,
        by_resource: bool,
    ) -> None:
        self._user_tokens = user_tokens
        self._delegated_tokens = delegated_tokens
        self._resources = resources
        self._templates = templates
        self._interceptors = interceptors
        self._assertions = assertions
        self._issuer = issuer
        self._by_resource = by_resource

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], _resource: Resource | None
    ) -> Granted:
        """Return a token with which the client acts for the user of `subject_token`."""
        if form.get("requested_token_type") == identity_assertion_request.TOKEN_TYPE:
            return await self._assertions(call, client, form)
        _check_form(form)
        audience, target = await self._target(client, form)
        token = await self._subject_token(form["subject_token"])
        subject = token.subject
        _check_subject(client, token)
        may_act = await self._may_act(token)
        if not _allows(may_act, client.id, self._issuer):
            raise OAuthError("invalid_request", "may_act of the user's token names another actor")
        try:
            await refresh_tokens.check_policy(call, client, subject, access="exchange")
        except InvalidGrant as problem:
            raise OAuthError("invalid_request", str(problem)) from None
        granted = _scopes(client, token, target, asked=scopes.read(form.get("scope", "")))
        if client.organization_id is not None:
            await self._intercept(call, client, granted)
        prior = token.claims.get("act")
        lifetime = LIFETIME_SECONDS[M2M] if target is None else target.access_token_expiry
        issued = await self._delegated_tokens.issue(
            client,
            subject,
            Delegation(
                audience=audience,
                scopes=granted,
                chain=_chain(token),
                act={"sub": client.id} | ({"act": prior} if prior else {}),
                may_act=may_act,
                expires=token.expires,
            ),
            issuer=self._issuer_of(target),
            seconds=client.expiry or lifetime,
        )
        about = {
            "client_id": client.id,
            "token_id": issued.id,
            "user_id": subject.user.id,
            "organization_id": subject.organization_id,
            "audience": list(audience),
            "scopes": list(granted),
            "subject_token_id": token.id,
            "subject_client_id": token.client_id,
        }
        await call.db.record(
            call.event(
                "client.token_exchanged", organization_id=subject.organization_id, after=about
            )
        )
        return Granted(issued, granted, issued_token_type=ACCESS_TOKEN)

    async def _target(
        self, client: Client, form: Mapping[str, str]
    ) -> tuple[Sequence[str], Resource | None]:
        """Return the audience that is asked for, and its resource if it is one."""
        allowed = client.token_exchange_audiences or ()
        asked = [form[name] for name in ("audience", "resource") if form.get(name)]
        if not asked and len(allowed) > 1:
            raise OAuthError("invalid_target", "audience is required: the client has several")
        found: dict[str, Resource | None] = {}
        for name in allowed:
            resource = await self._resources.find(name)
            if resource is None and ids.well_formed(ids.RESOURCE, name):
                continue
            names = (name,) if resource is None else resource.audience
            issuer = name if resource is None else issuers.issuer_of(self._issuer, resource.id)
            if all(issuers.is_named(one, names, issuer) for one in asked):
                found[name] = resource
        if not found:
            raise OAuthError("invalid_target", "this client may not request the audience")
        name, resource = next(iter(found.items()))
        return (name,) if resource is None else resource.audience, resource

    async def _subject_token(self, text: str) -> UserToken | DelegatedToken:
        try:
            if await self._user_tokens.is_one(text):
                return await self._user_tokens.verify(text)
            return await self._delegated_tokens.verify(text)
        except errors.Unauthenticated:
            raise OAuthError("invalid_request", _NOT_IN_FORCE) from None

    async def _may_act(self, token: UserToken | DelegatedToken) -> Any:
        """Return `may_act` of the token, or what the token template says now."""
        if _MAY_ACT in token.claims:
            return token.claims[_MAY_ACT]
        return (await self._templates.claims(token.subject)).get(_MAY_ACT)

    async def _intercept(self, call: Call, client: Client, granted: Sequence[str]) -> None:
        """Let interceptors refuse the token; the claims that they return are ignored."""
        shown = {
            "custom_claims": dict(client.custom_claims),
            "oid": client.organization_id,
            "scope": " ".join(granted),
            "scopes": list(granted),
        }
        try:
            await self._interceptors.run(
                call,
                PRE_M2M_TOKEN_CREATION,
                context={"client_id": client.id},
                data={"m2m_token_claims": {"client_id": client.id, "claims": shown}},
                organization_id=client.organization_id,
            )
        except errors.Intercepted as problem:
            raise OAuthError("access_denied", problem.message) from None

    def _issuer_of(self, target: Resource | None) -> str:
        if target is None or not self._by_resource:
            return self._issuer
        return issuers.issuer_of(self._issuer, target.id)


def _check_form(form: Mapping[str, str]) -> None:
    """Check the parameters of RFC 8693 section 2.1."""
    for name in ("subject_token", "subject_token_type"):
        if not form.get(name):
            raise OAuthError("invalid_request", f"{name} is required")
    for name, known in (
        ("subject_token_type", (ACCESS_TOKEN, _JWT)),
        ("requested_token_type", (ACCESS_TOKEN, identity_assertion_request.TOKEN_TYPE)),
    ):
        if form.get(name, ACCESS_TOKEN) not in known:
            raise OAuthError("invalid_request", f"{name} must be {' or '.join(known)}")
    for name in ("actor_token", "actor_token_type"):
        if form.get(name):
            raise OAuthError("invalid_request", f"{name} is not supported: the actor is the client")


def _check_subject(client: Client, token: UserToken | DelegatedToken) -> None:
    """Refuse the token of a user for whom the client may not act."""
    subject = token.subject
    if subject.organization_id == NO_ORGANIZATION:
        raise OAuthError("invalid_request", "the user of subject_token is in no organization")
    if subject.impersonation is not None:
        raise OAuthError("invalid_request", "subject_token is of an impersonated session")
    if client.organization_id not in {None, subject.organization_id}:
        raise OAuthError("invalid_request", "subject_token is of another organization")
    if ids.well_formed(ids.RESOURCE, token.claims["aud"][0]):
        raise OAuthError("invalid_request", "subject_token is for a resource")
    depth, act = 0, token.claims.get("act")
    while act is not None:
        depth, act = depth + 1, act.get("act")
    if depth >= _MOST_ACTORS:
        raise OAuthError("invalid_request", f"subject_token has {_MOST_ACTORS} actors already")


def _allows(may_act: Any, client_id: str, issuer: str) -> bool:
    """Whether `may_act` (RFC 8693 section 4.4) permits a client; without it, every client may."""
    if may_act is None:
        return True
    if not isinstance(may_act, dict) or not may_act.keys() & {"sub", "client_id"}:
        return False
    expected = {"sub": client_id, "client_id": client_id, "iss": issuer}
    return all(expected.get(name) == value for name, value in may_act.items())


def _scopes(
    client: Client,
    token: UserToken | DelegatedToken,
    target: Resource | None,
    *,
    asked: Sequence[str],
) -> tuple[str, ...]:
    """Return the scopes that the client gets: of those it asks for, or of all it may have."""
    subject = token.subject
    held = token.claims["scopes"] if DELEGATED_FROM in token.claims else subject.own_permissions
    allowed = [one for one in held if one in client.scopes and one not in claims_of.SCOPES]
    if target is not None:
        allowed = [one for one in allowed if one in target.scopes]
    allowed = [one for one in allowed if one in subject.own_permissions]
    foreign = [one for one in asked if one not in allowed]
    if foreign:
        raise OAuthError(
            "invalid_scope", f"the user or the client does not have {' '.join(foreign)[:200]}"
        )
    granted = refresh_tokens.recent(subject, tuple(asked or allowed), now())
    if not granted:
        raise OAuthError("invalid_scope", "the client has no scope that the user has as well")
    return granted


def _chain(token: UserToken | DelegatedToken) -> Sequence[tuple[str, str]]:
    links = [(one[0], one[1]) for one in token.claims.get(DELEGATED_FROM, ())]
    return (*links, (token.client_id, token.id))
