"""`/ui/profile/passkeys`: a person's passkeys."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tenantry.api import messages
from tenantry.core import errors, strict_json
from tenantry.endpoints.account.site import Visit, registration_of
from tenantry.gen.scalekit.v1.auth.webauthn_pb import (
    FinishRegistrationRequest,
    UpdateCredentialRequest,
)
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.web.rendering import json_response

if TYPE_CHECKING:
    from tenantry.endpoints.account.site import AccountSite
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
    from tenantry.net.http import Response

PATH = "/ui/profile/passkeys"
_DONE = ("added", "renamed", "deleted")
_ID_MAX = 64  # characters of an id that go back into an address


class PasskeyPages:
    def __init__(self, site: AccountSite, relying_party: RelyingParty) -> None:
        self._site = site
        self._relying_party = relying_party

    async def show(self, visit: Visit) -> Response:
        """Show the passkeys, and the last change of them."""
        registration = await registration_of(visit)
        found = await passkeys.list_of(visit.call.db, visit.person.id)
        done = visit.query("done")
        user_handle = base64.urlsafe_b64encode(visit.person.id.encode()).rstrip(b"=").decode()
        return self._site.render(
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
            options = await passkeys.begin_registration_after_step_up(
                visit.call,
                visit.session,
                visit.person,
                self._relying_party,
                freshness=self._site.freshness,
                code=_form(visit).get("code", ""),
            )
        except (
            errors.InvalidArgument,
            errors.ReauthenticationRequired,
            errors.RateLimited,
        ) as problem:
            return json_response({"problem": self._reason(visit, problem)}, problem.status)
        return json_response({"options": options})

    async def add(self, visit: Visit) -> Response:
        """Keep the passkey that the browser made."""
        try:
            credential = strict_json.loads(_form(visit).get("credential", ""))
            await visit.api.webauthn.finish_registration(_finishing(credential))
        except errors.Duplicate:
            return self._site.wrong(visit, "", "problem.duplicate")
        except (errors.InvalidArgument, ValueError):
            return self._site.wrong(visit, "", "problem.passkey")
        return self._site.redirect(f"{PATH}?done=added")

    async def rename(self, visit: Visit) -> Response:
        """Give a passkey another name."""
        id_ = visit.request.params["id"]
        name = _form(visit).get("display_name", "").strip()
        request = UpdateCredentialRequest(credential_id=id_, display_name=name)
        try:
            await visit.api.webauthn.update_credential(request)
        except errors.InvalidArgument:
            return self._site.wrong(visit, f"{id_[:_ID_MAX]}-name", "problem.name")
        return self._site.redirect(f"{PATH}?done=renamed")

    async def delete(self, visit: Visit) -> Response:
        """Delete a passkey."""
        id_ = visit.request.params["id"]
        try:
            await passkeys.remove_after_step_up(
                visit.call,
                visit.session,
                id_,
                freshness=self._site.freshness,
                code=_form(visit).get("code", ""),
            )
        except errors.InvalidArgument:
            return self._site.wrong(visit, f"{id_[:_ID_MAX]}-code", "problem.code")
        except errors.ReauthenticationRequired:
            return self._site.wrong(visit, "", "fresh.sign_in")
        return self._site.redirect(f"{PATH}?done=deleted")

    def _reason(self, visit: Visit, problem: errors.Error) -> str:
        if isinstance(problem, errors.RateLimited):
            minutes = -(-int(problem.headers["retry-after"]) // 60)
            key = "problem.limited_for_one" if minutes == 1 else "problem.limited_for_other"
            return visit.words.plain(key, number=minutes)
        if isinstance(problem, errors.ReauthenticationRequired):
            return visit.words.plain("fresh.sign_in", minutes=self._site.freshness.minutes)
        wrong_code = any(violation.field == "code" for violation in problem.violations)
        return visit.words.plain("problem.code" if wrong_code else "passkeys.full")


def _finishing(credential: Any) -> FinishRegistrationRequest:
    """Return the request that carries a RegistrationResponseJSON (WebAuthn section 5.1)."""
    response = credential.get("response") if isinstance(credential, dict) else None
    if not isinstance(response, dict):
        raise errors.InvalidArgument.field("credential", "type", "must be an object")
    if credential.get("id") != credential.get("rawId"):
        raise errors.InvalidArgument.field("credential.id", "equal", "must be that of rawId")
    members = {
        "credential_id": credential.get("rawId"),
        "attestation_object": response.get("attestationObject"),
        "client_data_json": response.get("clientDataJSON"),
        "type": credential.get("type"),
        "transports": response.get("transports"),
        "authenticator_attachment": credential.get("authenticatorAttachment"),
    }
    return messages.from_members(FinishRegistrationRequest, members)


def _form(visit: Visit) -> dict[str, str]:
    return visit.request.form()
