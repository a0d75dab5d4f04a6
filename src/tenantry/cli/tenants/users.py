"""`tenantry user`: people, by the rules of the API; and erasure, which is the operator's alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import running
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.api.in_process import InProcessClient
    from tenantry.call import Call
    from tenantry.cli.running import ListResponse
    from tenantry.gen.scalekit.v1.commons.commons_pb import OrganizationMembership
    from tenantry.gen.scalekit.v1.users.users_pb import User

app = typer.Typer(no_args_is_help=True, help="Users and their memberships.")

Who = Annotated[
    str, typer.Argument(metavar="USER", help="ID, email address or external ID of the user.")
]
Organization = Annotated[
    str,
    typer.Option("--organization", "-o", help="ID or external ID of the organization."),
]
Roles = Annotated[
    list[str],
    typer.Option("--role", help="Role in the organization; can be repeated."),
]
FirstName = Annotated[str, typer.Option(help="First name.")]
LastName = Annotated[str, typer.Option(help="Last name.")]
ExternalId = Annotated[str, typer.Option(help="The user's ID in your application.")]


@app.command("list")
def list_(
    *,
    organization: OfOrganization = "",
    search: Annotated[
        str, typer.Option(help="Part of the email address or external ID, at least 3 characters.")
    ] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List users, the newest first."""
    running.check_search(search)

    async def work(api: InProcessClient) -> tuple[list[User], str, int]:
        from tenantry.gen.scalekit.v1.users import users_pb as pb

        where = await organizations.id_in(api, organization)

        async def page(size: int, token: str) -> tuple[list[User], ListResponse]:
            at: Any = {"page_size": size, "page_token": token}
            if where and search:
                found = await api.users.search_organization_users(
                    pb.SearchOrganizationUsersRequest(organization_id=where, query=search, **at)
                )
                return found.users, found
            if where:
                members = await api.users.list_organization_users(
                    pb.ListOrganizationUsersRequest(organization_id=where, **at)
                )
                return members.users, members
            if search:
                everywhere = await api.users.search_users(pb.SearchUsersRequest(query=search, **at))
                return everywhere.users, everywhere
            listed = await api.users.list_users(pb.ListUsersRequest(**at))
            return listed.users, listed

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_api(work, named=organization)
    if as_json:
        running.print_json([_to_json(user) for user in found])
    else:
        running.print_table(
            ["User", "Email", "Name", "Organizations", "Last sign-in"],
            [
                (
                    user.id,
                    user.email,
                    _name(user),
                    "\n".join(_place(one) for one in user.memberships[:_PLACES])
                    + ("\n..." if len(user.memberships) > _PLACES else ""),
                    running.moment(user.last_login_time) or "never",
                )
                for user in found
            ],
        )
    running.remark_more(len(found), token, total)


@app.command()
def show(key: Who, *, as_json: AsJson = False) -> None:
    """Print a user: memberships, roles, second factor and sessions."""

    async def work(api: InProcessClient, call: Call) -> tuple[User, int, bool]:
        from tenantry.gen.scalekit.v1.sessions import sessions_pb
        from tenantry.gen.tenantry.v1 import second_factors_pb

        user = await find(api, call, key)
        active = await api.sessions.get_user_sessions(
            sessions_pb.UserSessionDetailsRequest(
                user_id=user.id,
                filter=sessions_pb.UserSessionFilter(status=["active"]),
                page_size=1,
            )
        )
        answer = await api.second_factors.get_second_factor(
            second_factors_pb.GetSecondFactorRequest(user_id=user.id)
        )
        second_factor = answer.second_factor
        return user, active.total_size, second_factor is not None and second_factor.enabled

    user, sessions, has_second_factor = running.with_api_and_call(work, named=key)
    if as_json:
        running.print_json(
            _to_json(user) | {"sessions": sessions, "second_factor": has_second_factor}
        )
        return
    _print(user)
    running.print_members(
        [
            ("second factor", "an authenticator app" if has_second_factor else "none"),
            ("active sessions", f"{sessions:,}"),
        ]
    )


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="Email address, which is treated as verified.")],
    *,
    organization: Organization,
    role: Roles = [],  # noqa: B006 - typer reads it
    first_name: FirstName = "",
    last_name: LastName = "",
    external_id: ExternalId = "",
    as_json: AsJson = False,
) -> None:
    """Add a new or existing user to an organization, without an invitation."""
    _join(
        email,
        organization,
        role,
        names={"given_name": first_name, "family_name": last_name},
        external_id=external_id,
        invite=False,
        as_json=as_json,
    )


