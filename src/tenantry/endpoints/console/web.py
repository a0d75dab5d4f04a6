"""The HTTP routes of the console, and the pages that there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.console import (
    api_keys,
    applications,
    branding,
    connections,
    directories,
    events,
    health,
    impersonating,
    interceptors,
    keys,
    mail,
    mail_servers,
    mail_templates,
    me,
    operators,
    organizations,
    overview,
    people,
    protocols,
    roles,
    settings,
    sign_ins,
    token_claims,
    webhooks,
)
from tenantry.endpoints.console.entering import Entering
from tenantry.endpoints.console.signing_in import PATH as SIGN_IN
from tenantry.endpoints.console.signing_in import SigningIn
from tenantry.endpoints.console.visit import LIVE_SCRIPT, PASSKEYS_SCRIPT, ROOT, Door
from tenantry.identity.operators.provider import CALLBACK
from tenantry.net.http import Route

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.console.visit import Page

_SUBJECTS = (
    *(overview, organizations, people, connections, protocols, directories, roles),
    *(applications, api_keys, token_claims, keys),
    *(sign_ins, events, webhooks, interceptors, mail),
    *(settings, health),
    *(mail_servers, mail_templates, branding, operators, me, impersonating),
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
