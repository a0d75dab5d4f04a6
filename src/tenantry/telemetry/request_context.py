"""A request as it is told to those who watch, once it is over: for logs, figures and traces."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.trace import Span

    from tenantry.core.caller import Caller

    Observer = Callable[["RequestContext"], None]

# HTTP's own verbs. A client may make up others, and each would be a time series.
_VERBS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_VERB = "_OTHER"  # as semantic conventions of OpenTelemetry have it
GONE = 499  # of a client that went away before an answer began; no status of RFC 9110


class Occurrence(NamedTuple):
    """Something that happened in a request, to be counted by kind and key."""

    kind: str
    key: str
    failed: bool = False


@dataclass(slots=True)  # not frozen: it is filled in on the way
class RequestContext:
    """One request, filled in while it is answered, and told to observers when it is over.

    An observer is called on the event loop that answered, and there are several in a process: it
    may not wait, and locks what it shares. It keeps values of this, and changes none.

    The route, the wire, the method, the statuses and the error are words from our tables, a few
    of each: these may be labels of figures.
    """

    verb: str = ""  # as it came: see `method`
    # As it came, without the query: a secret may be in it, and any character.
    path: str = ""
    request_id: str = ""
    # The template of the route (`/api/v1/organizations/{id}`), or the rpc's path
    # (`/scalekit.v1.organizations.OrganizationService/GetOrganization`); "" where none matched.
    route: str = ""
    # grpc, grpc-web or connect: an rpc by its path. rest: an rpc by its REST route. http: all
    # else, as pages, OAuth and SCIM, and what no route matched.
    wire: str = "http"
    # Of HTTP, which for gRPC is 200 also where the call failed. `GONE` where none was sent.
    status: int = GONE
    grpc_status: int | None = None  # of grpc and grpc-web, where one was sent
    error: str = ""  # `error_code`, or `error` of OAuth; "" where it went well or has none
    error_id: str = ""  # `err_...`, where the answer is about a refusal that has one
    seconds: float = 0.0  # until the last byte was handed over
    received: int = 0  # bytes of the body, as they came
    sent: int = 0  # bytes of the answer's body, as they went
    # Whether all of the answer was handed over: not to a client that went away, and not where a
    # stream was cut off.
    whole: bool = False
    caller: Caller | None = None  # None where nobody asked who it is, or nobody could tell
    span: Span | None = None  # where there is a collector of traces
    parts: int = 0  # spans below that one
    changed: bool = False  # a change that it made is committed
    waited: float = 0.0  # seconds in noticeable waits for a connection to the database
    occurrences: tuple[Occurrence, ...] = ()  # see `count`

    @property
    def method(self) -> str:
        """The verb, if it is one of HTTP's own; `OTHER_VERB` else."""
        return self.verb if self.verb in _VERBS else OTHER_VERB


# The request that is answered, for lines of the log.
CURRENT: ContextVar[RequestContext | None] = ContextVar("current", default=None)


def count(kind: str, key: str, *, failed: bool = False) -> None:
    """Add an occurrence to the current request, for the charts; do nothing outside of requests."""
    request_context = CURRENT.get()
    if request_context is not None:
        request_context.occurrences += (Occurrence(kind, key, failed),)
