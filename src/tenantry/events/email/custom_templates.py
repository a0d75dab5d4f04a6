"""Templates that operators keep: making, changing, and choosing the one that a mail is made by."""

from __future__ import annotations

import asyncio
import html
import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, select, true

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.sql.schema import json_values, to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import prefixed, row_of
from tenantry.events.email import jet, placement
from tenantry.events.email.model import EmailTemplate, email_templates
from tenantry.events.email.rendering import one_line, paragraphs, time_left
from tenantry.events.email.service import Content
from tenantry.events.email.use_cases import USE_CASES, of_template
from tenantry.events.email.words import date

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email

MOST = 100  # of the environment, or of one organization
_LOCK = "email templates"
_MOST_TRIALS = 64
_HOSTILE = "https://example.invalid/?a="
_CONTENTS = ("subject", "html_content", "plain_content")

_t = email_templates.c
_ORGANIZATION = bindparam("p_organization_id", type_=Text)
_IS_ITS = _t.organization_id.is_not_distinct_from(_ORGANIZATION)
_ONE = (_t.id == bindparam("p_id"), _IS_ITS)
_INSERT = crud.insert(email_templates)
_GET = crud.get(email_templates, by=_ONE)
_LIST = crud.list_all(email_templates, by=(_IS_ITS,))
_UPDATE = crud.update(email_templates, by=_ONE, set_=(*_CONTENTS, "enabled", "update_time"))
_DELETE = crud.delete(email_templates, by=_ONE)
_ENABLED = Statement(
    select(email_templates)
    .where(_t.enabled == true())
    .order_by(_t.organization_id.is_not(None), _t.id)
    .limit(bindparam("p_limit"))
)
_IN_FORCE = Statement(
    select(email_templates).where(
        _t.enabled == true(),
        (_t.organization_id == _ORGANIZATION) | _t.organization_id.is_(None),
        _t.use_case.in_(json_values(bindparam("p_use_cases", type_=Text))),
    )
)


async def create(
    call: Call, organization_id: str | None, use_case: str, contents: Mapping[str, str]
) -> EmailTemplate:
    """Keep a template, which is not enabled yet; ``contents`` has subject, html_content and so
    on.
    """
    await asyncio.to_thread(check, use_case, contents)
    at = now()
    new_id = call.db.new_id(ids.EMAIL_TEMPLATE)
    empty = EmailTemplate(new_id, organization_id, use_case, False, "", "", "", at, at)
    made = _with(empty, contents)
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        if len(await list_all(db, organization_id)) >= MOST:
            raise errors.InvalidArgument(
                f"environment has reached its limit of {MOST} templates; delete one first"
            )
        event = call.event(
            "email_template.created", organization_id=organization_id, after=made.to_event()
        )
        await db.apply(_INSERT, event, **prefixed(row_of(made, email_templates)))
    return made


async def change(
    call: Call, organization_id: str | None, template_id: str, contents: Mapping[str, str]
) -> EmailTemplate:
    """Give a template other contents, of which those that are left out stay."""
    seen = await get(call.db, organization_id, template_id)
    await asyncio.to_thread(check, seen.use_case, contents_of(_with(seen, contents)))
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        before = await get(db, organization_id, template_id)
        if contents_of(before) != contents_of(seen):
            raise errors.Busy
        changed = replace(before, update_time=max(now(), before.update_time + 1))
        after = _with(changed, contents)
        await _update(call, db, "email_template.updated", before, after)
    return after


async def enable(call: Call, organization_id: str | None, template_id: str) -> EmailTemplate | None:
    """Have mail made by a template; return the earlier one, None where there was no such."""
    seen = await get(call.db, organization_id, template_id)
    await asyncio.to_thread(check, seen.use_case, contents_of(seen))
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        template = await get(db, organization_id, template_id)
        its = [one for one in await list_all(db, organization_id) if one.enabled]
        last = next((one for one in its if one.use_case == template.use_case), None)
        if last is not None and last.id == template.id:
            return last
        if last is not None:
            off = replace(last, enabled=False)
            await _update(call, db, "email_template.disabled", last, off)
        on = replace(template, enabled=True)
        await _update(call, db, "email_template.enabled", template, on)
    return last


async def disable(call: Call, organization_id: str | None, template_id: str) -> None:
    """Have no mail made by a template any more."""
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        before = await get(db, organization_id, template_id)
        if before.enabled:
            after = replace(before, enabled=False)
            await _update(call, db, "email_template.disabled", before, after)


async def remove(call: Call, organization_id: str | None, template_id: str) -> None:
    """Delete a template."""
    async with call.db.transaction() as db:
        await db.serialize(_LOCK)
        before = await get(db, organization_id, template_id)
        event = call.event(
            "email_template.deleted", organization_id=organization_id, before=before.to_event()
        )
        await db.apply(_DELETE, event, p_id=template_id, p_organization_id=organization_id)


async def get(db: Session, organization_id: str | None, template_id: str) -> EmailTemplate:
    """Return a template of an organization, or of the environment for None."""
    row = await db.fetch_one(_GET, p_id=template_id, p_organization_id=organization_id)
    if row is None:
        raise errors.NotFound("email template")
    return EmailTemplate.from_row(row)


async def list_all(db: Session, organization_id: str | None) -> list[EmailTemplate]:
    """Return the templates of an organization, or of the environment for None, the oldest first."""
    rows = await db.fetch_all(_LIST, p_organization_id=organization_id)
    return [EmailTemplate.from_row(row) for row in rows]


