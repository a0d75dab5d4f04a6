"""The rules of the token template: keeping it, switching it, deleting it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.writes.rows import prefixed
from tenantry.identity.token_templates import reading, templates
from tenantry.identity.token_templates.model import TokenTemplate, token_templates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session

_HOLD = crud.hold(token_templates, by=())
_INSERT = crud.insert(token_templates)
_UPDATE = crud.update(token_templates, by=())
_DELETE = crud.delete(token_templates, by=())
_FIELD = "template"


async def get(db: Session) -> TokenTemplate:
    """Return the token template."""
    return _found(await reading.find(db))


async def keep(call: Call, content: Mapping[str, Any], *, room: int) -> TokenTemplate:
    """Keep a template, enabled where it is the first; ``room`` is what its claims may take."""
    templates.read(content, field=_FIELD, room=room)
    at = now()
    async with call.db.transaction() as db:
        await db.serialize("token template")
        before = await _held(db)
        if before is None:
            made = TokenTemplate(
                version=db.new_id(ids.TOKEN_TEMPLATE),
                template=content,
                enabled=True,
                create_time=at,
                update_time=at,
            )
            event = call.event("token_template.created", after=made.to_event())
            await db.apply(_INSERT, event, **prefixed(made.to_row()))
            return made
        return await _save(call, db, before, "token_template.updated", template=content)


async def switch(call: Call, *, on: bool) -> None:
    """Have tokens tell the template's claims, or tell them no more."""
    async with call.db.transaction() as db:
        await db.serialize("token template")
        before = _found(await _held(db))
        type_ = "token_template.enabled" if on else "token_template.disabled"
        await _save(call, db, before, type_, enabled=on)


async def remove(call: Call) -> None:
    """Delete the template."""
    async with call.db.transaction() as db:
        await db.serialize("token template")
        before = _found(await _held(db))
        await db.apply(_DELETE, call.event("token_template.deleted", before=before.to_event()))


async def _held(db: Session) -> TokenTemplate | None:
    row = await db.fetch_one(_HOLD)
    return None if row is None else TokenTemplate.from_row(row)


def _found(template: TokenTemplate | None) -> TokenTemplate:
    if template is None:
        raise errors.NotFound("token template")
    return template


async def _save(
    call: Call, db: Session, before: TokenTemplate, type_: str, **changes: Any
) -> TokenTemplate:
    after = replace(before, **changes)
    if after == before:
        return before
    after = replace(
        after,
        version=db.new_id(ids.TOKEN_TEMPLATE),
        update_time=max(now(), before.update_time + 1),
    )
    event = call.event(type_, before=before.to_event(), after=after.to_event())
    await db.apply(_UPDATE, event, **prefixed(after.to_row()))
    return after
