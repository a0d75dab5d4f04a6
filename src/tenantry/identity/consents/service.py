"""The rules of consents: what one covers, granting, revoking.

A consent is held per client, user and organization. A later grant adds its scopes to the earlier
ones, so that a step-up (RFC 6750 section 3.1, `insufficient_scope`) ends with a consent to both.
Scopes that the user declines are stored as well, and are no longer granted from then on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, cast, insert, select, update

from tenantry.core import errors, ids
from tenantry.core.times import now
from tenantry.db import crud
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.schema import to_json
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed
from tenantry.identity.consents.model import Consent, consents
from tenantry.identity.grants.model import refresh_tokens
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import REVOKED
from tenantry.tenants.organizations.model import organizations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Session

_c, _r, _o = consents.c, refresh_tokens.c, organizations.c
_OF_USER = ("client_id", "user_id", "organization_id")
_FIND = crud.get(consents, by=_OF_USER)
_HOLD = crud.hold(consents, by=_OF_USER)
_GET = crud.get(consents, by=("id", "client_id"))
_GET_OWN = crud.get(consents, by=("id", "user_id", "organization_id"))
_GET_OF_ORGANIZATION = crud.get(consents, by=("id", "organization_id"))
# The organization is locked before the membership that the consent refers to.
_of_organization = (
    select(*(cast(value, _c[name].type) for name, value in bound(consents).items()))
    .select_from(organizations)
    .where(_o.id == bindparam("p_organization_id", type_=Text))
    .with_for_update(read=True, key_share=True)
)
_INSERT = Statement(
    insert(consents).from_select(list(bound(consents)), _of_organization).returning(_c.id)
)
_ADD = crud.update(consents, set_=("scopes", "declined_scopes", "grant_time"))
_DELETE = crud.delete(consents)
_REVOKE_TOKENS = Statement(
    update(refresh_tokens)
    .where(
        _r.client_id == bindparam("p_client_id", type_=Text),
        _r.user_id == bindparam("p_user_id", type_=Text),
        _r.organization_id == bindparam("p_organization_id", type_=Text),
        _r.revoke_time.is_(None),
    )
    .values(revoke_time=bindparam("p_now"))
    .returning(_r.session_id)
)


async def find(
    db: Session, client_id: str, *, user_id: str, organization_id: str
) -> Consent | None:
    """Return the consent of a user in an organization to a client of a resource."""
    row = await db.fetch_one(
        _FIND, p_client_id=client_id, p_user_id=user_id, p_organization_id=organization_id
    )
    return None if row is None else Consent.from_row(row)


async def missing_scopes(
    db: Session,
    client_id: str,
    resource_id: str,
    *,
    user_id: str,
    organization_id: str,
    scopes: Sequence[str],
) -> tuple[str, ...] | None:
    """Return the scopes that the user has not granted to the client yet.

    None means that the consent covers the request. Without any consent, an empty tuple is an
    answer as well: a request without scopes needs consent, too.
    """
    consent = await find(db, client_id, user_id=user_id, organization_id=organization_id)
    if consent is None or consent.resource_id != resource_id:
        return tuple(scopes)
    return tuple(one for one in scopes if one not in consent.scopes) or None


async def grant(
    call: Call,
    client: Client,
    resource: Resource,
    *,
    user_id: str,
    organization_id: str,
    scopes: Sequence[str],
    declined: Sequence[str] = (),
) -> Consent:
    """Record that a user grants these scopes, besides those that the client already has.

    Scopes that are ``declined`` are removed from the earlier ones.
    """
    if client.resource_id != resource.id:
        raise errors.NotFound("client")
    async with call.db.transaction() as db:
        row = await db.fetch_one(
            _HOLD, p_client_id=client.id, p_user_id=user_id, p_organization_id=organization_id
        )
        if row is not None:
            before = Consent.from_row(row)
            union = dict.fromkeys((*before.scopes, *scopes))
            refused = dict.fromkeys((*before.declined_scopes, *declined))
            after = replace(
                before,
                scopes=tuple(one for one in union if one not in declined),
                declined_scopes=tuple(one for one in refused if one not in scopes),
                grant_time=max(now(), before.grant_time + 1),
            )
            event = call.event(
                "consent.granted",
                organization_id=organization_id,
                before=before.to_event(),
                after=after.to_event(),
            )
            await db.apply(
                _ADD,
                event,
                p_id=after.id,
                p_scopes=to_json(after.scopes),
                p_declined_scopes=to_json(after.declined_scopes),
                p_grant_time=after.grant_time,
            )
            return after
        at = now()
        consent = Consent(
            id=db.new_id(ids.CONSENT),
            resource_id=resource.id,
            client_id=client.id,
            organization_id=organization_id,
            user_id=user_id,
            scopes=tuple(dict.fromkeys(scopes)),
            grant_time=at,
            create_time=at,
            declined_scopes=tuple(dict.fromkeys(declined)),
        )
        event = call.event(
            "consent.granted", organization_id=organization_id, after=consent.to_event()
        )
        try:
            inserted = await db.apply(_INSERT, event, **prefixed(consent.to_row()))
        except DuplicateKey:
            raise errors.ConcurrentChange from None
        if inserted is None:
            raise errors.NotFound("organization")
    return consent


async def revoke(call: Call, client_id: str, consent_id: str) -> None:
    """Delete a consent, and revoke the refresh tokens that the client has by it."""
    await _revoke(call, _GET, p_id=consent_id, p_client_id=client_id)


async def revoke_own(call: Call, consent_id: str, *, user_id: str, organization_id: str) -> None:
    """Delete a consent of a user in an organization, as `revoke` does."""
    await _revoke(
        call, _GET_OWN, p_id=consent_id, p_user_id=user_id, p_organization_id=organization_id
    )


async def revoke_of_organization(call: Call, consent_id: str, organization_id: str) -> None:
    """Delete a consent of a member of an organization, as `revoke` does."""
    await _revoke(call, _GET_OF_ORGANIZATION, p_id=consent_id, p_organization_id=organization_id)


async def _revoke(call: Call, statement: Statement, **params: str) -> None:
    """Delete the consent that a statement finds."""
    async with call.db.transaction() as db:
        row = await db.fetch_one(statement, **params)
        if row is None or not await db.fetch_all(_DELETE, p_id=row["id"]):
            raise errors.NotFound("consent")
        consent = Consent.from_row(row)
        revoked = await db.fetch_all(
            _REVOKE_TOKENS,
            p_client_id=consent.client_id,
            p_user_id=consent.user_id,
            p_organization_id=consent.organization_id,
            p_now=now(),
        )
        for session_id in sorted({one["session_id"] for one in revoked}):
            # It is of these refresh tokens alone: `grants.codes`.
            await sessions.end(replace(call, db=db), session_id, status=REVOKED)
        await db.record(
            call.event(
                "consent.revoked",
                organization_id=consent.organization_id,
                before=consent.to_event(),
            )
        )
