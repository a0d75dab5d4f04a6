"""One request to a service of keys, and what its failures mean."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json
from tenantry.crypto.master_key import MasterKeyError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

_SECONDS = 10.0
_NEARBY_SECONDS = 2.0
_MOST = 65536  # bytes of an answer
_LATER = {429, 500, 502, 503, 504}  # a later try may do


class Refused(Exception):
    """The service has answered with an error; ``body`` is the JSON of it, {} for none."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status = status
        self.body = body if isinstance(body, dict) else {}

    def error(self, service: str, said: str) -> MasterKeyError:
        """Return it for the operator, with a few words of what the service has said."""
        text = f"{service} answers {self.status}" + (f" ({said[:200]})" if said else "")
        return MasterKeyError(text, may_pass=self.status in _LATER)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The request holds a token: it goes where it was meant to go, or nowhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


def ask(
    service: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    method: str = "POST",
    trusting: ssl.SSLContext | None = None,
    nearby: bool = False,
) -> bytes:
    """Return the body of the answer to a request.

    One ``nearby`` is of this machine alone: no proxy reaches it, and it answers at once.

    Raises:
        Refused: the answer is an error.
        MasterKeyError: there is none.

    """
    request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310
    proxies = urllib.request.ProxyHandler({} if nearby else None)
    opener = urllib.request.build_opener(
        proxies, urllib.request.HTTPSHandler(context=trusting), _NoRedirects
    )
    seconds = _NEARBY_SECONDS if nearby else _SECONDS
    try:
        with opener.open(request, timeout=seconds) as answer:
            content: bytes = answer.read(_MOST)
    except urllib.error.HTTPError as problem:
        raise Refused(problem.code, _json(problem.read(_MOST))) from None
    except (OSError, ValueError) as problem:  # URLError too, and an answer in no HTTP
        reason = getattr(problem, "reason", problem)
        text = f"{service} cannot be reached: {reason or type(problem).__name__}"
        raise MasterKeyError(text, may_pass=True) from None
    return content


def _json(content: bytes) -> Any:
    try:
        return strict_json.loads(content)
    except ValueError:
        return {}


def member(service: str, content: bytes, *names: str) -> str:
    """Return a text within the JSON of an answer.

    Raises:
        MasterKeyError: there is none.

    """
    found = _json(content)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise MasterKeyError(f"{service} answers without {'.'.join(names)}")
    return found
