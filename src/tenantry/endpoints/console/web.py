"""The HTTP routes of the console, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import directories, health, organizations, overview, people
from tenantry.endpoints.console.access import api_keys, applications, roles
from tenantry.endpoints.console.connections import pages as connections
from tenantry.endpoints.console.connections import protocol_pages
from tenantry.endpoints.console.environment import branding, keys, settings, token_claims
from tenantry.endpoints.console.integrations import interceptors, webhooks
from tenantry.endpoints.console.logs import events, sign_ins
from tenantry.endpoints.console.mail import messages, servers, templates
from tenantry.endpoints.console.operators import impersonating, me
from tenantry.endpoints.console.operators import pages as operators
from tenantry.endpoints.console.operators.entering import Entering
from tenantry.endpoints.console.operators.signing_in import PATH as SIGN_IN
from tenantry.endpoints.console.operators.signing_in import SigningIn
from tenantry.endpoints.console.visit import LIVE_SCRIPT, PASSKEYS_SCRIPT, ROOT, Door
from tenantry.identity.operators.provider import CALLBACK
from tenantry.net.http import Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.console.visit import Page

_SUBJECTS = (
    *(overview, organizations, people, connections, protocol_pages, directories, roles),
    *(applications, api_keys, token_claims, keys),
    *(sign_ins, events, webhooks, interceptors, messages),
    *(settings, health),
    *(servers, templates, branding, operators, me, impersonating),
)


def routes(parts: AppContext) -> list[Route]:
    """Return the routes of this package: nothing where the console is switched off."""
    if not parts.settings.console:
        return []
    door = Door(parts)
    entering, signing_in = Entering(door), SigningIn(door)
    return door.served(
        [
            Route("GET", f"{ROOT}/enter/{{token}}", door.page(entering.ask)),
            Route("POST", f"{ROOT}/enter/{{token}}", door.form(entering.enter)),
            Route("GET", SIGN_IN, door.page(signing_in.show)),
            Route("POST", SIGN_IN, door.form(signing_in.finish)),
            Route("POST", f"{SIGN_IN}/options", door.own(signing_in.options)),
            *_of_provider(door, signing_in),
            Route("POST", f"{ROOT}/sign-out", door.form(signing_in.sign_out)),
            PASSKEYS_SCRIPT.route,
            *branding.routes(door),
            LIVE_SCRIPT.route,
            *(
                Route(
                    page.verb, f"{ROOT}{page.path}", door.visited(page), body_limit=page.body_limit
                )
                for page in pages(door)
            ),
        ]
    )


def _of_provider(door: Door, signing_in: SigningIn) -> list[Route]:
    if not door.provider.name:
        return []
    return [
        Route("POST", f"{SIGN_IN}/provider", door.form(signing_in.to_provider)),
        Route("GET", CALLBACK, door.page(signing_in.from_provider)),
    ]


def pages(door: Door) -> list[Page]:
    """Return all pages of all subjects."""
    return [page for subject in _SUBJECTS for page in subject.pages(door)]
