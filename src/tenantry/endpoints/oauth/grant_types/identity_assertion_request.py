"""Token exchange for an identity assertion (ID-JAG) for another authorization server.

draft-ietf-oauth-identity-assertion-authz-grant section 4.3. An application exchanges the ID token
or the refresh token of a user who has signed in to it. Its settings list the servers, resources
and scopes that it may request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core.times import now
from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted
from tenantry.identity.grants import refresh_tokens, subjects
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.sessions.model import NO_ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.endpoints.oauth.authorization.id_token_hints import IdTokenHints
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.tokens.issued_assertions import IssuedAssertions

TOKEN_TYPE = "urn:ietf:params:oauth:token-type:id-jag"  # noqa: S105 - a name, no secret
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name, no secret
REFRESH_TOKEN = "urn:ietf:params:oauth:token-type:refresh_token"  # noqa: S105 - a name, no secret


class IdentityAssertionRequest:
    """Answers requests with `requested_token_type` `TOKEN_TYPE`."""

    def __init__(self, hints: IdTokenHints, assertions: IssuedAssertions) -> None:
        self._hints = hints
        self._assertions = assertions

    async def __call__(self, call: Call, client: Client, form: Mapping[str, str]) -> Granted:
        """Return an assertion about the user of `subject_token`."""
        target = _target(client, form.get("audience", ""))
        resource = _resource(target, form.get("resource", ""))
        granted = _scopes(target, scopes.read(form.get("scope", "")))
        subject = await self._subject(call, client, form)
        if subject is None or subject.organization_id == NO_ORGANIZATION:
            raise OAuthError(
                "invalid_grant", "subject_token is not in force, or its user is in no organization"
            )
        if subject.impersonation is not None:
            raise OAuthError("invalid_grant", "subject_token is of an impersonated session")
        try:
            await refresh_tokens.check_policy(call, client, subject, access="exchange")
        except InvalidGrant as problem:
            raise OAuthError("invalid_grant", str(problem)) from None
        issued = await self._assertions.issue(target, subject, resource=resource, scopes=granted)
        about = {
            "client_id": client.id,
            "token_id": issued.id,
            "user_id": subject.user.id,
            "organization_id": subject.organization_id,
            "audience": target["issuer"],
            "audience_client_id": target["client_id"],
            "resource": resource,
            "scopes": list(granted),
        }
        organization_id = subject.organization_id
        await call.db.record(
            call.event("client.id_jag_issued", organization_id=organization_id, after=about)
        )
        return Granted(issued, granted, issued_token_type=TOKEN_TYPE, token_type="N_A")  # noqa: S106 - no secret

    async def _subject(self, call: Call, client: Client, form: Mapping[str, str]) -> Subject | None:
        """Return the user of a token that this client holds and that is in force."""
        text = form.get("subject_token", "")
        match form.get("subject_token_type"):
            case t if t == ID_TOKEN:
                return await self._of_id_token(call, client, text)
            case t if t == REFRESH_TOKEN:
                found = await refresh_tokens.find(call.db, text)
                if found is None or found.client_id != client.id or not found.is_good:
                    return None
                return await subjects.subject_of(call.db, found.row)
        raise OAuthError(
            "invalid_request", f"subject_token_type must be {ID_TOKEN} or {REFRESH_TOKEN}"
        )

    async def _of_id_token(self, call: Call, client: Client, text: str) -> Subject | None:
        hint = await self._hints.verify(text)
        if hint is None or hint.client_id != client.id or not hint.session_id:
            return None
        if hint.expire_time * 1_000_000 <= now():
            raise OAuthError("invalid_grant", "subject_token has expired")
        return await subjects.find_of_token(
            call.db,
            session_id=hint.session_id,
            organization_id=hint.organization_id,
            sub=hint.sub,
            client_id=client.id,
            token_id="",
            made=hint.issue_time * 1_000_000,
        )


def _target(client: Client, audience: str) -> Mapping[str, Any]:
    """Return the settings of the client for the server that `audience` names, its issuer."""
    if not audience:
        raise OAuthError("invalid_request", "audience is required: the other server's issuer")
    for target in client.identity_assertion_targets or ():
        if target["issuer"] == audience:
            return target
    raise OAuthError("invalid_target", "this client may not request the audience")


def _resource(target: Mapping[str, Any], asked: str) -> str:
    """Return the resource of a request; the only one of the client needs no name."""
    allowed: Sequence[str] = target["resources"]
    if not asked and len(allowed) == 1:
        return allowed[0]
    if allowed and asked not in allowed:
        raise OAuthError("invalid_target", "this client may not request the resource")
    if asked and not allowed:
        raise OAuthError("invalid_target", "this client has no resources of the audience")
    return asked


def _scopes(target: Mapping[str, Any], asked: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes that are asked for, or all of the client."""
    allowed: Sequence[str] = target["scopes"]
    foreign = [name for name in asked if name not in allowed]
    if foreign:
        raise OAuthError("invalid_scope", f"this client may not request {' '.join(foreign)[:200]}")
    return tuple(asked or allowed)
