"""Calls of the contract that this version does not serve: they are told so, on every wire.

An SDK then raises its "not implemented", and nobody looks for a misspelled path. Every caller is
told so, with credentials or without: the list is public, the SDKs do not take this answer for a
reason to fetch a token or to try again, and to one whose token has expired a new one would not
help. The list is `absent.txt` beside this module; a call that is served leaves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar

from tenantry.core import errors
from tenantry.net.http import MAX_ANONYMOUS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.endpoints.grpc_rest.router import Router
    from tenantry.net.http import Request, Response


@dataclass(frozen=True, slots=True)
class Absent:
    """One binding of a call that is not served."""

    path: str  # on gRPC, gRPC-Web and Connect; "" for a route that is not an rpc
    verb: str
    template: str
    feature: str  # what it belongs to, in the plural
    reason: str  # why not, or where it is instead; "" where it is yet to come
    streams: ClassVar[bool] = False
    wire: ClassVar[str] = "rest"

    @property
    def body_limit(self) -> int:
        """The bytes that its body may have."""
        return MAX_ANONYMOUS

    async def __call__(self, _request: Request) -> Response:
        """Refuse a request over REST."""
        raise self.refusal()

    def refusal(self) -> errors.NotInThisVersion:
        """Return the error that its caller gets."""
        return errors.NotInThisVersion(self.feature, self.reason)


def calls() -> Iterator[Absent]:
    """Yield every binding of the list."""
    text = files("tenantry.endpoints.grpc_rest").joinpath("absent.txt").read_text(encoding="utf-8")
    feature = reason = ""
    for line in text.splitlines():
        if line.startswith("["):
            feature, _, reason = line[1:-1].partition(": ")
        elif line and not line.startswith("#"):
            rpc, verb, template = line.split()
            yield Absent("" if rpc == "-" else f"/{rpc}", verb, template, feature, reason)


def add_routes(router: Router) -> None:
    """Register them all over REST.

    Raises:
        ValueError: one of them is served.

    """
    for call in calls():
        router.add(call.verb, call.template, call)
