"""Fetching client ID metadata documents: guarded, bounded, and once for many requests.

A URL can be named without signing in, so every request goes through `Outgoing`: public
addresses only, no redirects, limited in bytes and seconds. Concurrent requests for one URL share
one fetch; a document that was refused is not fetched again for some seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.access.client_metadata import documents
from tenantry.access.client_metadata.documents import DocumentError, Unavailable
from tenantry.db.ttl_cache import TtlCache
from tenantry.net.outgoing import NoResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.access.client_metadata.metadata import ClientMetadata
    from tenantry.net.outgoing import Outgoing

SECONDS = 5.0  # that one fetch may take
SHARED_SECONDS = 5.0  # for which a result, also an error, answers further requests
_MOST = 1000
_AT_ONCE = 32  # fetches under way, for all clients


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document, and the seconds for which it may be kept."""

    metadata: ClientMetadata
    seconds: int


class DocumentFetcher:
    """Fetches documents for one event loop."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._under_way = 0
        self._known: TtlCache[str, Document | DocumentError] = TtlCache(
            self._found, seconds=SHARED_SECONDS, most=_MOST, name="client documents"
        )

    async def fetch(self, url: str) -> Document:
        """Return the document at a URL, as it was some seconds ago at most.

        Raises:
            DocumentError: there is no valid document; the text says why.

        """
        documents.check_url(url)
        found = await self._known.get(url)
        assert found is not None
        if isinstance(found, DocumentError):
            raise type(found)(str(found))
        return found

    async def _found(self, urls: Sequence[str]) -> Mapping[str, Document | DocumentError]:
        (url,) = urls
        try:
            return {url: await self._read(url)}
        except DocumentError as problem:
            return {url: problem}

    async def _read(self, url: str) -> Document:
        if self._under_way >= _AT_ONCE:
            raise Unavailable("too many documents are being fetched: try again in a moment")
        self._under_way += 1
        try:
            response = await self._outgoing.send(
                "GET",
                url,
                headers={"accept": "application/json", "user-agent": "Tenantry"},
                seconds=SECONDS,
                most_bytes=documents.MAX_BYTES,
            )
        except NoResponse as problem:
            raise Unavailable(f"the document was not fetched: {problem}") from None
        finally:
            self._under_way -= 1
        if response.status != 200:
            # Redirects are not followed (section 4 of the draft).
            raise Unavailable(f"its host answered with status {response.status}, not 200")
        if response.cut:
            raise Unavailable(f"the document has more than {documents.MAX_BYTES} bytes")
        headers = {name.lower(): value for name, value in response.headers.items()}
        # Other tasks run before the document is parsed.
        await asyncio.sleep(0)
        return Document(
            documents.parse(url, response.body, content_type=headers.get("content-type", "")),
            documents.lifetime(headers.get("cache-control", "")),
        )
