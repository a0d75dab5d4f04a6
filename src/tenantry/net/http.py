"""HTTP as the endpoints see it: a request read whole, a response, and a route to a handler."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import urlsplit

from tenantry.core import errors, urlencoded
from tenantry.core.caller import Origin
from tenantry.telemetry.request_context import RequestContext

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Iterator,
        Mapping,
    )

MAX_BODY = 1 << 20  # bytes of a request, also of a message once decompressed
MAX_ANONYMOUS = 64 << 10  # the same, where anybody may ask
MAX_STREAM = 1 << 30  # bytes of a body that its route takes piece by piece
UPLOAD_SECONDS = 60.0  # in which the body of a form with files arrives

# Set once the server is to stop: an answer that would go on for long ends then.
STOPPING = threading.Event()
# Set before that, while requests are answered as always: /readyz then sends balancers elsewhere.
DRAINING = threading.Event()


class ClientGone(Exception):
    """The client went away before its request, or the answer to it, was complete."""


class Pieces(Protocol):
    """The body of a request as it arrives."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the pieces that have not been taken."""

    async def __anext__(self) -> bytes:
        """Return the next piece."""

    def limit(self, size: int, seconds: float) -> None:
        """Limit the size of the whole body, and the seconds in which the rest arrives."""


@dataclass(slots=True)
class Request:
    """One request. Header names are in lower case; repeated headers are joined by a comma."""

    verb: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    # Of the client, as text, for limits and allow lists; "" if it is unknown. An IPv4 address is
    # never spelled as IPv6.
    address: str = ""
    scheme: str = "https"
    params: dict[str, str] = field(default_factory=dict)  # of the path, percent-decoded
    # The body of a route that takes it piece by piece, in the place of `body`: the client sends
    # no faster than it is read. Too large a one raises `errors.PayloadTooLarge` on the way.
    pieces: Pieces | None = None
    # Headers that its answer has in any case: how it stands with the rate limits.
    limits: dict[str, str] = field(default_factory=dict)
    # The record that observers get once it is over: an endpoint sets the caller here.
    context: RequestContext = field(default_factory=RequestContext)

    async def read_body(self, limit: int) -> None:
        """Read `pieces` into `body`, once. It does nothing where the body has been read."""
        if self.pieces is None:
            return
        self.pieces.limit(limit, UPLOAD_SECONDS)
        self.body = b"".join([piece async for piece in self.pieces])
        self.pieces = None

    def tell(self, headers: Mapping[str, str]) -> None:
        """Add these to `limits`, as further members of the lists there (RFC 9651 section 3.1)."""
        for name, value in headers.items():
            self.limits[name] = f"{self.limits[name]}, {value}" if name in self.limits else value

    @property
    def origin(self) -> Origin:
        """Where it came from."""
        headers = self.headers
        return Origin(
            self.address,
            headers.get("user-agent", ""),
            headers.get("cookie", ""),
            site=headers.get("sec-fetch-site", ""),
            page=headers.get("origin", ""),
            languages=headers.get("accept-language", ""),
        )

    @property
    def media_type(self) -> str:
        """The content type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_navigation(self) -> bool:
        """Whether a browser asks for a page to show; a page's own requests do not.

        Browsers say so (https://www.w3.org/TR/fetch-metadata/), and older ones ask for HTML, as
        some programs do: those bring their token.
        """
        headers = self.headers
        asked = "text/html" in headers.get("accept", "") and "authorization" not in headers
        return asked and headers.get("sec-fetch-mode", "navigate") == "navigate"

    def form(self, most: int = 50) -> dict[str, str]:
        """Return the members of an application/x-www-form-urlencoded body; each comes once."""
        if self.media_type != "application/x-www-form-urlencoded":
            raise errors.UnsupportedMediaType(
                "content-type must be application/x-www-form-urlencoded"
            )
        members: dict[str, str] = {}
        try:
            pairs = urlencoded.members(self.body.decode(), most=most)
        except ValueError:
            raise errors.InvalidArgument("the body is not a form in UTF-8") from None
        for name, value in pairs:
            if name in members:
                raise errors.InvalidArgument.field(name, "once", "is given more than once")
            if "\x00" in value:
                raise errors.InvalidArgument.field(
                    name, "string.nul", "must not contain a NUL character"
                )
            members[name] = value
        return members


@dataclass(slots=True)
class Response:
    """One response, sent whole; ``cookies`` are values of Set-Cookie, one header each."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cookies: list[str] = field(default_factory=list)
    error: str = ""  # the error that it tells, by its name, as `RequestContext` has it

    @classmethod
    def json(cls, content: Any, status: int = 200, **headers: str) -> Response:
        """Return a JSON response; in header names `_` stands for `-`."""
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body, {"content-type": "application/json", **named})

    @classmethod
    def redirect(cls, location: str, **headers: str) -> Response:
        """Return a redirect that a browser follows by GET; in header names `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(303, b"", {"location": location, **named})

    @classmethod
    def html(cls, page: str, status: int = 200, **headers: str) -> Response:
        """Return a page; in header names `_` stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, page.encode(), {"content-type": "text/html; charset=utf-8", **named})


