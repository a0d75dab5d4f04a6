"""The rules of organizations: creating, finding, changing, deleting.

A change is optimistic: read, compute, write if the revision is still the one that was read, and
If-Match is the same check. Only one that loses against others again and again locks the row. An
update of members is one statement where the database can do that (`in_place`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Unpack

import sqlalchemy as sa
from sqlalchemy import bindparam

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db.engine import DuplicateKey, event_params
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Batch, Statement
from tenantry.db.writes.duplicate_key import taken
from tenantry.db.writes.orphans import delete_orphans
from tenantry.db.writes.rows import bound, prefixed, revised
from tenantry.tenants.organizations import in_place, key_index
from tenantry.tenants.organizations.model import (
    FEATURES,
    OPTIONAL_TEXTS,
    ORGANIZATIONS,
    Branding,
    OptionalTexts,
    Organization,
    organization_search,
    organization_tally,
    organizations,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session

EXTERNAL_ID_MAX = 255
BRANDING_MAX_BYTES = 32 * 1024

_FEATURE_NAMES = {name: name for name in FEATURES} | {
    "directory_sync": "dir_sync",
    "scim": "dir_sync",
}
# A host, and no character that could end an attribute or a header line.
_LOGO_URL = re.compile(r"https://[^\x00-\x20\x7f\"'<>\\/?#][^\x00-\x20\x7f\"'<>\\]*")
# A change that loses this often against others takes a lock.
_ATTEMPTS = 3

_o = organizations.c
# Hot path, written by hand. By: the identifier that is given.
_FIND = {
    by: Statement(sa.select(organizations).where(condition), batch=Batch("key", by))
    for by, condition in in_place.IDENTIFIED.items()
}
_HOLD = Statement(sa.select(organizations).where(_o.id == bindparam("key")).with_for_update())
_MARK = organization_search.mark
_insert = sa.insert(organizations).values(bound(organizations)).returning(_o.id)
_update = (
    sa.update(organizations)
    .where(_o.id == bindparam("p_id"), _o.revision == bindparam("p_seen"))
    .values(bound(organizations, but={"id", "create_time", "region_code"}))
    .returning(_o.id)
)
_delete = sa.delete(organizations).where(_o.id == bindparam("p_id")).returning(_o.id)
_count_one = organization_tally.one_more(ORGANIZATIONS)
# By: has it an external id or a slug.
_INSERT = {
    False: Statement(_insert, _MARK, _count_one, batch=Batch("p_id")),
    True: Statement(_insert, _MARK, _count_one, key_index.ENTER, batch=Batch("p_id")),
}
_DELETE = Statement(_delete, _MARK, organization_tally.one_less(ORGANIZATIONS), key_index.LEAVE)
# By: is it searched anew, and has it another external id or slug.
_UPDATE = {
    (searched, entered): Statement(
        _update, *([_MARK] if searched else []), *([key_index.ENTER] if entered else [])
    )
    for searched in (False, True)
    for entered in (False, True)
}


@dataclass(frozen=True, slots=True)
class OrganizationIdentifier:
    """Which organization is meant: by our id or by the application's own."""

    id: str | None = None
    external_id: str | None = None


async def create(
    call: Call,
    *,
    region_code: str,
    display_name: str,
    metadata: Mapping[str, str] | None = None,
    **texts: Unpack[OptionalTexts],
) -> Organization:
    """Create an organization; single sign-on starts switched on, the other features off."""
    organization = new(
        call.db,
        region_code=region_code,
        display_name=display_name,
        metadata=metadata,
        **texts,
    )
    event = call.event(
        "organization.created",
        organization_id=organization.id,
        after=organization.to_event(),
    )
    try:
        statement = _INSERT[any(getattr(organization, name) for name in key_index.COLUMNS)]
        await call.db.apply(statement, event, **prefixed(organization.to_row()))
    except DuplicateKey as problem:
        raise _duplicate(problem, getattr(organization, problem.field, None)) from None
    return organization


