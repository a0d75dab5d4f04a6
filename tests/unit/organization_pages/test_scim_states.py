"""How a directory is, in a word, and the warnings that come first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from protobuf.wkt import Timestamp

from tenantry.endpoints.organization.directories import states
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    Directory,
    DirectoryType,
    Secret,
    SecretStatus,
)
from tenantry.gen.tenantry.v1.directory_requests_pb import DirectoryRequest


def ago(**span: float):
    return Timestamp.from_datetime(datetime.now(UTC) - timedelta(**span))


def token(suffix="abcd", **members: object):
    made = {"create_time": ago(days=1), "expire_time": ago(days=-300)}
    return Secret(secret_suffix=suffix, **{**made, **members})


def warned(*tokens: object, refused=None):
    return [key for key, _ in states.warnings(Directory(secrets=list(tokens)), refused)]


def test_tokens_are_warned_of_before_they_end_and_once_all_have():
    assert warned() == []
    assert warned(token()) == []
    assert warned(token(expire_time=ago(days=-29))) == ["directory_warning.ends"]
    assert warned(token(expire_time=ago(days=-31))) == []
    assert warned(token(status=SecretStatus.INACTIVE)) == ["directory_warning.ended"]
    assert warned(token(), token("old", expire_time=ago(days=-1))) == []


def test_a_provider_that_goes_on_with_the_former_token_is_told_of():
    former = token("old", expire_time=ago(hours=-20), last_used_time=ago(minutes=1))
    assert warned(token(), former) == ["directory_warning.former"]
    assert warned(token(last_used_time=ago(minutes=1)), former) == []
    ((_, values),) = states.warnings(Directory(secrets=[token(), former]), None)
    assert values == {"suffix": "old", "when": former.expire_time}
    former.last_used_time = ago(days=2)
    assert warned(token(), former) == []


def test_a_refusal_stays_on_top_for_a_day():
    refused = DirectoryRequest(error="no", create_time=ago(hours=23))
    assert warned(refused=refused) == ["directory_warning.refused"]
    refused.create_time = ago(hours=25)
    assert warned(refused=refused) == []


@pytest.mark.parametrize(
    ("members", "error", "state"),
    [
        ({"status": "DRAFT"}, "", "draft"),
        ({"status": "IN_PROGRESS"}, "", "ready"),
        ({"status": "COMPLETED"}, "", "ready"),
        ({"status": "COMPLETED", "total_users": 3}, "", "off"),
        ({"status": "IN_PROGRESS", "enabled": True}, "", "waiting"),
        ({"status": "COMPLETED", "enabled": True}, "", "connected"),
        ({"directory_type": DirectoryType.POLL, "status": "DRAFT", "email": "a@b.c"}, "", "ready"),
        (
            {
                "directory_type": DirectoryType.POLL,
                "status": "DRAFT",
                "email": "a@b.c",
                "enabled": True,
            },
            *("", "first_read"),
        ),
        (
            {"directory_type": DirectoryType.POLL, "status": "COMPLETED", "enabled": True},
            "no",
            "failing",
        ),
    ],
)
def test_a_directory_is_said_in_a_word(members, error, state):
    key, _ = states.state(Directory(**{"directory_type": DirectoryType.SCIM, **members}), error)
    assert key == f"directory_state.{state}"
