"""Client ID metadata documents: their URLs and their contents (pure functions).

draft-ietf-oauth-client-id-metadata-document sections 3 and 4.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tenantry.access.client_metadata import metadata
from tenantry.core import strict_json

if TYPE_CHECKING:
    from tenantry.access.client_metadata.metadata import ClientMetadata

MAX_URL = 512
MAX_BYTES = 10_240  # twice of what the draft recommends as the limit
# How long a document is cached at least, at most and by default (section 4.4).
SHORTEST_SECONDS, LONGEST_SECONDS, DEFAULT_SECONDS = 60, 86_400, 3600
ERROR = "invalid_client_metadata_url"

_CHARACTERS = re.compile(r"[\x21-\x7e]+")
_FORBIDDEN = re.compile(r"[\"<>\\^`|{}]")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})")
_UNCACHED = re.compile(r"(?:^|[,\s])(?:no-store|no-cache)\b")
_MEDIA_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json")


class DocumentError(Exception):
    """A document that cannot be used; the text says why, and contains nothing of the document."""


class NotAccepted(DocumentError):
    """A client that the resource does not accept, independent of its document."""


class Unavailable(DocumentError):
    """A document that was not fetched."""


def is_url(client_id: str) -> bool:
    """Whether a client_id claims to be the URL of a document."""
    return client_id.startswith("https://")


def check_url(url: str) -> str:
    """Return the host of a client_id, with its port if it has one.

    Raises:
        DocumentError: the URL is not one of a document; the text says why.

    """
    if len(url) > MAX_URL:
        raise DocumentError(f"client_id must have at most {MAX_URL} characters")
    if not _CHARACTERS.fullmatch(url) or _FORBIDDEN.search(url) or not is_url(url):
        raise DocumentError("client_id must be an https URL")
    if "#" in url:
        raise DocumentError("client_id must not have a fragment")
    if "?" in url:
        # A page that prints a parameter could be made to serve the document of another party.
        raise DocumentError("client_id must not have a query")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise DocumentError("client_id must have a valid host and port") from None
    if "@" in parts.netloc:
        raise DocumentError("client_id must not have a user name or a password")
    if not host or parts.netloc.endswith(":") or port == 0:
        raise DocumentError("client_id must have a valid host and port")
    if parts.path in {"", "/"}:
        raise DocumentError("client_id must have a path")
    segments = unquote(parts.path).split("/")
    if any(segment in {".", ".."} for segment in segments):
        raise DocumentError("client_id must not have '.' or '..' in its path")
    return parts.netloc.lower()


def parse(url: str, body: bytes, *, content_type: str) -> ClientMetadata:
    """Return the metadata of a document that was served at this URL.

    Raises:
        DocumentError: it is not a valid document of this client.

    """
    if not _MEDIA_TYPE.fullmatch(content_type.partition(";")[0].strip().lower()):
        raise DocumentError("the document is not served as application/json")
    try:
        members: Any = strict_json.loads(body)
    except ValueError:
        raise DocumentError("the document is not valid JSON") from None
    if not isinstance(members, dict):
        raise DocumentError("the document is not a JSON object")
    if members.get("client_id") != url:
        raise DocumentError("client_id of the document is not its URL")
    if "client_secret" in members or "client_secret_expires_at" in members:
        raise DocumentError("the document must not contain a client secret")
    # There is no shared secret (section 4.1); a key of the client is not required either.
    if members.get("token_endpoint_auth_method") not in {None, metadata.NONE}:
        raise DocumentError("token_endpoint_auth_method of the document must be 'none'")
    if not isinstance(members.get("client_name"), str) or not members["client_name"].strip():
        raise DocumentError("the document has no client_name")
    try:
        return metadata.parse(members)
    except metadata.MetadataError as problem:
        raise DocumentError(f"the document is not valid: {problem.description}") from None


def lifetime(cache_control: str) -> int:
    """Return the seconds for which a document may be cached, between the limits above."""
    header = cache_control.lower()
    if _UNCACHED.search(header):
        return SHORTEST_SECONDS
    found = _MAX_AGE.search(header)
    seconds = DEFAULT_SECONDS if found is None else int(found[1])
    return min(max(seconds, SHORTEST_SECONDS), LONGEST_SECONDS)
