"""Sign-ins by a connection: those that failed, with what to do; for those who run the server."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, literal_column, select

from tenantry import email_addresses
from tenantry.db.schema import from_json
from tenantry.db.statements import Statement
from tenantry.identity.connections.guides import explanations
from tenantry.identity.connections.model import connections
from tenantry.identity.sign_in.model import FAILED, Facts, auth_requests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.guides.explanations import Said

_a, _c = auth_requests.c, connections.c


@dataclass(frozen=True, slots=True)
class Failure:
    """One sign-in that a provider was to vouch for; its time in microseconds since 1970, UTC.

    ``said`` is None for one that has not failed. ``steps`` are the states that it came to, each
    with milliseconds since the begin; ``evidence`` says how the provider vouched.
    """

    id: str
    time: int
    email: str
    connection_id: str
    connection_type: str
    connection_provider: str
    organization_id: str
    status: str
    said: Said | None
    steps: tuple[tuple[str, int], ...]
    evidence: Mapping[str, Any]


async def newest(
    db: Session,
    *,
    limit: int,
    email: str = "",
    connection_id: str = "",
    worked: bool = False,
    language: str = explanations.ENGLISH,
) -> list[Failure]:
    """Return the newest failures, of an address or of a connection where one is given.

    With ``worked`` those that have not failed, too.
    """
    rows = await db.fetch_all(
        _statement(by_email=bool(email), by_connection=bool(connection_id), worked=worked),
        p_email_key=email_addresses.key(email),
        p_connection_id=connection_id,
        p_limit=limit,
    )
    return [_failure(row, language) for row in rows]


@functools.cache
def _statement(*, by_email: bool, by_connection: bool, worked: bool) -> Statement:
    statement = (
        select(
            *(_a.id, _a.create_time, _a.email, _a.status, _a.error, _a.facts),
            *(_a.connection_id, _c.type, _c.provider, _c.organization_id),
        )
        .join(connections, _c.id == _a.connection_id)
        .order_by(_a.id.desc())
        .limit(bindparam("p_limit", type_=BigInteger))
    )
    if not worked:
        failed = _a.status == literal_column(f"'{FAILED}'")
        statement = statement.where(failed, _a.error.is_not(None))
    if by_email:
        statement = statement.where(_a.email_key == bindparam("p_email_key", type_=Text))
    if by_connection:
        given = bindparam("p_connection_id", type_=Text)
        statement = statement.where(_a.connection_id == given)
    return Statement(statement)


def _failure(row: Row, language: str) -> Failure:
    said, facts = None, Facts.stored(from_json(row["facts"]))
    if row["error"] is not None:
        error = from_json(row["error"])
        said = explanations.say(language, error["error"], error["error_description"], "")
    return Failure(
        id=row["id"],
        time=row["create_time"],
        email=row["email"] or "",
        connection_id=row["connection_id"],
        connection_type=row["type"],
        connection_provider=row["provider"],
        organization_id=row["organization_id"] or "",
        status=row["status"],
        said=said,
        steps=facts.steps,
        evidence=facts.evidence,
    )
