"""Client authentication: the first step of endpoints that clients call (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from tenantry.access.client_metadata import documents
from tenantry.access.clients import allowed_networks
from tenantry.access.clients.credentials import assertions
from tenantry.access.clients.model import NONE
from tenantry.call import Call
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.endpoints.oauth import client_assertion
from tenantry.endpoints.oauth.errors import OAuthError
from tenantry.identity.organization_policies import enforcement
from tenantry.identity.tokens.authenticate import caller_of
from tenantry.tenants.organizations.policy import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.access.clients.client_cache import ClientCache
    from tenantry.access.clients.model import Client
    from tenantry.access.registrations.document_clients import DocumentClients
    from tenantry.db.engine import Database
    from tenantry.db.writes.last_uses import LastUses
    from tenantry.endpoints.oauth.client_assertion import Assertion
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

BASIC, POST, JWT = "client_secret_basic", "client_secret_post", "private_key_jwt"
METHODS = (BASIC, POST, JWT)
_COMPARED = 8  # digests, at least: as many for a client without secrets as for one with five
_NOBODYS = "0" * 64


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A client that has proved who it is, and whether it did by Basic."""

    client: Client
    basic: bool


@dataclass(frozen=True, slots=True)
class _Credentials:
    """A request's word about its client: with a secret, or with an assertion."""

    method: str
    client_id: str
    secret: str = ""
    assertion: Assertion | None = None


class ClientAuthentication:
    """Authenticates the client of a request, by any of the `METHODS`."""

    def __init__(
        self,
        db: Database,
        clients: ClientCache,
        secret_uses: LastUses,
        rates: Rates,
        *,
        issuer: str,
        document_clients: DocumentClients,
    ) -> None:
        self._db = db
        self._clients = clients
        self._secret_uses = secret_uses
        self._rates = rates
        self._issuer = issuer
        self._document_clients = document_clients

    async def __call__(
        self, request: Request, form: Mapping[str, str], *, public: bool = False
    ) -> Authenticated:
        """Return the client; with ``public``, also one that can keep no secret, by its name."""
        arrived = time.monotonic()
        credentials = self._credentials(request, form, public=public)
        if credentials.method == NONE and documents.is_url(credentials.client_id):
            resource_id = request.params.get("resource_id", "")
            found = await self._document_clients.find(resource_id, credentials.client_id)
            if found is not None:
                credentials = replace(credentials, client_id=found.id)
        basic = credentials.method == BASIC
        client = await self._clients.find(credentials.client_id)
        proof = _proof(client, credentials)
        if proof is None:
            # Nobody is refused by memory: the secret may be a moment old.
            client = await self._clients.find(credentials.client_id, since=arrived)
            proof = _proof(client, credentials)
        if client is None or proof is None:
            request.tell(await self._rates.take_failure(request.address))
            raise OAuthError.invalid_client("unknown client or wrong credentials", basic=basic)
        if not allowed_networks.allows(client, request.address):
            await self._record_refusal(request, client)
            raise OAuthError.invalid_client(allowed_networks.REFUSAL, basic=basic)
        if credentials.method in {BASIC, POST}:
            self._secret_uses.note(proof)
        elif credentials.assertion is not None and not await assertions.spend(
            self._db, client.id, credentials.assertion.jti, expires=credentials.assertion.expires
        ):
            raise OAuthError.invalid_client("client_assertion: its jti was used before")
        return Authenticated(client, basic)

    async def _record_refusal(self, request: Request, client: Client) -> None:
        """Record that the policy of the organization refuses a client of it."""
        if client.organization_id is None or client.policy is None:
            return
        if client.policy.allows_address(request.address):
            return
        call = Call(caller_of(client), self._db, request.request_id, origin=request.origin)
        await enforcement.record(
            call,
            Refusal.NETWORK,
            organization_id=client.organization_id,
            access="client",
            client_id=client.id,
        )

    def _credentials(
        self, request: Request, form: Mapping[str, str], *, public: bool
    ) -> _Credentials:
        """Return what the request has; a Bearer header is not looked at.

        Some SDKs send their stale access token along.
        """
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        basic = scheme.lower() == "basic"
        ways = [basic, bool(form.get("client_secret")), "client_assertion" in form]
        if sum(ways) > 1:
            raise OAuthError(
                "invalid_request", "the request uses more than one client authentication method"
            )
        if basic:
            return by_basic(encoded, form)
        if "client_assertion" in form:
            return self._by_assertion(request, form)
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        if public and client_id and not secret:
            return _Credentials(NONE, client_id)
        if not client_id or not secret:
            raise OAuthError.invalid_client(
                "client_id and client_secret, or a client_assertion, are required"
            )
        return _Credentials(POST, client_id, secret)

    def _by_assertion(self, request: Request, form: Mapping[str, str]) -> _Credentials:
        if form.get("client_assertion_type") != client_assertion.TYPE:
            raise OAuthError.invalid_client(
                f"client_assertion_type must be {client_assertion.TYPE}"
            )
        # The token endpoint's URL is what most libraries write, wherever they send it.
        audiences = (self._issuer, f"{self._issuer}/oauth/token", self._issuer + request.path)
        try:
            assertion = client_assertion.read(
                form["client_assertion"], audiences=audiences, now=time.time()
            )
        except client_assertion.InvalidAssertion as problem:
            raise OAuthError.invalid_client(f"client_assertion: {problem}") from None
        if form.get("client_id", assertion.client_id) != assertion.client_id:
            raise OAuthError("invalid_request", "client_id is not the sub of client_assertion")
        return _Credentials(JWT, assertion.client_id, assertion=assertion)


def by_basic(encoded: str, form: Mapping[str, str]) -> _Credentials:
    """Return what a Basic header holds (section 2.3.1)."""
    try:
        pair = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise OAuthError.invalid_client(
            "the Basic credentials cannot be read", basic=True
        ) from None
    name, _, secret = pair.partition(":")
    client_id = unquote_plus(name)
    if form.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "two different client_id", basic=True)
    return _Credentials(BASIC, client_id, unquote_plus(secret))


def _proof(client: Client | None, credentials: _Credentials) -> str | None:
    """Return its proof: the id of the secret, or the jti of the assertion; else None.

    The work is the same for a client that is not there.
    """
    if credentials.assertion is not None:
        jwks = client.jwks if client is not None else None
        signed = client_assertion.is_signed(credentials.assertion, jwks)
        proof = credentials.assertion.jti if signed else None
    else:
        proof = _secret_id(client, credentials.secret)
    if credentials.method == NONE:
        proof = credentials.client_id  # it has nothing to prove, if it is one of these
    if client is None or client.is_public != (credentials.method == NONE):
        return None
    only = client.token_endpoint_auth_method
    return proof if only in {"", credentials.method} else None


def _secret_id(client: Client | None, secret: str) -> str | None:
    """Return the id of the secret in force that this is; all are compared, in constant time."""
    given, at = vault.digest(secret), now()
    kept = [(s.digest, s.id) for s in client.secrets if s.in_force(at)] if client else []
    kept += [(_NOBODYS, "")] * (_COMPARED - len(kept))
    right = [id_ for digest, id_ in kept if hmac.compare_digest(given, digest)]
    return right[0] if right else None
