"""An organization's JSON, written straight from it, is what the library writes of its message."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from tenantry.core.answer import Answer
from tenantry.db.lists.pages import Page
from tenantry.endpoints.grpc_rest import rest
from tenantry.gen.scalekit.v1.organizations import organizations_pb as pb
from tenantry.tenants.organizations import rpc
from tenantry.tenants.organizations.model import (
    FEATURES,
    OPTIONAL_TEXTS,
    Organization,
    organizations,
)

# All that a database can hold, with the characters that JSON writes in a way of their own.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=40)
TIME = st.integers(0, 4_102_444_800).flatmap(
    lambda second: st.sampled_from([0, 1, 999, 1000, 120_000, 999_999]).map(
        lambda part: second * 1_000_000 + part
    )
)
ORGANIZATIONS = st.builds(
    Organization,
    id=TEXT,
    display_name=TEXT,
    **{name: st.none() | TEXT for name in OPTIONAL_TEXTS},
    region_code=st.sampled_from(["US", "EU"]),
    # The library gives a map no order.
    metadata=st.dictionaries(TEXT, TEXT, max_size=1),
    features=st.sets(st.sampled_from(FEATURES)).map(frozenset),
    max_allowed_users=st.none(),
    session_policy=st.none(),
    branding=st.none(),
    revision=st.integers(1, 9),
    create_time=TIME,
    update_time=TIME,
)


def same(message, members, flatten=""):
    """The JSON of a response by its members, which has to be that of its message."""
    answer = Answer(lambda: message, lambda: members)
    assert rest.encode(answer, flatten) == rest.encode(message, flatten)


@given(ORGANIZATIONS)
def test_one_is_written_as_its_message(organization):
    message = pb.GetOrganizationResponse(organization=rpc.to_message(organization))
    members = {"organization": rpc.to_members(organization)}
    same(message, members)
    same(message, members, "organization")


@given(st.lists(ORGANIZATIONS, max_size=4), TEXT, TEXT, st.integers(0, 2**32 - 1))
def test_a_page_is_written_as_its_message(items, after, before, total):
    rows = [(*map(one.to_row().get, organizations.c.keys()), total) for one in items]
    answer = rpc.page_of(Page(rows, total, after, before), pb.ListOrganizationsResponse)
    assert rest.encode(answer) == rest.encode(answer.message())


@given(ORGANIZATIONS)
def test_a_row_has_the_order_of_the_members(organization):
    names = [field.name for field in dataclasses.fields(Organization)]
    assert organizations.c.keys() == names
    assert sorted(organization.to_row()) == sorted(names)
    assert Organization.from_row([organization.to_row()[name] for name in names]) == organization
