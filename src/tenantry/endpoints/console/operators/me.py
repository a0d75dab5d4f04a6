"""The operator's own page: passkeys, sessions and connected apps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.operators.signing_in import credential_of
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.identity.operators import grants, passkeys, sessions
from tenantry.identity.operators import service as operators
from tenantry.identity.operators.model import READER
from tenantry.identity.sessions import devices
from tenantry.web.forms.problems import Problems
from tenantry.web.rendering import json_response

if TYPE_CHECKING:
    from tenantry.net.http import Response

PATH = "/console/me"


def pages(site: ConsoleSite) -> list[Page]:
    """Return the pages of this subject: all of them are for readers, too."""
    me = _Me(site)
    return [
        Page("GET", "/me", me.show),
        Page("POST", "/me/passkeys", me.add, READER),
        Page("POST", "/me/passkeys/options", me.options, READER),
        Page("POST", "/me/passkeys/{id}/rename", me.rename, READER),
        Page("POST", "/me/passkeys/{id}/remove", me.remove, READER),
        Page("POST", "/me/sessions/end", me.end_others, READER),
        Page("POST", "/me/sessions/{id}/end", me.end, READER),
        Page("POST", "/me/apps/{id}/revoke", me.revoke, READER),
    ]


class _Me:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site
        self._relying_party = site.context.relying_party

    async def show(self, visit: Visit) -> Response:
        """Show passkeys, sessions and connected apps."""
        operator_id = visit.session.operator.id
        found = await passkeys.list_of(visit.call.db, operator_id)
        live = await sessions.list_of(visit.call.db, operator_id)
        return self._site.render(
            visit,
            "me",
            "me/me.html",
            passkeys=found,
            grants=await grants.list_of(visit.call.db, operator_id),
            full=len(found) >= passkeys.MOST,
            fresh=passkeys.is_fresh(visit.session),
            fresh_minutes=passkeys.FRESH // 60_000_000,
            by_link=visit.session.method == sessions.LINK,
            sessions=[
                (one, devices.describe(one.user_agent, one.address), one.id == visit.session.id)
                for one in live
            ],
        )

    async def options(self, visit: Visit) -> Response:
        """Answer the script with the options of `navigator.credentials.create`."""
        try:
            options = await passkeys.begin_registration(
                visit.call, visit.session, self._relying_party
            )
        except errors.ReauthenticationRequired as problem:
            minutes = passkeys.FRESH // 60_000_000
            said = visit.words.plain("me.stale", minutes=minutes)
            return json_response({"problem": said}, problem.status)
        except (errors.InvalidArgument, errors.RateLimited) as problem:
            said = visit.words.plain("me.full")
            return json_response({"problem": said}, problem.status)
        return json_response({"options": options})

    async def add(self, visit: Visit) -> Response:
        """Keep the passkey that the browser made, and go on in a new session."""
        try:
            secret = await passkeys.finish_registration(
                visit.call, visit.session, self._relying_party, credential_of(visit.request.form())
            )
        except errors.Duplicate:
            return self._wrong(visit, "passkey.exists")
        except errors.InvalidArgument:
            return self._wrong(visit, "me.refused")
        return self._site.entered(f"{PATH}?done=passkey_added", secret)

    async def rename(self, visit: Visit) -> Response:
        """Give a passkey another name."""
        name = visit.request.form().get("name", "")
        try:
            await passkeys.rename(
                visit.call, visit.session.operator, visit.request.params["id"], name
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, PATH)
        return self._site.done(PATH, "passkey_renamed")

    async def remove(self, visit: Visit) -> Response:
        """Remove a passkey."""
        try:
            await passkeys.remove(visit.call, visit.session, visit.request.params["id"])
        except errors.ReauthenticationRequired:
            return self._wrong(visit, "me.stale_short")
        return self._site.done(PATH, "passkey_removed", visit.request.form().get("of", ""))

    async def end(self, visit: Visit) -> Response:
        """End one session."""
        operator_id = visit.session.operator.id
        await operators.end_session(visit.call, operator_id, visit.request.params["id"])
        return self._site.done(PATH, "session_ended")

    async def end_others(self, visit: Visit) -> Response:
        """End all sessions but this one."""
        operator_id, this = visit.session.operator.id, visit.session.id
        await operators.sign_out(visit.call, operator_id, but=this)
        return self._site.done(PATH, "sessions_ended")

    async def revoke(self, visit: Visit) -> Response:
        """Revoke the access of an app."""
        await grants.revoke(visit.call, visit.session.operator, visit.request.params["id"])
        return self._site.done(PATH, "app_revoked")

    def _wrong(self, visit: Visit, key: str) -> Response:
        return self._site.failed(visit.request, Problems({"": key}, {}), PATH)
