"""The value of a request's Struct, as plain JSON."""

from __future__ import annotations

import math
import struct

import pytest
from protobuf.wkt import Struct

from tenantry.core import errors, structs

ONE = Struct.from_json('{"a":1}').to_binary()


def of_number(number: float) -> bytes:
    """The binary form of `{"a": number}`, which can spell what JSON cannot."""
    return ONE.replace(struct.pack("<d", 1), struct.pack("<d", number))


def test_a_struct_is_plain_json():
    plain = {"a": [1, "b", None, True, {"c": {}}]}
    assert structs.plain(Struct.from_python(plain), "data") == plain
    assert structs.plain(Struct.from_binary(of_number(2)), "data") == {"a": 2}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_has_not_is_refused_by_its_field(number):
    with pytest.raises(errors.InvalidArgument, match="NaN or Infinity") as refused:
        structs.plain(Struct.from_binary(of_number(number)), "settings.jwks")
    assert refused.value.violations[0].field == "settings.jwks"


def test_a_value_of_no_kind_is_refused():
    with pytest.raises(errors.InvalidArgument):
        structs.plain(Struct.from_binary(b"\n\x05\n\x01a\x12\x00"), "data")
