"""How a directory is, in a word, and the warnings that come first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tenantry.doors.organization.directories import states


def ago(**span: float):
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def token(suffix="abcd", status="ACTIVE", **members: object):
    made = {"create_time": ago(days=1), "expire_time": ago(days=-300)}
    return {"secret_suffix": suffix, "status": status, **made, **members}


def warned(*tokens: object, refused=None):
    return [key for key, _ in states.warnings({"secrets": list(tokens)}, refused)]


def test_tokens_are_warned_of_before_they_end_and_once_all_have():
    assert warned() == []
    assert warned(token()) == []
    assert warned(token(expire_time=ago(days=-29))) == ["directory_warning.ends"]
    assert warned(token(expire_time=ago(days=-31))) == []
    assert warned(token(status="INACTIVE")) == ["directory_warning.ended"]
    assert warned(token(), token("old", expire_time=ago(days=-1))) == []


def test_a_provider_that_goes_on_with_the_former_token_is_told_of():
    former = token("old", expire_time=ago(hours=-20), last_used_time=ago(minutes=1))
    assert warned(token(), former) == ["directory_warning.former"]
    assert warned(token(last_used_time=ago(minutes=1)), former) == []
    assert warned(token(), former | {"last_used_time": ago(days=2)}) == []
    ((_, values),) = states.warnings({"secrets": [token(), former]}, None)
    assert values == {"suffix": "old", "when": former["expire_time"]}


def test_a_refusal_stays_on_top_for_a_day():
    refused = {"error": "no", "create_time": ago(hours=23)}
    assert warned(refused=refused) == ["directory_warning.refused"]
    assert warned(refused=refused | {"create_time": ago(hours=25)}) == []


@pytest.mark.parametrize(
    ("members", "error", "state"),
    [
        ({"status": "DRAFT"}, "", "draft"),
        ({"status": "IN_PROGRESS"}, "", "ready"),
        ({"status": "COMPLETED"}, "", "ready"),
        ({"status": "COMPLETED", "total_users": 3}, "", "off"),
        ({"status": "IN_PROGRESS", "enabled": True}, "", "waiting"),
        ({"status": "COMPLETED", "enabled": True}, "", "connected"),
        ({"directory_type": "POLL", "status": "DRAFT", "email": "a@b.c"}, "", "ready"),
        (
            {"directory_type": "POLL", "status": "DRAFT", "email": "a@b.c", "enabled": True},
            *("", "first_read"),
        ),
        ({"directory_type": "POLL", "status": "COMPLETED", "enabled": True}, "no", "failing"),
    ],
)
def test_a_directory_is_said_in_a_word(members, error, state):
    key, _ = states.state({"directory_type": "SCIM", **members}, error)
    assert key == f"directory_state.{state}"
