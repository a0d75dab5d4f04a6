"""The HTTP routes of the console, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import (
    activity,
    bulk,
    directories,
    health,
    organizations,
    overview,
    search,
    setup,
    suggestions,
    user_imports,
    users,
)
from tenantry.endpoints.console.access import (
    api_keys,
    applications,
    resources,
    roles,
    token_exchange,
)
from tenantry.endpoints.console.connections import pages as connections
from tenantry.endpoints.console.connections import protocol_pages
from tenantry.endpoints.console.email import messages, servers, templates
from tenantry.endpoints.console.environment import branding, keys, product, settings, token_claims
from tenantry.endpoints.console.integrations import interceptors, webhooks
from tenantry.endpoints.console.logs import events, sign_ins
from tenantry.endpoints.console.operators import authorizing, impersonating, me
from tenantry.endpoints.console.operators import pages as operators
from tenantry.endpoints.console.operators.operator_links import OperatorLinkPages
from tenantry.endpoints.console.operators.signing_in import PATH as SIGN_IN
from tenantry.endpoints.console.operators.signing_in import SigningIn
from tenantry.endpoints.console.visit import (
    LISTS_SCRIPT,
    LISTS_STYLE,
    LIVE_SCRIPT,
    PALETTE_SCRIPT,
    PASSKEYS_SCRIPT,
    ROOT,
    ConsoleSite,
)
from tenantry.identity.operators.provider import CALLBACK
from tenantry.net.http import MAX_ANONYMOUS, Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.console.visit import Page

_SUBJECTS = (
    *(overview, search, organizations, users, connections, protocol_pages),
    *(directories, roles),
    *(applications, token_exchange, resources, api_keys, token_claims, keys),
    *(sign_ins, events, webhooks, interceptors, messages),
    *(settings, product, health, suggestions, bulk, user_imports),
    *(servers, templates, branding, operators, me, authorizing, impersonating),
)


def routes(context: AppContext) -> list[Route]:
    """Return the routes of this package: nothing where the console is switched off."""
    if not context.settings.console:
        return []
    site = ConsoleSite(context)
    entering, signing_in = OperatorLinkPages(site), SigningIn(site)
    return site.served(
        [
            Route("GET", f"{ROOT}/enter/{{token}}", site.page(entering.ask)),
            Route("POST", f"{ROOT}/enter/{{token}}", site.form(entering.enter)),
            Route("GET", SIGN_IN, site.page(signing_in.show)),
            Route("POST", SIGN_IN, site.form(signing_in.finish)),
            Route("POST", f"{SIGN_IN}/options", site.own(signing_in.options)),
            *_of_provider(site, signing_in),
            Route("POST", f"{ROOT}/sign-out", site.form(signing_in.sign_out)),
            PASSKEYS_SCRIPT.route,
            PALETTE_SCRIPT.route,
            *branding.routes(site),
            LIVE_SCRIPT.route,
            activity.STYLE.route,
            setup.STYLE.route,
            LISTS_SCRIPT.route,
            LISTS_STYLE.route,
            *(_route(site, page) for page in pages(site)),
        ]
    )


def _route(site: ConsoleSite, page: Page) -> Route:
    # A large body is read after the session and the role have been checked.
    streams = page.body_limit > MAX_ANONYMOUS
    return Route(page.verb, f"{ROOT}{page.path}", site.visited(page), streams=streams)


def _of_provider(site: ConsoleSite, signing_in: SigningIn) -> list[Route]:
    if not site.provider.name:
        return []
    return [
        Route("POST", f"{SIGN_IN}/provider", site.form(signing_in.to_provider)),
        Route("GET", CALLBACK, site.page(signing_in.from_provider)),
    ]


def pages(site: ConsoleSite) -> list[Page]:
    """Return all pages of all subjects."""
    return [page for subject in _SUBJECTS for page in subject.pages(site)]
