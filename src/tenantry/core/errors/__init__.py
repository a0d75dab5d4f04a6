"""Every error: its name, gRPC code, error_code and sentence.

Code anywhere raises them; the endpoints translate them to their protocol. The message is for the
caller: it names the field and never contains a secret.
"""

from tenantry.core.errors.access import (
    FeatureDisabled,
    Impersonated,
    Intercepted,
    PermissionDenied,
    ReauthenticationRequired,
    Unauthenticated,
)
from tenantry.core.errors.availability import (
    Away,
    Busy,
    ConcurrentChange,
    Damaged,
    DeadlineExceeded,
    DiskFull,
    Draining,
    Internal,
    Locked,
    OutcomeUnknown,
    ReadOnly,
    RequestTimeout,
    TooManyConnections,
    Upgraded,
    UpgradeRequired,
)
from tenantry.core.errors.base import HTTP_STATUS, Code, Error, Violation
from tenantry.core.errors.requests import (
    Fixed,
    IdempotencyMismatch,
    MethodNotAllowed,
    NotFound,
    NotInThisVersion,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    RouteNotFound,
    Unimplemented,
    UnsupportedMediaType,
)
from tenantry.core.errors.validation import Duplicate, InvalidArgument, Modular

__all__ = [
    "HTTP_STATUS",
    "Away",
    "Busy",
    "Code",
    "ConcurrentChange",
    "Damaged",
    "DeadlineExceeded",
    "DiskFull",
    "Draining",
    "Duplicate",
    "Error",
    "FeatureDisabled",
    "Fixed",
    "IdempotencyMismatch",
    "Impersonated",
    "Intercepted",
    "Internal",
    "InvalidArgument",
    "Locked",
    "MethodNotAllowed",
    "Modular",
    "NotFound",
    "NotInThisVersion",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "PermissionDenied",
    "PreconditionFailed",
    "RateLimited",
    "ReadOnly",
    "ReauthenticationRequired",
    "RequestTimeout",
    "RouteNotFound",
    "TooManyConnections",
    "Unauthenticated",
    "Unimplemented",
    "UnsupportedMediaType",
    "UpgradeRequired",
    "Upgraded",
    "Violation",
]