@dataclass(slots=True)
class StreamingResponse:
    """One response, sent piece by piece as it comes about, no faster than the client takes it.

    ``pieces`` is closed when the client goes away, which only the sending of a piece can tell. An
    error that it raises cuts the response off, so that nobody takes a part for the whole.
    """

    pieces: AsyncGenerator[bytes]
    headers: dict[str, str]
    status: int = 200


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint's handler at a verb and path; `{name}` is one segment of it, `{name*}` the
    rest.
    """

    verb: str
    template: str
    handler: Callable[[Request], Awaitable[Response | StreamingResponse]]
    # Other origins may always read it (discovery, keys), regardless of the CORS setting.
    public: bool = False
    # It takes the body piece by piece, as `Request.pieces`.
    streams: bool = False
    # The bytes that its body may have, where it is read whole.
    body_limit: int = MAX_ANONYMOUS
    # How errors read there, where that is not as the API's: of all verbs, if it is of GET.
    refused: Callable[[errors.Error, Request], Response] | None = None

    wire: ClassVar[str] = "http"  # see `RequestContext`

    async def __call__(self, request: Request) -> Response | StreamingResponse:
        """Handle a request of this route."""
        return await self.handler(request)


def strict_transport(public_url: str) -> dict[str, str]:
    """Return the header that keeps browsers to HTTPS for a year (RFC 6797 section 6.1).

    None for plain HTTP, and none for localhost and addresses: it would be ignored for these, and
    on a developer's machine it would reach every other server at localhost.
    """
    url = urlsplit(public_url)
    host = (url.hostname or "").rstrip(".")
    local = host == "localhost" or host.endswith(".localhost")
    if url.scheme != "https" or local or ":" in host or host.rpartition(".")[2].isdigit():
        return {}
    return {"strict-transport-security": "max-age=31536000"}


@dataclass(frozen=True, slots=True)
class Cookie:
    """A Tenantry cookie, for this host alone, which no script reads.

    ``seconds`` is how long browsers keep it, None until they are closed. A partitioned
    one is kept for the frames of each site apart (CHIPS, draft-cutler-httpbis-partitioned-cookies).
    """

    name: str
    secure: bool
    seconds: int | None = None
    same_site: str = "lax"
    partitioned: bool = False

    @classmethod
    def of(cls, public_url: str, name: str, **attributes: Any) -> Cookie:
        """Return the cookie of a deployment.

        Browsers take a `__Host-` cookie only over TLS and never from a sibling domain
        (RFC 6265bis section 4.1.3.2).
        """
        secure = public_url.startswith("https:")
        return cls(f"__Host-{name}" if secure else name, secure, **attributes)

    def read(self, header: str) -> str:
        """Return the value that a Cookie header holds, "" without one."""
        return cookie(header, self.name)

    def issue(self, value: str) -> str:
        """Return the value of Set-Cookie that sets it."""
        return self._line(value, self.seconds)

    def clear(self) -> str:
        """Return the value of Set-Cookie that ends it."""
        return self._line("", 0)

    def _line(self, value: str, seconds: int | None) -> str:
        age = "" if seconds is None else f"; Max-Age={seconds}"
        secure = "; Secure" if self.secure else ""
        site = self.same_site.capitalize()
        part = "; Partitioned" if self.partitioned else ""
        return f"{self.name}={value}{age}; Path=/; HttpOnly; SameSite={site}{secure}{part}"


def cookie(header: str, name: str) -> str:
    """Return the value of one cookie of a Cookie header, "" without it.

    Split by hand (RFC 6265 section 4.2.1): the standard library's parser gives up on the whole
    header for one odd cookie of somebody else.
    """
    return next((value for key, value in cookies_of(header) if key == name), "")


def cookies_of(header: str) -> Iterator[tuple[str, str]]:
    """Yield names and values of a Cookie header, as `cookie` reads it."""
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        yield name, value
