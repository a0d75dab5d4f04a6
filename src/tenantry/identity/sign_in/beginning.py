"""The beginning: an application's request, against the session that a browser may have.

A live session that fits answers at once, and nobody sees a page. That is the hot path: two reads,
and one statement where the session is known to be used by this application.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select

from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.db.sql.schema import from_json, json_list, json_rows
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import COMPLETED, connections
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.sessions import policies
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sign_in import (
    answers,
    choosing,
    completing,
    consenting,
    login_requirements,
    session_codes,
)
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.identity.sign_in.model import (
    AUTHENTICATE_AGAIN,
    NOT_A_MEMBER,
    SIGN_IN,
    SIGN_UP,
    AuthorizationResponse,
    Facts,
)
from tenantry.net import email_addresses
from tenantry.tenants.organizations.model import Organization, organizations
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE, PENDING_INVITE, memberships, users

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.call import Call
    from tenantry.db import engine
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.sessions.model import Bounds, Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthRequest, Params


_c, _m, _o, _u = connections.c, memberships.c, organizations.c, users.c
_own = (
    select(json_rows(json_list(_c.id, _c.enabled, _c.status)))
    .where(_c.organization_id == _o.id)
    .correlate(organizations)
    .scalar_subquery()
)
_PLACE = Statement(
    select(
        *(_u.email, _m.status, _m.expire_time, _m.join_time, _own.label("own")),
        *(c.label(f"o_{c.name}") for c in _o),
    )
    .select_from(
        users.outerjoin(
            memberships,
            (_m.user_id == _u.id)
            & (_m.organization_id == bindparam("organization_id", type_=Text)),
        ).outerjoin(organizations, _o.id == _m.organization_id)
    )
    .where(_u.id == bindparam("user_id", type_=Text))
)


async def begin(
    dependencies: SignInDependencies,
    call: Call,
    client: Client,
    params: Params,
    *,
    session: Session | None,
) -> AuthorizationResponse | AuthRequest:
    """Answer an authorization request whose client and redirect_uri are trusted.

    At once, by a session that fits, or by an error (OpenID Connect Core 1.0 section 3.1.2.6);
    else by a request that goes on at the sign-in page, in the browser that keeps its secret.
    """
    wanted, home = _Wanted(dependencies, call, client, params), None
    if dependencies.settings.is_modular:
        try:
            home = await login_requirements.selected(call, params)
        except login_requirements.NoConnection as problem:
            return answers.of_error(dependencies, params, problem.error, problem.description)
    is_of_mode = session is None or (session.sub is not None) == dependencies.settings.is_modular
    if session is None or not is_of_mode or wanted.asks_anew(session):
        return await wanted.anew(home=home)
    if home is None and (params.connection_id is not None or params.domain_hint is not None):
        home = await login_requirements.chosen(call.db, params)
    if home is not None and params.connection_id == home.id and home.id not in session.amr:
        return await wanted.anew("interaction_required", home=home)
    named = params.organization_id or (home.organization_id if home is not None else None)
    row = await call.db.fetch_one(
        _PLACE,
        user_id=session.user_id,
        organization_id=named or session.organization_id,
    )
    if row is None or not _is_hinted(params, row["email"]):
        return await wanted.anew()
    if not named and session.organization_id == NO_ORGANIZATION:
        bounds = policies.bounds_of_deployment(dependencies.settings)
        return await wanted.silent(session, NO_ORGANIZATION, bounds, row["email"])
    return await wanted.within(session, row)


async def again(call: Call, request: AuthRequest) -> AuthRequest:
    """Begin a sign-in anew, from its first page on, and end the one that has come this far.

    Tries that were used up are there again, and so are first factors to give.
    """
    home = await login_requirements.chosen(call.db, request.params)
    async with call.db.transaction() as db:
        ended = requests.problem("the user started a new sign-in")
        await requests.move(db, request, states.FAILED, error=ended)
        return await _first(db, request.client_id, request.params, home)


async def stay(
    dependencies: SignInDependencies,
    call: Call,
    client: Client,
    request: AuthRequest,
    session: Session,
) -> AuthorizationResponse | None:
    """Answer for the organization that a session is in, as its person wanted no other after all.

    None where that is no answer to what the application asked for.
    """
    prompt = set(request.params.prompt)
    if "login" in prompt or not {"create", "select_account"} & prompt:
        return None
    params = replace(request.params, prompt=("none",))
    answer = await begin(dependencies, call, client, params, session=session)
    return (
        answer if isinstance(answer, AuthorizationResponse) and "code" in answer.members else None
    )


async def _first(
    db: engine.Session, client_id: str, params: Params, home: Connection | None, notice: str = ""
) -> AuthRequest:
    """Store a request in which nobody is known yet."""
    return await requests.create(
        db,
        *(() if home is None else (states.SSO_PENDING,)),
        secret=vault.new_secret(),
        client_id=client_id,
        params=params,
        facts=Facts(
            intent=SIGN_UP if "create" in params.prompt else SIGN_IN,
            notice=notice,
            sso="" if home is None else login_requirements.address(home),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One authorization request, and the client that it came from."""

    dependencies: SignInDependencies
    call: Call
    client: Client
    params: Params

    @property
    def _is_silent(self) -> bool:
        return "none" in self.params.prompt

    @property
    def _may_choose(self) -> bool:
        """Whether it leaves the organization open: in modular mode each says which it is for."""
        return self.params.organization_id is None and not self.dependencies.settings.is_modular

    def asks_anew(self, session: Session) -> bool:
        """Whether it wants a newer session, or one of somebody else."""
        params = self.params
        is_open = params.connection_id is params.domain_hint is None and self._may_choose
        if "login" in params.prompt or ("create" in params.prompt and not is_open):
            return True
        if params.max_age is not None and now() - session.auth_time > params.max_age * SECOND:
            return True
        return params.id_token_user not in {None, session.subject}

    async def within(
        self, session: Session, row: engine.Row
    ) -> AuthorizationResponse | AuthRequest:
        """Answer a person whose session may satisfy the request."""
        settings, db = self.dependencies.settings, self.call.db
        if {"create", "select_account"} & set(self.params.prompt) and self._may_choose:
            return await self._chooser(session)
        if row["status"] != ACTIVE:
            return await self._outside(session, row)
        organization = Organization.from_row([row[f"o_{column.name}"] for column in _o])
        bounds = policies.bounds_of(settings, organization)
        is_new = organization.id not in session.organizations
        if is_new and not completing.is_within(session, bounds, anew=False):
            # The organization wants newer sessions than this one is.
            return await self.anew("interaction_required", notice=AUTHENTICATE_AGAIN)
        own = {
            id_: bool(enabled) and status == COMPLETED
            for id_, enabled, status in from_json(row["own"] or "[]")
        }
        requirement = await login_requirements.requirement_of_connections(
            db, organization.id, own, email=row["email"], amr=session.proved_by
        )
        if requirement is not None:
            return await self.anew(
                "interaction_required", notice=AUTHENTICATE_AGAIN, home=requirement.connection
            )
        if organization.policy is not None and not session.impersonator:
            return await self._by_policy(session, organization, bounds, row)
        return await self.silent(session, organization.id, bounds, row["email"])

    async def _by_policy(
        self, session: Session, organization: Organization, bounds: Bounds, row: engine.Row
    ) -> AuthorizationResponse | AuthRequest:
        """Answer by a session that the sign-in policy of the organization accepts."""
        policy, call = organization.policy, self.call
        assert policy is not None
        refusal = await enforcement.of_session(
            call.db,
            organization,
            session,
            member_since=row["join_time"] or 0,
            address=call.origin.address,
        )
        if policy.is_too_old(self.params.scope.split(), auth_time=session.auth_time, at=now()):
            return await self.anew("interaction_required", notice=AUTHENTICATE_AGAIN)
        if (
            refusal is None
            and organization.id not in session.organizations
            and policy.has_break_glass_access(session.user_id)
        ):
            # The page completes the sign-in and records the access.
            if self._is_silent:
                return self._refused("interaction_required")
        elif refusal is None:
            # The address is recorded, for refresh tokens are checked by it.
            return await self.silent(
                session, organization.id, bounds, row["email"], enters=bool(policy.networks)
            )
        elif self._is_silent:
            await enforcement.record(
                call,
                refusal,
                organization_id=organization.id,
                access="sign_in",
                user_id=session.user_id,
                client_id=self.client.id,
            )
            return answers.of_error(
                self.dependencies, self.params, "interaction_required", refusal.sentence
            )
        return await requests.create(
            call.db,
            *(states.SESSION_FOUND, states.ORGANIZATION_SELECTED),
            secret=vault.new_secret(),
            **self._of_session(session, row["email"]),
            organization_id=organization.id,
            connection_id=session.amr[0] if session.amr else None,
        )

    async def anew(
        self, error: str = "login_required", *, notice: str = "", home: Connection | None = None
    ) -> AuthorizationResponse | AuthRequest:
        """Have somebody sign in, unless that must not be; at their own provider if it is clear."""
        if self._is_silent:
            return self._refused(error)
        home = home or await login_requirements.chosen(self.call.db, self.params)
        return await _first(self.call.db, self.client.id, self.params, home, notice)

    def _refused(self, error: str) -> AuthorizationResponse:
        return answers.of_error(self.dependencies, self.params, error, _SAYS[error])

    async def _outside(
        self, session: Session, row: engine.Row
    ) -> AuthorizationResponse | AuthRequest:
        """Answer a person with a session, not (yet) a member of the organization."""
        invited = row["status"] == PENDING_INVITE and row["expire_time"] > now()
        if session.impersonator:
            invited = False  # an operator in the person's place accepts nothing
        if invited and not self._is_silent:
            # Nobody joins an organization by following a link: they are asked.
            return await self._asked(session, row["email"])
        if invited:
            return self._refused("interaction_required")
        return await self.anew("access_denied", notice=NOT_A_MEMBER)

    async def _chooser(self, session: Session) -> AuthorizationResponse | AuthRequest:
        """Have somebody choose an organization, or found one where they may.

        A session that would not be good for a new organization founds none: for that its person
        signs in again.
        """
        settings, db = self.dependencies.settings, self.call.db
        user = await reading.find(db, id_=session.user_id, external_id=None)
        if user is None:
            return await self.anew()
        may_found = choosing.may_found(settings, user) and not session.impersonator
        bounds = policies.bounds_of_deployment(settings)
        fits = completing.is_within(
            session, bounds, anew=False
        ) and not await login_requirements.requirement_of_connections(
            db, NO_ORGANIZATION, {}, email=user.email, amr=session.proved_by
        )
        if may_found and not fits and "create" in self.params.prompt:
            return await self.anew()
        state = states.ORGANIZATION_SWITCHER
        if may_found and fits:
            state = states.ORGANIZATION_SWITCHER_SIGNUP
        return await self._asked(session, user.email, state)

    async def _asked(
        self, session: Session, email: str, state: str = states.ORGANIZATION_SWITCHER
    ) -> AuthRequest:
        return await requests.create(
            self.call.db,
            *(states.SESSION_FOUND, state),
            secret=vault.new_secret(),
            **self._of_session(session, email),
        )

    def _of_session(self, session: Session, email: str) -> dict[str, Any]:
        return session_codes.request_members(self.client.id, self.params, session, email)

    async def silent(
        self,
        session: Session,
        organization_id: str,
        bounds: Bounds,
        email: str,
        *,
        enters: bool = False,
    ) -> AuthorizationResponse | AuthRequest:
        """Answer by the session, unless the user has to consent first."""
        problem = await consenting.problem(
            self.call.db,
            self.client.id,
            self.params,
            self.params.scope.split(),
            user_id=session.user_id,
            organization_id=organization_id,
            impersonator=session.impersonator,
        )
        if problem is None:
            answer = await session_codes.issue(
                self.dependencies,
                self.call,
                session,
                client_id=self.client.id,
                params=self.params,
                organization_id=organization_id,
                bounds=bounds,
                email=email,
                enters=enters,
            )
            return answer or await self.anew()
        if self._is_silent or problem is not consenting.NOT_GRANTED:
            return answers.of_error(
                self.dependencies, self.params, problem.error, problem.description
            )
        return await requests.create(
            self.call.db,
            *(states.SESSION_FOUND, states.ORGANIZATION_SELECTED, states.CONSENT_PENDING),
            secret=vault.new_secret(),
            **self._of_session(session, email),
            organization_id=organization_id,
            connection_id=session.amr[0] if session.amr else None,
        )


_SAYS = {
    "login_required": "the signed-in user, if any, does not match this request",
    "interaction_required": "the user must complete another step first",
    "access_denied": "the user is not a member of this organization",
}


def _is_hinted(params: Params, email: str) -> bool:
    """Whether a session may be of the person that the request hints at."""
    hint = (params.login_hint or "").strip()
    return not hint or email_addresses.key(hint) == email_addresses.key(email)
