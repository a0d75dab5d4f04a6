"""No text in any field of any request makes an internal error."""

from __future__ import annotations

import copy

import pytest
from apis import Api
from field_cases import FieldCase, fields_of
from protobuf import DescFieldValueList, DescFieldValueMap, DescFieldValueScalar, ScalarType
from served_rpcs import METHODS, call, headers_of, request_of
from wires import ApiError

# Injections, control characters, characters outside of the basic plane, and a long text.
HOSTILE = (
    "'; DROP TABLE users; -- ${jndi:x} {{7*7}} %00 ../../etc/passwd",
    "\ud7ff\U0001f600\x7f\r\n\t\u202e",
    "x" * 9999,
)
ALLOWED = {
    *("INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "PERMISSION_DENIED"),
    *("RESOURCE_EXHAUSTED", "UNAUTHENTICATED", "ALREADY_EXISTS"),
}


def cases(method):
    """Yield a case for each text of a request and each hostile text."""
    for fields in fields_of(method):
        match fields[-1].value:
            case DescFieldValueScalar(scalar=ScalarType.STRING):
                values = HOSTILE
            case DescFieldValueList(element=ScalarType.STRING):
                values = [[text] for text in HOSTILE]
            case DescFieldValueMap(value=ScalarType.STRING):
                values = [{text: "value"} for text in HOSTILE] + [{"key": t} for t in HOSTILE]
            case _:
                values = []
        for value in values:
            yield FieldCase(fields, "hostile", value)


@pytest.mark.parametrize("name", [n for n, method in METHODS.items() if [*cases(method)]])
async def test_no_text_makes_an_internal_error(app_wires, objects, name):
    method = METHODS[name]
    request = await request_of(method, objects)
    api = Api(app_wires["connect"], await headers_of(method, objects))
    for case in cases(method):
        hostile = copy.deepcopy(request)
        case.put(hostile)
        try:
            await call(api, method, hostile)
        except ApiError as problem:
            if problem.code not in ALLOWED:
                problem.add_note(f"{case.path}: {str(case.value)[:80]!r}")
                raise
