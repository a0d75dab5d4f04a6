"""Identity assertions (ID-JAG): the identity provider of an organization authorizes a client.

Identity Assertion JWT Authorization Grant, section 4.4. The client gets an access token for its
resource, without a sign-in and without a consent of the user, and no refresh token.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tenantry.access.client_metadata.metadata import JWT_BEARER
from tenantry.access.resources import issuers
from tenantry.core.times import SECOND, now
from tenantry.db.activity import counters
from tenantry.endpoints.oauth import scopes
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.endpoints.oauth.grant_types import Granted
from tenantry.identity.federation import identity_assertions
from tenantry.identity.federation.identity_assertions import AssertionRefused, Expected
from tenantry.identity.grants import claims as claims_of
from tenantry.identity.grants import refresh_tokens, subjects
from tenantry.identity.grants.model import InvalidGrant
from tenantry.identity.sign_in.federated import trust
from tenantry.identity.tokens import resource_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Database
    from tenantry.identity.federation.identity_assertions import Accepted
    from tenantry.identity.federation.openid import RelyingParty
    from tenantry.identity.sessions.subject import Subject
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.resource_tokens import ResourceTokens

GRANT_TYPE = JWT_BEARER
PROFILE = "urn:ietf:params:oauth:grant-profile:id-jag"


class IdentityAssertionGrant:
    """See `Grant`."""

    def __init__(
        self,
        db: Database,
        tokens: ResourceTokens,
        party: RelyingParty,
        templates: TokenTemplates,
        *,
        issuer: str,
    ) -> None:
        self._db = db
        self._tokens = tokens
        self._party = party
        self._templates = templates
        self._issuer = issuer

    async def __call__(
        self, call: Call, client: Client, form: Mapping[str, str], resource: Resource | None
    ) -> Granted:
        """Return a token for the user of `assertion` (RFC 7523 section 2.1)."""
        if resource is None or not resource.xaa:
            raise OAuthError("unauthorized_client", "the resource accepts no identity assertions")
        if client.is_public:
            raise OAuthError("unauthorized_client", "only confidential clients may use assertions")
        if not form.get("assertion"):
            raise OAuthError("invalid_request", "assertion is required")
        issuer = issuers.issuer_of(self._issuer, resource.id)
        expected = Expected(
            client.id,
            issuers=(issuer, self._issuer),
            resources=[name.rstrip("/") for name in (*resource.audience, issuer)],
        )
        try:
            accepted = await identity_assertions.verify(
                call.db, self._party, form["assertion"], expected
            )
            subject = await self._subject(call, accepted)
            await refresh_tokens.check_policy(call, client, subject, access="id_jag")
            granted = _scopes(client, resource, subject, accepted, form)
            more = await self._templates.claims(subject)
            draft = self._tokens.draft(client, resource)
            about = {
                "client_id": client.id,
                "token_id": draft.id,
                "user_id": subject.user.id,
                "organization_id": subject.organization_id,
                "connection_id": accepted.connection.id,
                "resource_id": resource.id,
                "scopes": list(granted),
                "assertion_id": accepted.assertion.jti,
            }
            event = call.event(
                "client.id_jag_accepted", organization_id=subject.organization_id, after=about
            )
            async with self._db.transaction() as db:
                await identity_assertions.spend(
                    db, accepted, client_id=client.id, resource_id=resource.id, scopes=granted
                )
                await db.record(event)
        except (AssertionRefused, InvalidGrant) as problem:
            raise OAuthError("invalid_grant", str(problem)) from None
        counters.active(subject.user.id, subject.organization_id)
        issued = await self._tokens.issue_for_user(
            draft, client, resource, subject, scopes=granted, more=more
        )
        return Granted(issued, granted)

    async def _subject(self, call: Call, accepted: Accepted) -> Subject:
        """Return the member that an assertion is about.

        The provider is trusted as in a sign-in: for addresses of the organization's domains, and
        for people who have proved their address. Unlike a sign-in, it creates no member.
        """
        decision = await trust.of(call.db, accepted.connection, accepted.identity)
        subject = None
        if decision.user is not None and decision.is_member and (decision.owned or decision.proved):
            subject = await subjects.find_asserted(
                call.db,
                accepted.connection.id,
                user_id=decision.user.id,
                auth_time=accepted.assertion.auth_time * SECOND,
            )
        if subject is None:
            raise AssertionRefused("The user of the assertion is no member of the organization.")
        # The user sends no request: networks of a policy apply to the client.
        return replace(subject, address=call.origin.address)


def _scopes(
    client: Client,
    resource: Resource,
    subject: Subject,
    accepted: Accepted,
    form: Mapping[str, str],
) -> Sequence[str]:
    """Return the scopes that the assertion, the client and the resource permit."""
    asked = scopes.read(form.get("scope", ""))
    permitted = accepted.assertion.scopes
    wanted = asked or permitted or resource.scopes
    allowed = resource_tokens.granted(client, resource, wanted, subject)
    granted = tuple(
        name
        for name in allowed
        if name not in claims_of.SCOPES and (permitted is None or name in permitted)
    )
    if not granted and (asked or permitted):
        raise OAuthError("invalid_scope", "neither the assertion nor the resource permits a scope")
    return refresh_tokens.recent(subject, granted, now())
