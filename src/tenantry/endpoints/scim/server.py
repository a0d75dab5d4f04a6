"""Each request from its token to its line in the log, and the endpoint that answers it."""

from __future__ import annotations

import logging
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.times import now
from tenantry.crypto import vault
from tenantry.db.engine import DuplicateKey, Failure
from tenantry.db.ttl_cache import FRESH_SECONDS, TtlCache
from tenantry.db.writes.retries import retried
from tenantry.endpoints.scim import bulk, listing
from tenantry.endpoints.scim.answers import answer, list_of, refused
from tenantry.endpoints.scim.bulk import MOST_OPERATIONS
from tenantry.endpoints.scim.endpoints import ENDPOINTS, INLINE_MEMBERS, is_id, location
from tenantry.endpoints.scim.exchanges import Bodies, Exchange, parameters, revisions
from tenantry.net.http import MAX_BODY
from tenantry.telemetry.metrics import table as metrics
from tenantry.tenants.directories import registry, secrets
from tenantry.tenants.directories.effects import provisioning
from tenantry.tenants.directories.scim import discovery, schemas
from tenantry.tenants.directories.scim.faults import Fault, quotable
from tenantry.tenants.user_attributes import reading as user_attributes
from tenantry.tenants.user_attributes.model import DIRECTORY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.db.engine import Database, Session
    from tenantry.db.writes.last_uses import LastUses
    from tenantry.endpoints.scim.endpoints import Endpoint
    from tenantry.net.http import Request, Response, StreamingResponse
    from tenantry.rate_limits.rates import Rates
    from tenantry.tenants.directories.model import Directory, Secret
    from tenantry.tenants.directories.request_log import RequestLog
    from tenantry.tenants.directories.scim.schemas import Schema
    from tenantry.tenants.directories.scim.selections import Selection

_log = logging.getLogger(__name__)
_CONFIG, _TYPES, _SCHEMAS = "serviceproviderconfig", "resourcetypes", "schemas"
_DISCOVERY = (_CONFIG, _TYPES, _SCHEMAS)
# As figures name them: a provider may ask for any other.
_RESOURCES = {name: name for name in (*ENDPOINTS, "bulk")} | dict.fromkeys(_DISCOVERY, "discovery")
_MOST_TOLD = 10_000  # directories
_MOST_TOKENS = 10_000  # in force, and as many that are not
_TOKENS_AT_ONCE = 1000  # of a statement
# A Tenantry token; another spelling costs no more than this look.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,256}")
# The environment's own attributes are one value.
_OWN = "attributes"
_SEARCH = ".search"
_DISABLED = "the directory is disabled: its administrator must enable it before it accepts changes"
_ME = (
    "/Me is not implemented: a bearer token identifies a directory, not a user "
    "(RFC 7644 section 3.11)"
)


class Bearers:
    """Directories by the secrets that open them, as read less than 0.9 seconds ago."""

    def __init__(self, db: Session) -> None:
        self._known: TtlCache[str, tuple[Secret, Directory]] = TtlCache(
            partial(secrets.read, db),
            seconds=FRESH_SECONDS,
            most=_MOST_TOKENS,
            absent=_MOST_TOKENS,
            at_once=_TOKENS_AT_ONCE,
            name="directory secrets",
        )

    async def find(self, headers: Mapping[str, str], directory_id: str) -> tuple[Secret, Directory]:
        """Return the secret of a request's header, and its directory, which has this id."""
        scheme, _, token = headers.get("authorization", "").strip().partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise errors.Unauthenticated("send the secret of the directory as a bearer token")
        digest = vault.digest(token)
        found = await self._known.get(digest) if _TOKEN.fullmatch(token) else None
        if found is not None and not found[1].enabled:
            # It may just have been enabled, after the provider's test: no is not from memory.
            found = await self._known.get(digest, since=time.monotonic())
        if found is None or not found[0].in_force(now()) or found[1].id != directory_id:
            raise errors.Unauthenticated("the bearer token is invalid or has expired")
        return found


