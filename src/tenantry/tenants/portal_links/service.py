"""Making, listing, deleting and opening portal links; finding the session of a browser."""

from __future__ import annotations

import base64
import contextlib
import hmac
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, or_, select, update

from tenantry.core import errors, ids
from tenantry.core.caller import Caller, Kind
from tenantry.core.times import SECOND, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.schema import events, from_json, to_json
from tenantry.db.sql.statements import Statement
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.model import features_of
from tenantry.tenants.organizations.model import organizations as organizations_table
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.tenants.portal_links.model import (
    PortalLink,
    PortalSession,
    portal_links,
    portal_sessions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

LINK_SECONDS = 60
SHAREABLE_SECONDS = 7 * 24 * 3600
SESSION_SECONDS = 6 * 3600
# The contract's enum, and names beside it that some of its samples pass.
FEATURES = ("sso", "dir_sync", "domain_verification")

# Permissions of the customer's IT admin: to see their own organization, and to set up the link's
# features.
_READ = frozenset(
    {"organizations_read", "environment_settings:read", "branding:read", "webhooks:write"}
)
_OF_FEATURE = {
    "domain_verification": frozenset({"organizations_write"}),
    "sso": frozenset({"connections_read", "connections_write", "sso:read", "sso:write"}),
    "dir_sync": frozenset({"directories_read", "directories_write", "scim:read", "scim:write"}),
}
# Types of what a page of the portal tells the one around it.
TOLD = frozenset(
    {
        *("ORGANIZATION_SSO_ENABLED", "ORGANIZATION_SSO_DISABLED"),
        *("ORGANIZATION_DIRECTORY_ENABLED", "ORGANIZATION_DIRECTORY_DISABLED"),
        *("PORTAL_LOAD_SUCCESS", "PORTAL_LOAD_FAILURE"),
        *("PORTAL_SESSION_WARNING", "PORTAL_SESSION_EXPIRY"),
    }
)
_MOST_TOLD = 4096  # bytes of JSON
_EVENT_SENT = "portal_session.event_sent"
_MAC = 18  # bytes
_SHAREABLE = "_p"  # at the end of a token
_l, _s = portal_links.c, portal_sessions.c
_OPENABLE = or_(_l.open_time.is_(None), _l.shareable) & (_l.expire_time > bindparam("p_now"))
_INSERT = crud.insert(portal_links)
_LIST = Statement(
    select(portal_links)
    .where(_l.organization_id == bindparam("p_organization_id"), _OPENABLE)
    .order_by(_l.id.desc())
)
_DELETE = crud.delete(portal_links, by=("organization_id", "id"), whole_row=True)
_OPEN = Statement(
    update(portal_links)
    .where(_l.id == bindparam("p_id"), _OPENABLE)
    .values(open_time=func.coalesce(_l.open_time, bindparam("p_now")))
    .returning(portal_links)
)
_FIND = crud.get(portal_links, by=("id", _OPENABLE))
_PRUNE_LINKS = crud.delete(
    portal_links, by=("organization_id", _l.expire_time < bindparam("p_now"))
)
_PRUNE_SESSIONS = crud.delete(
    portal_sessions, by=("organization_id", _s.expire_time < bindparam("p_now"))
)
_END_SESSIONS = crud.delete(portal_sessions, by=("organization_id", "link_id"))
_ALL_IDS = Statement(select(_l.id).where(_l.organization_id == bindparam("p_organization_id")))
_INSERT_SESSION = crud.insert(portal_sessions)
_with_features = select(
    portal_sessions, organizations_table.c.features.label("organization_features")
).join(organizations_table, organizations_table.c.id == _s.organization_id)
_FIND_SESSION = Statement(
    _with_features.where(_s.digest == bindparam("p_digest"), _s.expire_time > bindparam("p_now"))
)
_SESSION = Statement(
    _with_features.where(
        _s.id == bindparam("p_id"),
        _s.organization_id == bindparam("p_organization_id"),
        _s.expire_time > bindparam("p_now"),
    )
)
_SENT = Statement(
    select(events.c.id)
    .where(
        events.c.organization_id == bindparam("p_organization_id"),
        events.c.type == _EVENT_SENT,
        events.c.request_id == bindparam("p_request_id"),
    )
    .order_by(events.c.id.desc())
    .limit(1)
)


async def create(
    call: Call, organization_id: str, features: Sequence[str], *, shareable: bool = False
) -> PortalLink:
    """Make a link; without features it is for those that the organization has switched on.

    It opens once, within a minute; one to share opens for a week, again and again.

    Raises:
        errors.InvalidArgument: a feature is switched off.

    """
    organization = await organizations.get(call, OrganizationIdentifier(organization_id))
    asked = tuple(dict.fromkeys(features))
    for name in asked:
        if not organization.has_feature(name):
            raise errors.InvalidArgument.field(
                "features", "feature_enabled", f"{name} is disabled for this organization"
            )
    at = now()
    link = PortalLink(
        call.db.new_id(ids.PORTAL_LINK),
        organization.id,
        asked or tuple(name for name in FEATURES if organization.has_feature(name)),
        at,
        at + (SHAREABLE_SECONDS if shareable else LINK_SECONDS) * SECOND,
        shareable,
    )
    event = call.event(
        "portal_link.created", organization_id=organization.id, after=link.to_event()
    )
    # A link that was opened is known as long as its sessions: it ends them.
    before = at - SESSION_SECONDS * SECOND
    await call.db.fetch_all(_PRUNE_LINKS, p_organization_id=organization.id, p_now=before)
    await call.db.apply(
        _INSERT,
        event,
        p_id=link.id,
        p_organization_id=link.organization_id,
        p_features=to_json(link.features),
        p_create_time=link.create_time,
        p_expire_time=link.expire_time,
        p_open_time=None,
        p_shareable=link.shareable,
    )
    return link


async def list_all(call: Call, organization_id: str) -> list[PortalLink]:
    """Return the organization's links that can still be opened, the newest first."""
    await organizations.get(call, OrganizationIdentifier(organization_id))
    rows = await call.db.fetch_all(_LIST, p_organization_id=organization_id, p_now=now())
    return [PortalLink.from_row(row) for row in rows]


async def remove(call: Call, organization_id: str, link_id: str) -> None:
    """Delete one link, and end the sessions that it opened."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(_DELETE, p_organization_id=organization_id, p_id=link_id)
        if row is None:
            raise errors.NotFound("portal link")
        link = PortalLink.from_row(row)
        await db.fetch_all(_END_SESSIONS, p_organization_id=organization_id, p_link_id=link.id)
        await db.record(
            call.event(
                "portal_link.deleted", organization_id=organization_id, before=link.to_event()
            )
        )


async def remove_all(call: Call, organization_id: str) -> None:
    """Delete all links of an organization, and end the sessions that they opened."""
    await organizations.get(call, OrganizationIdentifier(organization_id))
    for row in await call.db.fetch_all(_ALL_IDS, p_organization_id=organization_id):
        with contextlib.suppress(errors.NotFound):  # somebody else was faster
            await remove(call, organization_id, row["id"])


def token(db: Session, link_id: str, *, shareable: bool = False) -> str:
    """Return the token that opens a link: its id and a proof that we made it."""
    mac = hmac.digest(db.vault.derive("portal-link"), link_id.encode(), "sha256")[:_MAC]
    proof = f"{link_id}.{base64.urlsafe_b64encode(mac).decode()}"
    return f"{proof}{_SHAREABLE}" if shareable else proof


async def find(db: Session, given: str) -> PortalLink | None:
    """Return the link of a token, if it can still be opened."""
    link_id = given.partition(".")[0]
    # The suffix proves nothing: the row says which kind it is, and both have to agree.
    shareable = given.endswith(_SHAREABLE) and len(given) == len(token(db, link_id)) + 2
    expected = token(db, link_id, shareable=shareable)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return None
    row = await db.fetch_one(_FIND, p_id=link_id, p_now=now())
    if row is None or bool(row["shareable"]) is not shareable:
        return None
    return PortalLink.from_row(row)


async def open_link(call: Call, given: str) -> tuple[PortalSession, str] | None:
    """Open a link; return the session and its secret, or None if it cannot be opened."""
    link = await find(call.db, given)
    if link is None:
        return None
    at, secret = now(), vault.new_secret()
    session = PortalSession(
        call.db.new_id(ids.PORTAL_SESSION),
        link.organization_id,
        link.features,
        at + SESSION_SECONDS * SECOND,
    )
    async with call.db.transaction() as db:
        opener = Caller(Kind.PORTAL_SESSION, session.id, session.organization_id)
        event = replace(call, caller=opener).event(
            "portal_link.opened",
            organization_id=link.organization_id,
            after=link.to_event(),
        )
        if await db.apply(_OPEN, event, p_id=link.id, p_now=at) is None:
            return None
        await db.fetch_all(_PRUNE_SESSIONS, p_organization_id=link.organization_id, p_now=at)
        await db.fetch_all(
            _INSERT_SESSION,
            p_id=session.id,
            p_organization_id=session.organization_id,
            p_digest=vault.digest(secret),
            p_features=to_json(session.features),
            p_create_time=at,
            p_expire_time=session.expire_time,
            p_link_id=link.id,
        )
    return session, secret


async def find_session(db: Session, secret: str) -> PortalSession | None:
    """Return the live session that has this secret."""
    row = await db.fetch_one(_FIND_SESSION, p_digest=vault.digest(secret), p_now=now())
    return _session(row) if row else None


async def current_session(call: Call) -> PortalSession:
    """Return the session that calls."""
    row = None
    if call.caller.kind is Kind.PORTAL_SESSION:
        row = await call.db.fetch_one(
            _SESSION,
            p_id=call.caller.id,
            p_organization_id=call.caller.organization_id,
            p_now=now(),
        )
    if row is None:
        raise errors.NotFound("session")
    return _session(row)


async def tell(call: Call, event_type: str, content: dict[str, Any]) -> str:
    """Record what a page of the portal tells; return the id of the event."""
    if event_type not in TOLD:
        raise errors.InvalidArgument.field(
            "event_type", "in", f"must be one of {', '.join(sorted(TOLD))}"
        )
    if len(to_json(content).encode()) > _MOST_TOLD:
        raise errors.InvalidArgument.field("event", "size", f"must be {_MOST_TOLD} bytes at most")
    session = await current_session(call)
    told = {"id": session.id, "event_type": event_type, "event": content}
    event = call.event(_EVENT_SENT, organization_id=session.organization_id, after=told)
    async with call.db.transaction() as db:
        await db.record(event)
        row = await db.fetch_one(
            _SENT, p_organization_id=session.organization_id, p_request_id=call.request_id
        )
    assert row is not None
    found: str = row["id"]
    return found


def _session(row: Row) -> PortalSession:
    return PortalSession(
        row["id"],
        row["organization_id"],
        tuple(from_json(row["features"])),
        row["expire_time"],
        features_of(row["organization_features"]),
    )


def caller(session: PortalSession, released_roles: tuple[str, ...] = ()) -> Caller:
    """Return the browser of a session as a caller, which may do what its link is for.

    ``released_roles`` are the names of the roles that it may assign: `Settings.portal_roles`.
    """
    permissions = _READ.union(*(_OF_FEATURE[name] for name in session.features))
    return Caller(
        Kind.PORTAL_SESSION,
        session.id,
        session.organization_id,
        permissions,
        features=session.organization_features.intersection(session.features),
        released_roles=released_roles,
    )
