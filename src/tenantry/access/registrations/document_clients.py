"""Clients that are known by the URL of their metadata document.

The document is fetched when a client is first used at a resource, and again when it has expired.
Until then, requests read the stored client only.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, select

from tenantry.access.client_metadata import allowlist, documents
from tenantry.access.client_metadata.documents import NotAccepted, Unavailable
from tenantry.access.clients.model import CIMD
from tenantry.access.registrations import service
from tenantry.access.registrations.model import registrations
from tenantry.access.registrations.service import Registration
from tenantry.core.times import SECOND, now
from tenantry.db.engine import DuplicateKey
from tenantry.db.sql.statements import Statement
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.client_metadata.fetching import Document, DocumentFetcher
    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.rate_limits.rates import Rates

_MOST = 20_000  # cached URLs

_r = registrations.c
_FIND = Statement(
    select(_r.client_id, _r.document_expire_time, _r.application_type).where(
        _r.resource_id == bindparam("p_resource_id", type_=Text),
        _r.document_uri == bindparam("p_document_uri", type_=Text),
    )
)


@dataclass(frozen=True, slots=True)
class _Stored:
    client_id: str
    application_type: str
    expire_time: int


class DocumentClients:
    """Finds clients by their URL; one for each event loop."""

    def __init__(
        self, db: Session, clients: ClientCache, fetcher: DocumentFetcher, rates: Rates
    ) -> None:
        self._db = db
        self._clients = clients
        self._fetcher = fetcher
        self._rates = rates
        self._stored: TtlCache[tuple[str, str], _Stored] = TtlCache(
            self._read, seconds=FRESH_SECONDS, most=_MOST, absent=_MOST, name="document clients"
        )

    async def find(self, resource_id: str, url: str) -> Client | None:
        """Return a client as it is stored, also with an expired document; None if it is not.

        This is for a client that redeems a code or a refresh token: only authorization begins
        with a fresh document.
        """
        if len(url) > documents.MAX_URL:
            return None
        started = time.monotonic()
        stored = await self._stored.get((resource_id, url))
        if stored is None:
            stored = await self._stored.get((resource_id, url), since=started)
        return None if stored is None else await self._clients.find(stored.client_id)

    async def resolve(self, call: Call, resource: Resource, url: str) -> Client:
        """Return the client with this URL at a resource, of a document that has not expired.

        Raises:
            DocumentError: the resource does not accept the client, or there is no valid document.

        """
        documents.check_url(url)
        if not resource.cimd:
            raise NotAccepted("this resource does not accept client ID metadata documents")
        if resource.cimd_allowlist_enabled and not allowlist.allows(url, resource.cimd_allowlist):
            raise NotAccepted("this resource does not accept this client")
        key = (resource.id, url)
        stored = await self._stored.get(key)
        if stored is not None and stored.expire_time > now():
            client = await self._clients.find(stored.client_id)
            if client is not None:
                return client
        started = time.monotonic()
        stored = await self._stored.get(key, since=started)
        if stored is None:
            # A new client is a row, and no user has signed in yet.
            await self._rates.take_registration(call.origin.address)
        document = await self._fetcher.fetch(url)
        self._stored.forget(key)
        client_id = await self._store(call, resource, url, document, stored)
        client = await self._clients.find(client_id, since=time.monotonic())
        if client is None:
            raise Unavailable("the client was deleted just now: try again")
        return client

    async def _store(
        self, call: Call, resource: Resource, url: str, document: Document, stored: _Stored | None
    ) -> str:
        """Insert or update the client of a document; return its ID."""
        at = now()
        expire_time = at + document.seconds * SECOND
        if stored is not None:
            client = await self._clients.find(stored.client_id)
            if client is not None:
                await service.update_metadata(
                    call,
                    Registration(client, stored.application_type),
                    document.metadata,
                    document_expire_time=expire_time,
                )
                return client.id
        client = service.new_client(
            call, resource, document.metadata, registration=CIMD, metadata_uri=url
        )
        try:
            await service.store(
                call,
                client,
                application_type=document.metadata.application_type,
                document_expire_time=expire_time,
            )
        except DuplicateKey:  # another request was faster
            found = await self._stored.get((resource.id, url), since=time.monotonic())
            if found is None:
                raise Unavailable("the client was deleted just now: try again") from None
            return found.client_id
        return client.id

    async def _read(self, keys: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], _Stored]:
        found = {}
        for resource_id, url in keys:
            row = await self._db.fetch_one(_FIND, p_resource_id=resource_id, p_document_uri=url)
            if row is not None:
                found[resource_id, url] = _Stored(
                    row["client_id"], row["application_type"], row["document_expire_time"] or 0
                )
        return found
