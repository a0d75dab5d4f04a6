"""Errors about what a caller may do."""

from __future__ import annotations

from tenantry.core.errors.base import Code, Error


class Unauthenticated(Error):
    """The access token is missing or invalid. Request a new one and retry."""

    code = Code.UNAUTHENTICATED
    sentence = "Token empty"
    help = (
        "send the header `Authorization: Bearer ...` with an access token: request one from POST "
        "/oauth/token with grant_type=client_credentials, client_id and client_secret"
    )


class PermissionDenied(Error):
    """The caller does not have permission for this call."""

    code = Code.PERMISSION_DENIED
    sentence = "the caller does not have permission for this call"


class FeatureDisabled(PermissionDenied):
    """The call belongs to a feature that is disabled for the caller's organization."""

    error_code = "FEATURE_DISABLED"

    def __init__(self, feature: str) -> None:
        super().__init__(f"the feature {feature} is disabled for this organization")


class ReauthenticationRequired(PermissionDenied):
    """The last sign-in of the user is too old for this call."""

    error_code = "REAUTHENTICATION_REQUIRED"
    sentence = "the last sign-in was too long ago for this call: the user must sign in again"


class Impersonated(PermissionDenied):
    """An operator who impersonates a user can read, but not change, what the user sees."""

    error_code = "IMPERSONATED"
    sentence = "an operator who impersonates a user cannot make changes: use the console instead"


class Intercepted(PermissionDenied):
    """An interceptor denied this. The message is for the user; ``reason`` is its code, if any."""

    error_code = "INTERCEPTOR_DENIED"

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
