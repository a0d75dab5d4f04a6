"""The lists with selectable rows, and the actions on selected rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console.visit import by_id
from tenantry.gen.scalekit.v1.commons.commons_pb import Role
from tenantry.gen.scalekit.v1.organizations.organizations_pb import DeleteOrganizationRequest
from tenantry.gen.scalekit.v1.roles.roles_pb import ListOrganizationRolesRequest
from tenantry.gen.scalekit.v1.sessions.sessions_pb import (
    RevokeAllUserSessionsRequest,
    RevokeSessionRequest,
)
from tenantry.gen.scalekit.v1.tokens.tokens_pb import InvalidateTokenRequest
from tenantry.gen.scalekit.v1.users.users_pb import (
    DeleteMembershipRequest,
    DeleteUserRequest,
    GetUserRequest,
    ResendInviteRequest,
    UpdateMembership,
    UpdateMembershipRequest,
)
from tenantry.gen.tenantry.v1.webhooks_pb import ReplayDeliveryRequest

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import Visit

# The call for a row; the arguments are the ID of the row and the chosen value.
Call = Callable[["Visit", str, str], Awaitable[object]]
Choices = Callable[["Visit"], Awaitable[list[tuple[str, str]]]]


@dataclass(frozen=True, slots=True)
class Action:
    """An action on each selected row; ``key`` is the key of its texts in bulk.toml."""

    key: str
    call: Call
    done: str  # the key of the message on the list afterwards, in the section `done`
    is_danger: bool = True
    choices: Choices | None = None  # the values to choose from, if the call needs one


@dataclass(frozen=True, slots=True)
class SelectableList:
    """A list at a path of the console, with its actions by their names in forms."""

    path: str  # the pages of the selection are below it
    subject: str
    actions: Mapping[str, Action]
    list_path: str = ""  # the path of the list, if it differs


async def _delete_user(visit: Visit, id_: str, _: str) -> None:
    await visit.api.users.delete_user(DeleteUserRequest(identities=by_id(id_)))


async def _revoke_user_sessions(visit: Visit, id_: str, _: str) -> None:
    await visit.api.sessions.revoke_all_user_sessions(RevokeAllUserSessionsRequest(user_id=id_))


async def _delete_organization(visit: Visit, id_: str, _: str) -> None:
    await visit.api.organizations.delete_organization(
        DeleteOrganizationRequest(identities=by_id(id_))
    )


async def _add_role(visit: Visit, id_: str, role: str) -> None:
    organization_id = visit.request.params["id"]
    if not role:
        raise errors.InvalidArgument.field("role", "required", "is required")
    user = (await visit.api.users.get_user(GetUserRequest(identities=by_id(id_)))).user
    assert user is not None
    found = [one for one in user.memberships if one.organization_id == organization_id]
    if not found:
        raise errors.NotFound("membership")
    held = [one.name for one in found[0].roles]
    if role in held:
        return
    await visit.api.users.update_membership(
        UpdateMembershipRequest(
            organization_id=organization_id,
            identities=by_id(id_),
            membership=UpdateMembership(roles=[Role(name=name) for name in (*held, role)]),
        )
    )


async def _resend_invitation(visit: Visit, id_: str, _: str) -> None:
    await visit.api.users.resend_invite(
        ResendInviteRequest(organization_id=visit.request.params["id"], id=id_)
    )


async def _remove_member(visit: Visit, id_: str, _: str) -> None:
    await visit.api.users.delete_membership(
        DeleteMembershipRequest(organization_id=visit.request.params["id"], identities=by_id(id_))
    )


async def _revoke_key(visit: Visit, id_: str, _: str) -> None:
    await visit.api.tokens.invalidate_token(InvalidateTokenRequest(token=id_))


async def _revoke_session(visit: Visit, id_: str, _: str) -> None:
    await visit.api.sessions.revoke_session(RevokeSessionRequest(session_id=id_))


async def _retry_delivery(visit: Visit, id_: str, _: str) -> None:
    await visit.api.webhooks.replay_delivery(
        ReplayDeliveryRequest(endpoint_id=visit.request.params["id"], delivery_id=id_)
    )


async def _roles(visit: Visit) -> list[tuple[str, str]]:
    request = ListOrganizationRolesRequest(org_id=visit.request.params["id"])
    found = await visit.api.roles.list_organization_roles(request)
    return [(role.name, role.display_name or role.name) for role in found.roles]


LISTS = (
    SelectableList(
        "/people",
        "people",
        {
            "sign-out": Action(
                "users_sign_out",
                _revoke_user_sessions,
                "revoked",
            ),
            "delete": Action("users_delete", _delete_user, "deleted"),
        },
    ),
    SelectableList(
        "/organizations",
        "organizations",
        {
            "delete": Action(
                "organizations_delete",
                _delete_organization,
                "deleted",
            )
        },
    ),
    SelectableList(
        "/organizations/{id}/members",
        "organizations",
        {
            "add-role": Action(
                "members_add_role",
                _add_role,
                "changed",
                is_danger=False,
                choices=_roles,
            ),
            "resend": Action(
                "members_resend",
                _resend_invitation,
                "invited",
                is_danger=False,
            ),
            "remove": Action("members_remove", _remove_member, "removed"),
        },
    ),
    SelectableList(
        "/api-keys",
        "api-keys",
        {"revoke": Action("api_keys_revoke", _revoke_key, "ended")},
    ),
    SelectableList(
        "/people/{id}/security",
        "people",
        {"revoke": Action("sessions_revoke", _revoke_session, "revoked")},
    ),
    SelectableList(
        "/webhooks/{id}/deliveries",
        "webhooks",
        {
            "retry": Action(
                "deliveries_retry",
                _retry_delivery,
                "queued",
                is_danger=False,
            )
        },
        list_path="/webhooks/{id}",
    ),
)
