"""Drive SessionService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET; PERSON_ID and
PERSON_SESSIONS are a person with three sessions, the first one first. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import os

from scalekit import ScalekitClient
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_not_found,
    step,
)

sessions = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET).sessions
PERSON = os.environ["PERSON_ID"]
FIRST, *LATER = BEGUN = os.environ["PERSON_SESSIONS"].split(",")


def page(size=None, token=None, **narrow):  # noqa: ANN003
    chosen = sessions.create_session_filter(**narrow) if narrow else None
    return sessions.get_user_sessions(PERSON, size, token, chosen)[0]


def listed(found):
    return [one.session_id for one in found.sessions]


with step("get") as seen:
    session = sessions.get_session(FIRST)[0]
    assert session.session_id == FIRST
    assert session.user_id == PERSON
    assert session.status == "active"
    assert session.device.browser == "Firefox"
    assert session.created_at.seconds > 0
    assert session.absolute_expires_at.seconds > session.created_at.seconds
    seen["organization"] = session.organization_id

with step("list_pages"):
    first = page(2)
    second = page(2, first.next_page_token)
    assert listed(first) + listed(second) == BEGUN[::-1]
    assert first.total_size == 3
    assert second.next_page_token == ""
    assert listed(page(2, second.prev_page_token)) == listed(first)

with step("revoke"):
    assert sessions.revoke_session(FIRST)[0].revoked_session.status == "revoked"
    assert sessions.get_session(FIRST)[0].status == "revoked"
    sessions.revoke_session(FIRST)

with step("filter"):
    assert listed(page(status=["revoked"])) == [FIRST]
    assert listed(page(status=["active"])) == LATER[::-1]
    assert listed(page(status=["logout", "expired"])) == []

with step("revoke_all"):
    ended = sessions.revoke_all_user_sessions(PERSON)[0]
    assert ended.total_revoked == len(ended.revoked_sessions) == 2
    assert sessions.revoke_all_user_sessions(PERSON)[0].total_revoked == 0
    assert len(listed(page(status=["revoked"]))) == 3

with step("not_found") as seen:
    seen["message"] = expect_not_found(sessions.get_session, f"ses_{UNKNOWN}").message
    expect_not_found(sessions.revoke_session, f"ses_{UNKNOWN}")
    expect_not_found(sessions.get_user_sessions, f"usr_{UNKNOWN}")

with step("bad_field") as seen:
    seen["violations"] = expect_bad_field("session_id", sessions.get_session, "ses_123abc")
    expect_bad_field("user_id", sessions.revoke_all_user_sessions, "usr_abc")
