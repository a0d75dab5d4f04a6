"""People: found by their address or id in all organizations, and one with all that is theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.endpoints.console import forms, names, sorting
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit, by_id
from tenantry.gen.scalekit.v1.auditlogs.auditlogs_pb import ListAuthLogRequest, ListAuthLogResponse
from tenantry.gen.scalekit.v1.auth.webauthn_pb import (
    DeleteCredentialRequest,
    ListCredentialsRequest,
)
from tenantry.gen.scalekit.v1.commons.commons_pb import UserProfile
from tenantry.gen.scalekit.v1.sessions.sessions_pb import (
    RevokeAllUserSessionsRequest,
    RevokeSessionRequest,
    UserSessionDetailsRequest,
)
from tenantry.gen.scalekit.v1.users.users_pb import (
    DeleteUserRequest,
    GetUserRequest,
    ListUsersRequest,
    SearchUsersRequest,
    UpdateUser,
    UpdateUserProfile,
    UpdateUserRequest,
)
from tenantry.gen.tenantry.v1.second_factors_pb import (
    DeleteSecondFactorRequest,
    GetSecondFactorRequest,
)

if TYPE_CHECKING:
    from tenantry.gen.scalekit.v1.users.users_pb import (
        ListUsersResponse,
        SearchUsersResponse,
        User,
    )
    from tenantry.net.http import Response

# The tabs, by the segment of their address.
_TABS = ("", "security", "sign-ins")
_PROFILE = ("given_name", "family_name", "name", "preferred_username", "phone_number", "locale")
_SHOWN = 30


def pages(site: ConsoleSite) -> list[Page]:
    people = _Users(site)
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


class _Users:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List them, or those that the search finds."""
        query = visit.query("query").strip()[:100]
        order = sorting.paged(visit, visit.path("people"), {"query": query} if query else {})
        found: ListUsersResponse | SearchUsersResponse
        if query:
            found = await visit.api.users.search_users(
                SearchUsersRequest(query=query, page_size=_SHOWN, page_token=order.page_token)
            )
        else:
            found = await visit.api.users.list_users(
                ListUsersRequest(page_size=_SHOWN, page_token=order.page_token)
            )
        order.arrange(found, found.users)
        return self._site.render(
            visit, "people", "people/list.html", listed=found, query=query, order=order
        )

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
        profile = UpdateUserProfile(
            given_name=given["given_name"],
            family_name=given["family_name"],
            name=given["name"],
            preferred_username=given["preferred_username"],
            phone_number=given["phone_number"],
            locale=given["locale"],
        )
        before = await self._get(visit)
        known = before.user_profile or UserProfile()
        former = {name: getattr(known, name) or "" for name in _PROFILE}
        former["external_id"] = before.external_id or ""
        user = UpdateUser(external_id=given["external_id"], user_profile=profile)
        request = UpdateUserRequest(identities=by_id(visit.request.params["id"]), user=user)
        call = visit.api.users.update_user(request)
        return await forms.send(
            self._site,
            visit,
            call,
            _path(visit),
            "changed",
            fields=fields,
            given=given,
            undo=undoing.Undo(visit.request.path, former),
        )

    async def change_metadata(self, visit: Visit) -> Response:
        """Put other metadata in the place of what they have."""
        form = visit.request.form()
        try:
            metadata = forms.pairs(form, "metadata")
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, _path(visit), given=form)
        request = UpdateUserRequest(
            identities=by_id(visit.request.params["id"]), user=UpdateUser(metadata=metadata)
        )
        call = visit.api.users.update_user(request)
        return await forms.send(self._site, visit, call, _path(visit), "changed", given=form)

    async def delete(self, visit: Visit) -> Response:
        """Delete them, if their address was typed."""
        user = await self._get(visit)
        typed = visit.request.form().get("email", "").strip()
        if typed.casefold() != (user.email or user.id).casefold():
            problem = errors.InvalidArgument.field(
                "email", "same", f"must match the email address of the user, got {typed[:60]!r}"
            )
            return self._site.wrong(visit, problem, _path(visit), {"email": "delete-email"})
        call = visit.api.users.delete_user(DeleteUserRequest(identities=by_id(user.id)))
        return await forms.send(self._site, visit, call, visit.path("people"), "deleted")

    async def security(self, visit: Visit) -> Response:
        """Show where they are signed in, and by what they prove who they are."""
        user = await self._get(visit)
        token = visit.query("page_token")
        sessions = await visit.api.sessions.get_user_sessions(
            UserSessionDetailsRequest(user_id=user.id, page_size=20, page_token=token)
        )
        passkeys = await visit.api.webauthn.list_credentials(
            ListCredentialsRequest(user_id=user.id)
        )
        factor = await visit.api.second_factors.get_second_factor(
            GetSecondFactorRequest(user_id=user.id)
        )
        assert factor.second_factor is not None
        return self._tab(
            visit,
            "security",
            user,
            sessions=sessions,
            passkeys=passkeys.credentials,
            factor=factor.second_factor,
        )

    async def revoke(self, visit: Visit) -> Response:
        """End one session."""
        request = RevokeSessionRequest(session_id=visit.request.params["session_id"])
        call = visit.api.sessions.revoke_session(request)
        return await forms.send(self._site, visit, call, _path(visit, "security"), "revoked")

    async def revoke_all(self, visit: Visit) -> Response:
        """End all of their sessions."""
        request = RevokeAllUserSessionsRequest(user_id=visit.request.params["id"])
        call = visit.api.sessions.revoke_all_user_sessions(request)
        return await forms.send(self._site, visit, call, _path(visit, "security"), "revoked")

    async def delete_passkey(self, visit: Visit) -> Response:
        """Take a passkey away."""
        request = DeleteCredentialRequest(credential_id=visit.request.params["passkey_id"])
        call = visit.api.webauthn.delete_credential(request)
        return await forms.send(self._site, visit, call, _path(visit, "security"), "deleted")

    async def delete_second_factor(self, visit: Visit) -> Response:
        """Take the second factor away."""
        request = DeleteSecondFactorRequest(user_id=visit.request.params["id"])
        call = visit.api.second_factors.delete_second_factor(request)
        return await forms.send(self._site, visit, call, _path(visit, "security"), "deleted")

    async def sign_ins(self, visit: Visit) -> Response:
        """List the sign-ins of their address."""
        user = await self._get(visit)
        found = ListAuthLogResponse()
        if user.email:
            found = await visit.api.auditlogs.list_auth_requests(
                ListAuthLogRequest(
                    email=user.email, page_size=_SHOWN, page_token=visit.query("page_token")
                )
            )
        named = await names.of_rows(visit, found.authRequests, "organization_id")
        return self._tab(visit, "sign-ins", user, names=named, listed=found)

    async def _get(self, visit: Visit) -> User:
        request = GetUserRequest(identities=by_id(visit.request.params["id"]))
        user = (await visit.api.users.get_user(request)).user
        assert user is not None
        return user

    def _tab(self, visit: Visit, tab: str, user: User, **values: Any) -> Response:
        name = tab or "general"
        tabs = [
            (_path(visit, one), visit.words.plain(f"tabs.{one or 'general'}"), one == tab)
            for one in _TABS
        ]
        here = _path(visit, tab)
        return self._site.render(
            visit,
            "people",
            f"people/{name}.html",
            user=user,
            profile=user.user_profile or UserProfile(),
            here=here,
            tabs=tabs,
            **values,
        )


def _path(visit: Visit, *segments: str) -> str:
    return visit.path("people", visit.request.params["id"], *(one for one in segments if one))
