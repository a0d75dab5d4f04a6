"""Files that pages load: style sheets, scripts, pictures, each at an address of its content."""

from __future__ import annotations

import functools
import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from tenantry.net.http import Response, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenantry.net.http import Request

_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "ico": "image/vnd.microsoft.icon",
    "woff2": "font/woff2",
}
_COMPRESSED = {"font/woff2"}
_FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Content:
    """A body that is sent again and again, also in gzip, and its digest."""

    plain: bytes
    packed: bytes
    digest: str

    @classmethod
    def of(cls, plain: bytes) -> Content:
        """Return these bytes with their gzip and digest."""
        return cls(plain, gzip.compress(plain, mtime=0), hashlib.sha256(plain).hexdigest()[:16])

    def answer(self, request: Request, media_type: str, headers: Mapping[str, str]) -> Response:
        """Answer with it, in gzip where the client takes that.

        A client that has it already is told so (RFC 9110 section 13.1.2).
        """
        accepted = request.headers.get("accept-encoding", "")
        packed = media_type not in _COMPRESSED and takes_gzip(accepted)
        tag = f'"{self.digest}{"-gzip" if packed else ""}"'
        headers = {**headers, "etag": tag, "vary": "accept-encoding"}
        if _has(request.headers.get("if-none-match", ""), tag):
            return Response(304, b"", headers)
        headers["content-type"] = media_type
        if packed:
            return Response(200, self.packed, {**headers, "content-encoding": "gzip"})
        return Response(200, self.plain, headers)


class Asset:
    """A file at one path, made when it is first asked for.

    ``cache`` is the Cache-Control at the path alone; `url` also names the content, which may
    be kept for ever there.
    """

    def __init__(self, path: str, make: Callable[[], bytes], *, cache: str = "no-cache") -> None:
        self.path = path
        self._make = make
        self._cache = cache
        self._media_type = _MEDIA_TYPES[path.rpartition(".")[2]]

    @classmethod
    def of_files(cls, path: str, *names: str, cache: str = "no-cache") -> Asset:
        """Return one that holds these files of the package, such as web/static/plain.css."""
        return cls(path, lambda: b"".join(read(name) for name in names), cache=cache)

    @property
    def route(self) -> Route:
        """The route that serves it."""
        return Route("GET", self.path, self.answer)

    @functools.cached_property
    def url(self) -> str:
        """The address of the content as it is now."""
        return f"{self.path}?v={self._content.digest}"

    async def answer(self, request: Request) -> Response:
        current = f"{request.path}?{request.query}" == self.url
        headers = {"cache-control": _FOREVER if current else self._cache}
        return self._content.answer(request, self._media_type, headers)

    @functools.cached_property
    def _content(self) -> Content:
        return Content.of(self._make())


def read(name: str) -> bytes:
    """Return a file of the package, such as web/static/style.css."""
    return files("tenantry").joinpath(*name.split("/")).read_bytes()


def takes_gzip(accepted: str) -> bool:
    """Return whether Accept-Encoding allows gzip (RFC 9110 section 12.5.3).

    Without the header nobody asks for it.
    """
    weights: dict[str, bool] = {}
    for part in accepted.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        weights[name] = weight.strip("0.") != "" if weight else True
    return weights.get("gzip", weights.get("*", False))


def _has(if_none_match: str, tag: str) -> bool:
    tags = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in tags or if_none_match.strip() == "*"