def new(
    db: Session,
    *,
    region_code: str,
    display_name: str,
    metadata: Mapping[str, str] | None = None,
    **texts: Unpack[OptionalTexts],
) -> Organization:
    """Return an organization to be inserted, as `create` does it."""
    at = now()
    given: Mapping[str, Any] = texts
    return Organization(
        id=db.new_id(ids.ORGANIZATION),
        display_name=display_name,
        region_code=region_code,
        metadata=dict(metadata or {}),
        features=frozenset({"sso"}),
        max_allowed_users=None,
        session_policy=None,
        branding=None,
        revision=1,
        create_time=at,
        update_time=at,
        policy=None,
        **{name: _text(name, given.get(name)) for name in OPTIONAL_TEXTS},
    )


async def get(call: Call, identity: OrganizationIdentifier) -> Organization:
    """Return an organization."""
    by, key = _sought(identity)
    row = await call.db.fetch_one(_FIND[by], key=key)
    bound = call.caller.organization_id
    if row is None or (bound is not None and row["id"] != bound):
        raise errors.NotFound("organization")
    return Organization.from_row(row)


async def update(
    call: Call, identity: OrganizationIdentifier, changes: Mapping[str, Any]
) -> Organization:
    """Change the given members: display_name, metadata and optional texts.

    None or "" clears an optional text; metadata replaces the whole map.
    """
    clean = dict(changes)
    if "display_name" in clean and not clean["display_name"]:
        raise errors.InvalidArgument.field(
            "organization.display_name", "string.min_len", "cannot be cleared"
        )
    for name in OPTIONAL_TEXTS:
        if name in clean:
            clean[name] = _text(name, clean[name])
    if "metadata" in clean:
        clean["metadata"] = dict(clean["metadata"] or {})
    if call.db.sees_before and call.caller.organization_id is None and clean:
        return await _update_in_place(call, identity, clean)
    return await revise(call, identity, lambda _before: clean)


async def _update_in_place(
    call: Call, identity: OrganizationIdentifier, changes: dict[str, Any]
) -> Organization:
    by, key = _sought(identity)
    statement = in_place.update(tuple(changes), by=by, guarded=call.if_match is not None)
    event = call.event("organization.updated")
    values = {f"p_{name}": value for name, value in changes.items()}
    if "metadata" in changes:
        values["p_metadata"] = to_json(changes["metadata"])
    try:
        row = await call.db.fetch_one(
            statement,
            key=key,
            now=now(),
            allowed=to_json([str(revision) for revision in call.if_match or ()]),
            **values,
            **event_params(event),
        )
    except DuplicateKey as problem:
        raise _duplicate(problem, changes.get(problem.field)) from None
    if row is None:
        raise errors.NotFound("organization")
    organization = Organization.from_row(row)
    if row["new_revision"] is None:
        call.expect(organization.revision)
        return organization
    for name, value in changes.items():
        setattr(organization, name, value)
    organization.revision = row["new_revision"]
    organization.update_time = row["new_update_time"]
    return organization


async def remove(
    call: Call,
    identity: OrganizationIdentifier,
    dismiss_members: Callable[[Call, str], Awaitable[None]],
) -> None:
    """Delete an organization with all that it holds.

    Its members are dismissed first, by the function that is given: `memberships.leaving` has it.
    """
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        # A user that joins from here on waits, and then finds it gone.
        row = await db.fetch_one(_HOLD, key=(await get(held, identity)).id)
        if row is None:
            raise errors.NotFound("organization")
        before = Organization.from_row(row)
        call.expect(before.revision)
        await dismiss_members(held, before.id)
        event = call.event(
            "organization.deleted", organization_id=before.id, before=before.to_event()
        )
        await delete_orphans(db, organizations, [{"id": before.id}])
        await db.apply(_DELETE, event, p_id=before.id)


async def set_features(
    call: Call, organization_id: str, features: Sequence[tuple[str, bool]]
) -> Organization:
    """Switch the named features on or off; the others keep their value."""
    switched: dict[str, bool] = {}
    for index, (name, enabled) in enumerate(features):
        known = _FEATURE_NAMES.get(name)
        if known is None:
            raise errors.InvalidArgument.field(
                f"settings.features[{index}].name",
                "in",
                f"{name[:60]!r} is not a feature; must be one of {', '.join(FEATURES)}",
            )
        switched[known] = enabled
    on = {name for name, enabled in switched.items() if enabled}
    off = switched.keys() - on
    return await revise(
        call,
        OrganizationIdentifier(organization_id),
        lambda before: {"features": (before.features | on) - off},
    )


