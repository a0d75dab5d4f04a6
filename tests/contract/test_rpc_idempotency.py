"""Every POST with an Idempotency-Key has one effect, and its caller gets one answer."""

from __future__ import annotations

import contextlib

import pytest
from apis import Api, access_token, refused, unique
from served_rpcs import METHODS, call, headers_of, request_of, sendable
from wires import ApiError, over_https

from tenantry.access.clients import service
from tenantry.call import Call
from tenantry.core.caller import SYSTEM

KEPT = [name for name, method in METHODS.items() if method.keeps_replies]
KEYLESS = [
    name
    for name, method in METHODS.items()
    if not method.keeps_replies and any(route.verb == "POST" for route in method.routes)
]
OTHER = METHODS["CreatePermission"]
# A second call with the same code, link or challenge is refused.
SINGLE_USE = {
    *("VerifyPasswordlessEmail", "FinishRegistration", "FinishAuthentication"),
    *("EnableTOTP", "VerifyUserCode", "VerifyRegistrationCode", "DisableTOTP"),
    *("VerifyPasswordLessOtp", "SignupOrganization", "Logout", "UpdateLoginUserDetails"),
}


def test_the_contract_has_both_kinds():
    assert len(KEPT) > 40
    assert len(KEYLESS) > 15


@pytest.fixture(scope="module")
async def second_client(app, app_database):
    """Headers of another management client."""
    by = Call(SYSTEM, app_database, "req_1")
    client, secret = await service.create(by, name="Second")
    async with over_https(app) as http:
        return {"authorization": f"Bearer {await access_token(http, client.id, secret)}"}


@pytest.mark.parametrize("name", KEPT)
async def test_a_repeated_request_has_one_effect(app_wires, objects, recorded, name):
    """Over any protocol: the response of the first is repeated, with its headers."""
    method = METHODS[name]
    request = await request_of(method, objects)
    headers = await headers_of(method, objects)
    key = unique("key")
    api, *others = (
        Api(app_wires[via], headers).sending(idempotency_key=key)
        for via in ("connect", "rest", "grpc")
    )
    await recorded()
    first = await call(api, method, request)
    assert "idempotent-replayed" not in first.headers
    effects = await recorded()
    for other in others:
        again = await call(other, method, request)
        assert again == first
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers.get("etag") == first.headers.get("etag")
    assert await recorded() == []
    assert len(effects) == len({event["id"] for event in effects})


@pytest.mark.parametrize("name", KEPT)
async def test_a_key_is_of_one_request_and_of_one_caller(
    app_wires, objects, second_client, recorded, name
):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    keyed = api.sending(idempotency_key=unique("key"))
    await call(keyed, method, request)
    await recorded()
    with refused("INVALID_ARGUMENT", error_code="IDEMPOTENCY_KEY_REUSED"):
        if dict(keyed.headers).get("cookie"):
            await call(keyed, method, {**request, "event_type": "PORTAL_CLOSED"})
        else:
            await call(keyed, OTHER, {"permission": {"name": "other:name"}})
    assert await recorded() == []
    # The same request again, by another caller, is another request.
    with contextlib.suppress(ApiError):  # such as a name that is taken now
        answer = await call(keyed.sending(**second_client, cookie=()), method, request)
        assert "idempotent-replayed" not in answer.headers


@pytest.mark.parametrize("name", KEPT)
async def test_malformed_keys(management, name):
    for key in ("", "a b", "x" * 256):
        with refused("INVALID_ARGUMENT", "idempotency-key"):
            await call(management.sending(idempotency_key=key), METHODS[name], sendable(name))


@pytest.mark.parametrize("name", [name for name in KEYLESS if name not in SINGLE_USE])
async def test_a_key_is_ignored_where_the_contract_says_so(app_wires, objects, name):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    keyed = api.sending(idempotency_key=unique("key"))
    for _ in range(2):
        await objects.forget_attempts()
        answer = await call(keyed, method, request)
        assert "idempotent-replayed" not in answer.headers
