"""The ids that a poll has read so far, as rows: at its end all others are gone at the provider.

The kinds: GROUP, with its document; UNREAD and READ, groups whose members are yet to be read, or
have been; MEMBER_OF with a group's id, the ids of its people, EVERYBODY for all of them; INNER, a
group within another one; WANTED, people of the selected groups; PERSON, with the id here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, Text, bindparam, delete, func, select

from tenantry.db import crud
from tenantry.db.sql.records import named, spelled
from tenantry.db.sql.schema import from_json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories.model import directory_polled, key, of_directory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tenantry.db.engine import Row, Session
    from tenantry.tenants.directories.model import Directory

GROUP, UNREAD, READ, INNER, WANTED, PERSON = "group", "unread", "read", "inner", "wanted", "person"
MEMBER_OF = "member of "
EVERYBODY = "*"

_p = directory_polled.c
_columns = named(directory_polled)
_of_kind = (*of_directory(directory_polled), _p.kind == bindparam("kind", type_=Text))
_ADD = crud.insert_all(directory_polled, or_leave=True)
_SOME = Statement(
    select(_p.external_id, _p.document)
    .where(*_of_kind, _p.external_id > bindparam("after", type_=Text))
    .order_by(_p.external_id)
    .limit(bindparam("take", type_=Integer))
)
_KNOWN = Statement(
    select(_p.external_id, _p.document).where(
        *_of_kind, _p.external_id.in_(json_values(bindparam("given", type_=Text)))
    )
)
_COUNT = Statement(select(func.count().label("n")).where(*_of_kind))
_DROP = Statement(
    delete(directory_polled).where(
        *_of_kind, _p.external_id.in_(json_values(bindparam("given", type_=Text)))
    )
)
_CLEAR = Statement(delete(directory_polled).where(*of_directory(directory_polled)))


async def add(
    db: Session,
    directory: Directory,
    kind: str,
    external_ids: Iterable[str] | Mapping[str, Mapping[str, Any] | None],
) -> None:
    """Add ids of a kind, with documents where it is a mapping; known ones stay as they are."""
    documents = external_ids if isinstance(external_ids, dict) else dict.fromkeys(external_ids)
    rows = [
        {
            **key(directory),
            "kind": kind,
            "external_id": external_id,
            "document": None if document is None else to_json(document),
        }
        for external_id, document in documents.items()
    ]
    if rows:
        await db.fetch_all(_ADD, given=spelled(_columns, rows))


async def some(
    db: Session, directory: Directory, kind: str, *, after: str = "", take: int
) -> dict[str, Any]:
    """Return the first ids of a kind behind another one, with their documents, in order."""
    return _by_id(await db.fetch_all(_SOME, kind=kind, after=after, take=take, **key(directory)))


async def known(
    db: Session, directory: Directory, kind: str, external_ids: Collection[str]
) -> dict[str, Any]:
    """Return those of these ids that are there as this kind, with their documents."""
    if not external_ids:
        return {}
    given = to_json(list(external_ids))
    return _by_id(await db.fetch_all(_KNOWN, kind=kind, given=given, **key(directory)))


async def count(db: Session, directory: Directory, kind: str) -> int:
    row = await db.fetch_one(_COUNT, kind=kind, **key(directory))
    return int(row["n"]) if row else 0


async def drop(db: Session, directory: Directory, kind: str, external_ids: Collection[str]) -> None:
    await db.fetch_all(_DROP, kind=kind, given=to_json(list(external_ids)), **key(directory))


async def clear(db: Session, directory: Directory) -> None:
    await db.fetch_all(_CLEAR, **key(directory))


def _by_id(rows: Iterable[Row]) -> dict[str, Any]:
    return {
        row["external_id"]: None if row["document"] is None else from_json(row["document"])
        for row in rows
    }
