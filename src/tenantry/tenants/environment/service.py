"""The rules of stored settings and documents: setting, going back to defaults."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from tenantry.core import errors
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound
from tenantry.settings.reading import SettingError, check_sessions
from tenantry.settings.table import declared, spelled
from tenantry.tenants.environment.effective import OF_SESSIONS, STORABLE
from tenantry.tenants.environment.model import DOCUMENT, SETTING, stored_values

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tenantry.call import Call
    from tenantry.core.event import Event
    from tenantry.db.engine import Session
    from tenantry.tenants.environment.effective import Effective

DOCUMENT_MAX = 32 * 1024  # bytes of JSON
DEFAULT, FIXED, STORED = "DEFAULT", "FIXED", "STORED"

_s = stored_values.c
_ALL = Statement(select(stored_values).where(_s.kind == bindparam("p_kind")))
_FIND = crud.get(stored_values)
_DELETE = crud.delete(stored_values)
_insert = insert_or_update(stored_values).values(bound(stored_values))
_PUT = Statement(
    _insert.on_conflict_do_update(
        index_elements=[_s.kind, _s.name],
        set_={"value": _insert.excluded.value, "update_time": _insert.excluded.update_time},
    ).returning(_s.name)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveSetting:
    """A setting as it is in effect; ``source`` is `DEFAULT`, `FIXED` or `STORED`."""

    name: str
    value: str
    default: str
    help: str
    source: str
    set_by: str  # environment variable or settings file of a `FIXED` value
    changeable: bool
    secret: bool


def listed(effective: Effective) -> list[EffectiveSetting]:
    """Return all settings in the order of the table, secrets hidden."""
    shown = []
    for one in declared():
        value, secret = getattr(effective.settings, one.name), one.metadata["secret"]
        set_by = effective.given.sources.get(one.name, "")
        fixed = bool(set_by)
        source = FIXED if fixed else STORED if one.name in effective.stored else DEFAULT
        shown.append(
            EffectiveSetting(
                name=one.name,
                value="" if secret else spelled(value),
                default=one.metadata["default"],
                help=one.metadata["help"],
                source=source,
                set_by=set_by,
                changeable=one.metadata["stored"] and not fixed,
                secret=secret,
            )
        )
    return shown


async def set_settings(
    call: Call,
    effective: Effective,
    texts: Mapping[str, str],
    *,
    reset: Collection[str] = (),
    fields: Mapping[str, str] | None = None,
    documents: Mapping[str, Any] | None = None,
) -> None:
    """Store the texts of settings, and let others go back to their defaults, all or none.

    ``fields`` are the paths of a request by the names of settings, for errors; ``documents`` are
    kept with them.
    """
    known = dict(fields or {})
    spelled_texts = {
        name: _text(effective, name, text, known.get(name, f"settings.{name}"))
        for name, text in texts.items()
    }
    for name in reset:
        _check_storable(effective, name, known.get(name, "reset"))
    async with call.db.transaction() as db:
        await db.serialize("environment")
        before = {row["name"]: row["value"] for row in await db.fetch_all(_ALL, p_kind=SETTING)}
        after = {name: text for name, text in before.items() if name not in reset}
        after |= {n: t for n, t in spelled_texts.items() if n not in effective.given.given}
        _check_together(effective, after, [*texts, *reset], known)
        at = now()
        for name in before.keys() - after.keys():
            await db.fetch_all(_DELETE, p_kind=SETTING, p_name=name)
        for name, text in after.items():
            if before.get(name) != text:
                await _put(db, SETTING, name, text, at)
        for name, document in (documents or {}).items():
            await _put(db, DOCUMENT, name, to_json(document), at)
        changed = sorted(
            name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
        )
        if changed or documents:
            was = {name: before[name] for name in changed if name in before}
            is_ = {name: after[name] for name in changed if name in after}
            await db.record(_updated(call, was, is_))
    effective.take(after)


async def document(db: Session, name: str) -> tuple[dict[str, Any], int]:
    """Return a document, {} where none was kept, and when it was last changed, 0 for never."""
    row = await db.fetch_one(_FIND, p_kind=DOCUMENT, p_name=name)
    return ({}, 0) if row is None else (json.loads(row["value"]), row["update_time"])


async def keep_document(call: Call, name: str, content: Mapping[str, Any], field: str) -> None:
    """Keep a document in the place of the one that there was."""
    check_size(content, field)
    async with call.db.transaction() as db:
        await _put(db, DOCUMENT, name, to_json(content), now())
        await db.record(_updated(call, {}, {}))


def check_size(content: Mapping[str, Any], field: str) -> None:
    """Let a document be kept whose JSON is not too large."""
    if len(to_json(content).encode()) > DOCUMENT_MAX:
        raise errors.InvalidArgument.field(
            field, "max_bytes", f"must be at most {DOCUMENT_MAX} bytes"
        )


async def _put(db: Session, kind: str, name: str, value: str, at: int) -> None:
    await db.fetch_all(_PUT, p_kind=kind, p_name=name, p_value=value, p_update_time=at)


def _updated(call: Call, before: dict[str, str], after: dict[str, str]) -> Event:
    id_ = call.db.environment_id
    return call.event(
        "environment.updated",
        before={"id": id_, "settings": before},
        after={"id": id_, "settings": after},
    )


def _check_storable(effective: Effective, name: str, field: str) -> None:
    if name not in STORABLE:
        raise errors.InvalidArgument.field(
            field, "in", f"{name[:64]} is not a setting that can be changed through the API"
        )
    if name in effective.given.given:
        raise errors.InvalidArgument.field(
            field,
            "fixed",
            f"is set at startup by {effective.given.sources[name]}: unset it there to change this "
            "value through the API",
        )


def _text(effective: Effective, name: str, text: str, field: str) -> str:
    """Return a setting's text as it is stored."""
    if name in STORABLE and name in effective.given.given:
        try:
            same = STORABLE[name].metadata["parse"](text) == getattr(effective.given, name)
        except ValueError:
            same = False
        if same:
            return text
    _check_storable(effective, name, field)
    try:
        return spelled(STORABLE[name].metadata["parse"](text))
    except ValueError as problem:
        raise errors.InvalidArgument.field(field, "value", str(problem)) from None


def _check_together(
    effective: Effective,
    stored: Mapping[str, str],
    named: Collection[str],
    fields: Mapping[str, str],
) -> None:
    """Check session settings together; a request changes the ``named`` ones."""
    counting = {n: t for n, t in stored.items() if n in STORABLE and n not in effective.given.given}
    values = {name: STORABLE[name].metadata["parse"](text) for name, text in counting.items()}
    try:
        check_sessions(replace(effective.given, **values))
    except SettingError as problem:
        sessions = [name for name in named if name in OF_SESSIONS]
        name = problem.name if problem.name in sessions or not sessions else sessions[0]
        field = fields.get(name, f"settings.{name}")
        raise errors.InvalidArgument.field(field, "session", problem.problem) from None
