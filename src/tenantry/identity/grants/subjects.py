"""The subject of a token: a person in an organization, in a session, as all three are now.

Read by one statement, together with the code or the family of refresh tokens that is presented,
so that no token is given for a session that is over or to somebody that has left. The name and the
permissions of a role are remembered by `tenantry.tenants.roles.catalogue`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, case, func, literal_column, or_, select, true

from tenantry.access.clients.credentials import revocations
from tenantry.access.clients.model import clients
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.sql.schema import from_json, json_list, json_rows
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections.model import connections
from tenantry.identity.connections.reading import IS_SERVING
from tenantry.identity.federation.model import federated_identities, federated_sessions
from tenantry.identity.grants.model import refresh_tokens
from tenantry.identity.sessions.model import (
    NO_ORGANIZATION,
    Impersonation,
    session_organizations,
    sessions,
)
from tenantry.identity.sessions.reading import IS_ACTIVE, NOW
from tenantry.identity.sessions.subject import Subject, Vouched
from tenantry.identity.token_templates import model as token_templates
from tenantry.tenants.organizations.model import features_of, organizations
from tenantry.tenants.organizations.policy import OrganizationPolicy
from tenantry.tenants.roles import catalogue
from tenantry.tenants.roles.model import role_holders
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import ACTIVE as MEMBER
from tenantry.tenants.users.model import User, is_federated, memberships, users

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, Table

    from tenantry.db.engine import Row, Session

_s, _so, _u, _m = sessions.c, session_organizations.c, users.c, memberships.c
_c, _fi, _fs = connections.c, federated_identities.c, federated_sessions.c
_h, _o, _r = role_holders.c, organizations.c, refresh_tokens.c

_PREFIX = "subject_"
_USER = [column for column in reading.COLUMNS if column is not _u.password_time]

# A session that is signed in to an organization, by a person that is a member of it.
_everybody = (
    sessions.join(session_organizations, _so.session_id == _s.id)
    .join(users, _u.id == _s.user_id)
    .join(
        memberships,
        (_m.organization_id == _so.organization_id)
        & (_m.user_id == _s.user_id)
        & (_m.status == literal_column(f"'{MEMBER}'")),
    )
    .join(organizations, _o.id == _so.organization_id)
)
_is_live = IS_ACTIVE & (_s.lapse_time > NOW)
# All of its tables have a row: each is joined to the one before.
_is_whole = _u.id.is_not(None) & _o.id.is_not(None)
_held = (
    select(json_rows(_h.role_id))
    .where(_h.organization_id == _m.organization_id, _h.user_id == _m.user_id)
    .correlate(memberships)
    .scalar_subquery()
)
# As the provider vouched for the person that did so last; of an organization, for its own tokens.
_identities = select(
    json_rows(
        json_list(_c.id, _c.organization_id, _c.type, _c.provider, _c.provider_key, _fi.claims)
    )
)
_all_vouched_for = _identities.select_from(
    federated_sessions.join(connections, _c.id == _fs.connection_id).join(
        federated_identities,
        (_fi.connection_id == _fs.connection_id) & (_fi.subject == _fs.subject),
    )
).where(_fs.session_id == _s.id)
_vouched_for = (
    _all_vouched_for.where(or_(_c.organization_id == _o.id, _c.organization_id.is_(None)))
    .correlate(sessions, organizations)
    .scalar_subquery()
)
_COLUMNS: list[ColumnElement[Any]] = [
    column.label(f"{_PREFIX}{name}")
    for name, column in {
        "session_id": case((_is_whole, _s.id)),
        "sub": func.coalesce(_s.sub, _s.user_id),
        "auth_time": _s.auth_time,
        "lapse_time": case((_is_whole, _s.lapse_time)),
        "amr": _s.amr,
        "impersonation": _s.impersonation,
        "organization_id": _o.id,
        "organization_external_id": _o.external_id,
        "organization_features": _o.features,
        "custom_claims": _so.custom_claims,
        "vouched_for": _vouched_for,
        "policy": _o.policy,
        "member_since": _m.join_time,
        "second_factor_time": _s.second_factor_time,
        "address": _so.address,
        # Sessions of earlier versions have no address of an organization.
        "device": case((_o.policy.is_not(None) & _so.address.is_(None), _s.device)),
        "roles": _held,
        "roles_version": catalogue.version,
        "template_version": token_templates.version,
        **{f"user_{column.name}": column for column in _USER},
    }.items()
]
# The same of somebody whom a social provider alone knows: in no organization, and with no role.
_nothing = literal_column("NULL", Text)
_ALONE_COLUMNS = [
    {
        "session_id": _s.id,
        "lapse_time": _s.lapse_time,
        "organization_id": literal_column(f"'{NO_ORGANIZATION}'", Text),
        "organization_external_id": _nothing,
        "organization_features": _nothing,
        "vouched_for": _all_vouched_for.correlate(sessions).scalar_subquery(),
        "policy": _nothing,
        "member_since": _nothing,
        "address": _nothing,
        "device": _nothing,
        "roles": _nothing,
    }.get(column.name.removeprefix(_PREFIX), column).label(column.name)
    for column in _COLUMNS
]
_alone = (
    select(*_ALONE_COLUMNS)
    .select_from(
        sessions.join(session_organizations, _so.session_id == _s.id).join(
            users, _u.id == _s.user_id
        )
    )
    .where(
        _s.id == bindparam("p_session_id", type_=Text),
        _so.organization_id == literal_column(f"'{NO_ORGANIZATION}'"),
        _is_live,
    )
)
_ALONE = Statement(_alone)


def with_subject(grants: Table) -> Select[Any]:
    """Return all rows of a table of grants, to be narrowed, each with its subject.

    That is a live session that is signed in to the grant's organization, by a person that is a
    member of it. For `subject_of`; takes the parameter `p_now`.
    """
    g = grants.c
    # One table after the other, each by its key: SQLite would make all that is joined within one
    # join, which is every live session, before it looked for the one of the grant.
    one_by_one = (
        grants.outerjoin(sessions, (_s.id == g.session_id) & (_s.user_id == g.user_id) & _is_live)
        .outerjoin(
            session_organizations,
            (_so.session_id == _s.id) & (_so.organization_id == g.organization_id),
        )
        .outerjoin(
            memberships,
            (_m.organization_id == _so.organization_id)
            & (_m.user_id == _s.user_id)
            & (_m.status == literal_column(f"'{MEMBER}'")),
        )
        .outerjoin(users, _u.id == _m.user_id)
        .outerjoin(organizations, _o.id == _m.organization_id)
    )
    return select(grants, *_COLUMNS).select_from(one_by_one)


async def with_subject_alone(db: Session, row: Row) -> Row:
    """Return a row of `with_subject`, with the subject also if that is of no organization."""
    if row["organization_id"] != NO_ORGANIZATION:
        return row
    alone = await db.fetch_one(_ALONE, p_session_id=row["session_id"], p_now=now())
    return row if alone is None else {**dict(row), **dict(alone)}


async def subject_of(db: Session, row: Row) -> Subject | None:
    """Return the subject of a row; None if the session is over or somebody is gone."""
    if row[f"{_PREFIX}session_id"] is None:
        return None
    user = {column.name: row[f"{_PREFIX}user_{column.name}"] for column in _USER}
    held = from_json(row[f"{_PREFIX}roles"] or "[]")
    known = await catalogue.look_up(db, held, row[f"{_PREFIX}roles_version"])
    roles = reading.in_order(known.values())
    device = row[f"{_PREFIX}device"]
    return Subject(
        user=User.from_row(user),
        sub=row[f"{_PREFIX}sub"],
        organization_id=row[f"{_PREFIX}organization_id"],
        organization_external_id=row[f"{_PREFIX}organization_external_id"],
        organization_features=features_of(row[f"{_PREFIX}organization_features"] or "[]"),
        session_id=row[f"{_PREFIX}session_id"],
        auth_time=row[f"{_PREFIX}auth_time"],
        amr=tuple(from_json(row[f"{_PREFIX}amr"])),
        roles=tuple(role.name for role in roles),
        permissions=tuple(catalogue.effective(roles)),
        own_permissions=tuple(catalogue.effective_own(roles)),
        custom_claims=from_json(row[f"{_PREFIX}custom_claims"]),
        impersonation=Impersonation.of_column(row[f"{_PREFIX}impersonation"]),
        vouched_for=_vouched(row[f"{_PREFIX}vouched_for"]),
        template_version=row[f"{_PREFIX}template_version"],
        policy=OrganizationPolicy.read(row[f"{_PREFIX}policy"]),
        member_since=row[f"{_PREFIX}member_since"] or 0,
        second_factor_time=row[f"{_PREFIX}second_factor_time"],
        address=from_json(device).get("ip") if device else row[f"{_PREFIX}address"],
    )


def _vouched(rows: str | None) -> tuple[Vouched, ...]:
    if not rows:
        return ()
    found = (
        # SQLite has JSON within JSON as text.
        Vouched(id_, of, type_, name, key, from_json(text) if isinstance(text, str) else text)
        for id_, of, type_, name, key, text in from_json(rows)
    )
    return tuple(sorted(found, key=lambda one: one.organization_id is None))


# A member for whom the identity provider of a connection asserts that a client may act: without a
# session, and only while the connection serves and accepts such assertions.
_ASSERTED_COLUMNS = [
    {
        "session_id": literal_column("''", Text),
        "sub": _u.id,
        "auth_time": literal_column("0", BigInteger),
        "lapse_time": literal_column("0", BigInteger),
        "amr": literal_column("'[]'", Text),
        "impersonation": _nothing,
        "custom_claims": literal_column("'{}'", Text),
        "vouched_for": (
            _identities.where(_fi.connection_id == _c.id, _fi.user_id == _u.id)
            .correlate(connections, users)
            .scalar_subquery()
        ),
        "second_factor_time": _nothing,
        "address": _nothing,
        "device": _nothing,
    }.get(column.name.removeprefix(_PREFIX), column).label(column.name)
    for column in _COLUMNS
]
_asserted = (
    select(*_ASSERTED_COLUMNS)
    .select_from(
        connections.join(
            memberships,
            (_m.organization_id == _c.organization_id)
            & (_m.status == literal_column(f"'{MEMBER}'")),
        )
        .join(users, _u.id == _m.user_id)
        .join(organizations, _o.id == _m.organization_id)
    )
    .where(
        _c.id == bindparam("p_connection_id", type_=Text),
        IS_SERVING,
        _c.id_jag_issuer.is_not(None),
        _m.user_id == bindparam("p_user_id", type_=Text),
        ~revocations.is_revoked(bindparam("p_jti", type_=Text)),
    )
)
_ASSERTED = Statement(_asserted)
_SESSION_ID = bindparam("p_session_id", type_=Text)
_ORGANIZATION_ID = bindparam("p_organization_id", type_=Text)
_SUB = bindparam("p_sub", type_=Text)
_CLIENT_ID = bindparam("p_client_id", type_=Text)
_JTI = bindparam("p_jti", type_=Text)
# The same client, session and organization had a refresh token that was revoked after this access
# token was made: all that came of it goes with it (RFC 7009 section 2.1).
_gone_with_family = (
    select(_r.id)
    .where(
        _r.session_id == _s.id,
        _r.client_id == _CLIENT_ID,
        _r.organization_id == _so.organization_id,
        _r.revoke_time >= bindparam("p_made"),
    )
    .correlate(sessions, session_organizations)
    .exists()
)
_of_token = (
    select(*_COLUMNS, clients.c.scopes.label("client_scopes"))
    .select_from(_everybody.join(clients, true()))
    .where(
        _s.id == _SESSION_ID,
        _so.session_id == _SESSION_ID,
        _so.organization_id == _ORGANIZATION_ID,
        _m.organization_id == _ORGANIZATION_ID,
        clients.c.id == _CLIENT_ID,
        _is_live,
        ~revocations.is_revoked(_JTI),
        ~_gone_with_family,
    )
)
# Hot path, written by hand: the verification of tokens of users. By whether a provider alone knows
# the person.
_OF_TOKEN = {
    False: Statement(_of_token.where(_s.sub.is_(None), _m.user_id == _SUB, _u.id == _SUB)),
    True: Statement(_of_token.where(_s.sub == _SUB)),
}
_OF_TOKEN_ALONE = Statement(
    _alone.join(clients, true()).where(
        _s.sub == _SUB,
        clients.c.id == _CLIENT_ID,
        ~revocations.is_revoked(_JTI),
        ~_gone_with_family,
    )
)
# Hot path, written by hand: the lookup of a session.
_OF_COOKIE = Statement(
    select(*_COLUMNS)
    .select_from(_everybody)
    .where(
        _s.digest == bindparam("p_digest", type_=Text),
        _so.organization_id == _s.organization_id,
        _is_live,
    )
)


async def find_of_token(
    db: Session,
    *,
    session_id: str,
    organization_id: str,
    sub: str,
    client_id: str,
    token_id: str,
    made: int,
) -> Subject | None:
    """Return the subject of an access token that says this, while all of it holds.

    ``made`` is when the token was made, in microseconds since 1970. None: the session is over, a
    party is gone, or the token was revoked, by itself or with the refresh tokens beside it.
    """
    is_alone = organization_id == NO_ORGANIZATION
    row = await db.fetch_one(
        _OF_TOKEN_ALONE if is_alone else _OF_TOKEN[is_federated(sub)],
        p_session_id=session_id,
        p_organization_id=organization_id,
        p_sub=sub,
        p_client_id=client_id,
        p_jti=token_id,
        p_made=made,
        p_now=now(),
    )
    found = None if row is None else await subject_of(db, row)
    if row is None or found is None or is_alone:
        return found
    return replace(found, client_scopes=frozenset(from_json(row["client_scopes"])))


async def find_asserted(
    db: Session,
    connection_id: str,
    *,
    user_id: str,
    organization_id: str = "",
    auth_time: int,
    token_id: str = "",
) -> Subject | None:
    """Return a member for whom the identity provider of a connection authorizes clients.

    ``auth_time`` is in microseconds since 1970. ``organization_id`` and ``token_id`` are those of
    an access token that was issued before. None: the connection accepts no assertions, the user
    is no active member of its organization, or the token was revoked.
    """
    row = await db.fetch_one(
        _ASSERTED,
        p_connection_id=connection_id,
        p_user_id=user_id,
        p_jti=token_id,
    )
    found = None if row is None else await subject_of(db, row)
    if found is None or organization_id not in {"", found.organization_id}:
        return None
    return replace(found, auth_time=auth_time, amr=(connection_id,))


async def find_of_cookie(db: Session, secret: str) -> Subject | None:
    """Return the person that a browser is signed in as, by the secret of its session's cookie."""
    if not secret:
        return None
    row = await db.fetch_one(_OF_COOKIE, p_digest=vault.digest(secret), p_now=now())
    return None if row is None else await subject_of(db, row)