class ScimServer:
    def __init__(
        self,
        db: Database,
        rates: Rates,
        *,
        bearers: Bearers,
        uses: LastUses,
        log: RequestLog,
        public_url: str,
        is_modular: bool,
    ) -> None:
        self._db = db
        self._rates = rates
        self._bearers = bearers
        self._uses = uses
        self._log = log
        self._public_url = public_url
        self._is_modular = is_modular
        self._bodies = Bodies()
        self._told: dict[str, float] = {}  # when requests of directories were last noted
        self._custom: TtlCache[str, Schema] = TtlCache(
            self._read_custom, seconds=FRESH_SECONDS, most=1, absent=1, name="directory attributes"
        )

    async def __call__(self, request: Request) -> Response | StreamingResponse:
        began = time.perf_counter()
        directory = await self._admitted(request)
        caller = provisioning.caller_of(directory, is_modular=self._is_modular)
        request.context.caller = caller
        x = Exchange(
            request,
            directory,
            Call(caller, self._db, request.request_id, origin=request.origin),
            f"{self._public_url}/directory/{directory.id}/scim/v2",
            await self._custom.get(_OWN),
            {},
        )
        error = ""
        try:
            _check_enabled(directory, request)
            async with self._bodies.read(x):
                response = await retried(self._answered, x)
            await self._connected(x)
        except (Fault, errors.Error) as problem:
            error = str(problem)
            response = refused(problem, request)
        except DuplicateKey as problem:
            error = str(problem)
            response = refused(errors.Duplicate(problem.field), request)
        self._note(x, response.status, error, began)
        return response

    async def _admitted(self, request: Request) -> Directory:
        """Return the directory that a request speaks for; count it, or the failure."""
        try:
            secret, directory = await self._bearers.find(
                request.headers, request.params["directory_id"]
            )
        except errors.Unauthenticated:
            request.tell(await self._rates.take_failure(request.address))
            raise
        self._uses.note(secret.id)
        if self._rates.of_clients:
            request.tell(await self._rates.take_client(directory.id))
        return directory

    async def _connected(self, x: Exchange) -> None:
        """Note that a request was taken: for a directory once in a moment, as it was read."""
        last, at = self._told.get(x.directory.id), time.monotonic()
        if last is not None and at - last < FRESH_SECONDS:
            return
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[x.directory.id] = at
        try:
            await registry.connected(x.call, x.directory)
        except (errors.Error, Failure) as problem:
            # The request itself is done, and the next one notes it.
            fields = {"directory_id": x.directory.id, "problem": str(problem)}
            _log.warning("failed to record a directory request", extra={"fields": fields})

    async def _read_custom(self, keys: Sequence[str]) -> dict[str, Schema]:
        found = await user_attributes.of_kind(self._db, DIRECTORY)
        datatypes = {one.key: one.datatype for one in found if one.enabled}
        return {key: schemas.custom(datatypes) for key in keys} if datatypes else {}

    def _note(self, x: Exchange, status: int, error: str, began: float) -> None:
        first = x.request.params["path*"].strip("/").partition("/")[0].lower()
        metrics.SCIM_REQUESTS.add(_RESOURCES.get(first, "other"), x.request.verb, status)
        self._log.note(
            organization_id=x.directory.organization_id,
            directory_id=x.directory.id,
            method=x.request.verb,
            path="/" + x.request.params["path*"],
            query=x.request.query,
            user_agent=x.request.headers.get("user-agent", ""),
            request_id=x.request.request_id,
            status=status,
            milliseconds=round((time.perf_counter() - began) * 1000),
            error=error,
            resource_id=x.resource_id,
            payload=x.payload,
            skipped=x.skipped,
        )

    async def _answered(self, x: Exchange) -> Response | StreamingResponse:
        request = x.request
        x.skipped.clear()  # by a run before this one
        # Double and trailing slashes come of base addresses that were typed with one.
        parts = [unquote(part) for part in request.params["path*"].split("/") if part]
        first = parts[0].lower() if parts else ""
        verb = "GET" if request.verb == "HEAD" else request.verb
        x.parameters = parameters(request.query)
        endpoint = ENDPOINTS.get(first)
        if endpoint is None or len(parts) > 2:
            return await self._elsewhere(x, first, parts[1:], verb)
        if len(parts) == 1:
            return await self._of_type(x, endpoint, verb)
        if parts[1].lower() == _SEARCH:
            _only("POST", verb)
            return await listing.of_type(x, endpoint, _lowered(x.read()))
        return await self._of_one(x, endpoint, verb, parts[1])

    async def _elsewhere(
        self, x: Exchange, first: str, rest: Sequence[str], verb: str
    ) -> Response | StreamingResponse:
        """Answer a request that is not for one type of resources."""
        if first == "me":
            raise Fault(501, "", _ME)
        if first in _DISCOVERY:
            _only("GET", verb)
            documentation = f"{self._public_url}/docs"
            return answer(_document(x, first, rest, documentation, is_modular=self._is_modular))
        if rest or first not in {"", _SEARCH, "bulk"}:
            raise Fault(404, "", f"There is no endpoint /{quotable(first)}.")
        _only("POST" if first else "GET", verb)
        if first == "bulk":
            return await bulk.answered(x)
        return await listing.of_all(x, _lowered(x.read()) if first else x.parameters)

    async def _of_type(
        self, x: Exchange, endpoint: Endpoint, verb: str
    ) -> Response | StreamingResponse:
        if verb == "GET":
            return await listing.of_type(x, endpoint, x.parameters)
        if verb != "POST":
            raise errors.MethodNotAllowed("GET, HEAD, POST")
        selection = listing.selection(x.parameters)
        record = await endpoint.create(x, x.read())
        headers = {"location": location(x, endpoint, record.id)}
        return await _representation(x, endpoint, record, selection, status=201, headers=headers)

    async def _of_one(
        self, x: Exchange, endpoint: Endpoint, verb: str, id_: str
    ) -> Response | StreamingResponse:
        if not is_id(id_):
            raise Fault(404, "", f"Resource {quotable(id_)} not found.")
        x.resource_id = id_
        selection = listing.selection(x.parameters)
        if verb == "GET":
            record = await endpoint.get(x, id_)
            if _is_known(x.request, record.revision):
                return answer(None, 304, {"etag": f'W/"{record.revision}"'})
            return await _representation(x, endpoint, record, selection)
        x.call.if_match = revisions(x.request.headers.get("if-match"))
        if verb == "DELETE":
            await endpoint.remove(x, id_)
            return answer(None, 204)
        if verb == "PUT":
            record = await endpoint.replace(x, id_, x.read())
            return await _representation(x, endpoint, record, selection)
        if verb != "PATCH":
            raise errors.MethodNotAllowed("DELETE, GET, HEAD, PATCH, PUT")
        record = await endpoint.patch(x, id_, x.read())
        if endpoint.patched == 204 and "attributes" not in x.parameters:
            return answer(None, 204, {"etag": f'W/"{record.revision}"'})
        return await _representation(x, endpoint, record, selection)


