"""The rules of registered attributes: making, changing, removing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.writes.rows import prefixed
from tenantry.tenants.user_attributes import reading
from tenantry.tenants.user_attributes.model import (
    CUSTOM,
    RESERVED,
    STANDARD,
    STANDARD_KEYS,
    UserAttribute,
    user_attributes,
)

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session

MOST = 50  # of one kind

_INSERT = crud.insert(user_attributes)
_HOLD = crud.hold(user_attributes)
_UPDATE = crud.update(user_attributes, fixed=("category",))
_DELETE = crud.delete(user_attributes)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeInput:
    """An attribute as a request gives it; a mapping that is "" is the key."""

    key: str
    label: str
    datatype: str
    enabled: bool
    required: bool
    default_saml_mapping: str = ""
    default_oidc_mapping: str = ""


async def create(call: Call, kind: str, given: AttributeInput) -> UserAttribute:
    """Register an attribute of a kind."""
    if given.key.lower() in RESERVED:
        raise errors.InvalidArgument.field(
            "user_attribute.key",
            "not_in",
            f"{given.key} is reserved for a standard attribute or claim",
        )
    at = now()
    made = _attribute(kind, given, create_time=at, update_time=at)
    async with call.db.transaction() as db:
        await db.serialize("user attributes")
        if len(await reading.of_kind(db, kind)) >= MOST:
            raise errors.InvalidArgument(
                f"environment has reached its limit of {MOST} attributes; delete one first"
            )
        try:
            await db.apply(
                _INSERT,
                call.event("user_attribute.created", after=made.to_event()),
                **prefixed(made.to_row()),
            )
        except DuplicateKey:
            raise errors.Duplicate("key", given.key) from None
    return made


async def list_all(db: Session, kind: str) -> list[UserAttribute]:
    """Return the standard attributes, then those that are registered, the oldest first."""
    found = await reading.of_kind(db, kind)
    found.sort(key=lambda one: (one.create_time, one.key))
    return [*(_standard(kind, key) for key in STANDARD_KEYS), *found]


async def change(call: Call, kind: str, key: str, given: AttributeInput) -> UserAttribute:
    """Give an attribute other members, but for its key."""
    _check_custom(key)
    if given.key != key:
        raise errors.InvalidArgument.field(
            "user_attribute.key", "immutable", f"cannot change: it is {key}"
        )
    async with call.db.transaction() as db:
        before = await _hold(db, kind, key)
        after = _attribute(
            kind,
            given,
            create_time=before.create_time,
            update_time=max(now(), before.update_time + 1),
        )
        event = call.event(
            "user_attribute.updated", before=before.to_event(), after=after.to_event()
        )
        await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    return after


async def remove(call: Call, kind: str, key: str) -> None:
    """Remove an attribute."""
    _check_custom(key)
    async with call.db.transaction() as db:
        before = await _hold(db, kind, key)
        event = call.event("user_attribute.deleted", before=before.to_event())
        await db.apply(_DELETE, event, p_kind=kind, p_key=key)


def _check_custom(key: str) -> None:
    if key in STANDARD_KEYS:
        raise errors.InvalidArgument.field(
            "key", "not_in", f"{key} is a standard attribute and cannot be changed"
        )


async def _hold(db: Session, kind: str, key: str) -> UserAttribute:
    row = await db.fetch_one(_HOLD, p_kind=kind, p_key=key)
    if row is None:
        raise errors.NotFound("user attribute")
    return UserAttribute.from_row(row)


def _attribute(
    kind: str, given: AttributeInput, *, create_time: int, update_time: int
) -> UserAttribute:
    return UserAttribute(
        kind=kind,
        key=given.key,
        label=given.label,
        datatype=given.datatype,
        category=CUSTOM,
        enabled=given.enabled,
        required=given.required,
        default_saml_mapping=given.default_saml_mapping or given.key,
        default_oidc_mapping=given.default_oidc_mapping or given.key,
        create_time=create_time,
        update_time=update_time,
    )


def _standard(kind: str, key: str) -> UserAttribute:
    label, datatype = STANDARD_KEYS[key]
    return UserAttribute(
        kind=kind,
        key=key,
        label=label,
        datatype=datatype,
        category=STANDARD,
        enabled=True,
        required=key == "email",
        default_saml_mapping=key,
        default_oidc_mapping=key,
        create_time=0,
        update_time=0,
    )
