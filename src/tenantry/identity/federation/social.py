"""A sign-in by a provider of OAuth 2.0: GitHub, Google and the others of `connections.providers`.

The authorization code flow (RFC 6749 section 4.1). Where the provider speaks OpenID Connect its ID
token is verified as that of any OpenID Provider; else userinfo, asked with the token that came for
the code, says whose it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.faults import evidenced
from tenantry.identity.connections.federated_identities import FederationError
from tenantry.identity.connections.oidc import authorization, callback, faults, profile, userinfo
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.identity.connections.providers import social_providers
from tenantry.identity.connections.settings import OAuthSettings
from tenantry.identity.federation import clients, evidence, requests
from tenantry.identity.federation.evidence import fault_of
from tenantry.identity.federation.openid import begun, identity, mapping_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.identity.connections.federated_identities import FederatedIdentity
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.oidc.callback import CallbackResponse
    from tenantry.identity.connections.oidc.jwts import Signed
    from tenantry.identity.connections.oidc.metadata import Metadata
    from tenantry.identity.connections.oidc.tokens import Tokens
    from tenantry.identity.connections.providers.social_providers import Provider
    from tenantry.identity.federation.model import FederationRequest
    from tenantry.identity.federation.openid import AuthenticationOptions, RelyingParty

_NAME_MAX = 8192  # characters of the name that Apple's page posts


async def start(
    party: RelyingParty,
    connection: Connection,
    asked: AuthenticationOptions,
    *,
    auth_request_id: str | None = None,
    test_id: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Start a login at the provider; return the address and the members of the request."""
    try:
        side = await _side(party, connection)
        address = side.needed("authorization_endpoint", side.provider.authorize_uri)
    except OIDCError as error:
        raise fault_of(error) from None
    settings, provider = side.settings, side.provider
    if not settings.client_id:
        raise FederationError("invalid_client", "The connection has no client ID.")
    # Not all of these providers know max_age, or say when somebody signed in.
    facts = begun(replace(asked, max_age=None))
    state = await requests.begin(
        party.db, connection.id, auth_request_id=auth_request_id, test_id=test_id, facts=facts
    )
    members = {
        "response_type": "code",
        "client_id": settings.client_id,
        "redirect_uri": party.redirect_uri(connection),
        "scope": social_providers.scopes(provider, settings),
        "state": state,
    }
    if side.has_pkce:
        challenge = authorization.challenge(facts["code_verifier"])
        members |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    if side.metadata is not None:
        members["nonce"] = facts["nonce"]
    if provider.form_post:
        members["response_mode"] = "form_post"
    prompt = [one for one in asked.prompt if one in provider.prompts] or [settings.prompt]
    optional = {
        "prompt": " ".join(prompt),
        "login_hint": asked.login_hint or "",
        "access_type": settings.access_type,
        "token_access_type": settings.token_access_type,
    }
    members |= {name: value for name, value in optional.items() if value}
    # The protocol's own members are not an admin's to change.
    return address, {**(settings.extra_authorize_params or {}), **members}


async def receive(
    party: RelyingParty,
    connection: Connection,
    answer: CallbackResponse,
    request: FederationRequest,
) -> FederatedIdentity:
    """Return the person that the provider vouches for, once all of its answer holds."""
    try:
        side = await _side(party, connection)
        metadata = side.metadata
        if metadata is not None:
            callback.hold_to_issuer(answer, metadata.issuer, says_issuer=metadata.says_issuer)
        found = await side.exchange(callback.code(answer), request)
        subject, told, jwt = await side.person(found, request)
        emails = await side.emails(found)
        registered = await party.custom_attributes.get()
        claims = {**_name(answer), **social_providers.claims_of(side.provider, told, emails)}
        scopes = social_providers.scopes(side.provider, side.settings).split()
        facts = evidence.of_openid(jwt, scopes=scopes, claims=claims)
        with evidenced(lambda: facts):
            return identity(
                subject,
                claims,
                mapping_of(connection, registered),
                registered,
                evidence=evidence.bounded(facts),
            )
    except OIDCError as error:
        raise fault_of(error) from None


