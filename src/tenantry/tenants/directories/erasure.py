"""Forgetting a person: nothing of them stays in a directory, but that there was somebody.

The row stays, with its id and without an address: for the provider it is a resource that it may
fill again, for it alone knows whether the person is still a customer's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Text, bindparam, case, delete, literal, or_, select, update

from tenantry.core.times import now
from tenantry.db.sql.schema import Json, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.directories import request_log as log
from tenantry.tenants.directories.model import (
    ID,
    DirectoryUser,
    directory_emails,
    directory_user_search,
    directory_users,
    of_directory,
)
from tenantry.tenants.directories.scim import resources
from tenantry.tenants.users.model import users
from tenantry.tenants.users.redaction import ErasedPerson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.db.engine import Session
    from tenantry.tenants.users.erasure import Found

_u, _e = directory_users.c, directory_emails.c
_IDS, _ADDRESSES = (json_values(bindparam(name, type_=Text)) for name in ("ids", "addresses"))
_FIND = Statement(
    select(directory_users)
    .where(
        or_(
            _u.user_id.in_(_IDS),
            _u.email_key.in_(_ADDRESSES),
            _u.id.in_(select(_e.directory_user_id).where(_e.email_key.in_(_ADDRESSES))),
        )
    )
    .order_by(_u.id)
)
_OF_OTHERS = Statement(
    select(users.c.email_key).where(users.c.email_key.in_(_ADDRESSES), users.c.id.not_in(_IDS))
)
_name = literal("erased-", Text).concat(_u.id)
_BLANK = Statement(
    update(directory_users)
    .where(*of_directory(directory_users), _u.id == ID)
    .values(
        user_name=_name,
        user_name_key=_name,
        external_id=None,
        display_name_key="",
        family_name_key=None,
        given_name_key=None,
        names_revision=_u.revision + 1,
        email="",
        email_key="",
        active=False,
        document=bindparam("p_document", type_=Json),
        user_id=None,
        revision=_u.revision + 1,
        update_time=case(
            (_u.update_time >= bindparam("p_now", type_=BigInteger), _u.update_time + 1),
            else_=bindparam("p_now", type_=BigInteger),
        ),
    )
    .returning(_u.id)
)
_DELETE_ADDRESSES = Statement(
    delete(directory_emails).where(*of_directory(directory_emails), _e.directory_user_id == ID)
)


async def find(db: Session, found: Found) -> tuple[list[DirectoryUser], Found]:
    """Return a person as directories know them, and with the ids and addresses from there.

    An address that is another user's stays that one's.
    """
    person = found.person
    ids, addresses = set(person.ids), set(person.addresses)
    rows = await db.fetch_all(_FIND, ids=to_json(sorted(ids)), addresses=to_json(sorted(addresses)))
    people = [DirectoryUser.from_row(row) for row in rows]
    for one in people:
        addresses |= {one.email_key, *resources.addresses(one.document)} - {""}
    others = await db.fetch_all(
        _OF_OTHERS, ids=to_json(sorted(ids)), addresses=to_json(sorted(addresses))
    )
    addresses -= {row["email_key"] for row in others}
    ids |= {one.id for one in people}
    return people, replace(found, person=ErasedPerson(frozenset(ids), frozenset(addresses)))


async def forget(db: Session, people: Sequence[DirectoryUser]) -> None:
    """Blank these people, their addresses, and the requests about them; done again, as well.

    To be called at the end of an erasure: until then they are found by their addresses.
    """
    for one in people:
        given = {
            "organization_id": one.organization_id,
            "directory_id": one.directory_id,
            "id": one.id,
        }
        async with db.transaction() as held:
            await log.erase(held, [one])
            document = to_json({"userName": f"erased-{one.id}", "active": False})
            await held.fetch_all(_BLANK, p_document=document, p_now=now(), **given)
            await held.fetch_all(_DELETE_ADDRESSES, **given)
            await directory_user_search.mark_all(
                held, [one.id], one.organization_id, one.directory_id
            )
