"""Every error: its name, gRPC code, error_code and sentence; one table from code to HTTP status.

Raised anywhere, translated by the endpoints. The text is for the caller's eyes: it names the
field and never holds a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Code(IntEnum):
    """gRPC status codes that we use (https://grpc.io/docs/guides/status-codes/)."""

    CANCELED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


HTTP_STATUS = {
    Code.CANCELED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken field rule: the field's path, the rule, and the fault of the value."""

    field: str
    constraint: str
    description: str
    whole: bool = False  # it is about the object at this path, by a rule of the contract


class Error(Exception):
    """An answer that is not the one asked for."""

    code = Code.INTERNAL
    error_code = ""  # the code's name where empty
    http_status = 0  # the code's status where 0
    sentence = "internal error"
    help = ""  # a sentence on what to do, beside one that clients know word by word

    def __init__(
        self,
        message: str = "",
        *,
        help: str = "",  # noqa: A002 - as the contract calls it
        violations: tuple[Violation, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message or self.sentence)
        self.message = message or self.sentence
        self.help = help or self.help
        self.violations = violations
        self.headers = headers or {}

    def __str__(self) -> str:
        """Return the sentence."""
        return self.message

    def rename(self, body: str) -> None:
        """Name the fields as a body has them that is the field ``body`` of its message."""
        told = _told(self.violations)
        self.violations = tuple(_within(one, body) for one in self.violations)
        self.message = self.message.replace(told, _told(self.violations), 1)

    @property
    def status(self) -> int:
        """The HTTP status of this error over REST."""
        return self.http_status or HTTP_STATUS[self.code]

    @property
    def name(self) -> str:
        """The error_code that clients read; never empty."""
        return self.error_code or self.code.name


def _told(violations: tuple[Violation, ...]) -> str:
    return "; ".join(f"{one.field}: {one.description}" for one in violations)


def _within(violation: Violation, body: str) -> Violation:
    before, _, rest = violation.field.partition(body)
    # A rule of a service may name a member that is called as the body is.
    about = violation.whole or violation.constraint in {"required", "type"}
    is_body = rest[:1] == "[" or (not rest and about)
    if before or not (is_body or rest[:1] == "."):
        return violation
    if not is_body:
        return replace(violation, field=rest[1:])
    meant = violation.description.replace(f"did you mean {body}[", "did you mean body[")
    return replace(violation, field=f"body{rest}", description=meant)


class InvalidArgument(Error):
    """A field rule is broken, or the body cannot be read."""

    code = Code.INVALID_ARGUMENT
    sentence = "invalid argument"

    @classmethod
    def field(cls, name: str, constraint: str, description: str) -> InvalidArgument:
        """Return the error of one broken field rule."""
        return cls.of((Violation(name, constraint, description),))

    @classmethod
    def of(cls, violations: tuple[Violation, ...], *, more: int = 0) -> InvalidArgument:
        """Return the error of several broken field rules, and of a number of further ones."""
        told = _told(violations)
        return cls(f"{told}; and {more} more" if more else told, violations=violations)


class Modular(InvalidArgument):
    """People are recognized by identity providers alone, in modular mode."""

    error_code = "MODULAR_AUTH"
    sentence = "this server is in modular mode: people sign in by identity providers alone"


class Duplicate(Error):
    """Another object already has this value of a field that is unique.

    Clients read it as a bad request and look for these words. ``find`` returns the id of the other
    object, "" if it is gone, from a database: for callers with a right to see it, and outside of
    transactions.
    """

    code = Code.INVALID_ARGUMENT

    def __init__(
        self,
        field: str,
        value: str = "",
        *,
        find: Callable[[Any], Awaitable[str]] | None = None,
        other: str = "",
    ) -> None:
        super().__init__()
        self.find = find
        self.other = other  # id of the other object, once it is told
        self._field = field
        self._value = value
        self._say()

    def tell(self, other: str) -> None:
        """Say which object has the value: only to whom may see it."""
        self.other = other
        self._say()

    def rename(self, body: str) -> None:
        """See `Error.rename`."""
        self._field = _within(self.violations[0], body).field
        self._say()

    def _say(self) -> None:
        shown = f" {self._value!r}" if self._value else ""
        self.message = f"duplicate key not allowed: {self._field}{shown} already exists"
        if self.other:
            self.message += f", {self.other} has it"
        self.violations = (Violation(self._field, "unique", self.message),)


class NotFound(Error):
    """The object is unknown, deleted, or of another organization: which, is not said."""

    code = Code.NOT_FOUND

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not found")


class Unauthenticated(Error):
    """This access token is bad, and nothing else: clients fetch a new one and call again."""

    code = Code.UNAUTHENTICATED
    sentence = "Token empty"
    help = (
        "send the header `Authorization: Bearer ...` with an access token, which POST /oauth/token "
        "gives for grant_type=client_credentials, client_id and client_secret"
    )


class PermissionDenied(Error):
    """The caller is known and may not make this call."""

    code = Code.PERMISSION_DENIED
    sentence = "this caller may not make this call"


class FeatureDisabled(PermissionDenied):
    """The call belongs to a feature that the caller's organization does not have on."""

    error_code = "FEATURE_DISABLED"

    def __init__(self, feature: str) -> None:
        super().__init__(f"the feature {feature} is disabled for this organization")


class ReauthenticationRequired(PermissionDenied):
    """The person signed in too long ago for this, and has to show again who they are."""

    error_code = "REAUTHENTICATION_REQUIRED"
    sentence = "the person has to sign in again for this: they last did too long ago"


class Impersonated(PermissionDenied):
    """An operator is signed in as a person: they see what the person sees, and change nothing."""

    error_code = "IMPERSONATED"
    sentence = (
        "you are signed in as a person, for support: make changes as yourself, at the console"
    )


class Intercepted(PermissionDenied):
    """An interceptor says no; the message is for the person, ``reason`` its code, if any."""

    error_code = "INTERCEPTOR_DENIED"

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class PreconditionFailed(Error):
    """If-Match names a revision that is not the current one (RFC 9110 section 13.1.1)."""

    code = Code.FAILED_PRECONDITION
    error_code = "PRECONDITION_FAILED"
    http_status = 412

    def __init__(self, current: int) -> None:
        super().__init__(
            f'if-match: the object has changed, its etag now is "{current}"',
            headers={"etag": f'"{current}"'},
        )


class IdempotencyMismatch(Error):
    """The Idempotency-Key was used for another request."""

    code = Code.INVALID_ARGUMENT
    error_code = "IDEMPOTENCY_KEY_REUSED"
    http_status = 422
    sentence = "idempotency-key: was used with another request within the last 24 hours"


class Busy(Error):
    """Nothing was done; the same call may succeed after ``seconds`` (RFC 9110 section 10.2.3)."""

    code = Code.UNAVAILABLE
    error_code = "BUSY"
    sentence = "the server is busy, try again"
    seconds = 1

    def __init__(self, message: str = "", *, seconds: int = 0) -> None:
        super().__init__(message, headers={"retry-after": str(seconds or self.seconds)})


class Draining(Busy):
    """The process is to stop: new connections belong to another one."""

    error_code = "DRAINING"
    sentence = "the server is stopping, connect again"


class Locked(Busy):
    """Somebody else holds what the call needs, for longer than calls wait."""

    error_code = "DATABASE_LOCKED"
    sentence = "another change holds what this call needs, try again"


class ConcurrentChange(Busy):
    """Another call changed the same objects first; nothing was done.

    The call is run once more before its caller is told (`tenantry.db.retries`).
    """

    error_code = "CONCURRENT_CHANGE"
    sentence = "another call changed the same objects at the same time, try again"


class TooManyConnections(Busy):
    """The database lets nobody else in."""

    error_code = "DATABASE_TOO_MANY_CONNECTIONS"
    sentence = "the database takes no more connections now, try again"
    seconds = 2


class Away(Busy):
    """The database does not answer."""

    error_code = "DATABASE_AWAY"
    sentence = "the database does not answer now, try again"
    seconds = 2


class ReadOnly(Busy):
    """The database answers questions and takes no changes."""

    error_code = "DATABASE_READ_ONLY"
    sentence = "the database takes no changes now, try again later"
    seconds = 5


class Upgraded(Busy):
    """The database belongs to a later version: this process is to be stopped."""

    error_code = "DATABASE_UPGRADED"
    sentence = "the database belongs to a later version of the server, try again there"
    seconds = 5


class DiskFull(Busy):
    """The database has no room for the change."""

    error_code = "DATABASE_FULL"
    sentence = "the database has no room left, try again later"
    seconds = 30


class Damaged(Busy):
    """The database file cannot be read as one."""

    error_code = "DATABASE_DAMAGED"
    sentence = "the database cannot be read, its operator has to repair it"
    seconds = 60


class OutcomeUnknown(Error):
    """The database went away before it said whether a change was made."""

    code = Code.DEADLINE_EXCEEDED
    error_code = "OUTCOME_UNKNOWN"
    sentence = (
        "the database did not say whether the change was made: read it before you try again, or "
        "try again with an idempotency-key"
    )


class DeadlineExceeded(Error):
    """The client's own time limit has passed."""

    code = Code.DEADLINE_EXCEEDED
    sentence = "the call took longer than the client waits"


class RequestTimeout(Error):
    """The request takes too long to come in (RFC 9110 section 15.5.9)."""

    code = Code.DEADLINE_EXCEEDED
    http_status = 408
    sentence = "the request did not arrive in time"


class UpgradeRequired(Error):
    """The request is HTTP/1.0 (RFC 9110 section 15.5.22)."""

    code = Code.UNIMPLEMENTED
    http_status = 426
    sentence = "HTTP/1.1 or later is needed"


class Unimplemented(Error):
    """There is no such rpc."""

    code = Code.UNIMPLEMENTED
    sentence = "unknown method"


class Fixed(Error):
    """A setting of the deployment says it, so that no call can: the text names the setting."""

    code = Code.FAILED_PRECONDITION
    error_code = "FIXED_BY_SETTING"

    def __init__(self, setting: str) -> None:
        super().__init__(f"{setting} says it for this deployment: unset that to have it said here")


class NotInThisVersion(Error):
    """The contract has this call, and this version does not serve it."""

    code = Code.UNIMPLEMENTED

    def __init__(self, feature: str, reason: str = "") -> None:
        told = f": {reason}" if reason else ""
        super().__init__(f"{feature} are not in this version{told}")


_LONGEST_PATH = 200  # characters of one that is repeated


class RouteNotFound(Error):
    """There is nothing at this path; ``hint`` is the likely meaning."""

    code = Code.NOT_FOUND
    sentence = "path not found"

    def __init__(self, path: str = "", hint: str = "") -> None:
        if len(path) > _LONGEST_PATH:
            path = path[:_LONGEST_PATH] + "…"
        told = "; ".join(filter(None, (path, hint)))
        super().__init__(f"{self.sentence}: {told}" if told else "")


class MethodNotAllowed(Error):
    """The path exists, this verb does not; `allow` lists those that do (RFC 9110 15.5.6)."""

    code = Code.UNIMPLEMENTED
    error_code = "METHOD_NOT_ALLOWED"
    http_status = 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"method not allowed, try {allow}", headers={"allow": allow})


class PayloadTooLarge(Error):
    """The body is over the limit."""

    code = Code.RESOURCE_EXHAUSTED
    error_code = "PAYLOAD_TOO_LARGE"
    http_status = 413
    sentence = "the body is too large"

    @classmethod
    def over(cls, limit: int) -> PayloadTooLarge:
        """Return the error of a body that has more bytes than this."""
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
        return cls(f"the body is over {size}")


class RateLimited(Error):
    """Too many requests in a time; the next one may come after ``wait`` seconds, 1 at least.

    ``headers`` say how it stands with the limit (`rate_limits`).
    """

    code = Code.RESOURCE_EXHAUSTED
    error_code = "RATE_LIMITED"

    def __init__(self, wait: int, headers: dict[str, str], message: str = "") -> None:
        unit = "second" if wait == 1 else "seconds"
        super().__init__(
            message or f"too many requests, try again in {wait} {unit}",
            headers={"retry-after": str(wait), **headers},
        )


class UnsupportedMediaType(Error):
    """The body is of a type that is not read here."""

    code = Code.INVALID_ARGUMENT
    error_code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415
    sentence = "content-type must be application/json"


class Internal(Error):
    """Something unexpected; the log has it under this request id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"internal error, request id {request_id}")
