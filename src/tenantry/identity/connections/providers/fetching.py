"""Asking providers: their metadata, keys, token and userinfo endpoints; guarded and bounded.

A connection's admin chose the addresses, so that every request goes through `Outgoing`: public
addresses only, or networks that the operator allows, no redirects, limited in bytes and seconds.
Without TLS nobody is asked but for a connection whose `debug_enabled` is set, in such a network.

Documents are cached for minutes by their URL. A key that is not in a provider's key set, and a
signature that its key does not verify, read the key set again at once; after that not for a minute,
however many such tokens arrive.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar
from urllib.parse import urlencode

from tenantry.db.ttl_cache import TtlCache
from tenantry.identity.connections.oidc import faults, jwts, key_sets, metadata, tokens, userinfo
from tenantry.identity.connections.oidc.faults import OIDCError
from tenantry.net.outgoing import NoResponse, Outgoing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from tenantry.identity.connections.faults import Fault
    from tenantry.identity.connections.oidc.jwts import Signed
    from tenantry.identity.connections.oidc.key_sets import KeySet
    from tenantry.identity.connections.oidc.metadata import Metadata
    from tenantry.identity.connections.oidc.tokens import Tokens
    from tenantry.net.outgoing import OutgoingResponse

SECONDS = 8.0  # that one request may take
KEPT_SECONDS = 600.0
# Between two reads ahead of time of one key set by this process.
RENEWED_SECONDS = 60.0
# After a request failed, the same URL is not requested again for so long.
RETRIED_SECONDS = 5.0
_MOST_DOCUMENTS = 1000
# Requests to token and userinfo endpoints that are under way: of one connection, and of all.
_MOST_AT_ONE, _MOST = 64, 512
_ACCEPT = "application/json"

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True)
class _Failed:
    """Why a document is not there; remembered, as documents are."""

    fault: Fault
    details: Mapping[str, object]


class _Documents(Generic[_V]):
    def __init__(self, read: Callable[[str], Awaitable[_V]]) -> None:
        self._read = read
        self._known: TtlCache[str, _V | _Failed] = TtlCache(
            self._found, seconds=KEPT_SECONDS, most=_MOST_DOCUMENTS, name="provider documents"
        )
        self._renewals: dict[str, float] = {}  # monotonic times by URL, the oldest first

    async def get(self, url: str) -> _V:
        """Return the document at a URL, as it was at most `KEPT_SECONDS` ago."""
        return await self._since(url, time.monotonic() - KEPT_SECONDS)

    async def renewed(self, url: str) -> _V:
        """Return the document at a URL, read again unless that was done within a minute."""
        at = time.monotonic()
        last = self._renewals.get(url)
        if last is None or last <= at - RENEWED_SECONDS:
            self._renewals.pop(url, None)
            self._renewals[url] = last = at
            while len(self._renewals) > _MOST_DOCUMENTS:
                del self._renewals[next(iter(self._renewals))]
        return await self._since(url, last)

    async def _since(self, url: str, since: float) -> _V:
        found = await self._known.get(url, since=since)
        if isinstance(found, _Failed):
            found = await self._known.get(url, since=time.monotonic() - RETRIED_SECONDS)
        assert found is not None
        if isinstance(found, _Failed):
            raise OIDCError(found.fault, **found.details)
        return found

    async def _found(self, urls: Sequence[str]) -> Mapping[str, _V | _Failed]:
        (url,) = urls
        try:
            return {url: await self._read(url)}
        except OIDCError as problem:
            return {url: _Failed(problem.fault, problem.details)}


class InProcessProvider(Protocol):
    """A provider that is asked without a network, at all addresses below its prefix."""

    prefix: str

    async def answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> OutgoingResponse: ...


class Fetching:
    """The requests to providers of one process; it keeps connections, so that it has to be closed.

    ``allow`` are the networks, in CIDR notation, that requests may go to beside public addresses;
    ``near`` is a provider in this very process.
    """

    def __init__(self, allow: Sequence[str], near: InProcessProvider | None = None) -> None:
        self._outgoing = Outgoing(allow)
        self._near = near
        self._metadata = _Documents(self._read_metadata)
        self._keys = _Documents(self._read_keys)
        self._under_way: Counter[str] = Counter()

    async def close(self) -> None:
        await self._outgoing.close()

    async def discover(self, issuer: str, *, is_debug: bool = False) -> Metadata:
        """Return the metadata of an issuer, or of the address of its discovery document."""
        return await self.metadata(metadata.address(issuer), is_debug=is_debug)

    async def metadata(self, discovery_endpoint: str, *, is_debug: bool = False) -> Metadata:
        _hold_to_tls(discovery_endpoint, faults.DISCOVERY_UNANSWERED, is_debug=is_debug)
        return await self._metadata.get(discovery_endpoint)

    async def keys(
        self, jwks_uri: str, *, algorithm: str, kid: str | None, is_debug: bool = False
    ) -> KeySet:
        """Return the keys of a provider; read again if this one is not among them."""
        _hold_to_tls(jwks_uri, faults.KEYS_UNANSWERED, is_debug=is_debug)
        found = await self._keys.get(jwks_uri)
        if not found.fitting(algorithm, kid):
            found = await self._keys.renewed(jwks_uri)
        return found

    async def verify(self, jwt: Signed, jwks_uri: str, *, is_debug: bool = False) -> None:
        """Make sure that a key of the provider signed a JWT.

        A provider may replace a key under the same ``kid``: a signature that the cached key does
        not verify is verified again with the keys as they are now.
        """
        known = await self.keys(jwks_uri, algorithm=jwt.algorithm, kid=jwt.kid, is_debug=is_debug)
        try:
            jwts.verify(jwt, known)
        except OIDCError as error:
            if error.fault is not faults.SIGNATURE:
                raise
            try:
                renewed = await self._keys.renewed(jwks_uri)
            except OIDCError:
                renewed = known
            if renewed == known:
                raise
            jwts.verify(jwt, renewed)

    async def exchange(
        self,
        connection_id: str,
        token_uri: str,
        form: Mapping[str, str],
        *,
        authorization: str | None = None,
        secrets: Sequence[str] = (),
        form_allowed: bool = False,
        is_debug: bool = False,
    ) -> Tokens:
        """Return the tokens for a code (RFC 6749 section 4.1.3).

        ``authorization`` is the header by which the client shows itself; ``secrets`` are those of
        the request, which no error may quote. ``form_allowed`` as in `tokens.read`.
        """
        headers = {"accept": _ACCEPT, "content-type": "application/x-www-form-urlencoded"}
        if authorization is not None:
            headers["authorization"] = authorization
        with self._turn(connection_id):
            answer = await self._send(
                "POST",
                token_uri,
                faults.EXCHANGE_UNANSWERED,
                headers=headers,
                body=urlencode(form).encode(),
                most_bytes=tokens.MOST_BYTES,
                is_debug=is_debug,
            )
        return tokens.read(answer.status, answer.body, secrets=secrets, form_allowed=form_allowed)

    async def userinfo(
        self,
        connection_id: str,
        user_info_uri: str,
        access_token: str,
        *,
        is_debug: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the JSON of a userinfo endpoint (section 5.3), an object or a list."""
        with self._turn(connection_id):
            answer = await self._send(
                "GET",
                user_info_uri,
                faults.USERINFO_UNANSWERED,
                headers={
                    "accept": _ACCEPT,
                    "authorization": f"Bearer {access_token}",
                    **(headers or {}),
                },
                most_bytes=userinfo.MOST_BYTES,
                is_debug=is_debug,
            )
        return userinfo.read(answer.status, answer.headers.get("content-type", ""), answer.body)

    async def _read_metadata(self, url: str) -> Metadata:
        body = await self._document(url, faults.DISCOVERY_UNANSWERED, metadata.MOST_BYTES)
        return metadata.read(body, fetched_from=url)

    async def _read_keys(self, url: str) -> KeySet:
        return key_sets.read(await self._document(url, faults.KEYS_UNANSWERED, key_sets.MOST_BYTES))

    async def _document(self, url: str, fault: Fault, most_bytes: int) -> bytes:
        # Its scheme was looked at for the connection that asks.
        answer = await self._send(
            "GET",
            url,
            fault,
            headers={"accept": _ACCEPT},
            most_bytes=most_bytes,
            is_debug=True,
        )
        if answer.status != 200:
            raise OIDCError(fault, reason=f"the response status is {answer.status}")
        return answer.body

    async def _send(
        self,
        method: str,
        url: str,
        fault: Fault,
        *,
        headers: Mapping[str, str],
        most_bytes: int,
        is_debug: bool,
        body: bytes | None = None,
    ) -> OutgoingResponse:
        _hold_to_tls(url, fault, is_debug=is_debug)
        if self._near is not None and url.startswith(self._near.prefix):
            return await self._near.answer(method, url, headers, body)
        try:
            answer = await self._outgoing.send(
                method, url, headers=headers, body=body, seconds=SECONDS, most_bytes=most_bytes
            )
        except NoResponse as problem:
            raise OIDCError(fault, reason=str(problem)) from None
        if answer.cut:
            raise OIDCError(fault, reason=f"the response exceeds {most_bytes >> 10} KB")
        return answer

    @contextlib.contextmanager
    def _turn(self, connection_id: str) -> Iterator[None]:
        """Have one more request of a connection under way; a slow provider holds up no other."""
        at_one = self._under_way[connection_id]
        if at_one >= _MOST_AT_ONE or self._under_way.total() >= _MOST:
            raise OIDCError(faults.BUSY)
        self._under_way[connection_id] += 1
        try:
            yield
        finally:
            self._under_way[connection_id] -= 1
            if not self._under_way[connection_id]:
                del self._under_way[connection_id]


@dataclass(frozen=True, slots=True)
class ConnectionContext:
    public_url: str
    development: bool
    fetching: Fetching
    outgoing: Outgoing


def _hold_to_tls(url: str, fault: Fault, *, is_debug: bool) -> None:
    if not is_debug and not url.lower().startswith("https://"):
        raise OIDCError(fault, reason="the URL does not use HTTPS")
