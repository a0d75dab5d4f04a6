"""Roles as a membership shows them: each with its names and all that it permits.

Every answer that shows a user shows these, and they seldom change, so a process remembers them.
Its memory holds for one version of all roles: a number that every change of roles raises
(`RAISE`). One that goes with its organization raises nothing, for nobody holds it any more. A read
brings the number with what it reads, so nothing is ever out of date.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, false, select, update

from tenantry.db.sql.schema import environment, from_json, json_rows, json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.roles.model import permissions, role_ancestors, role_permissions, roles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.db.engine import Session

_CURRENT_SECONDS = 1.0
_MOST = 10_000  # roles that are remembered; more than that, and it begins anew

# To be selected along with what refers to roles.
version = select(environment.c.roles_version).scalar_subquery()
# To be made with each change of them.
RAISE = update(environment).values(roles_version=environment.c.roles_version + 1)

_permitted = (
    select(permissions.c.name, permissions.c.built_in)
    .join(role_permissions, role_permissions.c.permission_id == permissions.c.id)
    .join(role_ancestors, role_ancestors.c.ancestor_id == role_permissions.c.role_id)
    .where(role_ancestors.c.role_id == roles.c.id)
    .correlate(roles)
    .distinct()
    .subquery()
)
_FIND = Statement(
    select(
        roles.c.id,
        roles.c.name,
        roles.c.display_name,
        select(json_rows(_permitted.c.name)).scalar_subquery().label("permissions"),
        select(json_rows(_permitted.c.name))
        .where(_permitted.c.built_in == false())
        .scalar_subquery()
        .label("own"),
        version.label("version"),
    ).where(roles.c.id.in_(json_values(bindparam("ids", type_=Text))))
)


@dataclass(frozen=True, slots=True)
class HeldRole:
    """A role that somebody holds.

    ``permissions`` are the names of all that it permits, ``own`` those that are not built in.
    """

    id: str
    name: str
    display_name: str
    permissions: tuple[str, ...]
    own: tuple[str, ...] = ()


@dataclass(slots=True)
class _Remembered:
    version: int
    roles: dict[str, HeldRole] = field(default_factory=dict)


@dataclass(slots=True)
class _Looked:
    until: float = 0.0  # monotonic time before which nobody need look again


_VERSION = Statement(select(version.label("version")))


async def keep_current(db: Session) -> None:
    """Have this process remember roles of the present version, for transactions that come now.

    A transaction cannot tell whether the version that it sees is committed; so somebody looks
    outside of one, once a second at most.
    """
    looked = db.committed.setdefault(_Looked, _Looked())
    if db.remembered is not None and monotonic() >= looked.until:
        looked.until = monotonic() + _CURRENT_SECONDS
        row = await db.fetch_one(_VERSION)
        if row is not None:
            _known(db, row["version"])


async def look_up(db: Session, ids: Iterable[str], seen: int) -> dict[str, HeldRole]:
    """Return the roles of these ids that exist; ``seen`` is the version that came with the ids."""
    known = _known(db, seen)
    wanted = set(ids)
    missing = wanted - known.roles.keys()
    if missing:
        for row in await db.fetch_all(_FIND, ids=to_json(sorted(missing))):
            if row["version"] != known.version:
                # Changed just now: known roles are of the version before.
                known = _known(db, row["version"])
            known.roles[row["id"]] = HeldRole(
                row["id"],
                row["name"],
                row["display_name"],
                tuple(sorted(from_json(row["permissions"] or "[]"))),
                tuple(sorted(from_json(row["own"] or "[]"))),
            )
        if wanted - missing - known.roles.keys():
            return await look_up(db, wanted, known.version)
    return {id_: known.roles[id_] for id_ in wanted if id_ in known.roles}


def effective(held: Iterable[HeldRole]) -> list[str]:
    """Return the names of all that these roles permit together, in order."""
    return sorted({name for role in held for name in role.permissions})


def effective_own(held: Iterable[HeldRole]) -> list[str]:
    """Return those of them that the product has named: all but the built-in ones."""
    return sorted({name for role in held for name in role.own})


def _known(db: Session, seen: int) -> _Remembered:
    """Return the roles known of this very version, to be added to."""
    if db.remembered is None:
        # A version that is not committed could come again with another content. One that others
        # have seen is: while a transaction has raised it, nobody else can.
        known = db.committed.get(_Remembered)
        return known if known is not None and known.version == seen else _Remembered(seen)
    known = db.remembered.get(_Remembered)
    if isinstance(known, _Remembered) and known.version > seen:
        # Others have seen a newer one meanwhile: roles of this one must not get into that.
        return _Remembered(seen)
    if not isinstance(known, _Remembered) or known.version < seen or len(known.roles) > _MOST:
        known = db.remembered[_Remembered] = _Remembered(seen)
    return known