@app.command()
def invite(
    email: Annotated[str, typer.Argument(help="Email address that the invitation is sent to.")],
    *,
    organization: Organization,
    role: Roles = [],  # noqa: B006
    first_name: FirstName = "",
    last_name: LastName = "",
    external_id: ExternalId = "",
    as_json: AsJson = False,
) -> None:
    """Invite a new or existing user to an organization by email."""
    _join(
        email,
        organization,
        role,
        names={"given_name": first_name, "family_name": last_name},
        external_id=external_id,
        invite=True,
        as_json=as_json,
    )


@app.command("end-sessions")
def end_sessions(key: Who, *, as_json: AsJson = False) -> None:
    """End all sessions of a user."""

    async def work(api: InProcessClient, call: Call) -> tuple[str, list[str]]:
        from tenantry.gen.scalekit.v1.sessions import sessions_pb

        user = await find(api, call, key)
        answer = await api.sessions.revoke_all_user_sessions(
            sessions_pb.RevokeAllUserSessionsRequest(user_id=user.id)
        )
        return user.id, [one.session_id for one in answer.revoked_sessions]

    user_id, ended = running.with_api_and_call(work, named=key)
    if as_json:
        running.print_json({"user": user_id, "sessions": ended})
    else:
        running.say(f"ended {len(ended):,} sessions of {user_id}")