async def set_max_allowed_users(
    call: Call, organization_id: str, maximum: int | None
) -> Organization:
    """Set how many members it may have; None and 0 mean no limit."""
    if maximum is not None and maximum < 0:
        raise errors.InvalidArgument.field(
            "settings.max_allowed_users", "int32.gte", f"must be 0 or more, got {maximum}"
        )
    return await revise(
        call,
        OrganizationIdentifier(organization_id),
        lambda _before: {"max_allowed_users": maximum},
    )


async def set_branding(
    call: Call, organization_id: str, *, custom: bool, settings: dict[str, Any] | None
) -> Organization:
    """Set where an organization's branding comes from, and its own settings if given."""
    if settings is not None and len(to_json(settings)) > BRANDING_MAX_BYTES:
        raise errors.InvalidArgument.field(
            "customization_settings", "max_bytes", f"must be at most {BRANDING_MAX_BYTES} bytes"
        )

    def changes(before: Organization) -> dict[str, Any]:
        kept = before.branding.settings if before.branding else {}
        branding = Branding(kept if settings is None else settings, custom, now())
        return {"branding": branding}

    return await revise(call, OrganizationIdentifier(organization_id), changes)


async def revise(
    call: Call,
    identity: OrganizationIdentifier,
    changes_of: Callable[[Organization], Mapping[str, Any]],
    event_of: Callable[[Call, Organization, Organization], Event] | None = None,
) -> Organization:
    """Change the members that a function returns for the organization as it is.

    Where others were faster several times, it waits in line for the row instead. ``event_of``
    returns the event of the change, instead of `organization.updated`.
    """
    event_of = event_of or _updated
    for _ in range(_ATTEMPTS):
        if done := await _attempt(call, identity, changes_of, event_of):
            return done
    async with call.db.transaction() as db:
        held = replace(call, db=db)
        organization = await get(held, identity)
        await db.fetch_one(_HOLD, key=organization.id)
        if done := await _attempt(held, identity, changes_of, event_of):
            return done
    raise errors.ConcurrentChange  # the external id went over to another organization meanwhile


async def _attempt(
    call: Call,
    identity: OrganizationIdentifier,
    changes_of: Callable[[Organization], Mapping[str, Any]],
    event_of: Callable[[Call, Organization, Organization], Event],
) -> Organization | None:
    """Change it, unless another change came between the read and the write."""
    before = await get(call, identity)
    call.expect(before.revision)
    changes = changes_of(before)
    if all(getattr(before, name) == value for name, value in changes.items()):
        return before
    after = revised(before, **changes)
    event = event_of(call, before, after)
    params = prefixed(after.to_row())
    searched, entered = (
        not changes.keys().isdisjoint(columns)
        for columns in (organization_search.columns, key_index.COLUMNS)
    )
    statement = _UPDATE[searched, entered]
    try:
        changed = await call.db.apply(statement, event, p_seen=before.revision, **params)
    except DuplicateKey as problem:
        raise _duplicate(problem, getattr(after, problem.field, None)) from None
    return after if changed else None


def _updated(call: Call, before: Organization, after: Organization) -> Event:
    return call.event(
        "organization.updated",
        organization_id=before.id,
        before=before.to_event(),
        after=after.to_event(),
    )


def _sought(identity: OrganizationIdentifier) -> tuple[str, str]:
    """Return by which column an organization is found, and the value."""
    if identity.id:
        return "id", identity.id
    if identity.external_id:
        return "external_id", identity.external_id
    raise errors.InvalidArgument.field("id", "required", "id or external_id is required")


def _text(name: str, value: str | None) -> str | None:
    """Return an optional text, None for an empty one; rules that the contract cannot state."""
    if name == "external_id" and value and len(value) > EXTERNAL_ID_MAX:
        raise errors.InvalidArgument.field(
            "organization.external_id",
            "string.max_len",
            f"must be at most {EXTERNAL_ID_MAX} characters, got {len(value)}",
        )
    if name == "logo_url" and value and not _LOGO_URL.fullmatch(value):
        raise errors.InvalidArgument.field(
            "organization.logo_url", "string.uri", "must be a URL that begins with https://"
        )
    return value or None


def _duplicate(problem: DuplicateKey, value: object) -> errors.Duplicate:
    holder = key_index.HOLDERS.get(problem.field)
    if holder is None or not isinstance(value, str):
        return errors.Duplicate(problem.field)
    return taken(problem.field, value, holder, key=value)
