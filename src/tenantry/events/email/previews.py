"""Templates and servers before they are used: a preview with samples, and a mail to try them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tenantry.events.email import custom_templates, servers, service
from tenantry.events.email.branding import NO_COLOR
from tenantry.events.email.service import Content
from tenantry.events.email.use_cases import PLACEHOLDERS, USE_CASES, draft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email

TEMPLATE = "test"


def preview(use_case: str, contents: Mapping[str, str], color: str = NO_COLOR) -> Content:
    """Return what a mail would say; contents that are left out or empty are ours, in a color."""
    case = USE_CASES[use_case]
    ours = draft(case, color)
    first = {"subject": ours.subject, "html_content": ours.html, "plain_content": ours.text}
    given = {name: contents.get(name) or text for name, text in first.items()}
    custom_templates.check(use_case, given)
    samples = {name: PLACEHOLDERS[name].sample for name in case.placeholders}
    return custom_templates.render(given, samples | {"app_logo_url": ""})


async def send(
    call: Call,
    recipient: str,
    use_case: str,
    contents: Mapping[str, str],
    server_id: str,
    *,
    color: str = NO_COLOR,
) -> str:
    """Queue a mail that says what `preview` returns; return its id."""
    said = await asyncio.to_thread(preview, use_case, contents, color)
    if server_id:
        await servers.get(call.db, server_id)
    variables = {"subject": said.subject, "text": said.text, "html": said.html}
    if server_id:
        variables["server_id"] = server_id
    return await service.queue(call.db, template=TEMPLATE, recipient=recipient, variables=variables)


async def email_variables(_db: Session, mail: Email) -> dict[str, Any]:
    """Return what a mail to try says."""
    return mail.variables


def content(variables: Mapping[str, Any]) -> Content:
    """Return what a mail to try says, as it was queued."""
    return Content(variables["subject"], variables["text"], variables["html"])