@app.command("reset-second-factor")
def reset_second_factor(key: Who, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove the authenticator app of a user who has lost it and the recovery codes.

    The user is notified by email, and can set up a new one after the next sign-in.
    """

    async def work(api: InProcessClient, call: Call) -> str:
        from tenantry.gen.tenantry.v1 import second_factors_pb

        user = await find(api, call, key)
        running.confirm(f"Remove the second factor of {user.id} ({user.email})?", yes=yes)
        await api.second_factors.delete_second_factor(
            second_factors_pb.DeleteSecondFactorRequest(user_id=user.id)
        )
        return user.id

    user_id = running.with_api_and_call(work, named=key)
    done = {"user": user_id, "second_factor": False}
    running.tell(done, f"removed the second factor of {user_id}", as_json=as_json)


@app.command()
def erase(
    key: Who,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a user, and erase their data in events, email and deliveries.

    Also works for deleted users. The events stay in the log, with their time, and can still be
    verified.
    """

    async def work(call: Call) -> tuple[list[str], int]:
        from tenantry.identity.auth_log import erasure as sign_ins
        from tenantry.identity.authenticators.passwordless import service as passwordless
        from tenantry.identity.sessions import erasure as sessions
        from tenantry.tenants.directories import erasure as directories
        from tenantry.tenants.users import erasure

        found = await erasure.find(call, key)
        named = sorted(found.person.ids)
        who = ", ".join(named) or "an email address without a user"
        state = "Delete and erase" if found.is_there else "Erase"
        running.confirm(f"{state} {who}? This cannot be undone.", yes=yes)
        for user_id in named:
            await sessions.forget(call, user_id)
        for address in sorted(found.person.addresses):
            await passwordless.forget(call.db, address)
        await sign_ins.forget(call.db, found.person.ids, found.person.addresses)
        people, wider = await directories.find(call.db, found)
        events = await erasure.erase(call, wider)
        await directories.forget(call.db, people)
        return named, events

    users, events = running.with_call(work, named=key)
    if as_json:
        running.print_json({"users": users, "events": events})
    else:
        running.say(f"erased {', '.join(users) or key}, with {events} events")


async def find(api: InProcessClient, call: Call, key: str) -> User:
    """Return a user by id, e-mail address or external id."""
    from tenantry.core import errors, ids
    from tenantry.gen.scalekit.v1.users import users_pb as pb

    user_id = key if ids.well_formed(ids.USER, key) else await _id_by_email(call, key)
    if not key:
        raise errors.NotFound("user")
    identity = running.by_id(user_id) if user_id else running.by_external_id(key)
    answer = await api.users.get_user(pb.GetUserRequest(identities=identity))
    assert answer.user is not None
    return answer.user


async def _id_by_email(call: Call, email: str) -> str:
    """Return the id of the user with an address, "" without one. No rpc finds it by that."""
    from tenantry.tenants.users import reading

    user = await reading.find_by_email(call.db, email) if "@" in email else None
    return "" if user is None else user.id


_PLACES = 5  # organizations of each person of a list


def _join(
    email: str,
    organization: str,
    roles: Sequence[str],
    *,
    names: dict[str, str],
    external_id: str,
    invite: bool,
    as_json: bool,
) -> None:
    async def work(api: InProcessClient, call: Call) -> User:
        from tenantry.core import errors
        from tenantry.gen.scalekit.v1.commons.commons_pb import Role
        from tenantry.gen.scalekit.v1.users import users_pb as pb

        where = await organizations.id_in(api, organization)
        membership = pb.CreateMembership(roles=[Role(name=name) for name in roles])
        user_id = await _id_by_email(call, email)
        if not user_id:
            new = pb.CreateUser(
                email=email,
                external_id=external_id or None,
                membership=membership,
                user_profile=pb.CreateUserProfile(**names),
            )
            made = await api.users.create_user_and_membership(
                pb.CreateUserAndMembershipRequest(
                    organization_id=where, user=new, send_invitation_email=invite
                )
            )
            assert made.user is not None
            return made.user
        if external_id or any(names.values()):
            raise errors.InvalidArgument(
                f"{email} already exists ({user_id}): this command does not change its name or "
                "external ID"
            )
        added = await api.users.create_membership(
            pb.CreateMembershipRequest(
                organization_id=where,
                identities=running.by_id(user_id),
                membership=membership,
                send_invitation_email=invite,
            )
        )
        assert added.user is not None
        return added.user

    user = running.with_api_and_call(work, named=organization)
    if as_json:
        running.print_json(_to_json(user))
        return
    _print(user)
    if invite:
        running.remark(f"an invitation is sent to {user.email}")


def _name(user: User) -> str:
    profile = user.user_profile
    if profile is None:
        return ""
    return profile.name or " ".join(filter(None, (profile.given_name, profile.family_name)))


def _place(place: OrganizationMembership) -> str:
    return f"{place.organization_id} {place.name}"


def _to_json(user: User) -> dict[str, Any]:
    members = running.members_of(user)
    for place in members["memberships"]:
        place["organization_name"] = place["name"]
    return members


def _print(user: User) -> None:
    proved = user.user_profile is not None and user.user_profile.email_verified
    places = [
        f"{_place(place)}, {(place.membership_status.name or '').lower()}"
        + (f", {' '.join(role.name for role in place.roles)}" if place.roles else "")
        for place in user.memberships
    ]
    running.print_members(
        [
            ("user", user.id),
            ("email", user.email + ("" if proved else " (not verified)")),
            ("name", _name(user)),
            ("external ID", user.external_id),
            ("metadata", "\n".join(f"{k}={v}" for k, v in user.metadata.items())),
            ("member of", "\n".join(places)),
            ("created", running.moment(user.create_time)),
            ("last sign-in", running.moment(user.last_login_time) or "never"),
        ]
    )
