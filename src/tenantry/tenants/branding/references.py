"""Which uploaded pictures something refers to: by the address that has the picture's id.

Settings do, documents of the environment, organizations with their branding and templates of mail;
those kept for later as well as those in use.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, cast, or_, select

from tenantry.db.sql.statements import Statement
from tenantry.events.email.model import email_templates
from tenantry.settings.table import declared, spelled
from tenantry.tenants.environment.model import stored_values
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterable
    from pathlib import Path

    from sqlalchemy import ColumnElement, Select

    from tenantry.db.engine import Session
    from tenantry.settings import Settings

_ID = re.compile(r"ast_[0-9]{1,24}")
_HAS_ONE = "%/assets/ast~_%"
STEP = 100  # rows read at once: some are long
_EMAIL_FILES = (".html", ".txt")

_s, _o, _t = stored_values.c, organizations.c, email_templates.c


def _naming(*texts: ColumnElement[str]) -> Select[*tuple[Any, ...]]:
    """Return the texts that name a picture, with ids by which they are read step by step."""
    id_, *others = texts
    having = or_(*(text.like(_HAS_ONE, escape="~") for text in others))
    return select(id_, *others).where(having, id_ > bindparam("after")).order_by(id_).limit(STEP)


_STORED = Statement(select(_s.value).where(_s.value.like(_HAS_ONE, escape="~")))
_ORGANIZATIONS = _naming(_o.id, _o.logo_url, cast(_o.branding, Text).label("branding"))
_TEMPLATES = _naming(_t.id, _t.html_content, _t.plain_content)
_ITS_OWN = bindparam("p_organization_id", type_=Text)
# All, for a picture that any of them may show; and for one of an organization.
_OF_ALL = tuple(map(Statement, (_ORGANIZATIONS, _TEMPLATES)))
_OF_ONE = (
    Statement(_ORGANIZATIONS.where(_o.id == _ITS_OWN)),
    Statement(_TEMPLATES.where(or_(_t.organization_id == _ITS_OWN, _t.organization_id.is_(None)))),
)


async def first_unused(
    db: Session, ids: Collection[str], given: Settings, organization_id: str | None
) -> str | None:
    """Return the first of these pictures that nothing refers to, None where all are in use.

    They are pictures of the organization, of the environment for None; ``given`` are the settings
    that the process was started with.
    """
    unused = dict.fromkeys(ids)
    async for text in _texts(db, given, organization_id):
        for named in _ID.findall(text):
            unused.pop(named, None)
        if not unused:
            return None
    return next(iter(unused))


async def _texts(db: Session, given: Settings, organization_id: str | None) -> AsyncIterator[str]:
    for one in declared():
        yield spelled(getattr(given, one.name))
    if given.mail_templates is not None:
        for text in await asyncio.to_thread(_files, given.mail_templates):
            yield text
    for row in await db.fetch_all(_STORED):
        yield row["value"]
    own = {} if organization_id is None else {"p_organization_id": organization_id}
    for statement in _OF_ONE if own else _OF_ALL:
        after = ""
        while rows := await db.fetch_all(statement, after=after, **own):
            for row in rows:
                _, *texts = row
                for text in texts:
                    yield text or ""
            after = rows[-1]["id"]


def _files(folder: Path) -> Iterable[str]:
    found = (path for pattern in ("*.*", "*/*.*") for path in folder.glob(pattern))
    files = (path for path in found if path.suffix in _EMAIL_FILES and path.is_file())
    return [path.read_text(errors="replace") for path in files]
