"""The HTTP route of this package: a file of users as the body, the report as the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tenantry.api import row_validation
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import Caller, Kind
from tenantry.net.http import Request, Response, Route
from tenantry.tenants.memberships.model import Rules
from tenantry.transfer.bulk import importing
from tenantry.transfer.bulk.formats import Format

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.app_context import AppContext
    from tenantry.db.engine import Database
    from tenantry.rate_limits.rates import Rates
    from tenantry.transfer.bulk.importing import Order

    Authenticate = Callable[[Mapping[str, str], str], Awaitable[Caller]]

PATH = "/api/v1/users:import"
# Fewer than a command takes at once: other calls wait while a batch is made ready.
_BATCH_ROWS = 250
_MOST_QUERY = 1000  # characters that are looked at
_SWITCHES = ("dry_run", "create_organizations")


def routes(context: AppContext) -> list[Route]:
    s = context.settings
    imports_ = Imports(context.db, context.authenticate, context.rates, Rules.of(s), s.region)
    return [Route("POST", PATH, imports_.users, streams=True)]


class Imports:
    def __init__(
        self,
        db: Database,
        authenticate: Authenticate,
        rates: Rates,
        rules: Rules,
        region_code: str,
    ) -> None:
        self._db = db
        self._authenticate = authenticate
        self._rates = rates
        self._rules = rules
        self._region_code = region_code

    async def users(self, request: Request) -> Response:
        """Import the users of the body, as fast as they are written."""
        caller = await self._authenticate(request.headers, request.address)
        request.context.caller = caller
        if caller.is_client:
            request.tell(await self._rates.take_client(caller.id))
        if caller.kind is Kind.ANONYMOUS:
            raise errors.Unauthenticated
        if caller.kind is not Kind.MANAGEMENT_CLIENT:
            raise errors.PermissionDenied
        kind, switches = _format(request), _switches(request.query)
        _check_scopes(caller, switches)
        order = self._order(switches)
        call = Call(caller, self._db, request.request_id)
        assert request.pieces is not None
        report = await importing.run(call, request.pieces, order, kind=kind)
        return Response.json(report.to_json())

    def _order(self, switches: Mapping[str, bool]) -> Order:
        return importing.Order(
            row_validation.check_user,
            row_validation.check_organization,
            self._rules,
            self._region_code,
            batch_rows=_BATCH_ROWS,
            **switches,
        )


def _check_scopes(caller: Caller, switches: Mapping[str, bool]) -> None:
    """Refuse a management client that may not make the calls that an import stands for."""
    needed = ["users:write"]
    if switches.get("create_organizations"):
        needed.append("organizations:write")
    missing = (
        [] if caller.permissions is None else [n for n in needed if n not in caller.permissions]
    )
    if missing:
        raise errors.PermissionDenied(
            f"this call needs the management scope {' and '.join(missing)}, which the access "
            "token lacks"
        )


def _format(request: Request) -> Format:
    if request.headers.get("content-encoding", "identity") != "identity":
        raise errors.UnsupportedMediaType("a file must come uncompressed: no content-encoding")
    try:
        return Format(request.media_type)
    except ValueError:
        raise errors.UnsupportedMediaType(
            f"content-type must be {Format.NDJSON.value} or {Format.CSV.value}"
        ) from None


def _switches(query: str) -> dict[str, bool]:
    """Return the switches that a query sets."""
    switches = {}
    for name, value in parse_qsl(query[:_MOST_QUERY], keep_blank_values=True):
        if name not in _SWITCHES:
            raise errors.InvalidArgument.field(name[:60], "unknown_field", "is not a parameter")
        if value not in {"true", "false"}:
            raise errors.InvalidArgument.field(name, "type", "must be true or false")
        switches[name] = value == "true"
    return switches