async def _side(party: RelyingParty, connection: Connection) -> _Side:
    settings = OAuthSettings.stored(connection.settings)
    provider, metadata = social_providers.of(connection, settings), None
    if provider.issuer:
        metadata = await party.fetching.discover(provider.issuer, is_debug=connection.debug_enabled)
    return _Side(party, connection, settings, provider, metadata)


@dataclass(frozen=True, slots=True)
class _Side:
    """Our side of one connection; ``metadata`` is that of a provider of OpenID Connect."""

    party: RelyingParty
    connection: Connection
    settings: OAuthSettings
    provider: Provider
    metadata: Metadata | None

    @property
    def has_pkce(self) -> bool:
        return self.provider.has_pkce and self.settings.pkce_enabled

    def needed(self, name: str, otherwise: str) -> str:
        """Return an endpoint of the metadata, else that of the row or of the connection."""
        found: str = otherwise if self.metadata is None else getattr(self.metadata, name)
        if not found:
            raise OIDCError(faults.NO_ENDPOINT, name=name.replace("_", " "))
        return found

    async def exchange(self, code: str, request: FederationRequest) -> Tokens:
        client_id = self.settings.client_id
        secret = client_secrets.secret_of(self.party.db, self.connection)
        if self.provider.form_post and self.metadata is not None:
            secret = social_providers.apple_secret(secret, client_id, issuer=self.metadata.issuer)
        return await self.party.exchange(
            self.connection,
            self.needed("token_endpoint", self.provider.token_uri),
            code,
            request,
            clients.by_secret(self.provider.token_auth_type, client_id, secret),
            pkce=self.has_pkce,
            form_allowed=self.metadata is None,
        )

    async def person(
        self, found: Tokens, request: FederationRequest
    ) -> tuple[str, Mapping[str, Any], Signed | None]:
        """Return the id of the person, the claims made of them, and the ID token, if any."""
        provider, metadata = self.provider, self.metadata
        if metadata is None:
            told = await self._userinfo(provider.user_info_uri, found)
            return social_providers.subject(provider, told), told, None
        jwt = await self.party.verified(
            metadata,
            found,
            request,
            client_id=self.settings.client_id,
            is_debug=self.connection.debug_enabled,
        )
        claims = jwt.claims
        subject: str = claims["sub"]
        address = provider.user_info_uri or metadata.userinfo_endpoint
        if not address or not profile.lacks(claims, self.connection.attribute_mapping):
            return subject, claims, jwt
        told = await self._userinfo(address, found)
        if provider.own_userinfo:
            return subject, {**told, **claims}, jwt
        return subject, profile.joined(claims, userinfo.of_subject(told, subject)), jwt

    async def emails(self, found: Tokens) -> list[Any]:
        """Return the list of addresses that a provider has beside userinfo."""
        if not self.provider.emails_path:
            return []
        address = self.provider.user_info_uri + self.provider.emails_path
        told = await self._asked(address, found)
        return told if isinstance(told, list) else []

    async def _userinfo(self, address: str, found: Tokens) -> dict[str, Any]:
        told = await self._asked(address, found)
        if not isinstance(told, dict):
            raise OIDCError(faults.USERINFO, reason="it is not a JSON object")
        return told

    async def _asked(self, address: str, found: Tokens) -> Any:
        if not address:
            raise OIDCError(faults.NO_ENDPOINT, name="userinfo endpoint")
        return await self.party.fetching.userinfo(
            self.connection.id,
            address,
            found.access_token,
            is_debug=self.connection.debug_enabled,
        )


def _name(answer: CallbackResponse) -> dict[str, str]:
    """Return the name that Apple's page posts at the first sign-in, beside the code.

    The person typed it there, and it came by the browser: it is good for a profile, for nothing
    else.
    """
    text = answer.members.get("user", "")
    if not 0 < len(text) <= _NAME_MAX:
        return {}
    try:
        found = strict_json.loads(text)["name"]
        names = {"given_name": found.get("firstName"), "family_name": found.get("lastName")}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
    good = {name: value for name, value in names.items() if isinstance(value, str) and value}
    return {name: value for name, value in good.items() if value.isprintable()}
