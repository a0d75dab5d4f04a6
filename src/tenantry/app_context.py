"""The objects that live once in a process, for endpoint packages; app.py makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.access.api_tokens.known import Known as KnownApiTokens
    from tenantry.access.clients.directory import Directory
    from tenantry.access.clients.framing import FramingOrigins
    from tenantry.access.clients.token_events import TokenEvents
    from tenantry.api.in_process import Rpcs
    from tenantry.db.engine import Database
    from tenantry.db.last_uses import LastUses
    from tenantry.events.event_log.following import Follower
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.identity.federation.openid import RelyingParty
    from tenantry.identity.proofs.passkeys.relying_party import RelyingParty as PasskeyParty
    from tenantry.identity.proofs.passwords.service import Passwords
    from tenantry.identity.sessions.cookies import SessionCookie
    from tenantry.identity.sign_in.browsers import BrowserCookies
    from tenantry.identity.sign_in.means import Means
    from tenantry.identity.simulator.provider import Simulator
    from tenantry.identity.token_templates.issuing import TokenTemplates
    from tenantry.identity.tokens.access_tokens import AccessTokens
    from tenantry.identity.tokens.authenticate import Authenticator
    from tenantry.identity.tokens.key_ring import KeyRing
    from tenantry.identity.tokens.user_tokens import UserTokens
    from tenantry.net.outgoing import Outgoing
    from tenantry.rate_limits.rates import Rates
    from tenantry.settings import Settings
    from tenantry.tenants.directories.request_log import RequestLog
    from tenantry.tenants.environment.effective import Effective
    from tenantry.web.looks import Looks


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext:
    """The objects that several endpoint packages or services of one process share."""

    settings: Settings  # those given at start
    effective: Effective  # those and the stored ones, as they are now
    db: Database
    rates: Rates
    # Credentials of programs, some of them remembered.
    ring: KeyRing
    directory: Directory
    tokens: AccessTokens
    user_tokens: UserTokens
    token_templates: TokenTemplates
    authenticate: Authenticator
    api_tokens: KnownApiTokens
    api_token_uses: LastUses
    secret_uses: LastUses
    directory_secret_uses: LastUses
    directory_requests: RequestLog
    token_events: TokenEvents
    # People signing in.
    session_cookie: SessionCookie
    browser_cookies: BrowserCookies
    relying_party: PasskeyParty
    passwords: Passwords
    sign_in: Means
    interceptors: Interceptors
    # Requests to their providers, and to addresses that tenants chose.
    fetching: Fetching
    openid: RelyingParty
    outgoing: Outgoing
    simulator: Simulator | None  # in development
    # The API, for pages, and the origins whose pages may hold some of them.
    looks: Looks
    rpcs: Rpcs
    framing: FramingOrigins
    # The event log as it grows.
    follower: Follower
