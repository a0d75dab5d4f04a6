"""Values of messages as JSON has them: names of enums, and whole numbers of a Struct."""

from __future__ import annotations

import pytest
from protobuf.wkt import Struct

from tenantry.api import descriptors
from tenantry.core import structs
from tenantry.gen.scalekit.v1.connections.connections_pb import NameIdFormat
from tenantry.gen.scalekit.v1.directories.directories_pb import DirectoryProvider


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (DirectoryProvider.OKTA, "OKTA"),
        (DirectoryProvider.UNSPECIFIED, "DIRECTORY_PROVIDER_UNSPECIFIED"),
        (NameIdFormat.UNSPECIFIED, "UNSPECIFIED"),
    ],
)
def test_the_name_of_an_enum_value_is_that_of_the_contract(value, name):
    assert descriptors.enum_name(value) == name
    assert descriptors.enum_value(type(value), name) is value


def test_whole_numbers_of_a_struct_are_integers_as_far_as_a_float_knows_them():
    given = {"active": True, "count": 16, "half": 0.5, "many": [1, {"most": 2.0**60}]}
    found = structs.members(Struct.from_python(given))
    assert found == given
    assert [type(found[name]) for name in given] == [bool, int, float, list]
    assert [type(found["many"][0]), type(found["many"][1]["most"])] == [int, float]
