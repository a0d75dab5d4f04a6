"""Secrets of directories: bearer tokens of identity providers (RFC 6750), several during a change.

The directory's row is held meanwhile, so that no two calls at once pass a limit.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select, tuple_

from tenantry.core import errors, ids
from tenantry.core.times import DAY, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.records import named, rows_of, spelled
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed
from tenantry.tenants.directories import registry
from tenantry.tenants.directories.model import (
    DRAFT,
    IN_PROGRESS,
    OF_DIRECTORY,
    POLL,
    Directory,
    Secret,
    directories,
    directory_secrets,
    key,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Session

IN_FORCE_MAX = 5
KEPT_MAX = 20  # with those that have ended
LENGTH = 60  # characters, of 62 each: 357 bits
EXPIRE_DAYS = 365
_SUFFIX = 4  # characters that are shown
_ALPHABET = string.ascii_letters + string.digits

_s, _d = directory_secrets.c, directories.c
_LIST = crud.list_all(directory_secrets, by=OF_DIRECTORY)
_OF_ORGANIZATION = crud.list_all(directory_secrets, by=("organization_id",))
_FIND = Statement(
    select(directory_secrets).where(_s.digest.in_(json_values(bindparam("p_digests", type_=Text))))
)
_KEY = named(directories, "organization_id", "id")
_DIRECTORY = crud.get(directories)
_DIRECTORIES = Statement(
    select(directories).where(tuple_(_d.organization_id, _d.id).in_(rows_of("p_keys", _KEY)))
)
_INSERT = crud.insert(directory_secrets)
_EXPIRE = crud.update(directory_secrets, by=(*OF_DIRECTORY, "id"), set_=("expire_time",))
_given_ids = _s.id.in_(json_values(bindparam("p_ids", type_=Text)))
_DELETE = crud.delete(directory_secrets, by=(*OF_DIRECTORY, _given_ids))


async def create(call: Call, organization_id: str, directory_id: str) -> tuple[Secret, str]:
    """Make a secret beside the others; return it with its text, which is not shown again."""
    async with call.db.transaction() as db:
        directory = await registry.hold(call, db, organization_id, directory_id, for_source=True)
        kept = await of_directory(db, directory)
        in_force = [one for one in kept if one.in_force(now())]
        if len(in_force) >= IN_FORCE_MAX:
            raise errors.InvalidArgument(
                f"directory has reached its limit of {IN_FORCE_MAX} active secrets; "
                "regenerate them to revoke the old ones"
            )
        return await _add(call, db, directory, kept, "secret_created")


async def regenerate(
    call: Call, organization_id: str, directory_id: str, *, overlap: int
) -> tuple[Secret, str]:
    """Make a secret in place of the others, which end after ``overlap`` microseconds.

    Of many that overlap, the oldest end at once.
    """
    async with call.db.transaction() as db:
        directory = await registry.hold(call, db, organization_id, directory_id, for_source=True)
        kept, at = await of_directory(db, directory), now()
        in_force = [one for one in kept if one.in_force(at)]
        for index, one in enumerate(in_force):
            newer = len(in_force) - index  # with the one to come
            end = at if newer >= IN_FORCE_MAX else at + overlap
            if one.expire_time is None or one.expire_time > end:
                where = prefixed({"id": one.id, **key(directory)})
                await db.fetch_all(_EXPIRE, p_expire_time=end, **where)
        return await _add(call, db, directory, kept, "secret_regenerated")


async def of_directory(db: Session, directory: Directory) -> list[Secret]:
    """Return the secrets of a directory, the oldest first."""
    rows = await db.fetch_all(_LIST, **prefixed(key(directory)))
    return [Secret.from_row(row) for row in rows]


async def of_organization(db: Session, organization_id: str) -> dict[str, list[Secret]]:
    """Return the secrets of all directories of an organization by their ids, the oldest first."""
    found: dict[str, list[Secret]] = {}
    for row in await db.fetch_all(_OF_ORGANIZATION, p_organization_id=organization_id):
        found.setdefault(row["directory_id"], []).append(Secret.from_row(row))
    return found


async def read(db: Session, digests: Sequence[str]) -> Mapping[str, tuple[Secret, Directory]]:
    """Return the secrets of these digests that there are, in force or not, and their directories.

    In two statements, for the tables do not lie together.
    """
    rows = await db.fetch_all(_FIND, p_digests=to_json(list(digests)))
    found = [Secret.from_row(row) for row in rows]
    if not found:
        return {}
    keys = {(one.organization_id, one.directory_id) for one in found}
    if len(keys) == 1:  # that of one organization is asked for where it lies
        ((organization_id, id_),) = keys
        rows = await db.fetch_all(_DIRECTORY, p_organization_id=organization_id, p_id=id_)
    else:
        given = [{"organization_id": of, "id": id_} for of, id_ in sorted(keys)]
        rows = await db.fetch_all(_DIRECTORIES, p_keys=spelled(_KEY, given))
    of_id = {row["id"]: Directory.from_row(row) for row in rows}
    return {
        one.digest: (one, of_id[one.directory_id]) for one in found if one.directory_id in of_id
    }


async def _add(
    call: Call, db: Session, directory: Directory, kept: Sequence[Secret], verb: str
) -> tuple[Secret, str]:
    if directory.directory_type == POLL:
        raise errors.InvalidArgument("directory is polled; only SCIM directories have secrets")
    plain, at = "".join(secrets.choice(_ALPHABET) for _ in range(LENGTH)), now()
    made = Secret(
        id=db.new_id(ids.CLIENT_SECRET),
        organization_id=directory.organization_id,
        directory_id=directory.id,
        digest=vault.digest(plain),
        suffix=plain[-_SUFFIX:],
        create_time=at,
        expire_time=at + EXPIRE_DAYS * DAY,
    )
    await db.fetch_all(_INSERT, **prefixed(made.to_row()))
    too_many = [one.id for one in kept][: max(0, len(kept) + 1 - KEPT_MAX)]
    if too_many:
        await db.fetch_all(_DELETE, p_ids=to_json(too_many), **prefixed(key(directory)))
    status = IN_PROGRESS if directory.status == DRAFT else directory.status
    after = replace(directory, status=status)
    await registry.save(call, db, directory, after, verb, secret_id=made.id)
    return made, plain
