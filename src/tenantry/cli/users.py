"""`tenantry user`: people, by the rules of the API; and erasure, which is the operator's alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tenantry.cli import organizations, running
from tenantry.cli.organizations import OfOrganization  # noqa: TC001 - typer reads it
from tenantry.cli.running import AsJson, Limit, PageToken, Yes  # noqa: TC001 - typer reads them
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.pages import Page
    from tenantry.tenants.users.model import User

app = typer.Typer(no_args_is_help=True, help="People: who they are, and where they are members.")

Who = Annotated[
    str, typer.Argument(metavar="USER", help="A user's id, e-mail address or external id.")
]
Organization = Annotated[
    str,
    typer.Option("--organization", "-o", help="The organization: its id or external id."),
]
Roles = Annotated[
    list[str],
    typer.Option("--role", help="The name of a role there; may be given several times."),
]
FirstName = Annotated[str, typer.Option(help="The given name.")]
LastName = Annotated[str, typer.Option(help="The family name.")]
ExternalId = Annotated[str, typer.Option(help="The id that your application has for the person.")]


@app.command("list")
def list_(
    *,
    organization: OfOrganization = "",
    search: Annotated[
        str, typer.Option(help="A part of the address or external id, 3 characters or more.")
    ] = "",
    limit: Limit = 20,
    page_token: PageToken = "",
    as_json: AsJson = False,
) -> None:
    """List users, the newest first."""
    running.check_search(search)

    async def work(call: Call) -> tuple[list[User], str, int]:
        from tenantry.tenants.users import listing
        from tenantry.tenants.users import search as searching

        where = await organizations.id_of(call, organization)

        async def page(size: int, token: str) -> Page[User]:
            at: dict[str, Any] = {"page_size": size, "page_token": token}
            if where and search:
                return await searching.of_organization(call, where, search, **at)
            if where:
                return await listing.of_organization(call, where, **at)
            if search:
                return await searching.of_environment(call, search, **at)
            return await listing.of_environment(call, **at)

        return await running.collected(page, limit=limit, page_token=page_token)

    found, token, total = running.with_call(work, named=organization)
    if as_json:
        running.print_json([_shown(user) for user in found])
    else:
        running.print_table(
            ["User", "E-mail", "Name", "Organizations", "Signed in"],
            [
                (
                    user.id,
                    user.email,
                    _name(user),
                    "\n".join(_place(user, n) for n in range(min(len(user.memberships), _PLACES)))
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

    async def work(call: Call) -> _Whole:
        from tenantry.identity.proofs.totp import service as totp
        from tenantry.identity.sessions import listing as sessions

        user = await find(call, key)
        active = await sessions.of_user(
            call, user.id, sessions.Filter(statuses=("active",)), page_size=1, page_token=""
        )
        return _Whole(user, active.total_size, await totp.is_enabled(call.db, user.id))

    whole = running.with_call(work, named=key)
    if as_json:
        running.print_json(
            _shown(whole.user)
            | {"sessions": whole.sessions, "second_factor": whole.has_second_factor}
        )
        return
    _print(whole.user)
    running.print_members(
        [
            ("second factor", "an authenticator app" if whole.has_second_factor else "none"),
            ("active sessions", f"{whole.sessions:,}"),
        ]
    )


@app.command()
def create(
    email: Annotated[str, typer.Argument(help="The e-mail address, which counts as proved.")],
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
    email: Annotated[str, typer.Argument(help="The address that the invitation is sent to.")],
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

    async def work(call: Call) -> tuple[str, list[str]]:
        from tenantry.identity.sessions import service

        user = await find(call, key)
        return user.id, [one.id for one in await service.revoke_all(call, user.id)]

    user_id, ended = running.with_call(work, named=key)
    if as_json:
        running.print_json({"user": user_id, "sessions": ended})
    else:
        running.say(f"ended {len(ended):,} sessions of {user_id}")


@app.command("reset-second-factor")
def reset_second_factor(key: Who, *, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove the authenticator app of a user who has lost it and the recovery codes.

    The person is told by mail, and sets a new one up after the next sign-in.
    """

    async def work(call: Call) -> str:
        from tenantry.identity.proofs.totp import service

        user = await find(call, key)
        running.confirm(f"Take the second factor of {user.id} ({user.email}) away?", yes=yes)
        await service.reset(call, user.id)
        return user.id

    user_id = running.with_call(work, named=key)
    done = {"user": user_id, "second_factor": False}
    running.tell(done, f"{user_id} has no second factor now", as_json=as_json)


