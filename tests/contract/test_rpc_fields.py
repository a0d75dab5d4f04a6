"""Every rule of every field of a request is enforced, and the error names the field."""

from __future__ import annotations

import contextlib
import re

import pytest
from apis import Api, refused
from field_cases import fields_of, form_cases, required_by_service, rule_cases
from protobuf import DescFieldValueMessage
from served_rpcs import METHODS, call, headers_of, request_of, sendable
from wires import ApiError

# The contract describes this mask as not used.
UNUSED_MASK = "UpdateClientSecret"
NOT_REQUIRED = {
    # The server sets them in the response, which has the same message.
    *(
        ("RegisterTOTP", f"totp_registration.{name}")
        for name in ("id", "create_time", "update_time")
    ),
    # An empty key is a key that does not exist: not found, and revoked already.
    *((name, "token") for name in ("ValidateToken", "UpdateToken", "InvalidateToken")),
}
MASKS = [
    pytest.param(name, fields[-1].name, id=f"{name}-{fields[-1].name}")
    for name, method in METHODS.items()
    for fields in fields_of(method)
    if name != UNUSED_MASK
    and isinstance(fields[-1].value, DescFieldValueMessage)
    and fields[-1].value.message.type_name == "google.protobuf.FieldMask"
]


@contextlib.contextmanager
def names_the_field(path: str, rule: str):
    """The call inside is refused because of this field; a failure names the rule."""
    try:
        with pytest.raises(ApiError) as problem:
            yield
        error = problem.value
        assert error.code == "INVALID_ARGUMENT", error
        named = [re.sub(r"\[.*?\]", "", field) for field in error.fields]
        assert any(one == path or one.startswith(f"{path}.") for one in named), error.fields
    except BaseException as problem:
        problem.add_note(f"{path}: {rule}")
        raise


@pytest.fixture
def sent(app_wires, management):
    """Call an rpc over Connect, whose requests have room for every field."""

    async def send(name, request):
        headers = () if METHODS[name].for_anybody else management.headers
        return await call(Api(app_wires["connect"], headers), METHODS[name], request)

    return send


def of_management(name):
    """Whether a management client comes as far as the rules."""
    return METHODS[name].for_anybody or METHODS[name].allowed & 4 or METHODS[name].allowed & 64


CALLED = [name for name in METHODS if of_management(name)]


@pytest.mark.parametrize("name", [name for name in CALLED if [*rule_cases(METHODS[name])]])
async def test_rules(sent, name):
    method = METHODS[name]
    for case in rule_cases(method):
        with names_the_field(case.path, case.rule):
            await sent(name, case.request(method))


@pytest.mark.parametrize("name", [name for name in CALLED if [*form_cases(METHODS[name])]])
async def test_types_enums_and_characters(sent, name):
    method = METHODS[name]
    for case in form_cases(method):
        with names_the_field(case.path, case.rule):
            await sent(name, case.request(method))


@pytest.mark.parametrize("name", CALLED)
async def test_unknown_fields(app_wires, management, name):
    """Over REST, also a parameter of the query."""
    headers = () if METHODS[name].for_anybody else management.headers
    for via in ("rest", "connect"):
        request = {**sendable(name), "no_such_field": "1"}
        with names_the_field("no_such_field", f"unknown by {via}"):
            await call(Api(app_wires[via], headers), METHODS[name], request)


@pytest.mark.parametrize("name", [name for name in CALLED if [*required_by_service(METHODS[name])]])
async def test_fields_that_the_service_requires(app_wires, objects, name):
    method = METHODS[name]
    for case in required_by_service(method):
        if (name, case.path) in NOT_REQUIRED:
            continue
        request = await request_of(method, objects)
        case.put(request)
        api = Api(app_wires["connect"], await headers_of(method, objects))
        with names_the_field(case.path, "required"):
            await call(api, method, request)


@pytest.mark.parametrize(("name", "mask"), MASKS)
async def test_an_unknown_path_of_an_update_mask(app_wires, objects, name, mask):
    method = METHODS[name]
    request = {**await request_of(method, objects), mask: "noSuchField"}
    api = Api(app_wires["connect"], await headers_of(method, objects))
    with refused("INVALID_ARGUMENT", mask, says="no_such_field"):
        await call(api, method, request)
