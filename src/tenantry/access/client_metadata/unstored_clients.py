"""Clients without a row: known by a metadata document, or by a client ID that has the metadata.

Anyone may register, so a registration stores nothing: the client ID is the signed name and redirect
URIs. Public clients only.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.access.client_metadata import documents, metadata
from tenantry.access.client_metadata.documents import DocumentError
from tenantry.access.client_metadata.metadata import MetadataError
from tenantry.access.client_metadata.redirect_uris import NATIVE, is_registered

if TYPE_CHECKING:
    from tenantry.access.client_metadata.fetching import DocumentFetcher
    from tenantry.access.client_metadata.metadata import ClientMetadata
    from tenantry.crypto.vault import Vault

PREFIX = "mcpc_"
MAX_ID = 1000  # characters of a client ID: it is part of URLs
_NAME = 60  # characters of the name that are kept
_MAC = 32  # bytes


@dataclass(frozen=True, slots=True)
class UnstoredClient:
    """A third-party client; ``host`` is that of its document, "" if it has none."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    is_native: bool
    host: str = ""

    def may_redirect(self, uri: str) -> bool:
        """Whether a redirect URI is registered."""
        return is_registered(uri, self.redirect_uris, native=self.is_native)


class UnstoredClients:
    """Registers and finds such clients."""

    def __init__(self, vault: Vault, fetcher: DocumentFetcher) -> None:
        self._vault = vault
        self._fetcher = fetcher

    def register(self, given: ClientMetadata) -> str:
        """Return the client ID of a client.

        Raises:
            MetadataError: its metadata is too long for a client ID.

        """
        native = given.application_type == NATIVE
        kept = [given.name[:_NAME], list(given.redirect_uris), native]
        spelled = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
        client_id = PREFIX + _encoded(self._mac(spelled) + spelled)
        if len(client_id) > MAX_ID:
            raise MetadataError(
                metadata.INVALID_METADATA, "redirect_uris are too long: register fewer or shorter"
            )
        return client_id

    async def find(self, client_id: str) -> UnstoredClient:
        """Return a client; its document is fetched.

        Raises:
            DocumentError: there is no such client.

        """
        if documents.is_url(client_id):
            document = await self._fetcher.fetch(client_id)
            found = document.metadata
            return UnstoredClient(
                client_id,
                found.name,
                found.redirect_uris,
                found.application_type == NATIVE,
                documents.check_url(client_id),
            )
        return self._read(client_id)

    def _read(self, client_id: str) -> UnstoredClient:
        problem = DocumentError("the client is unknown: register it again")
        if not client_id.startswith(PREFIX) or len(client_id) > MAX_ID:
            raise problem
        try:
            packed = _decoded(client_id.removeprefix(PREFIX))
        except (binascii.Error, ValueError):
            raise problem from None
        mac, spelled = packed[:_MAC], packed[_MAC:]
        if not hmac.compare_digest(mac, self._mac(spelled)):
            raise problem
        name, uris, native = json.loads(spelled)
        return UnstoredClient(client_id, name, tuple(uris), native)

    def _mac(self, spelled: bytes) -> bytes:
        return hmac.digest(self._vault.derive("client-registration"), spelled, "sha256")


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
