"""The rules of registrations: creating, reading, replacing, deleting, and marking as used."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, delete, func, insert, literal_column, select, update

from tenantry.access.client_metadata.metadata import NONE
from tenantry.access.clients import changes, reading
from tenantry.access.clients.model import CIMD, DCR, RESOURCE_CLIENT, Client, clients
from tenantry.access.registrations.model import registrations
from tenantry.core import errors, ids
from tenantry.core.times import DAY, now
from tenantry.crypto import vault
from tenantry.db import crud
from tenantry.db.sql.statements import Statement
from tenantry.db.writes.rows import bound, prefixed, revised

if TYPE_CHECKING:
    from tenantry.access.client_metadata.metadata import ClientMetadata
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Row, Session

MOST = 20_000  # of one resource
UNUSED_TIME = DAY  # that a registration lasts without a consent
USED_TIME = 90 * DAY  # between two looks at whether one is still in use

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")  # as `vault.new_secret` makes them
_c, _r = clients.c, registrations.c
_NEW = insert(registrations).values(bound(registrations, "r_"))
_CREATE = Statement(changes.INSERT.returning(_c.id), _NEW)
_CREATE_WITH_SECRET = Statement(changes.INSERT.returning(_c.id), changes.INSERT_SECRET, _NEW)
_OF_RESOURCE = _r.resource_id == bindparam("p_resource_id", type_=Text)
_counted = select(_r.client_id).where(_OF_RESOURCE).limit(literal_column(str(MOST))).subquery()
_COUNT = Statement(select(func.count().label("n")).select_from(_counted))
_oldest_unused = (
    select(_r.client_id)
    .where(_OF_RESOURCE, _r.use_time.is_(None))
    .order_by(_r.client_id)
    .limit(literal_column("1"))
)
_EVICT = Statement(delete(clients).where(_c.id.in_(_oldest_unused)).returning(_c.id))
_GET = Statement(
    reading.with_secrets()
    .add_columns(_r.token_digest, _r.application_type)
    .join(registrations, _r.client_id == _c.id)
    .where(_c.id == bindparam("p_id", type_=Text), _OF_RESOURCE)
)
_HOLD = crud.hold(clients, allow_references=True)
_UPDATE_TYPE = crud.update(registrations, set_=("application_type", "document_expire_time"))
_USE = Statement(
    update(registrations)
    .where(_r.client_id == bindparam("p_client_id", type_=Text))
    .values(use_time=bindparam("p_now"), expire_time=bindparam("p_expire_time"))
    .returning(_r.client_id)
)


class LimitReached(errors.Busy):
    """A resource has as many clients as it may have, and users have consented to all of them."""

    error_code = "REGISTRATION_LIMIT"
    sentence = "this resource has reached its limit of registered clients"


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered client; secrets are in it only where they have just been made."""

    client: Client
    application_type: str
    access_token: str = ""
    secret: str = ""


async def create(call: Call, resource: Resource, metadata: ClientMetadata) -> Registration:
    """Register a client that asked for it, with a new registration access token."""
    secret = plain = None
    if metadata.token_endpoint_auth_method != NONE:
        secret, plain = changes.new_secret(call)
    client = new_client(call, resource, metadata, registration=DCR)
    if secret is not None:
        client = replace(client, secrets=(secret,))
    token = vault.new_secret()
    await store(call, client, application_type=metadata.application_type, token=token)
    return Registration(client, metadata.application_type, token, plain or "")


def new_client(
    call: Call,
    resource: Resource,
    metadata: ClientMetadata,
    *,
    registration: str,
    metadata_uri: str = "",
) -> Client:
    """Return a client of a resource with this metadata, which is not stored yet."""
    at = now()
    return Client(
        id=call.db.new_id(ids.RESOURCE_CLIENT),
        client_type=RESOURCE_CLIENT,
        resource_id=resource.id,
        registration=registration,
        metadata_uri=metadata_uri,
        create_time=at,
        update_time=at,
        **_members(metadata),
    )


