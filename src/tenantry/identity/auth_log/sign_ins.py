"""Sign-ins with all that helps to find out why they ended as they did: one, some, the newest.

The newest are those by a connection, for the people that run the server.
"""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, astuple, dataclass, fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, func, literal_column, or_, select

from tenantry.core import errors, ids
from tenantry.db.lists import key_ranges, scanning
from tenantry.db.sql.like import ESCAPE, escaped
from tenantry.db.sql.schema import from_json
from tenantry.db.sql.statements import Statement
from tenantry.i18n.guide_steps import ENGLISH
from tenantry.identity.connections import service
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.model import connections
from tenantry.identity.sign_in.model import FAILED, Facts, auth_requests
from tenantry.net import email_addresses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session
    from tenantry.db.lists import pages
    from tenantry.identity.connections.guides.explanations import ExplainedError

_a, _c = auth_requests.c, connections.c
_columns = (
    *(_a.id, _a.create_time, _a.email, _a.user_id, _a.organization_id, _a.client_id, _a.status),
    *(_a.error, _a.facts, _a.connection_id),
    _c.type.label("connection_type"),
    _c.provider.label("connection_provider"),
)
_shown = select(*_columns).select_from(
    auth_requests.outerjoin(connections, _c.id == _a.connection_id)
)
_FIND = Statement(_shown.where(_a.id == bindparam("p_id", type_=Text)))


@dataclass(frozen=True, slots=True)
class SignIn:
    """One sign-in; its time in microseconds since 1970, UTC.

    ``said`` is None for one that has not failed. ``steps`` are the states that it came to, each
    with milliseconds since the begin; ``evidence`` says how a provider vouched, or tried to.
    """

    id: str
    time: int
    email: str
    user_id: str
    organization_id: str
    connection_id: str
    connection_type: str
    connection_provider: str
    client_id: str
    status: str
    intent: str
    said: ExplainedError | None
    steps: tuple[tuple[str, int], ...]
    evidence: Mapping[str, Any]
    proofs: tuple[str, ...] = ()


async def find(call: Call, request_id: str) -> SignIn:
    """Return one sign-in; a caller that is bound to an organization finds those to it alone."""
    organization_id = call.caller.organization_id
    row = None
    if ids.well_formed(ids.AUTH_REQUEST, request_id):
        row = await call.db.fetch_one(_FIND, p_id=request_id)
    if row is None or organization_id not in {None, row["organization_id"]}:
        raise errors.NotFound("auth request")
    return _sign_in(row, ENGLISH)


async def failed(call: Call, connection_id: str) -> list[SignIn]:
    """Return the newest by a connection that failed, up to 20."""
    found = await service.get_any(call, connection_id)
    return await newest(call.db, limit=20, connection_id=found.id)


@dataclass(frozen=True, slots=True)
class Filter:
    """The filter of a search; every member that is set must hold."""

    email: str = ""
    organization_id: str = ""
    connection_id: str = ""
    client_id: str = ""
    status: str = ""
    method: str = ""  # a proof, or the type of the connection
    error: str = ""


async def search(
    call: Call, narrow: Filter, *, page_size: int, page_token: str
) -> pages.Page[SignIn]:
    """Return one page, the newest first (see `tenantry.db.lists.scanning`)."""
    key = email_addresses.key(narrow.email) if narrow.email else ""
    names = tuple(each.name for each in fields(narrow) if getattr(narrow, each.name))
    index = next((name for name in ("email", "status") if name in names), "")
    start = scanning.start(
        call.db,
        "sign-ins" + json.dumps([*astuple(narrow), key]),
        page_size=page_size,
        page_token=page_token,
        searches=bool(set(names) - {index}),
    )
    rows = await call.db.fetch_all(
        _search_statement(names, index, start.most),
        **start.params(*key_ranges.between(ids.AUTH_REQUEST, None, None)),
        **asdict(narrow) | {"email": key, "proof": f'%"{escaped(narrow.method)}"%'},
    )
    return start.page(rows).of(lambda row: _sign_in(row, ENGLISH))


@functools.cache
def _search_statement(names: tuple[str, ...], index: str, most: int) -> Statement:
    found_by = {
        "email": (_a.email_key, bindparam("email", type_=Text)),
        "status": (_a.status, bindparam("status", type_=Text)),
    }
    path = [found_by[index]] if index else []
    near = key_ranges.nearest(
        select(_a.id), *path, (_a.id, None), low="low", high="high", most=most
    )
    wanted = [_wanted(name) for name in names if name != index]
    source = auth_requests.outerjoin(connections, _c.id == _a.connection_id)
    place = scanning.found([near], source, _a.id, wanted, most=most)
    shown = select(place.c.looked, place.c.reached, *_columns).select_from(
        place.outerjoin(auth_requests, _a.id == place.c.hit_id).outerjoin(
            connections, _c.id == _a.connection_id
        )
    )
    return Statement(shown.order_by(place.c.hit_id.desc()))


def _wanted(name: str) -> ColumnElement[bool]:
    value = bindparam(name, type_=Text)
    if name == "error":
        return scanning.member(_a.error, "error") == value
    if name == "method":
        proved = scanning.member(_a.facts, "proofs").like(
            bindparam("proof", type_=Text), escape=ESCAPE
        )
        return or_(proved, func.coalesce(_c.type, "") == value)
    return getattr(_a, name) == value  # type: ignore[no-any-return]


async def newest(
    db: Session,
    *,
    limit: int,
    email: str = "",
    connection_id: str = "",
    worked: bool = False,
    language: str = ENGLISH,
) -> list[SignIn]:
    """Return the newest that failed, of an address or of a connection where one is given.

    With ``worked`` the others, too. They are of all organizations.
    """
    rows = await db.fetch_all(
        _statement(by_email=bool(email), by_connection=bool(connection_id), worked=worked),
        p_email_key=email_addresses.key(email),
        p_connection_id=connection_id,
        p_limit=limit,
    )
    return [_sign_in(row, language) for row in rows]


@functools.cache
def _statement(*, by_email: bool, by_connection: bool, worked: bool) -> Statement:
    limit = bindparam("p_limit", type_=BigInteger)
    statement = _shown.where(_c.id.is_not(None)).order_by(_a.id.desc()).limit(limit)
    if not worked:
        failed = _a.status == literal_column(f"'{FAILED}'")
        statement = statement.where(failed, _a.error.is_not(None))
    if by_email:
        statement = statement.where(_a.email_key == bindparam("p_email_key", type_=Text))
    if by_connection:
        given = bindparam("p_connection_id", type_=Text)
        statement = statement.where(_a.connection_id == given)
    return Statement(statement)


def _sign_in(row: Row, language: str) -> SignIn:
    said, facts = None, Facts.stored(from_json(row["facts"]))
    if row["error"] is not None:
        error = from_json(row["error"])
        said = explanations.say(language, error["error"], error["error_description"], "")
    names = (
        *("id", "email", "user_id", "organization_id", "connection_id", "connection_type"),
        *("connection_provider", "client_id", "status"),
    )
    return SignIn(
        **{name: row[name] or "" for name in names},
        time=row["create_time"],
        intent=facts.intent,
        said=said,
        steps=facts.steps,
        evidence=facts.evidence,
        proofs=facts.proofs,
    )
