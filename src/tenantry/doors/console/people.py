"""People: found by their address or id in all organizations, and one with all that is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response

# The tabs, by the segment of their address.
_TABS = ("", "security", "sign-ins")
_PROFILE = ("given_name", "family_name", "name", "preferred_username", "phone_number", "locale")


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    people = _People(door)
    root = "/people/{id}"
    return [
        Page("GET", "/people", people.listed),
        Page("GET", root, people.show),
        Page("POST", f"{root}/update", people.update),
        Page("POST", f"{root}/metadata", people.change_metadata),
        Page("POST", f"{root}/delete", people.delete),
        Page("GET", f"{root}/security", people.security),
        Page("POST", f"{root}/security/revoke-all", people.revoke_all),
        Page("POST", f"{root}/security/sessions/{{session_id}}/revoke", people.revoke),
        Page("POST", f"{root}/security/passkeys/{{passkey_id}}/delete", people.delete_passkey),
        Page("POST", f"{root}/security/second-factor/delete", people.delete_second_factor),
        Page("GET", f"{root}/sign-ins", people.sign_ins),
    ]


class _People:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them, or those that the search finds."""
        query, token = visit.query("query").strip()[:100], visit.query("page_token") or None
        if query:
            found = await visit.api.get(
                "/users:search", query=query, page_size=30, page_token=token
            )
        else:
            found = await visit.api.get("/users", page_size=30, page_token=token)
        return self._door.render(visit, "people", "people/list.html", listed=found, query=query)

    async def show(self, visit: Visit) -> Response:
        """Show who it is, where they are a member, and by which providers they are known."""
        user = await self._get(visit)
        return self._tab(visit, "", user)

    async def update(self, visit: Visit) -> Response:
        """Change the profile."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in (*_PROFILE, "external_id")}
        fields = {f"user.user_profile.{name}": name for name in _PROFILE}
        fields |= {"user.external_id": "external_id"} | {name: name for name in given}
        body = {
            "external_id": given["external_id"],
            "user_profile": {name: given[name] for name in _PROFILE},
        }
        call = visit.api.patch("/users/{}", visit.request.params["id"], body=body)
        return await forms.send(
            self._door, visit, call, _path(visit), "changed", fields=fields, given=given
        )

    async def change_metadata(self, visit: Visit) -> Response:
        """Put other metadata in the place of what they have."""
        form = visit.request.form()
        try:
            metadata = forms.pairs(form, "metadata")
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, _path(visit), given=form)
        call = visit.api.patch("/users/{}", visit.request.params["id"], body={"metadata": metadata})
        return await forms.send(self._door, visit, call, _path(visit), "changed", given=form)

    async def delete(self, visit: Visit) -> Response:
        """Delete them, if their address was typed."""
        user = await self._get(visit)
        typed = visit.request.form().get("email", "").strip()
        if typed.casefold() != (user.get("email") or user["id"]).casefold():
            problem = errors.InvalidArgument.field(
                "email", "same", f"must be that of the person, got {typed[:60]!r}"
            )
            return self._door.wrong(visit, problem, _path(visit), {"email": "delete-email"})
        call = visit.api.delete("/users/{}", user["id"])
        return await forms.send(self._door, visit, call, visit.path("people"), "deleted")

    async def security(self, visit: Visit) -> Response:
        """Show where they are signed in, and by what they prove who they are."""
        user = await self._get(visit)
        token = visit.query("page_token") or None
        sessions = await visit.api.get(
            "/users/{}/sessions", user["id"], page_size=20, page_token=token
        )
        passkeys = await visit.api.get("/webauthn/credentials", user_id=user["id"])
        factor = await visit.api.get("/users/{}/second-factor", user["id"])
        return self._tab(
            visit,
            "security",
            user,
            sessions=sessions,
            passkeys=passkeys.get("credentials", []),
            factor=factor["second_factor"],
        )

    async def revoke(self, visit: Visit) -> Response:
        """End one session."""
        call = visit.api.post("/sessions/{}/revoke", visit.request.params["session_id"])
        return await forms.send(self._door, visit, call, _path(visit, "security"), "revoked")

    async def revoke_all(self, visit: Visit) -> Response:
        """End all of their sessions."""
        call = visit.api.post("/users/{}/sessions/revoke", visit.request.params["id"])
        return await forms.send(self._door, visit, call, _path(visit, "security"), "revoked")

    async def delete_passkey(self, visit: Visit) -> Response:
        """Take a passkey away."""
        call = visit.api.delete("/webauthn/credentials/{}", visit.request.params["passkey_id"])
        return await forms.send(self._door, visit, call, _path(visit, "security"), "deleted")

    async def delete_second_factor(self, visit: Visit) -> Response:
        """Take the second factor away."""
        call = visit.api.delete("/users/{}/second-factor", visit.request.params["id"])
        return await forms.send(self._door, visit, call, _path(visit, "security"), "deleted")

    async def sign_ins(self, visit: Visit) -> Response:
        """List the sign-ins of their address."""
        user = await self._get(visit)
        found: Any = {}
        if user.get("email"):
            found = await visit.api.get(
                "/logs/authentication/requests",
                email=user["email"],
                page_size=30,
                page_token=visit.query("page_token") or None,
            )
        return self._tab(visit, "sign-ins", user, listed=found)

    async def _get(self, visit: Visit) -> Any:
        answer = await visit.api.get("/users/{}", visit.request.params["id"])
        return answer["user"]

    def _tab(self, visit: Visit, tab: str, user: Any, **values: Any) -> Response:
        name = tab or "general"
        tabs = [
            (_path(visit, one), visit.words.plain(f"tabs.{one or 'general'}"), one == tab)
            for one in _TABS
        ]
        here = _path(visit, tab)
        return self._door.render(
            visit, "people", f"people/{name}.html", user=user, here=here, tabs=tabs, **values
        )


def _path(visit: Visit, *segments: str) -> str:
    return visit.path("people", visit.request.params["id"], *(one for one in segments if one))
