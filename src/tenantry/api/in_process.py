"""Calls rpcs in process, through the same pipeline as calls over the network."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from tenantry.api import http_calls, policy
from tenantry.api.pipeline import Admission, revisions
from tenantry.call import AT_LEAST, TOTAL_SIZE
from tenantry.core.answer import message_of
from tenantry.gen.api_client import ApiClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from protobuf import Message

    from tenantry.api.http_calls import HttpCall
    from tenantry.api.methods import Method
    from tenantry.api.pipeline import Runner
    from tenantry.core.caller import Caller, Origin
    from tenantry.db.engine import Session


class Rpcs:
    """The rpcs that are served, by their paths, and the pipeline that runs them."""

    def __init__(self) -> None:
        self._pipeline: Runner | None = None
        self._methods: dict[str, Method] = {}
        self._named: dict[str, Method] = {}
        self._load: Callable[[str], Iterable[Method]] = lambda _: ()

    def serve(self, methods: Iterable[Method], pipeline: Runner) -> None:
        """Serve these from now on."""
        self._methods = {method.path: method for method in methods}
        self._named = {
            f"{method.service.rpartition('.')[2]}.{method.name}": method
            for method in self._methods.values()
        }
        self._pipeline = pipeline

    def serve_on_demand(self, rpcs_of: Callable[[str], Iterable[Method]], pipeline: Runner) -> None:
        """Serve the rpcs of each service from the first call on; the service is known by name."""
        self._load = rpcs_of
        self._pipeline = pipeline

    @property
    def served(self) -> Iterable[Method]:
        """The rpcs that `serve` was given, in the order of the contract."""
        return self._methods.values()

    def method(self, path: str) -> Method:
        """Return the rpc at a path."""
        if path not in self._methods:
            _, service, _ = path.split("/")
            self._methods |= {method.path: method for method in self._load(service)}
        return self._methods[path]

    def named(self, name: str) -> Method:
        """Return a served rpc by its name, as in `OrganizationService.GetOrganization`."""
        return self._named[name]

    async def run(
        self, method: Method, admission: Admission, message: Message[Any]
    ) -> tuple[Message[Any], dict[str, str]]:
        """Return the response to a caller that is signed in, and its headers."""
        assert self._pipeline is not None
        policy.check(method, admission.caller)
        response, headers = await self._pipeline.run(method, admission, message)
        return message_of(response), headers


class InProcessClient(ApiClient):
    """The API for one caller: `await api.users.get_user(GetUserRequest(...))`.

    ``sent`` has the HTTP requests that make the same calls, in order. ``are_totals_exact`` is False
    once the total of a returned list is a lower bound. With ``db``, an open transaction, the calls
    become part of it.
    """

    def __init__(
        self,
        rpcs: Rpcs,
        caller: Caller,
        request_id: str,
        origin: Origin,
        db: Session | None = None,
    ) -> None:
        super().__init__(self._invoke)
        self.caller = caller
        self.sent: list[HttpCall] = []
        self.are_totals_exact = True
        self._rpcs = rpcs
        self._request_id = request_id
        self._origin = origin
        self._db = db
        self._etag = ""
        self._if_match: str | None = None

    def if_unchanged(self) -> Self:
        """Return a client that sends If-Match with the ETag of the last response.

        A call then fails with PreconditionFailed if the object has changed since.
        """
        client = self._within(self._db)
        client._if_match = self._etag  # noqa: SLF001 - of the same class
        return client

    def request_line(self, rpc: str, /, **values: str) -> str:
        """Return verb and path of an rpc for display, without calling it.

        `request_line("RolesService.DeleteRole", role_name="admin")`: `values` are members of its
        request.
        """
        return http_calls.request_line(self._rpcs.named(rpc), values)

    @asynccontextmanager
    async def transaction(self, db: Session) -> AsyncIterator[Self]:
        """Return a client that commits all of its calls together.

        The calls must not wait for other servers, such as an identity provider.
        """
        async with db.transaction() as session:
            client = self._within(session)
            client.sent = self.sent
            yield client

    def _within(self, session: Session | None) -> Self:
        return type(self)(self._rpcs, self.caller, self._request_id, self._origin, session)

    async def _invoke(
        self, path: str, request: Message[Any], extra: Mapping[str, Sequence[str]]
    ) -> Message[Any]:
        method = self._rpcs.method(path)
        call = http_calls.of_message(method, request, extra)
        if call is not None:
            self.sent.append(call)
        beyond = {name: list(values) for name, values in extra.items()}
        assert method.if_match or self._if_match is None, f"{path} takes no If-Match"
        if_match = revisions(self._if_match)
        admission = Admission(
            self.caller, self._request_id, if_match, None, beyond, self._origin, self._db
        )
        response, headers = await self._rpcs.run(method, admission, request)
        self._etag = headers.get("etag", "")
        if headers.get(TOTAL_SIZE) == AT_LEAST:
            self.are_totals_exact = False
        return response
