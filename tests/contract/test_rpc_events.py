"""Every change is recorded with an event that its published schema describes."""

from __future__ import annotations

import pytest
from apis import Api
from served_rpcs import METHODS, call, headers_of, request_of
from valid_events import assert_all_valid

from tenantry.core.event import KNOWN

# Rpcs that are not read-only by the contract, and record no event.
SILENT = {
    # They return secrets or other answers, and change nothing.
    *("GetPortalLinks", "GetSupportHash", "ValidateToken", "CreateAssetUploadURL"),
    *("ReadIssuer", "ReadMetadata", "ReadCertificate", "TestInterceptor", "Examine"),
    # They send something; deliveries, emails and polls have logs of their own.
    *("SendTestEvent", "ReplayDelivery", "ReplayEvents", "SendTestEmail", "TriggerDirectorySync"),
    # Steps of a sign-in, which is recorded when it succeeds or fails.
    *("SendPasswordlessEmail", "VerifyPasswordlessEmail", "ResendPasswordlessEmail"),
    *("BeginRegistration", "BeginAuthentication", "FinishAuthentication", "VerifyUserCode"),
    *("RegisterTOTP", "VerifyRegistrationCode", "UpdateLoginUserDetails", "DiscoveryAuthMethod"),
    *("VerifyPasswordLessOtp", "ResendAuthPasswordless", "Logout"),
    # A link is recorded when it is used; a new operator has no session to end.
    *("CreateOperatorLink", "RevokeOperatorSessions"),
    # The example repeats what there is: no event without a change.
    *(
        "DeleteResourceProvider",
        "UpdateDomain",
        "VerifyDomain",
        "UpdateDefaultRoles",
        "ReencryptData",
    ),
}
# The example of an earlier rpc of the contract sets the same settings of the environment.
REPEATED = {
    "EnableFeature",
    "UpdateEnvironmentSessionSettings",
    "UpdateEnvironmentUserManagement",
}


def opposite(name: str) -> str:
    """Return the name of the rpc that undoes this one, or ""."""
    for verb, other in (("Enable", "Disable"), ("Disable", "Enable")):
        if name.startswith(verb) and (found := other + name.removeprefix(verb)) in METHODS:
            return found
    return ""


@pytest.mark.parametrize("name", METHODS)
async def test_events(app_wires, objects, recorded, name):
    """They name the request; a call that only reads has none."""
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    if (before := opposite(name)) and not method.keeps_replies and "TOTP" not in name:
        await call(api, METHODS[before], request)
    await recorded()
    answer = await call(api, method, request)
    events = await recorded()
    assert_all_valid(events)
    for event in events:
        assert event["type"] in KNOWN
        assert event["request_id"] == answer.headers["x-request-id"]
    if method.reads or name in SILENT:
        assert events == []
    elif name not in REPEATED:
        assert events
