"""Filters, against a plain reading of the RFC and against scim2-models."""

from __future__ import annotations

import copy
from datetime import UTC, datetime

from hypothesis import given
from scim_examples import CORE, ENTERPRISE, FILTERS, RESOURCES

from tenantry.tenants.directories.scim import filters, matching
from tenantry.tenants.directories.scim.filters import And, Compare, Not, Or, Present

EXACT = {"id", "externalId", f"{ENTERPRISE}:manager.value"}
TIMES = {"meta.created", "meta.lastModified"}


def read(resource, path):
    """Each value of an attribute."""
    place = resource.get(path.schema, {}) if path.schema else resource
    found = place.get(path.name)
    found = found if isinstance(found, list) else [found]
    if path.sub:
        found = [one.get(path.sub) for one in found if isinstance(one, dict)]
    return [one for one in found if one is not None]


def comparable(path, value):
    if str(path) in TIMES:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    return value if str(path) in EXACT or not isinstance(value, str) else value.casefold()


HOLDS = {
    "eq": lambda value, wanted: value == wanted,
    "gt": lambda value, wanted: value > wanted,
    "ge": lambda value, wanted: value >= wanted,
    "lt": lambda value, wanted: value < wanted,
    "le": lambda value, wanted: value <= wanted,
    "co": lambda value, wanted: wanted in value,
    "sw": lambda value, wanted: value[: len(wanted)] == wanted,
    "ew": lambda value, wanted: value[-len(wanted) :] == wanted,
}


def plainly(filter_, resource):  # noqa: PLR0911 - a line for each kind
    """Section 3.4.2.2, word by word."""
    match filter_:
        case And(parts):
            return all(plainly(part, resource) for part in parts)
        case Or(parts):
            return any(plainly(part, resource) for part in parts)
        case Not(part):
            return not plainly(part, resource)
        case Present(path):
            return read(resource, path) != []
        case Compare(path, "ne", value):
            return not plainly(Compare(path, "eq", value), resource)
        case Compare(path, op, value):
            wanted = comparable(path, value)
            return any(HOLDS[op](comparable(path, one), wanted) for one in read(resource, path))
        case filters.ValuePath(path, inner):
            return any(plainly(inner, one) for one in read(resource, path))


@given(FILTERS)
def test_a_filter_is_read_as_it_is_written(filter_):
    assert filters.parse(str(filter_)) == filter_


@given(FILTERS, RESOURCES)
def test_a_filter_holds_as_the_rfc_says(filter_, resource):
    before = copy.deepcopy(resource)
    assert matching.matcher(filter_)(resource) == plainly(filter_, resource)
    assert matching.matcher(Not(filter_))(resource) != matching.matcher(filter_)(resource)
    assert resource == before


@given(FILTERS, RESOURCES)
def test_a_filter_holds_as_for_another_library(filter_, resource):
    from scim2_models import EnterpriseUser, ScimFilter, User

    user = User[EnterpriseUser].model_validate({"schemas": [CORE, ENTERPRISE], **resource})
    theirs = ScimFilter[User[EnterpriseUser]](str(filter_))
    assert matching.matcher(filter_)(resource) == theirs.match(user)
