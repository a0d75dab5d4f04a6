"""Process-wide objects, each created on first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from tenantry.api.in_process import Rpcs

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from tenantry.access.api_tokens.token_cache import ApiTokenCache
    from tenantry.access.client_metadata.fetching import DocumentFetcher
    from tenantry.access.client_metadata.unstored_clients import UnstoredClients
    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.token_events import TokenEvents
    from tenantry.access.clients.uris.framing import FramingOrigins
    from tenantry.access.registrations.document_clients import DocumentClients
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.activity.counters import ActivityCounters
    from tenantry.db.engine import Database
    from tenantry.db.writes.last_uses import LastUses
    from tenantry.events.event_log.following import Follower
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty as PasskeyParty
    from tenantry.identity.authenticators.passwords.service import Passwords
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.identity.federation.openid import RelyingParty
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.simulator.provider import Simulator
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.access_tokens import AccessTokens
    from tenantry.identity.tokens.authenticate import Authenticator
    from tenantry.identity.tokens.delegated_tokens import DelegatedTokens
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.resource_tokens import ResourceTokens
    from tenantry.identity.tokens.signed_tokens import SignedTokens
    from tenantry.identity.tokens.user_tokens import UserTokens
    from tenantry.net.outgoing import Outgoing
    from tenantry.rate_limits.rates import Rates
    from tenantry.settings import Settings
    from tenantry.tenants.directories.request_log import RequestLog
    from tenantry.tenants.environment.effective import Effective
    from tenantry.web.themes import Themes


class AppContext:
    """The objects that the endpoints and services of one process share.

    A module is imported when the first object of it is made, so that a command loads only what it
    uses. ``closing`` closes the objects at the end.
    """

    def __init__(self, settings: Settings, db: Database, closing: AsyncExitStack) -> None:
        self.settings = settings  # those given at start
        self.db = db
        self.rpcs = Rpcs()  # the API, for pages and commands
        self._closing = closing

    @cached_property
    def effective(self) -> Effective:
        """The settings given at start and the stored ones, as they are now."""
        from tenantry.tenants.environment.effective import Effective

        return Effective(self.settings)

    @cached_property
    def rates(self) -> Rates:
        """The limits of requests."""
        from tenantry.rate_limits.rates import Rates

        rates = Rates.of(self.settings)
        self._closing.push_async_callback(rates.close)
        return rates

    @cached_property
    def activity(self) -> ActivityCounters:
        """The counts of activity, for the charts."""
        from tenantry.db.activity.counters import ActivityCounters

        counters = ActivityCounters(self.db)
        self._closing.push_async_callback(counters.close)
        return counters

    # Credentials of API clients, some of them cached.

    @cached_property
    def ring(self) -> KeyRing:
        """The keys that sign tokens."""
        from tenantry.identity.tokens.key_ring import KeyRing

        return KeyRing(self.db)

    @cached_property
    def clients(self) -> ClientCache:
        """The clients."""
        from tenantry.access.clients.client_cache import ClientCache

        return ClientCache(self.db)

    @cached_property
    def _signed(self) -> SignedTokens:
        from tenantry.identity.tokens.signed_tokens import SignedTokens

        return SignedTokens(self.ring, self.settings.public_url)

    @cached_property
    def tokens(self) -> AccessTokens:
        """Access tokens of clients."""
        from tenantry.identity.tokens.access_tokens import AccessTokens

        return AccessTokens(
            self.db, self.clients, self.ring, self._signed, issuer=self.settings.public_url
        )

    @cached_property
    def user_tokens(self) -> UserTokens:
        """Access tokens of people."""
        from tenantry.identity.tokens.user_tokens import UserTokens

        return UserTokens(
            self.db,
            self.ring,
            self._signed,
            issuer=self.settings.public_url,
            effective=self.effective,
            compact=self.settings.compact_tokens,
        )

    @cached_property
    def resource_tokens(self) -> ResourceTokens:
        """Access tokens for resources."""
        from tenantry.identity.tokens.resource_tokens import ResourceTokens

        return ResourceTokens(
            self.db,
            self.ring,
            self._signed,
            self.clients,
            self.resources,
            issuer=self.settings.public_url,
            by_resource=self.settings.resource_token_issuer == "resource",  # noqa: S105 - no secret
        )

    @cached_property
    def delegated_tokens(self) -> DelegatedTokens:
        """Access tokens with which clients act for users."""
        from tenantry.identity.tokens.delegated_tokens import DelegatedTokens

        return DelegatedTokens(self.db, self.ring, self._signed, self.clients, self.resources)

    @cached_property
    def token_templates(self) -> TokenTemplates:
        """The templates of tokens' claims."""
        from tenantry.identity.token_templates.issuing import TokenTemplates

        return TokenTemplates(self.db)

    @cached_property
    def authenticate(self) -> Authenticator:
        """The authentication of requests."""
        from tenantry.identity.tokens.authenticate import Authenticator
        from tenantry.tenants.portal_links.cookies import portal_cookie

        return Authenticator(
            self.db,
            self._signed,
            self.tokens,
            self.user_tokens,
            session_cookie=self.session_cookie,
            portal_cookie=portal_cookie(self.settings.public_url),
            effective=self.effective,
        )

    @cached_property
    def api_tokens(self) -> ApiTokenCache:
        """The API tokens of customers."""
        from tenantry.access.api_tokens.token_cache import ApiTokenCache

        return ApiTokenCache(self.db)

    @cached_property
    def api_token_uses(self) -> LastUses:
        """The times at which API tokens were used."""
        from tenantry.access.api_tokens.model import api_tokens
        from tenantry.db.writes.last_uses import LastUses

        return self._closed(LastUses(self.db, api_tokens))

    @cached_property
    def secret_uses(self) -> LastUses:
        """The times at which secrets of clients were used."""
        from tenantry.access.clients.model import client_secrets
        from tenantry.db.writes.last_uses import LastUses

        return self._closed(LastUses(self.db, client_secrets))

    @cached_property
    def directory_secret_uses(self) -> LastUses:
        """The times at which tokens of directories were used."""
        from tenantry.db.writes.last_uses import LastUses
        from tenantry.tenants.directories.model import directory_secrets

        return self._closed(LastUses(self.db, directory_secrets))

    @cached_property
    def directory_requests(self) -> RequestLog:
        """The log of requests of directories."""
        from tenantry.tenants.directories.request_log import RequestLog

        requests = RequestLog(self.db)
        self._closing.push_async_callback(requests.close)
        return requests

    @cached_property
    def token_events(self) -> TokenEvents:
        """Events about tokens that were issued."""
        from tenantry.access.clients.token_events import TokenEvents

        events = TokenEvents(self.db, self.settings.token_events)
        self._closing.push_async_callback(events.close)
        return events

    # People signing in.

    @cached_property
    def session_cookie(self) -> SessionCookie:
        from tenantry.identity.sessions.cookies import SessionCookie

        return SessionCookie.of(self.effective)

    @cached_property
    def browser_cookies(self) -> BrowserCookies:
        """The cookies of sign-ins that are under way."""
        from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies

        return BrowserCookies.of(self.settings.public_url)

    @cached_property
    def relying_party(self) -> PasskeyParty:
        """The relying party of passkeys."""
        from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty

        return RelyingParty.of(self.settings)

    @cached_property
    def passwords(self) -> Passwords:
        """The hashing of passwords."""
        from tenantry.identity.authenticators.passwords.service import Passwords
        from tenantry.settings import memory_limit

        settings = self.settings
        passwords = Passwords(
            breached=settings.breached_passwords,
            memory=memory_limit.of_server(settings),
            shared=settings.data_dir / "run" / f"{settings.port}-hashing",
        )
        self._closing.push_async_callback(passwords.close)
        return passwords

    @cached_property
    def sign_in(self) -> SignInDependencies:
        """The objects that the steps of a sign-in share."""
        from tenantry.identity.sign_in.dependencies import SignInDependencies

        return SignInDependencies(
            effective=self.effective,
            passwords=self.passwords,
            interceptors=self.interceptors,
            relying_party=self.relying_party,
        )

    @cached_property
    def interceptors(self) -> Interceptors:
        """The requests to interceptors."""
        from tenantry.events.interceptors.service import Interceptors

        interceptors = Interceptors(self.db, self.settings)
        self._closing.push_async_callback(interceptors.close)
        return interceptors

    # Requests to identity providers, and to addresses that tenants chose.

    @cached_property
    def fetching(self) -> Fetching:
        """Requests to identity providers."""
        from tenantry.identity.connections.providers.fetching import Fetching
        from tenantry.identity.simulator.openid_provider import OpenIDProvider

        near = OpenIDProvider(self.simulator) if self.simulator is not None else None
        fetching = Fetching(self.settings.outgoing_allow, near)
        self._closing.push_async_callback(fetching.close)
        return fetching

    @cached_property
    def openid(self) -> RelyingParty:
        """This server as a client of OpenID providers."""
        from tenantry.identity.federation.openid import RelyingParty

        return RelyingParty(self.db, self.fetching, self.settings, self.ring.client_assertion)

    @cached_property
    def outgoing(self) -> Outgoing:
        """Requests to other addresses."""
        from tenantry.net.outgoing import Outgoing

        outgoing = Outgoing(self.settings.outgoing_allow)
        self._closing.push_async_callback(outgoing.close)
        return outgoing

    @cached_property
    def resources(self) -> ResourceCache:
        """The resources."""
        from tenantry.access.resources.resource_cache import ResourceCache

        return ResourceCache(self.db)

    @cached_property
    def document_clients(self) -> DocumentClients:
        """The clients of resources that are known by the URL of a metadata document."""
        from tenantry.access.registrations.document_clients import DocumentClients

        return DocumentClients(self.db, self.clients, self.client_documents, self.rates)

    @cached_property
    def client_documents(self) -> DocumentFetcher:
        """The metadata documents of third-party clients."""
        from tenantry.access.client_metadata.fetching import DocumentFetcher

        return DocumentFetcher(self.outgoing)

    @cached_property
    def unstored_clients(self) -> UnstoredClients:
        """The MCP clients of operators."""
        from tenantry.access.client_metadata.unstored_clients import UnstoredClients

        return UnstoredClients(self.db.vault, self.client_documents)

    @cached_property
    def simulator(self) -> Simulator | None:
        """The identity provider of development."""
        from tenantry.identity.simulator.provider import Simulator

        settings = self.settings
        return Simulator(self.db.vault, settings.public_url) if settings.has_simulator else None

    @cached_property
    def themes(self) -> Themes:
        """The branding of pages."""
        from tenantry.web.themes import Themes

        return Themes(self.effective)

    @cached_property
    def framing(self) -> FramingOrigins:
        """The origins whose pages may frame ours."""
        from tenantry.access.clients.uris.framing import FramingOrigins

        return FramingOrigins(self.db)

    @cached_property
    def follower(self) -> Follower:
        """The event log as it grows."""
        from tenantry.events.event_log.following import Follower

        follower = Follower(self.db)
        self._closing.push_async_callback(follower.close)
        return follower

    def _closed(self, uses: LastUses) -> LastUses:
        self._closing.push_async_callback(uses.close)
        return uses
