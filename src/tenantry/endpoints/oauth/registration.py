"""Dynamic client registration at a resource (RFC 7591) and its management (RFC 7592).

Anyone may register a client: it can do nothing before a user consents. The response has all
registered members, and no null members, which some clients do not accept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.access.client_metadata import metadata as client_metadata
from tenantry.access.client_metadata.metadata import NONE, MetadataError
from tenantry.access.registrations import service
from tenantry.access.registrations.service import LimitReached
from tenantry.access.resources import issuers
from tenantry.call import Call
from tenantry.core import errors, strict_json
from tenantry.core.caller import ANONYMOUS
from tenantry.core.times import SECOND
from tenantry.endpoints.oauth.errors import NO_STORE, OAuthError
from tenantry.net.http import Response, Route

if TYPE_CHECKING:
    from tenantry.access.client_metadata.metadata import ClientMetadata
    from tenantry.access.registrations.service import Registration
    from tenantry.access.resources.model import Resource
    from tenantry.access.resources.resource_cache import ResourceCache
    from tenantry.db.engine import Database
    from tenantry.net.http import Request
    from tenantry.rate_limits.rates import Rates

PATH = "/resources/{resource_id}/register"
_CLIENT_PATH = f"{PATH}/{{client_id}}"
_CHALLENGE = 'Bearer error="invalid_token"'


def registration_endpoint(public_url: str, resource_id: str) -> str:
    """Return the `registration_endpoint` of a resource's metadata."""
    return f"{issuers.issuer_of(public_url, resource_id)}/register"


class RegistrationEndpoint:
    """The registration endpoint of all resources."""

    def __init__(
        self, db: Database, resources: ResourceCache, rates: Rates, *, public_url: str
    ) -> None:
        self._db = db
        self._resources = resources
        self._rates = rates
        self._public_url = public_url

    def routes(self) -> list[Route]:
        # Browser-based clients of any origin register themselves: these routes use no cookies.
        return [
            Route("POST", PATH, self.register, public=True),
            Route("GET", _CLIENT_PATH, self.read, public=True),
            Route("PUT", _CLIENT_PATH, self.replace, public=True),
            Route("DELETE", _CLIENT_PATH, self.delete, public=True),
        ]

    async def register(self, request: Request) -> Response:
        """Register a client (RFC 7591 section 3.1)."""
        try:
            resource = await self._resource(request)
            metadata = _metadata(request)
            request.tell(await self._rates.take_registration(request.address))
            registered = await service.create(self._call(request), resource, metadata)
        except OAuthError as problem:
            return problem.response()
        except OAuthError.TRANSLATED as problem:
            return OAuthError.of(problem).response()
        except LimitReached as problem:
            return OAuthError(
                "temporarily_unavailable", problem.message, status=problem.status
            ).response()
        return self._response(resource, registered, 201)

    async def read(self, request: Request) -> Response:
        """Return a registration (RFC 7592 section 2.1)."""
        try:
            resource = await self._resource(request)
            found = await self._registration(request, resource)
        except OAuthError as problem:
            return problem.response()
        return self._response(resource, found, 200)

    async def replace(self, request: Request) -> Response:
        """Replace the metadata of a registration (RFC 7592 section 2.2)."""
        try:
            resource = await self._resource(request)
            found = await self._registration(request, resource)
            members = _members(request)
            if members.get("client_id") != found.client.id:
                raise OAuthError("invalid_request", "client_id must be the one of the registration")  # noqa: TRY301
            metadata = _parse(members)
            if metadata.token_endpoint_auth_method != found.client.token_endpoint_auth_method:
                raise OAuthError(  # noqa: TRY301
                    client_metadata.INVALID_METADATA,
                    "token_endpoint_auth_method cannot be changed: register a new client",
                )
            changed = await service.update_metadata(self._call(request), found, metadata)
        except errors.NotFound:
            return _unauthorized().response()
        except OAuthError as problem:
            return problem.response()
        return self._response(resource, changed, 200)

    async def delete(self, request: Request) -> Response:
        """Delete a client (RFC 7592 section 2.3)."""
        try:
            resource = await self._resource(request)
            found = await self._registration(request, resource)
            await service.remove(self._call(request), found)
        except errors.NotFound:
            return _unauthorized().response()
        except OAuthError as problem:
            return problem.response()
        return Response(204, b"", dict(NO_STORE))

    async def _resource(self, request: Request) -> Resource:
        """Return the resource of the path, if clients may register there."""
        resource = await self._resources.find(request.params["resource_id"])
        if resource is None:
            raise OAuthError("invalid_request", "there is no such resource", status=404)
        if not resource.dynamic_registration:
            raise OAuthError(
                "access_denied", "this resource has no dynamic client registration", status=403
            )
        return resource

    async def _registration(self, request: Request, resource: Resource) -> Registration:
        """Return the registration that the token of a request manages."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        found = None
        if scheme.lower() == "bearer":
            found = await service.find(
                self._db, resource.id, request.params["client_id"], token.strip()
            )
        if found is None:
            request.tell(await self._failed(request))
            raise _unauthorized()
        return found

    async def _failed(self, request: Request) -> dict[str, str]:
        try:
            return await self._rates.take_failure(request.address)
        except errors.RateLimited as problem:
            raise OAuthError.of(problem) from None

    def _call(self, request: Request) -> Call:
        return Call(ANONYMOUS, self._db, request.request_id, origin=request.origin)

    def _response(self, resource: Resource, registered: Registration, status: int) -> Response:
        client = registered.client
        uri = f"{registration_endpoint(self._public_url, resource.id)}/{client.id}"
        members: dict[str, Any] = {
            "client_id": client.id,
            "client_id_issued_at": client.create_time // SECOND,
            "client_name": client.name,
            "redirect_uris": list(client.post_login_uris),
            "grant_types": list(client.grant_types),
            "response_types": ["code"],
            "token_endpoint_auth_method": client.token_endpoint_auth_method,
            "application_type": registered.application_type,
            "scope": " ".join(resource.scopes),
            "registration_client_uri": uri,
        }
        if registered.access_token:
            members["registration_access_token"] = registered.access_token
        if registered.secret:
            members["client_secret"] = registered.secret
        if client.token_endpoint_auth_method != NONE:
            members["client_secret_expires_at"] = 0
        for name in ("description", "client_uri", "logo_uri", "policy_uri", "tos_uri"):
            if value := getattr(client, name):
                members[name] = value
        response = Response.json(members, status)
        response.headers |= NO_STORE
        return response


def _metadata(request: Request) -> ClientMetadata:
    return _parse(_members(request))


def _parse(members: dict[str, Any]) -> ClientMetadata:
    try:
        return client_metadata.parse(members)
    except MetadataError as problem:
        raise OAuthError(problem.error, problem.description) from None


def _members(request: Request) -> dict[str, Any]:
    """Return the members of a JSON body of any content type."""
    try:
        members = strict_json.loads(request.body)
    except ValueError:
        members = None
    if not isinstance(members, dict) or strict_json.has_nul(members, spelled=request.body):
        raise OAuthError(client_metadata.INVALID_METADATA, "the body must be a JSON object")
    return members


def _unauthorized() -> OAuthError:
    problem = OAuthError(
        "invalid_token", "the registration access token does not manage this client", status=401
    )
    problem.headers = {"www-authenticate": _CHALLENGE}
    return problem
