"""Tests of connections: sign-ins that make no user and no session, and leave a result for a while.

Anybody with the address of a connection may begin one, so a test is one small row, and its result,
which holds a person's data, is gone after an hour. The browser that began it sees it, and the API.
A test that has not come back is listed as PENDING: it ended at the provider, or goes on there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Text, bindparam, literal_column, select, update

from tenantry.core import errors, ids
from tenantry.core.times import SECOND, now
from tenantry.db import crud
from tenantry.db.sql.schema import from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes import pruning
from tenantry.identity.connections.model import SAML, connection_tests, connections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement

    from tenantry.db.engine import Row, Session
    from tenantry.identity.connections.federated_identities import (
        FederatedIdentity,
        FederationError,
    )

# TestResultStatus of the contract.
PENDING, SUCCESS, FAILURE = "PENDING", "SUCCESS", "FAILURE"
KEPT_SECONDS = 3600
PATH = "/sso/v1/tests/"
# Of what a provider sent, so much is kept.
_MOST_ATTRIBUTES, _MOST_VALUES, _MOST_CHARACTERS, _MOST_BYTES = 100, 50, 500, 65_536
_NAMES = ("given_name", "family_name")

_t = connection_tests.c
_INSERT = crud.insert(connection_tests)
_live = (
    select(
        connection_tests,
        connections.c.type,
        connections.c.provider,
        connections.c.organization_id,
    )
    .join(connections, connections.c.id == _t.connection_id)
    .where(_t.expire_time > bindparam("p_now", type_=BigInteger))
)
_FIND = Statement(_live.where(_t.id == bindparam("p_id", type_=Text)))
_END = crud.update(
    connection_tests,
    by=("id", _t.status == PENDING),
    set_=("status", "user_info", "error", "error_description", "error_details", "expire_time"),
)
_of_connection = _live.where(_t.connection_id == bindparam("p_connection_id", type_=Text))
_pending: ColumnElement[str] = literal_column(f"'{PENDING}'")
_NEWEST = Statement(
    _of_connection.where(_t.status != _pending).order_by(_t.id.desc()).limit(literal_column("20"))
)
# Few of these: anybody can begin tests, and must not push results out of the list.
_NEWEST_PENDING = Statement(
    _of_connection.where(_t.status == _pending).order_by(_t.id.desc()).limit(literal_column("3"))
)
_SUCCEEDED = Statement(
    update(connections)
    .where(connections.c.id == bindparam("p_id", type_=Text))
    .values(test_time=bindparam("p_now", type_=BigInteger))
    .returning(connections.c.id)
)
prune = pruning.Prune(_t.expire_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a test stands, and of which connection it is; ``error_details`` say what to do.

    ``user_info`` has the normalized members (email, given_name, family_name, and nameid or sub),
    and as ``received`` all attributes as they came.
    """

    id: str
    connection_id: str
    type: str
    provider: str
    organization_id: str | None
    status: str
    user_info: Mapping[str, Any] | None
    error: str | None
    error_description: str | None
    error_details: str | None
    create_time: int  # microseconds since 1970, UTC

    @classmethod
    def from_row(cls, row: Row) -> Result:
        names = cls.__dataclass_fields__.keys() - {"user_info"}
        user_info = None if row["user_info"] is None else from_json(row["user_info"])
        return cls(**{name: row[name] for name in names}, user_info=user_info)


async def begin(db: Session, connection_id: str) -> str:
    """Begin a test of a connection; return its id, which the protocol's request bears."""
    test_id, at = db.new_id(ids.CONNECTION_TEST), now()
    await db.fetch_all(
        _INSERT,
        p_id=test_id,
        p_connection_id=connection_id,
        p_status=PENDING,
        p_user_info=None,
        p_error=None,
        p_error_description=None,
        p_error_details=None,
        p_create_time=at,
        p_expire_time=at + KEPT_SECONDS * SECOND,
    )
    return test_id


async def succeed(db: Session, test_id: str, identity: FederatedIdentity) -> str:
    """Keep what a provider said of a person; return the path of the page that shows it.

    The first result of a test stands: a later one changes nothing.
    """
    found = await find(db, test_id)
    if found is not None:
        subject = "nameid" if found.type == SAML else "sub"
        shown = {"email": identity.email}
        shown |= {name: value for name in _NAMES if (value := identity.profile.get(name))}
        kept = _kept({**shown, subject: identity.subject})
        kept["received"] = _kept(identity.received)
        await _end(db, test_id, SUCCESS, user_info=to_json(kept))
        await db.fetch_all(_SUCCEEDED, p_id=found.connection_id, p_now=now())
    return f"{PATH}{test_id}"


async def fail(db: Session, test_id: str, fault: FederationError) -> str:
    """Keep why a test failed; return the path of the page that shows it."""
    await _end(
        db,
        test_id,
        FAILURE,
        error=_text(fault.error),
        error_description=_text(fault.description),
        error_details=_text(fault.hint) or None,
    )
    return f"{PATH}{test_id}"


async def result(db: Session, connection_id: str, test_id: str) -> Result:
    found = await find(db, test_id)
    if found is None or found.connection_id != connection_id:
        raise errors.NotFound("connection test")
    return found


async def find(db: Session, test_id: str) -> Result | None:
    """Return how a test stands, None where there is no such test any more."""
    if not ids.well_formed(ids.CONNECTION_TEST, test_id):
        return None
    row = await db.fetch_one(_FIND, p_id=test_id, p_now=now())
    return None if row is None else Result.from_row(row)


async def newest(db: Session, connection_id: str) -> list[Result]:
    """Return the tests of a connection within the last hour, the newest first.

    These are up to 20 that ended, and up to 3 that have not come back from the provider.
    """
    given = {"p_connection_id": connection_id, "p_now": now()}
    rows = [
        *await db.fetch_all(_NEWEST, **given),
        *await db.fetch_all(_NEWEST_PENDING, **given),
    ]
    return [Result.from_row(row) for row in sorted(rows, key=lambda row: row["id"], reverse=True)]


async def _end(db: Session, test_id: str, status: str, **members: str | None) -> None:
    names = ("user_info", "error", "error_description", "error_details")
    await db.fetch_all(
        _END,
        p_id=test_id,
        p_status=status,
        p_expire_time=now() + KEPT_SECONDS * SECOND,
        **{f"p_{name}": members.get(name) for name in names},
    )


def _kept(received: Mapping[str, Any]) -> dict[str, Any]:
    """Return as much as a row has room for, of values that both databases take."""
    kept: dict[str, Any] = {}
    room = _MOST_BYTES
    for name, value in list(received.items())[:_MOST_ATTRIBUTES]:
        one = {_text(name): _value(value)}
        room -= len(to_json(one))
        if room < 0:
            break
        kept |= one
    return kept


def _value(value: object) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, list | tuple):
        return [_value(one) for one in value[:_MOST_VALUES] if not isinstance(one, list | tuple)]
    if isinstance(value, dict):
        return _text(to_json(value) if _is_plain(value) else str(value))
    return _text(str(value))


def _is_plain(value: object) -> bool:
    try:
        to_json(value)
    except TypeError:
        return False
    return True


def _text(value: str) -> str:
    """Return text without what no database takes, and no longer than is kept."""
    plain = value[: _MOST_CHARACTERS + 1].replace("\x00", "?")
    plain = plain.encode(errors="replace").decode()
    return plain if len(plain) <= _MOST_CHARACTERS else f"{plain[:_MOST_CHARACTERS]}…"
