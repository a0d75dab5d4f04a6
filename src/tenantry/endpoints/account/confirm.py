"""`/ui/profile/confirm`: a person shows once more who they are, and goes back to where they were.

By a code that is sent to their address, or by their password, as people sign in here. The code of
an authenticator app is asked for where it is needed, and not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.core import errors
from tenantry.endpoints.account.site import Visit, registration_of
from tenantry.identity.sign_in import confirming
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.net.http import Response

PATH = "/ui/profile/confirm"
# Where one may have come from: nothing else is a redirect target.
_NEXT = ("passkeys", "security")
_ID_MAX = 64  # characters of an id that go back into an address


class ConfirmPages:
    def __init__(self, site: AccountSite, dependencies: SignInDependencies) -> None:
        self._site = site
        self._dependencies = dependencies

    async def show(self, visit: Visit) -> Response:
        """Show how it can be done; with the id of a mail, also where its code goes."""
        way_on, methods = _next(visit.query("next")), self._dependencies.settings.own_methods
        if visit.proof(await registration_of(visit)) != "sign_in":
            return self._site.redirect(f"/ui/profile/{way_on}")
        return self._site.render(
            visit,
            "confirm.html",
            page=way_on,
            request_id=visit.query("request"),
            by_email="email" in methods,
            by_password="password" in methods,
        )

    async def mail(self, visit: Visit) -> Response:
        """Send a code."""
        way_on = _next(visit.request.form().get("next", ""))
        try:
            sent_id = await confirming.send_code(
                self._dependencies, visit.call, visit.session, visit.person, visit.words.language
            )
        except errors.RateLimited as problem:
            failed = Problems.limited(problem)
            return self._site.failed(visit.request, failed, PATH, _query(way_on, ""))
        return self._site.redirect(f"{PATH}?{urlencode(_query(way_on, sent_id))}")

    async def confirm(self, visit: Visit) -> Response:
        """Take the code or the password."""
        form = visit.request.form()
        way_on, request_id = _next(form.get("next", "")), form.get("request", "")
        call, session = visit.call, visit.session
        try:
            if "password" in form:
                await confirming.confirm_by_password(
                    self._dependencies, call, session, visit.person, form["password"]
                )
            else:
                await confirming.confirm_by_code(call, session, request_id, form.get("code", ""))
        except errors.ReauthenticationRequired:  # by the second factor, on the page itself
            return self._site.redirect(f"/ui/profile/{way_on}")
        except (errors.InvalidArgument, errors.NotFound):
            name = "password" if "password" in form else "code"
            key = "problem.password" if name == "password" else "problem.mail"
            return self._site.wrong(visit, name, key, PATH, _query(way_on, request_id))
        except errors.RateLimited as problem:
            failed = Problems.limited(problem)
            return self._site.failed(visit.request, failed, PATH, _query(way_on, request_id))
        return self._site.redirect(f"/ui/profile/{way_on}")


def _next(name: str) -> str:
    return name if name in _NEXT else _NEXT[0]


def _query(way_on: str, request_id: str) -> dict[str, str]:
    """Return the query of the page; with the id of a mail it asks for the code in it."""
    return {"next": way_on} | ({"request": request_id[:_ID_MAX]} if request_id else {})
