"""Telling a person of changes to their account, and acting on "that was not me"."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.access.clients.uris import return_targets
from tenantry.core import errors
from tenantry.core.times import SECOND, now, rfc3339
from tenantry.db import crud
from tenantry.db.sql.schema import from_json
from tenantry.events.email import branding
from tenantry.events.email import service as email_service
from tenantry.i18n import languages
from tenantry.identity.attempts import service as attempts
from tenantry.identity.known_origins import service as known_origins
from tenantry.identity.security_notices import links
from tenantry.identity.sessions import devices
from tenantry.identity.sessions import service as sessions
from tenantry.tenants.users import reading
from tenantry.tenants.users.model import users

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.settings import Settings
    from tenantry.tenants.users.model import User

# The activities.
NEW_DEVICE = "new_device"
PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind of event
PASSKEY_ADDED, PASSKEY_REMOVED = "passkey_added", "passkey_removed"
APP_ADDED, APP_REMOVED = "authenticator_app_added", "authenticator_app_removed"
RECOVERY_CODE_USED, RECOVERY_CODES_RENEWED = "recovery_code_used", "recovery_codes_renewed"
IMPERSONATED = "impersonated"
# Templates of these are by their names, the others share one.
ACCOUNT_CHANGED = "account_changed"
TEMPLATES = (NEW_DEVICE, PASSWORD_CHANGED, IMPERSONATED, ACCOUNT_CHANGED)
ACTIVITIES = (
    *(NEW_DEVICE, PASSWORD_CHANGED, PASSKEY_ADDED, PASSKEY_REMOVED),
    *(APP_ADDED, APP_REMOVED, RECOVERY_CODE_USED, RECOVERY_CODES_RENEWED, IMPERSONATED),
)

# To one person about one kind of activity: of more of them there are events alone.
EMAILS, EMAILS_SECONDS = 10, 3600
LINK_SECONDS = 7 * 24 * 3600
_LONGEST_USER_AGENT = 512
_ACCOUNT = "/ui/profile/security"  # the page of sessions, passwords and second factors

_PERSON = crud.get(users, columns=("email", "profile"))


@dataclass(frozen=True, slots=True)
class Notice:
    """The subject of a mail to a person; ``time`` in microseconds since 1970, UTC."""

    mail_id: str
    person: User
    activity: str
    time: int
    client_id: str | None  # of the application signed in to, where that is known


async def queue(
    call: Call, user_id: str, activity: str, *, name: str = "", client_id: str = ""
) -> None:
    """Tell a person of a change to their account; within the transaction of it.

    ``name`` is that of the passkey, or of the operator in their place; ``client_id`` names the
    application that was signed in to. From where it came is told as well, unless a program called,
    or an operator.
    """
    db, at = call.db, now()
    row = await db.fetch_one(_PERSON, p_id=user_id)
    if row is None:
        return
    n, _ = await attempts.count(db, f"mails about {activity}", user_id, seconds=EMAILS_SECONDS)
    if n > EMAILS:
        return
    variables = {"user_id": user_id, "activity": activity, "change_time": at, "name": name}
    if not (call.caller.is_client or call.caller.is_operators):
        variables["user_agent"] = call.origin.user_agent[:_LONGEST_USER_AGENT]
        variables["address"] = call.origin.address
    # Somebody else may sign in at a new device, in a language that the person cannot read.
    if call.language and activity != NEW_DEVICE:
        variables["language"] = call.language
    if client_id:
        variables["client_id"] = client_id
    await email_service.queue(
        db,
        template=activity if activity in TEMPLATES else ACCOUNT_CHANGED,
        recipient=row["email"],
        variables=variables,
    )


async def email_variables(db: Session, mail: Email, settings: Settings) -> dict[str, Any] | None:
    """Return the variables of such a mail; None if its person is gone."""
    known = mail.variables
    user_id = known.get("user_id")  # one that an older version queued has none
    person = None if user_id is None else await db.fetch_one(_PERSON, p_id=user_id)
    if user_id is not None and person is None:
        return None
    profile = {} if person is None else from_json(person["profile"])
    agent, address = known.get("user_agent") or "", known.get("address") or ""
    # The parser compiles its rules at its first use, which takes half a second.
    device = await asyncio.to_thread(devices.describe, agent, address)
    client = await return_targets.name_of(db, known.get("client_id", ""))
    link = f"{settings.public_url}{links.PATH}{links.token(db, mail.id)}" if user_id else ""
    return {
        **branding.variables(settings, client_name=client),
        "user_email": mail.recipient,
        "user_language": languages.best("", (profile.get("locale", ""), known.get("language", ""))),
        "activity": known.get("activity", mail.template),
        "change_time": known["change_time"],
        "name": known.get("name") or "",
        "browser": device["browser"],
        "os": device["os"],
        "address": address,
        "not_me_link": link,
        "account_url": f"{settings.public_url}{_ACCOUNT}",
    }


async def find(db: Session, token: str) -> Notice:
    """Return the notice of the mail with this link."""
    mail_id = links.email_of(db, token)
    found = await email_service.find(db, mail_id) if mail_id is not None else None
    if found is None:
        raise errors.NotFound("link")
    mail = found[0]
    user_id = mail.variables.get("user_id")
    is_good = mail.template in TEMPLATES and mail.create_time + LINK_SECONDS * SECOND > now()
    if not is_good or user_id is None:
        raise errors.NotFound("link")
    person = await reading.find(db, id_=user_id, external_id=None)
    if person is None:
        raise errors.NotFound("link")
    known = mail.variables
    client_id = known.get("client_id")
    return Notice(mail.id, person, known["activity"], known["change_time"], client_id)


async def disown(call: Call, token: str) -> Notice:
    """Take the person's word that it was not them: all their sessions end, with their tokens.

    Every device is new to them from then on. It is done once: found later,
    the link ends nothing more.
    """
    notice = await find(call.db, token)
    person = notice.person
    async with call.db.transaction() as db:
        n, _ = await attempts.count(db, "not me", notice.mail_id, seconds=2 * LINK_SECONDS)
        if n > 1:
            return notice
        acting = call.as_user(db, person.id)
        told = {
            "user": person.to_event(),
            "activity": notice.activity,
            "activity_time": rfc3339(notice.time),
        }
        await db.record(acting.event("user.activity_disowned", after=told))
        await known_origins.forget(db, person.id)
        await sessions.end_all(acting, person.id)
    return notice
