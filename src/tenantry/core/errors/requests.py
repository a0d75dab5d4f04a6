"""Errors about a request: an unknown object or route, a precondition, a size, a rate."""

from __future__ import annotations

from tenantry.core.errors.base import Code, Error


class NotFound(Error):
    """The object is unknown, deleted, or of another organization; the error is the same."""

    code = Code.NOT_FOUND

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} not found")


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


class Unimplemented(Error):
    """The method does not exist."""

    code = Code.UNIMPLEMENTED
    sentence = "unknown method"


class SettingFixed(Error):
    """A setting of the deployment fixes the value, so no call can change it."""

    code = Code.FAILED_PRECONDITION
    error_code = "FIXED_BY_SETTING"

    def __init__(self, setting: str) -> None:
        super().__init__(
            f"{setting} sets this value: unset it to change this value through the API"
        )


class NotInThisVersion(Error):
    """This version does not support the call."""

    code = Code.UNIMPLEMENTED

    def __init__(self, feature: str, reason: str = "") -> None:
        told = f": {reason}" if reason else ""
        super().__init__(f"{feature} are not in this version{told}")


_LONGEST_PATH = 200  # characters of one that is repeated


class RouteNotFound(Error):
    """The path does not exist; ``hint`` names a similar one."""

    code = Code.NOT_FOUND
    sentence = "path not found"

    def __init__(self, path: str = "", hint: str = "") -> None:
        if len(path) > _LONGEST_PATH:
            path = path[:_LONGEST_PATH] + "…"
        told = "; ".join(filter(None, (path, hint)))
        super().__init__(f"{self.sentence}: {told}" if told else "")


class MethodNotAllowed(Error):
    """The path does not support this method; `allow` lists those it supports (RFC 9110 15.5.6)."""

    code = Code.UNIMPLEMENTED
    error_code = "METHOD_NOT_ALLOWED"
    http_status = 405

    def __init__(self, allow: str) -> None:
        super().__init__(f"method not allowed, try {allow}", headers={"allow": allow})


class PayloadTooLarge(Error):
    """The body exceeds the size limit."""

    code = Code.RESOURCE_EXHAUSTED
    error_code = "PAYLOAD_TOO_LARGE"
    http_status = 413
    sentence = "the body is too large"

    @classmethod
    def over(cls, limit: int) -> PayloadTooLarge:
        """Return the error of a body that has more bytes than this."""
        size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"
        return cls(f"the body is larger than {size}")


class RateLimited(Error):
    """Too many requests. The next one is accepted after ``wait`` seconds, at least 1.

    ``headers`` describe the state of the limit (`rate_limits`).
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
    """The call does not accept a body of this media type."""

    code = Code.INVALID_ARGUMENT
    error_code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415
    sentence = "content-type must be application/json"
