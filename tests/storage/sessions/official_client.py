"""Use SessionService by the official Python SDK, of one user and one session; print the answers.

The user has signed in three times and out once.
"""

from __future__ import annotations

import json
import os
import sys

from scalekit import ScalekitClient
from scalekit.common.exceptions import ScalekitException

USER, SESSION = sys.argv[1:]
client = ScalekitClient(
    os.environ["SCALEKIT_ENVIRONMENT_URL"],
    os.environ["SCALEKIT_CLIENT_ID"],
    os.environ["SCALEKIT_CLIENT_SECRET"],
)
sessions = client.sessions


def main():
    told = {}
    shown = sessions.get_session(SESSION)[0]
    clients = [one.client_id for one in shown.authenticated_clients]
    told["session"] = [shown.session_id, shown.status, shown.device.browser, clients]
    told["pages"], token = [], None
    while token != "":
        page = sessions.get_user_sessions(USER, page_size=2, page_token=token)[0]
        told["pages"].append([one.session_id for one in page.sessions])
        token = page.next_page_token
    narrow = sessions.create_session_filter(status=["logout", "expired"])
    page = sessions.get_user_sessions(USER, filter=narrow)[0]
    told["signed_out"] = [one.session_id for one in page.sessions]
    told["revoked"] = sessions.revoke_session(SESSION)[0].revoked_session.status
    ended = sessions.revoke_all_user_sessions(USER)[0]
    told["revoked_all"] = [
        ended.total_revoked,
        [one.session_id for one in ended.revoked_sessions],
    ]
    try:
        sessions.get_session("ses_1234567890123456789")
    except ScalekitException as problem:
        told["unknown"] = type(problem).__name__
    print(json.dumps(told))


main()
