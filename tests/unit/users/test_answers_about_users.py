"""A user's JSON, written straight from the record, is what the library writes of its message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.core.caller import SYSTEM
from tenantry.db.lists.pages import Page
from tenantry.endpoints.grpc_rest import rest
from tenantry.gen.scalekit.v1.users import users_pb as pb
from tenantry.identity.connections.model import PROVIDERS
from tenantry.tenants.roles.catalogue import HeldRole
from tenantry.tenants.users import rpc
from tenantry.tenants.users.model import (
    ACTIVE,
    INACTIVE,
    INVITE_EXPIRED,
    PENDING_INVITE,
    ExternalIdentity,
    Membership,
    User,
)

# All that a database can hold, with the characters that JSON writes in a way of their own.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
TIME = st.integers(0, 4_102_444_800).flatmap(
    lambda second: st.sampled_from([0, 1, 120_000, 999_999]).map(
        lambda part: second * 1_000_000 + part
    )
)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=1)  # the library gives a map no order
MEMBERSHIPS = st.builds(
    Membership,
    id=TEXT,
    organization_id=TEXT,
    organization_name=TEXT,
    user_id=TEXT,
    status=st.sampled_from([ACTIVE, INACTIVE, PENDING_INVITE, INVITE_EXPIRED]),
    metadata=PAIRS,
    inviter_email=st.none() | TEXT,
    provisioning_method=TEXT,
    create_time=TIME,
    accept_time=st.none() | TIME,
    join_time=st.none() | TIME,
    expire_time=st.none() | TIME,
    resend_time=st.none() | TIME,
    resend_count=st.integers(0, 2),
    roles=st.lists(
        st.builds(
            HeldRole,
            id=TEXT,
            name=TEXT,
            display_name=TEXT,
            permissions=st.lists(TEXT, max_size=2).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
)
USERS = st.builds(
    User,
    id=TEXT.map("usr_".__add__),
    email=TEXT,
    external_id=st.none() | TEXT,
    profile=st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(rpc._TEXTS, TEXT),
            "metadata": PAIRS,
            "custom_attributes": PAIRS,
            "groups": st.lists(TEXT, max_size=2),
        },
    ),
    metadata=PAIRS,
    email_verified=st.booleans(),
    last_login_time=st.none() | TIME,
    revision=st.integers(1, 9),
    create_time=TIME,
    update_time=TIME,
    memberships=st.lists(MEMBERSHIPS, max_size=2),
    external_identities=st.lists(
        st.builds(
            ExternalIdentity,
            connection_id=TEXT,
            connection_type=st.sampled_from(["OAUTH", "OIDC", "SAML"]),
            connection_provider=st.sampled_from(PROVIDERS),
            connection_user_id=TEXT,
            create_time=TIME,
            last_login_time=TIME,
        ),
        max_size=2,
    ).map(tuple),
)


@pytest.mark.parametrize(
    "response",
    [
        pb.ListUsersResponse,
        pb.ListOrganizationUsersResponse,
        pb.SearchUsersResponse,
        pb.SearchOrganizationUsersResponse,
    ],
)
@given(users=st.lists(USERS, max_size=3), tokens=st.tuples(TEXT, TEXT), total=st.integers(0, 9))
def test_a_page_of_users_is_written_as_its_message(response, users, tokens, total):
    answer = rpc.page_of(Page(users, total, *tokens), "env_1", response)
    assert rest.encode(answer) == rest.encode(answer.message())


@given(USERS)
def test_one_user_is_written_as_its_message(user):
    class OfACall:
        caller = SYSTEM

        class db:  # noqa: N801
            environment_id = "env_1"

        def tag(self, revision):
            self.revision = revision

    call = OfACall()
    answer = rpc.answer(call, user, pb.GetUserResponse)
    assert call.revision == user.revision
    for flatten in ("", "user"):
        assert rest.encode(answer, flatten) == rest.encode(answer.message(), flatten)
