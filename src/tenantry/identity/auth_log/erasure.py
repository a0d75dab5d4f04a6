"""Forgetting a person in the log of sign-ins: that there was one stays, and not by whom.

The whole log is read, some at a time: an address may be a hint of an application in a request that
nobody ever went on with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, cast, exists, func, literal_column, or_, select, update

from tenantry.db.sql.like import ESCAPE, escaped_json
from tenantry.db.sql.records import named, records, spelled
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.identity.sign_in.model import auth_requests

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Row, Session

_AT_ONCE = 5000  # requests of one statement that searches them

_a = auth_requests.c
_AFTER = bindparam("after", type_=Text)
_some = select(_a.id).where(_a.id > _AFTER).order_by(_a.id).limit(literal_column(str(_AT_ONCE)))
_WINDOW = Statement(select(func.max(_some.subquery("some_requests").c.id).label("last")))
_patterns = json_values(bindparam("patterns", type_=Text)).subquery("patterns")
_text = func.lower(
    cast(_a.params, Text)
    .concat(cast(_a.facts, Text))
    .concat(func.coalesce(cast(_a.error, Text), ""))
)
_MENTIONS = Statement(
    select(_a.id, _a.params, _a.facts, _a.error)
    .where(
        _a.id > _AFTER,
        _a.id <= bindparam("last", type_=Text),
        or_(
            _a.user_id.in_(json_values(bindparam("ids", type_=Text))),
            _a.email_key.in_(json_values(bindparam("addresses", type_=Text))),
            exists(select(_patterns.c.value).where(_text.like(_patterns.c.value, escape=ESCAPE))),
        ),
    )
    .order_by(_a.id)
)
_LEFT = named(auth_requests, "id", "params", "facts", "error")
_left = records("left", _LEFT)
_BLANK = Statement(
    update(auth_requests)
    .where(_a.id == _left.c.id)
    .values(
        email=None,
        email_key=None,
        params=_left.c.params,
        facts=_left.c.facts,
        error=_left.c.error,
    )
    .returning(_a.id)
)
# Parameters by which an application describes a person.
_OF_THEM = ("login_hint", "domain_hint", "state")


async def forget(db: Session, ids: Iterable[str], addresses: Iterable[str]) -> int:
    """Blank all that the log says of a person of these ids and addresses, in lower case.

    Return how many sign-ins that were.
    """
    known, patterns = sorted(addresses), [f"%{escaped_json(one)}%" for one in sorted(addresses)]
    given = {
        "ids": to_json(sorted(ids)),
        "addresses": to_json(known),
        "patterns": to_json(patterns),
    }
    after, count = "", 0
    while True:
        window = await db.fetch_one(_WINDOW, after=after)
        last = window["last"] if window is not None else None
        if last is None:
            return count
        rows = await db.fetch_all(_MENTIONS, after=after, last=last, **given)
        if rows:
            left = spelled(_LEFT, [_blanked(row) for row in rows])
            count += len(await db.fetch_all(_BLANK, left=left))
        after = last


def _blanked(row: Row) -> dict[str, str | None]:
    params = {n: v for n, v in from_json(row["params"]).items() if n not in _OF_THEM}
    # A sign-in that was not finished has the answer of a provider, encrypted.
    # Names that a provider gave to attributes are its own, and could say anything.
    of_provider = ("identity", "evidence")
    facts = {n: v for n, v in from_json(row["facts"]).items() if n not in of_provider}
    error = None
    if row["error"] is not None:
        error = to_json({**from_json(row["error"]), "error_description": ""})
    return {
        "id": row["id"],
        "params": to_json(params),
        "facts": to_json(facts),
        "error": error,
    }
