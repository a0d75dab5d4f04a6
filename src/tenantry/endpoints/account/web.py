"""The HTTP routes of a signed-in person's pages.

A form is posted below its page; then the browser is sent back to the page, which tells of the
change, or why the form was not taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.account import (
    account,
    apps,
    confirm,
    impersonation,
    organizations,
    passkeys,
    security,
)
from tenantry.endpoints.account.account import AccountPages
from tenantry.endpoints.account.apps import AppPages
from tenantry.endpoints.account.confirm import ConfirmPages
from tenantry.endpoints.account.impersonation import ImpersonationPages
from tenantry.endpoints.account.organizations import OrganizationPages
from tenantry.endpoints.account.passkeys import PasskeyPages
from tenantry.endpoints.account.security import SecurityPages
from tenantry.endpoints.account.site import AccountSite
from tenantry.net.http import Response, Route
from tenantry.web.frames import members
from tenantry.web.rendering import redirect

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.endpoints.account.site import PersonsHandler
    from tenantry.net.http import Request
    from tenantry.web.site import Handler


def routes(context: AppContext) -> list[Route]:
    site = AccountSite(context)
    own = AccountPages(site)
    places = OrganizationPages(site, context.sign_in)
    keys = PasskeyPages(site, context.relying_party)
    safety = SecurityPages(site, issuer=context.relying_party.name)
    connected = AppPages(site)
    again = ConfirmPages(site, context.sign_in)

    def page(handler: PersonsHandler) -> Handler:
        return site.page(site.visit(handler))

    def form(handler: PersonsHandler) -> Handler:
        return site.form(site.visit(handler))

    return site.served(
        [
            site.style.route,
            site.script.route,
            *(Route("GET", path, _to(members.ORGANIZATION)) for path in ("/ui", "/ui/")),
            Route("GET", members.PROFILE, _to(account.PATH)),
            Route("GET", account.PATH, page(own.show)),
            Route("POST", f"{account.PATH}/name", form(own.rename)),
            Route("GET", organizations.PATH, page(places.show)),
            Route("POST", organizations.PATH, form(places.found)),
            Route("POST", f"{organizations.PATH}/{{id}}/switch", form(places.switch)),
            Route("POST", f"{organizations.PATH}/{{id}}/accept", form(places.accept)),
            Route("POST", f"{organizations.PATH}/{{id}}/leave", form(places.leave)),
            Route(
                "POST",
                impersonation.PATH,
                site.form(ImpersonationPages(site, context.session_cookie).stop),
            ),
            Route("GET", passkeys.PATH, page(keys.show)),
            Route("POST", passkeys.PATH, form(keys.add)),
            Route("POST", f"{passkeys.PATH}/options", site.own(site.visit(keys.options))),
            Route("POST", f"{passkeys.PATH}/{{id}}/rename", form(keys.rename)),
            Route("POST", f"{passkeys.PATH}/{{id}}/delete", form(keys.delete)),
            Route("GET", confirm.PATH, page(again.show)),
            Route("POST", confirm.PATH, form(again.confirm)),
            Route("POST", f"{confirm.PATH}/mail", form(again.mail)),
            Route("GET", apps.PATH, page(connected.show)),
            Route("POST", f"{apps.PATH}/{{id}}/revoke", form(connected.revoke)),
            Route("GET", security.PATH, page(safety.show)),
            Route("POST", f"{security.PATH}/totp", form(safety.set_up)),
            Route("GET", f"{security.PATH}/totp/{{id}}", page(safety.setup)),
            Route("GET", f"{security.PATH}/totp/{{id}}/qr.svg", page(safety.picture)),
            Route("POST", f"{security.PATH}/totp/{{id}}/enable", form(safety.enable)),
            Route("POST", f"{security.PATH}/totp/{{id}}/disable", form(safety.disable)),
            Route("POST", f"{security.PATH}/totp/{{id}}/codes", form(safety.renew_codes)),
            Route("POST", f"{security.PATH}/sessions/{{id}}/revoke", form(safety.revoke)),
            Route("POST", f"{security.PATH}/sessions/revoke-others", form(safety.revoke_others)),
        ]
    )


def _to(path: str) -> Handler:
    async def redirected(_request: Request) -> Response:
        return redirect(path)

    return redirected
