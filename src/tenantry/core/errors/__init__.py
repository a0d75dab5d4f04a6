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
    Busy,
    ConcurrentChange,
    DatabaseDamaged,
    DatabaseUnavailable,
    DeadlineExceeded,
    DiskFull,
    Draining,
    Internal,
    Locked,
    OutcomeUnknown,
    ReadOnly,
    RequestTimeout,
    SchemaTooNew,
    TooManyConnections,
    UpgradeRequired,
)
from tenantry.core.errors.base import HTTP_STATUS, Code, Error, Violation
from tenantry.core.errors.requests import (
    IdempotencyMismatch,
    MethodNotAllowed,
    NotFound,
    NotInThisVersion,
    PayloadTooLarge,
    PreconditionFailed,
    RateLimited,
    RouteNotFound,
    SettingFixed,
    Unimplemented,
    UnsupportedMediaType,
)
from tenantry.core.errors.validation import Duplicate, InvalidArgument, Modular

__all__ = [
    "HTTP_STATUS",
    "Busy",
    "Code",
    "ConcurrentChange",
    "DatabaseDamaged",
    "DatabaseUnavailable",
    "DeadlineExceeded",
    "DiskFull",
    "Draining",
    "Duplicate",
    "Error",
    "FeatureDisabled",
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
    "SchemaTooNew",
    "SettingFixed",
    "TooManyConnections",
    "Unauthenticated",
    "Unimplemented",
    "UnsupportedMediaType",
    "UpgradeRequired",
    "Violation",
]
