"""`/ui/profile/passkeys`: a person's passkeys."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, strict_json
from tenantry.endpoints.account.door import Visit, registration_of
from tenantry.identity.proofs.passkeys import service as passkeys
from tenantry.identity.proofs.totp import step_up
from tenantry.net.http import Response
from tenantry.web.rendering import HEADERS

if TYPE_CHECKING:
    from tenantry.endpoints.account.door import Door
    from tenantry.identity.proofs.passkeys.relying_party import RelyingParty

PATH = "/ui/profile/passkeys"
_DONE = ("added", "renamed", "deleted")
_ID_MAX = 64  # characters of an id that go back into an address


class PasskeyPages:
    """Handlers of the routes."""

    def __init__(self, door: Door, relying_party: RelyingParty) -> None:
        self._door = door
        self._relying_party = relying_party

    async def show(self, visit: Visit) -> Response:
        """Show the passkeys, and the last change of them."""
        registration = await registration_of(visit)
        found = await passkeys.list_of(visit.call.db, visit.person.id)
        done = visit.query("done")
        user_handle = base64.urlsafe_b64encode(visit.person.id.encode()).rstrip(b"=").decode()
        return self._door.render(
            visit,
            "passkeys.html",
            page="passkeys",
            done=visit.words.plain(f"passkeys.done_{done}") if done in _DONE else "",
            proof=visit.proof(registration),
            passkeys=found,
            full=len(found) >= passkeys.MOST,
            known={
                "rp_id": self._relying_party.id,
                "user_id": user_handle,
                "ids": [passkey.credential_id for passkey in found],
            },
        )

    async def options(self, visit: Visit) -> Response:
        """Answer the script with the options of `navigator.credentials.create`.

        This takes a proof. The new passkey is taken without another one, for it answers a challenge
        that only this person was given.
        """
        try:
            await step_up.check(
                visit.call, visit.session, self._door.freshness, _form(visit).get("code", "")
            )
            _, options = await passkeys.begin_registration(
                visit.call, visit.person, self._relying_party
            )
        except (
            errors.InvalidArgument,
            errors.ReauthenticationRequired,
            errors.RateLimited,
        ) as problem:
            return _json({"problem": self._reason(visit, problem)}, problem.status)
        return _json({"options": options})

    async def add(self, visit: Visit) -> Response:
        """Keep the passkey that the browser made."""
        try:
            credential = strict_json.loads(_form(visit).get("credential", ""))
            if not isinstance(credential, dict):
                raise errors.InvalidArgument.field("credential", "type", "must be an object")
            await passkeys.finish_registration(
                visit.call, visit.person.id, self._relying_party, credential
            )
        except errors.Duplicate:
            return self._door.wrong(visit, "", "problem.duplicate")
        except (errors.InvalidArgument, ValueError):
            return self._door.wrong(visit, "", "problem.passkey")
        return self._door.redirect(f"{PATH}?done=added")

    async def rename(self, visit: Visit) -> Response:
        """Give a passkey another name."""
        id_ = visit.request.params["id"]
        try:
            await passkeys.rename(visit.call, id_, _form(visit).get("display_name", ""))
        except errors.InvalidArgument:
            return self._door.wrong(visit, f"{id_[:_ID_MAX]}-name", "problem.name")
        return self._door.redirect(f"{PATH}?done=renamed")

    async def delete(self, visit: Visit) -> Response:
        """Delete a passkey."""
        id_ = visit.request.params["id"]
        try:
            await step_up.check(
                visit.call, visit.session, self._door.freshness, _form(visit).get("code", "")
            )
        except errors.InvalidArgument:
            return self._door.wrong(visit, f"{id_[:_ID_MAX]}-code", "problem.code")
        except errors.ReauthenticationRequired:
            return self._door.wrong(visit, "", "fresh.sign_in")
        await passkeys.remove(visit.call, id_, None)
        return self._door.redirect(f"{PATH}?done=deleted")

    def _reason(self, visit: Visit, problem: errors.Error) -> str:
        if isinstance(problem, errors.RateLimited):
            minutes = -(-int(problem.headers["retry-after"]) // 60)
            key = "problem.limited_for_one" if minutes == 1 else "problem.limited_for_other"
            return visit.words.plain(key, number=minutes)
        if isinstance(problem, errors.ReauthenticationRequired):
            return visit.words.plain("fresh.sign_in", minutes=self._door.freshness.minutes)
        wrong_code = any(violation.field == "code" for violation in problem.violations)
        return visit.words.plain("problem.code" if wrong_code else "passkeys.full")


def _form(visit: Visit) -> dict[str, str]:
    return visit.request.form()


def _json(content: Any, status: int = 200) -> Response:
    response = Response.json(content, status)
    response.headers |= HEADERS
    return response