async def store(
    call: Call,
    client: Client,
    *,
    application_type: str,
    token: str | None = None,
    document_expire_time: int | None = None,
) -> None:
    """Insert a client with its registration, in the place of an unused one if there are too many.

    Raises:
        DuplicateKey: there is a client with the same metadata document.
        LimitReached: all others are in use.

    """
    assert client.resource_id is not None
    row = await call.db.fetch_one(_COUNT, p_resource_id=client.resource_id)
    # A flood of registrations only replaces registrations that nobody uses.
    if (
        row is not None
        and row["n"] >= MOST
        and await call.db.fetch_one(_EVICT, p_resource_id=client.resource_id) is None
    ):
        raise LimitReached
    registration = {
        "client_id": client.id,
        "resource_id": client.resource_id,
        "application_type": application_type,
        "token_digest": None if token is None else vault.digest(token),
        "document_uri": client.metadata_uri or None,
        "document_expire_time": document_expire_time,
        "use_time": None,
        "expire_time": client.create_time + UNUSED_TIME,
        "create_time": client.create_time,
    }
    params = prefixed(client.to_row()) | prefixed(registration, "r_")
    statement = _CREATE
    for secret in client.secrets:
        statement = _CREATE_WITH_SECRET
        params |= changes.secret_row(client.id, secret)
    event = call.event("client.created", after=client.to_event())
    await call.db.apply(statement, event, **params)


async def find(
    db: Session, resource_id: str, client_id: str, access_token: str
) -> Registration | None:
    """Return a client of a resource, if this is its registration access token."""
    if not ids.well_formed(ids.RESOURCE_CLIENT, client_id) or not _TOKEN.fullmatch(access_token):
        return None
    row = await db.fetch_one(_GET, p_id=client_id, p_resource_id=resource_id)
    if row is None or not row["token_digest"]:
        return None
    if not vault.matches(access_token, row["token_digest"]):
        return None
    return _registration(row)


async def update_metadata(
    call: Call,
    registration: Registration,
    metadata: ClientMetadata,
    *,
    document_expire_time: int | None = None,
) -> Registration:
    """Replace the metadata of a registration (RFC 7592 section 2.2).

    A client that gets its first secret, or loses its last one, has to register anew.
    """
    async with call.db.transaction() as db:
        row = await db.fetch_one(_HOLD, p_id=registration.client.id)
        if row is None:
            raise errors.NotFound("client")
        before = Client.from_row(row, registration.client.secrets)
        members = _members(metadata)
        members["token_endpoint_auth_method"] = before.token_endpoint_auth_method
        after = replace(before, **members)
        if after != before:
            after = revised(after)
            await db.fetch_all(changes.UPDATE, **prefixed(after.to_row()))
            await db.record(
                call.event("client.updated", before=before.to_event(), after=after.to_event())
            )
        await db.fetch_all(
            _UPDATE_TYPE,
            p_client_id=after.id,
            p_application_type=metadata.application_type,
            p_document_expire_time=document_expire_time,
        )
    return Registration(after, metadata.application_type)


async def remove(call: Call, registration: Registration) -> None:
    """Delete a registered client with its consents; its tokens are refused immediately."""
    event = call.event("client.deleted", before=registration.client.to_event())
    if await call.db.apply(changes.DELETE, event, p_id=registration.client.id) is None:
        raise errors.NotFound("client")


async def note_use(db: Session, client: Client) -> None:
    """Note that a user has consented to a client: it is kept from now on."""
    if client.registration in {DCR, CIMD}:
        at = now()
        await db.fetch_all(_USE, p_client_id=client.id, p_now=at, p_expire_time=at + USED_TIME)


def _registration(row: Row) -> Registration:
    return Registration(reading.from_row(row), row["application_type"])


def _members(metadata: ClientMetadata) -> dict[str, Any]:
    """Return the members of a client that its metadata determine.

    Its scopes are not limited: the client requests further scopes when it needs them (step-up), and
    the user consents to them then.
    """
    return {
        "name": metadata.name,
        "description": metadata.description,
        "post_login_uris": metadata.redirect_uris,
        "grant_types": metadata.grant_types,
        "token_endpoint_auth_method": metadata.token_endpoint_auth_method,
        "enforce_pkce": True,
        "api_access": False,
        "client_uri": metadata.client_uri or "",
        "logo_uri": metadata.logo_uri or "",
        "policy_uri": metadata.policy_uri or "",
        "tos_uri": metadata.tos_uri or "",
    }
