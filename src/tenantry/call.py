"""The Call handed to each rpc: passed by hand, never global."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.caller import NOWHERE, Caller, Origin, signed_in
from tenantry.core.event import Event
from tenantry.i18n import languages

if TYPE_CHECKING:
    from tenantry.db.engine import Session


# A header of the answer, where more rows may match than the total says.
TOTAL_SIZE, AT_LEAST = "x-total-size", "at-least"


@dataclass(slots=True)
class Call:
    """One call: its caller, request id, database session, and conditions."""

    caller: Caller
    db: Session
    request_id: str
    if_match: frozenset[int] | None = None  # revisions that the caller allows; None for any
    extra: dict[str, list[str]] = field(default_factory=dict)  # members of the query
    headers: dict[str, str] = field(default_factory=dict)  # of the answer; trailers on gRPC
    origin: Origin = NOWHERE
    found: Any = None  # by an rpc's `before_` method, for the rpc itself

    @property
    def language(self) -> str | None:
        """The language of the person whose browser asks; None for programs and operators."""
        if self.caller.is_client or self.caller.is_operators:
            return None
        return languages.best(self.origin.languages)

    def tag(self, revision: int) -> None:
        """Give the answer the ETag of what it shows."""
        self.headers["etag"] = f'"{revision}"'

    def tell_total(self, *, is_exact: bool) -> None:
        """Say in the answer's headers where the total of a list is the least that it can be."""
        if not is_exact:
            self.headers[TOTAL_SIZE] = AT_LEAST

    def expect(self, revision: int) -> None:
        """Stop a change of an object with another revision than the caller's If-Match allows."""
        if self.if_match is not None and revision not in self.if_match:
            raise errors.PreconditionFailed(revision)

    def text(self, name: str, most: int) -> str:
        """Return a Tenantry query parameter that is a text; "" where it is not given."""
        given = self.extra.get(name, [])
        if len(given) > 1:
            raise errors.InvalidArgument.field(name, "once", "is given more than once")
        found = given[0] if given else ""
        if len(found) > most:
            raise errors.InvalidArgument.field(
                name, "string.max_len", f"may have {most} characters at most"
            )
        if "\x00" in found:
            raise errors.InvalidArgument.field(
                name, "string.nul", "must not contain a NUL character"
            )
        return found

    def seconds(self, name: str, allowed: range) -> int | None:
        """Return a Tenantry query parameter that is a number of seconds; None where it is not
        given.
        """
        given = self.extra.get(name, [])
        if len(given) > 1:
            raise errors.InvalidArgument.field(name, "once", "is given more than once")
        for text in given:
            digits = text.isascii() and text.isdecimal() and len(text) <= 12
            if not digits or int(text) not in allowed:
                low, high = allowed[0], allowed[-1]
                raise errors.InvalidArgument.field(
                    name, "range", f"must be {low} to {high} seconds, got {text[:60]!r}"
                )
            return int(text)
        return None

    def as_user(
        self,
        db: Session,
        user_id: str,
        organization_id: str | None = None,
        session_id: str | None = None,
        *,
        impersonator: str = "",
    ) -> Call:
        """Return the call as one that this person makes, for its events and for what it ends.

        ``impersonator`` is the operator in their place.
        """
        caller = signed_in(user_id, organization_id, session_id, impersonator=impersonator)
        return replace(self, caller=caller, db=db)

    def event(
        self,
        type_: str,
        *,
        organization_id: str | None = None,
        before: dict[str, Any] | None = None,
        after: dict[str, Any] | None = None,
    ) -> Event:
        """Return the event that this call causes."""
        return Event(
            type=type_,
            actor=self.caller.actor,
            request_id=self.request_id,
            organization_id=organization_id,
            before=before,
            after=after,
        )
