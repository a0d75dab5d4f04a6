"""Mail as it arrives: the worker's job with its templates, and what a person reads in it."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from tenantry import settings, worker
from tenantry.events.email import service as email_service

CODE = re.compile(r"^\d{6}$", re.MULTILINE)
URL = re.compile(r"^\S+://?\S+$", re.MULTILINE)


def configured(**values: object) -> settings.Settings:
    """Settings as an operator writes them."""
    named = {f"TENANTRY_{name.upper()}": str(value) for name, value in values.items()}
    return settings.load({**named, "TENANTRY_CONFIG": "/dev/null"})


async def deliver(db, **values: object) -> None:
    """Do what the worker does until no mail is due."""
    job = next(job for job in worker.jobs(configured(**values)) if job.name == "mail")
    while (seconds := await email_service.seconds_until_due(db)) is not None and seconds <= 0:
        await job.run(db)
    await job.close()


async def received(db, **values: object) -> list:
    """Deliver, and return all mail so far, the oldest first."""
    await deliver(db, **values)
    found = [
        await email_service.find(db, one.id) for one in await email_service.newest(db, limit=1000)
    ]
    return [content for _, content in reversed(found) if content is not None]


async def states(db) -> list[tuple[str, str, str | None]]:
    """Template, state and problem of all mails, the oldest first."""
    newest = await email_service.newest(db, limit=1000)
    return [(one.template, one.state, one.problem) for one in reversed(newest)]


def code_in(content) -> str:
    (code,) = CODE.findall(content.text)
    return code


def link_in(content) -> str:
    (link,) = URL.findall(content.text)
    return link


def token_in(content) -> str:
    (token,) = parse_qs(urlsplit(link_in(content)).query)["link_token"]
    return token


def wrong(code: str, n: int = 1) -> str:
    """Another code than this one."""
    return f"{(int(code) + n) % 1_000_000:06}"