async def _representation(
    x: Exchange,
    endpoint: Endpoint,
    record: Any,
    selection: Selection,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response | StreamingResponse:
    more = {
        "etag": f'W/"{record.revision}"',
        "content-location": location(x, endpoint, record.id),
        **(headers or {}),
    }
    if endpoint.members([record], selection) > INLINE_MEMBERS:
        return listing.streamed(x, record, selection, status=status, headers=more)
    (resource,) = await endpoint.representations(x, [record], selection)
    return answer(resource, status, more)


def _document(
    x: Exchange, name: str, rest: Sequence[str], documentation: str, *, is_modular: bool
) -> dict[str, Any]:
    """Return the document below a name, or the list of all of them."""
    if "filter" in x.parameters:
        raise Fault(403, "", f"/{name} does not support filters.")
    if name == _CONFIG and not rest:
        return discovery.service_provider_config(
            x.base,
            documentation=documentation,
            most_results=listing.MOST_COUNT,
            bulk_operations=MOST_OPERATIONS,
            bulk_bytes=MAX_BODY,
            page_size=listing.DEFAULT_COUNT,
        )
    if name == _CONFIG or len(rest) > 1:
        raise Fault(404, "", "This path does not exist.")
    if name == _TYPES:
        documents = discovery.resource_types(x.base, x.custom)
    else:
        documents = discovery.schemas(x.base, x.custom, accounts=not is_modular)
    if not rest:
        return list_of(documents, len(documents))
    found = next((one for one in documents if one["id"].lower() == rest[0].lower()), None)
    if found is None:
        raise Fault(404, "", f"{rest[0][:100]} not found.")
    return found


def _lowered(payload: dict[str, Any]) -> dict[str, Any]:
    """Return the members of a search by their names in lower case."""
    return {name.lower(): value for name, value in payload.items()}


def _check_enabled(directory: Directory, request: Request) -> None:
    """Refuse a request to a disabled directory; one that was never enabled may be read.

    So providers try the address and the secret when they are set up, and find nobody there.
    """
    is_new = directory.first_enable_time is None
    searches = request.verb == "POST" and request.params["path*"].endswith(_SEARCH)
    reads = searches or request.verb in {"GET", "HEAD"}
    if not directory.enabled and not (is_new and reads):
        raise errors.PermissionDenied(_DISABLED)


def _only(allowed: str, verb: str) -> None:
    if verb != allowed:
        raise errors.MethodNotAllowed("GET, HEAD" if allowed == "GET" else allowed)


def _is_known(request: Request, revision: int) -> bool:
    """Whether the sender has a resource as it is (RFC 9110 section 13.1.2)."""
    header = request.headers.get("if-none-match")
    known = revisions(header)
    return header is not None and (known is None or revision in known)