@app.command()
def erase(
    key: Who,
    *,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Delete a user, and erase their data in events, email and deliveries.

    Also of a person that was deleted before. The events stay in the log with their time, and
    proven.
    """

    async def work(call: Call) -> tuple[list[str], int]:
        from tenantry.identity.auth_log import erasure as sign_ins
        from tenantry.identity.proofs.passwordless import service as passwordless
        from tenantry.identity.sessions import erasure as sessions
        from tenantry.tenants.directories import erasure as directories
        from tenantry.tenants.users import erasure

        found = await erasure.find(call, key)
        named = sorted(found.person.ids)
        who = ", ".join(named) or "an address without a user"
        state = "Delete and erase" if found.is_there else "Erase"
        running.confirm(f"{state} {who} for good?", yes=yes)
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


async def find(call: Call, key: str) -> User:
    """Return a user by id, e-mail address or external id.

    Raises:
        errors.NotFound: there is none.

    """
    from tenantry.core import errors, ids
    from tenantry.tenants.users import reading

    user = None
    if ids.well_formed(ids.USER, key):
        user = await reading.find(call.db, id_=key, external_id=None)
    elif "@" in key:
        user = await reading.find_by_email(call.db, key)
    if user is None and key:
        user = await reading.find(call.db, id_=None, external_id=key)
    if user is None:
        raise errors.NotFound("user")
    return user


@dataclass(frozen=True, slots=True)
class _Whole:
    user: User
    sessions: int  # that are active
    has_second_factor: bool


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
    settings = load()
    profile = {name: value for name, value in names.items() if value}

    async def work(call: Call) -> User:
        from tenantry.core import errors
        from tenantry.endpoints.imports.contract import Contract
        from tenantry.tenants.environment.effective import Effective
        from tenantry.tenants.memberships import joining
        from tenantry.tenants.memberships.model import NamedRole, Rules, Terms
        from tenantry.tenants.users import reading
        from tenantry.tenants.users.service import Identity

        if invite and settings.is_modular:
            raise errors.Modular
        where = (await organizations.find(call, organization)).id
        effective = Effective(settings)
        await effective.read(call.db)
        terms = Terms(roles=[NamedRole("--role", "", name) for name in roles], invite=invite)
        members: dict[str, Any] = {"email": email, "user_profile": profile}
        if external_id:
            members["external_id"] = external_id
        Contract().user(members)
        user = await reading.find_by_email(call.db, email)
        if user is not None and (profile or external_id):
            raise errors.InvalidArgument(
                f"{email} is {user.id} already: names and external id are not changed here"
            )
        if invite:
            await _ask_interceptors(call, where, email, user)
        rules = Rules.of(effective.settings)
        if user is not None:
            return await joining.add(call, where, Identity(user.id), terms, rules=rules)
        return await joining.create(
            call,
            where,
            terms,
            rules=rules,
            email=email,
            external_id=external_id or None,
            profile=profile,
        )

    user = running.with_call(work, named=organization)
    if as_json:
        running.print_json(_shown(user))
        return
    _print(user)
    if invite:
        running.remark(f"an invitation goes to {user.email}")


async def _ask_interceptors(
    call: Call, organization_id: str, email: str, user: User | None
) -> None:
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.tenants.memberships import invitations
    from tenantry.tenants.users.service import Identity

    interceptors = Interceptors(call.db, load())
    identity = None if user is None else Identity(user.id)
    try:
        await invitations.ask_interceptors(
            call, interceptors, organization_id, email=email, identity=identity
        )
    finally:
        await interceptors.aclose()


def _name(user: User) -> str:
    from tenantry.tenants.users.model import full_name

    return full_name(user.profile)


def _place(user: User, number: int) -> str:
    place = user.memberships[number]
    return f"{place.organization_id} {place.organization_name}"


def _shown(user: User) -> dict[str, Any]:
    return user.shown() | {
        "memberships": [
            place.shown() | {"organization_name": place.organization_name}
            for place in user.memberships
        ]
    }


def _print(user: User) -> None:
    places = [
        f"{place.organization_id} {place.organization_name}, {place.status.lower()}"
        + (f", {' '.join(role.name for role in place.roles)}" if place.roles else "")
        for place in user.memberships
    ]
    running.print_members(
        [
            ("user", user.id),
            ("e-mail", user.email + ("" if user.email_verified else " (not proved yet)")),
            ("name", _name(user)),
            ("external id", user.external_id),
            ("metadata", "\n".join(f"{k}={v}" for k, v in user.metadata.items())),
            ("member of", "\n".join(places)),
            ("created", running.moment(user.create_time)),
            ("last sign-in", running.moment(user.last_login_time) or "never"),
        ]
    )
