"""Errors about what a caller may do."""

from __future__ import annotations

from tenantry.core.errors.base import Code, Error


class Unauthenticated(Error):
    """The access token is invalid: clients get a new one and retry."""

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
    """An interceptor denied this; the message is for the person, ``reason`` its code, if any."""

    error_code = "INTERCEPTOR_DENIED"

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
