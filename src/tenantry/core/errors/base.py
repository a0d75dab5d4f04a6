"""The base of all errors: codes, HTTP statuses and violations of fields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum


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
    """The base class of errors that are returned to callers."""

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
        told = described(self.violations)
        self.violations = tuple(prefixed(one, body) for one in self.violations)
        self.message = self.message.replace(told, described(self.violations), 1)

    @property
    def status(self) -> int:
        """The HTTP status of this error over REST."""
        return self.http_status or HTTP_STATUS[self.code]

    @property
    def name(self) -> str:
        """The error_code that clients read; never empty."""
        return self.error_code or self.code.name


def described(violations: tuple[Violation, ...]) -> str:
    return "; ".join(f"{one.field}: {one.description}" for one in violations)


def prefixed(violation: Violation, body: str) -> Violation:
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
