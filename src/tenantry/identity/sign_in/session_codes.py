"""Authorization codes that are issued for a session, without a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import MINUTE, now
from tenantry.db.sql.statements import Statement
from tenantry.identity.grants import codes
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import NO_ORGANIZATION
from tenantry.identity.sign_in import answers, completing
from tenantry.identity.sign_in.auth_requests import requests, states
from tenantry.identity.sign_in.model import SESSION, SIGN_IN, Facts
from tenantry.tenants.users import reading

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.sessions.model import Bounds, Session
    from tenantry.identity.sign_in.dependencies import SignInDependencies
    from tenantry.identity.sign_in.model import AuthorizationResponse, Params

_INSERT = Statement(requests.INSERT, codes.INSERT)


async def issue(
    dependencies: SignInDependencies,
    call: Call,
    session: Session,
    *,
    client_id: str,
    params: Params,
    organization_id: str,
    bounds: Bounds,
    email: str,
    enters: bool,
) -> AuthorizationResponse | None:
    """Return a code for a session, or the error of an interceptor that rejects it.

    A session that this application already uses in the organization is not changed, unless
    ``enters`` is set. Returns None if the session or its user is gone.
    """
    db = call.db
    members = request_members(client_id, params, session, email)
    request, row = requests.new(
        db,
        *(states.SESSION_FOUND, states.ORGANIZATION_SELECTED, states.COMPLETED),
        secret=None,
        **members,
        organization_id=organization_id,
        connection_id=session.amr[0] if session.amr else None,
    )
    is_new = organization_id not in {*session.organizations, NO_ORGANIZATION}
    claims, user = None, None
    if is_new:
        user = await reading.find(db, id_=session.user_id, external_id=None)
        if user is None:
            return None
        try:
            claims = await completing.session_claims(dependencies, call, request, user)
        except errors.Intercepted as refusal:
            failed = await requests.create(
                db,
                *(states.SESSION_FOUND, states.FAILED),
                secret=None,
                **members,
                organization_id=organization_id,
                error=requests.problem(refusal.message),
            )
            return answers.of_failed(dependencies, failed)
    if not is_new and not enters and not _must_enter(session, client_id, organization_id):
        code, code_row = completing.new_code(request, session)
        await db.apply(_INSERT, **row, **code_row)
        return answers.of(dependencies, params, code=code)
    try:
        async with db.transaction() as held_db:
            held = call.as_user(
                held_db,
                session.user_id,
                session_id=session.id,
                impersonator=session.impersonator,
            )
            await requests.add(held_db, row)
            session = await sessions.enter(
                held,
                session,
                organization_id=organization_id,
                client_id=client_id,
                bounds=bounds,
                custom_claims=claims,
            )
            code, code_row = completing.new_code(request, session)
            happened = []
            if user is not None:
                context = completing.context_of_login(request)
                happened.append(completing.login(held, user, session, context))
            await codes.add(held_db, code_row, *happened)
    except sessions.SessionOver:
        return None
    return answers.of(dependencies, params, code=code)


def request_members(client_id: str, params: Params, session: Session, email: str) -> dict[str, Any]:
    """Return the members of a request whose user is known by a session."""
    return {
        "client_id": client_id,
        "params": params,
        "facts": Facts(intent=SIGN_IN, proofs=(SESSION,), session_id=session.id),
        "email": email,
        "user_id": session.user_id,
    }


def _must_enter(session: Session, client_id: str, organization_id: str) -> bool:
    """Whether the session does not record yet that this application uses it in this organization.

    Or has not been used for a while: then its idle time begins anew.
    """
    return (
        session.organization_id != organization_id
        or (client_id, organization_id) not in session.clients
        or session.last_active_time + MINUTE < now()
    )
