"""`/ui/profile/confirm`: a person shows once more who they are, and goes back to where they were.

By a code that is sent to their address, or by their password, as people sign in here. The code of
an authenticator app is asked for where it is needed, and not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tenantry.core import errors
from tenantry.endpoints.account.door import Visit, registration_of
from tenantry.identity.proofs.passwordless import service as passwordless
from tenantry.identity.proofs.passwordless.model import OTP
from tenantry.identity.sessions import service as sessions
from tenantry.web.problems import Problems

if TYPE_CHECKING:
    from tenantry.endpoints.account.door import Door
    from tenantry.identity.proofs.passwords.service import Passwords
    from tenantry.net.http import Response
    from tenantry.tenants.environment.effective import Effective

PATH = "/ui/profile/confirm"
# Where one may have come from: nothing else is a redirect target.
_NEXT = ("passkeys", "security")
_ID_MAX = 64  # characters of an id that go back into an address


class ConfirmPages:
    """Handlers of the routes."""

    def __init__(self, door: Door, effective: Effective, passwords: Passwords) -> None:
        self._door = door
        self._effective = effective
        self._passwords = passwords

    async def show(self, visit: Visit) -> Response:
        """Show how it can be done; with the id of a mail, also where its code goes."""
        way_on = _next(visit.query("next"))
        if visit.proof(await registration_of(visit)) != "sign_in":
            return self._door.redirect(f"/ui/profile/{way_on}")
        return self._door.render(
            visit,
            "confirm.html",
            page=way_on,
            request_id=visit.query("request"),
            by_mail="email" in self._effective.settings.own_methods,
            by_password="password" in self._effective.settings.own_methods,
        )

    async def mail(self, visit: Visit) -> Response:
        """Send a code."""
        way_on = _next(visit.request.form().get("next", ""))
        if "email" not in self._effective.settings.own_methods:
            raise errors.InvalidArgument("there is no sign-in by email here")
        try:
            sent = await passwordless.send(
                visit.call,
                email=visit.person.email,
                type_=OTP,
                link_uri=None,
                seconds=self._effective.settings.email_code_seconds,
                auth_request_id=visit.session.id,
                language=visit.words.language,
            )
        except errors.RateLimited as problem:
            failed = Problems.limited(problem)
            return self._door.failed(visit.request, failed, PATH, _query(way_on, ""))
        return self._door.redirect(f"{PATH}?{urlencode(_query(way_on, sent.id))}")

    async def confirm(self, visit: Visit) -> Response:
        """Take the code or the password."""
        form = visit.request.form()
        way_on, request_id = _next(form.get("next", "")), form.get("request", "")
        if await registration_of(visit) is not None:  # neither is enough without its code
            return self._door.redirect(f"/ui/profile/{way_on}")
        try:
            if "password" in form:
                await self._check_password(visit, form["password"])
            else:
                await self._check_code(visit, request_id, form.get("code", ""))
        except (errors.InvalidArgument, errors.NotFound):
            name = "password" if "password" in form else "code"
            key = "problem.password" if name == "password" else "problem.mail"
            return self._door.wrong(visit, name, key, PATH, _query(way_on, request_id))
        except errors.RateLimited as problem:
            failed = Problems.limited(problem)
            return self._door.failed(visit.request, failed, PATH, _query(way_on, request_id))
        await sessions.authenticated(visit.call, visit.session)
        return self._door.redirect(f"/ui/profile/{way_on}")

    async def _check_code(self, visit: Visit, request_id: str, code: str) -> None:
        """Use up a code that was sent for this session.

        Raises:
            errors.InvalidArgument: it is wrong or has expired.
            errors.NotFound: there was no such mail of this session.
            errors.RateLimited: there were too many wrong ones.

        """
        sent = await passwordless.find(visit.call.db, request_id)
        if sent is None or sent.auth_request_id != visit.session.id:
            raise errors.NotFound("mail")
        await passwordless.verify_code(visit.call, request_id, code)

    async def _check_password(self, visit: Visit, password: str) -> None:
        """Check the person's password.

        Raises:
            errors.InvalidArgument: it is wrong, or nobody signs in by one.
            errors.RateLimited: there were too many wrong ones.

        """
        if "password" not in self._effective.settings.own_methods:
            raise errors.InvalidArgument("there is no sign-in by password here")
        found = await self._passwords.sign_in(
            visit.call, email=visit.person.email, password=password
        )
        if found != visit.person.id:
            raise errors.InvalidArgument("this password is another's")


def _next(name: str) -> str:
    return name if name in _NEXT else _NEXT[0]


def _query(way_on: str, request_id: str) -> dict[str, str]:
    """Return the query of the page; with the id of a mail it asks for the code in it."""
    return {"next": way_on} | ({"request": request_id[:_ID_MAX]} if request_id else {})
