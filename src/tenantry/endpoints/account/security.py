"""`/ui/profile/security`: a person's second factor, and where they are signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.db.lists.pages import MAX_SIZE
from tenantry.endpoints.account.site import Visit, registration_of
from tenantry.gen.scalekit.v1.sessions.sessions_pb import RevokeSessionRequest
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.authenticators.totp import step_up
from tenantry.identity.sessions import listing as session_list
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import ACTIVE
from tenantry.web import setup_keys
from tenantry.web.forms.problems import Problems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.endpoints.account.site import AccountSite
    from tenantry.identity.authenticators.totp.model import Registration
    from tenantry.net.http import Response

PATH = "/ui/profile/security"
_DONE = ("disabled", "revoked", "others")


class SecurityPages:
    def __init__(self, site: AccountSite, *, issuer: str) -> None:
        self._site = site
        self._issuer = issuer

    async def show(self, visit: Visit) -> Response:
        """Show the second factor and the sessions, and the last change of them."""
        registration = await registration_of(visit)
        listed = await session_list.of_user(
            visit.call,
            visit.person.id,
            session_list.Filter(statuses=(ACTIVE,)),
            page_size=MAX_SIZE,
            page_token="",
        )
        done = visit.query("done")
        return self._site.render(
            visit,
            "security.html",
            page="security",
            done=visit.words.plain(f"security.done_{done}") if done in _DONE else "",
            proof=visit.proof(registration),
            totp=registration,
            codes_left=await totp.recovery_codes_left(visit.call.db, registration.id)
            if registration
            else 0,
            sessions=listed.items,
            current=visit.session.id,
            more=listed.total_size > len(listed.items),
        )

    async def set_up(self, visit: Visit) -> Response:
        """Begin to register an authenticator app, which takes a proof."""
        try:
            registration = await step_up.register(
                visit.call,
                visit.session,
                self._site.freshness,
                visit.request.form().get("code", ""),
            )
        except errors.InvalidArgument:
            return self._site.wrong(visit, "start-code", "problem.code")
        except errors.ReauthenticationRequired:
            return self._site.wrong(visit, "", "fresh.sign_in")
        return self._site.redirect(f"{PATH}/totp/{registration.id}")

    async def setup(self, visit: Visit) -> Response:
        """Show the QR code and the key of a registration that is under way."""
        registration = await self._pending(visit)
        key = totp.secret(visit.call.db, registration)
        return self._site.render(
            visit,
            "setup.html",
            page="security",
            packs=False,
            registration=registration,
            key=setup_keys.grouped(key),
        )

    async def picture(self, visit: Visit) -> Response:
        """Answer with the QR code, in SVG."""
        registration = await self._pending(visit)
        return setup_keys.picture(totp.uri(visit.call.db, registration, self._issuer))

    async def enable(self, visit: Visit) -> Response:
        """Put a registration into force, and show its recovery codes, this once."""
        registration = await totp.get(visit.call, visit.request.params["id"])
        if registration.enabled:  # the page was loaded again: its codes are not shown twice
            return self._site.redirect(PATH)
        try:
            _, codes = await totp.enable(
                visit.call, registration.id, visit.request.form().get("code", "")
            )
        except errors.InvalidArgument:
            path = f"{PATH}/totp/{registration.id}"
            return self._site.wrong(visit, "code", "problem.code", path)
        except errors.RateLimited as problem:
            path = f"{PATH}/totp/{registration.id}"
            return self._site.failed(visit.request, Problems.limited(problem), path)
        return self._show_codes(visit, codes)

    async def disable(self, visit: Visit) -> Response:
        """Turn the second factor off, for a code."""
        code = visit.request.form().get("code", "")
        try:
            await totp.disable(visit.call, visit.request.params["id"], code)
        except errors.InvalidArgument:
            return self._site.wrong(visit, "disable-code", "problem.code")
        return self._site.redirect(f"{PATH}?done=disabled")

    async def renew_codes(self, visit: Visit) -> Response:
        """Show new recovery codes, this once, for a code."""
        code = visit.request.form().get("code", "")
        try:
            codes = await totp.renew_recovery_codes(visit.call, visit.request.params["id"], code)
        except errors.InvalidArgument:
            return self._site.wrong(visit, "renew-code", "problem.code")
        return self._show_codes(visit, codes, is_new_set=True)

    def _show_codes(
        self, visit: Visit, codes: Sequence[str], *, is_new_set: bool = False
    ) -> Response:
        return self._site.render(
            visit,
            "codes.html",
            page="security",
            packs=False,
            codes=codes,
            is_new_set=is_new_set,
            app=self._site.pages.theme.brand.name,
        )

    async def revoke(self, visit: Visit) -> Response:
        """Sign one other browser out."""
        request = RevokeSessionRequest(session_id=visit.request.params["id"])
        try:
            await visit.api.sessions.revoke_session(request)
        except errors.InvalidArgument:  # the ID of no session
            raise errors.NotFound("session") from None
        return self._site.redirect(f"{PATH}?done=revoked")

    async def revoke_others(self, visit: Visit) -> Response:
        """Sign out everywhere but here."""
        await sessions.end_all(visit.call, visit.person.id, but=visit.session.id)
        return self._site.redirect(f"{PATH}?done=others")

    async def _pending(self, visit: Visit) -> Registration:
        """Return the registration of the path, whose secret is shown until it is in force."""
        if visit.session.impersonation is not None:
            raise errors.Impersonated
        registration = await totp.get(visit.call, visit.request.params["id"])
        if registration.enabled:
            raise errors.NotFound("TOTP registration")
        return registration