async def closest(db: Session, mail: Email, variables: Mapping[str, Any]) -> EmailTemplate | None:
    """Return the template that a mail is made by, None where that is ours.

    One of the organization goes before all of the environment, then the closest use case.
    """
    wanted = of_template(mail.template, variables)
    if not wanted:
        return None
    rows = await db.fetch_all(
        _IN_FORCE, p_organization_id=mail.organization_id, p_use_cases=to_json(wanted)
    )
    found = [EmailTemplate.from_row(row) for row in rows]
    found.sort(key=lambda one: (one.organization_id is None, wanted.index(one.use_case)))
    return found[0] if found else None


def spoken(contents: Mapping[str, str], language: str, default: str) -> str:
    """Return the language of values such as dates: the reader's where a template asks for that.

    Any other is in one language, taken to be that of readers whose own is not known.
    """
    asked = (jet.read(text).names for text in contents.values())
    return language if any("user_language" in names for names in asked) else default


def values(mail: Email, variables: Mapping[str, Any], language: str) -> dict[str, str]:
    """Return what the placeholders of a mail stand for, from the variables of our template."""
    given = {name: one_line(str(value)) for name, value in variables.items() if value is not None}
    end = variables.get("expire_time")
    if end is not None:
        given["expire_time"] = date(end, language)
        given.setdefault("expiry_time_relative", time_left(end, language))
    return {"user_email": mail.recipient, **given, "user_language": language}


def check(use_case: str, contents: Mapping[str, str]) -> None:
    """Check the contents of a template, all of them."""
    tested: dict[str, set[str]] = {}
    for name, text in contents.items():
        field = f"template.{name}"
        if not text:
            raise errors.InvalidArgument.field(field, "string.min_len", "must not be empty")
        if name == "subject" and one_line(text) != text.strip():
            raise errors.InvalidArgument.field(field, "one_line", "must be one line")
        try:
            template = jet.read(text)
        except jet.TemplateError as problem:
            raise errors.InvalidArgument.field(field, "template", str(problem)) from None
        for test in template.tests:
            tested.setdefault(test.name, {""}).add(test.text or "x")
        unknown = USE_CASES[use_case].check(template.names)
        if unknown is not None:
            raise errors.InvalidArgument.field(
                field, "placeholder", f"{unknown[:60]} is not a placeholder of {use_case}"
            )
    for given in _trials(contents, tested):
        try:
            render(contents, given)
        except placement.Misplaced as problem:
            raise errors.InvalidArgument.field(
                f"template.{problem.part}", "placement", str(problem)
            ) from None


def _trials(
    contents: Mapping[str, str], tested: Mapping[str, Collection[str]]
) -> Iterator[dict[str, str]]:
    """Yield values to try a template with: with each value that a condition asks for, and none.

    A value that others choose, such as a name, is an address that would take along a secret beside
    it. All combinations are tried if they are few. Others show when a mail is made, which checks
    again.
    """
    names = {name for text in contents.values() for name in jet.read(text).names}
    usual = dict.fromkeys(names, _HOSTILE)
    yield usual
    combinations = itertools.product(*(sorted(values) for values in tested.values()))
    for values in itertools.islice(combinations, _MOST_TRIALS):
        chosen = dict(zip(tested, values, strict=True))
        yield usual | {name: _HOSTILE if value == "x" else value for name, value in chosen.items()}
    for name, asked in tested.items():
        for value in sorted({*asked} - {"x"})[:_MOST_TRIALS]:
            yield usual | {name: value}


def contents_of(template: EmailTemplate) -> dict[str, str]:
    """Return the texts of a template."""
    return {name: getattr(template, name) for name in _CONTENTS}


def render(contents: Mapping[str, str], given: Mapping[str, str]) -> Content:
    """Return what a mail says, by the texts of a template.

    Raises:
        jet.TemplateError: a text is no template: never one that was kept here.
        placement.Misplaced: it puts the code or the link where it may not be.

    """
    marked = placement.marks(given)
    shown = {**given, **marked}
    subject = one_line(jet.read(contents["subject"]).render(shown))
    text = paragraphs(jet.read(contents["plain_content"]).render(shown))
    markup = jet.read(contents["html_content"]).render(shown, is_html=True)
    placement.check(subject, text, markup, marked)
    for name, mark in marked.items():
        subject = subject.replace(mark, given[name])
        text = text.replace(mark, given[name])
        markup = markup.replace(mark, html.escape(given[name]))
    return Content(
        subject=subject,
        text=text,
        html=markup,
        code=given.get("otp", ""),
        link=given.get("link", ""),
    )


async def misplacing(db: Session, *, limit: int) -> list[EmailTemplate]:
    """Return the enabled templates that make no mail: they put the code or the link elsewhere.

    Those were kept by a version that did not check it.
    """
    rows = await db.fetch_all(_ENABLED, p_limit=limit)
    found = [EmailTemplate.from_row(row) for row in rows]
    return await asyncio.to_thread(lambda: [one for one in found if not _is_placed(one)])


def _is_placed(template: EmailTemplate) -> bool:
    try:
        check(template.use_case, contents_of(template))
    except errors.InvalidArgument:
        return False
    return True


def _with(template: EmailTemplate, contents: Mapping[str, str]) -> EmailTemplate:
    subject, html, plain = (contents.get(name, getattr(template, name)) for name in _CONTENTS)
    return replace(template, subject=subject, html_content=html, plain_content=plain)


async def _update(
    call: Call, db: Session, type_: str, before: EmailTemplate, after: EmailTemplate
) -> None:
    event = call.event(
        type_,
        organization_id=before.organization_id,
        before=before.to_event(),
        after=after.to_event(),
    )
    row = row_of(after, email_templates, but={"use_case", "create_time"})
    await db.apply(_UPDATE, event, **prefixed(row))
