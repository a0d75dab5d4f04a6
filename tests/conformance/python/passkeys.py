"""Drive WebAuthnService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET; PERSON_ID and
PERSON_PASSKEYS are a person with two passkeys, the first one first. Prints one line of JSON per
step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import os

from scalekit import ScalekitClient
from steps import CLIENT_ID, CLIENT_SECRET, URL, expect_bad_field, expect_not_found, step

passkeys = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET).webauthn
PERSON = os.environ["PERSON_ID"]
FIRST, SECOND = os.environ["PERSON_PASSKEYS"].split(",")


def listed():
    return list(passkeys.list_credentials(PERSON)[0].credentials)


with step("list"):
    assert [one.id for one in listed()] == [FIRST, SECOND]
    for one in listed():
        assert one.user_id == PERSON
        assert one.display_name
        assert one.HasField("authenticator")

with step("rename"):
    renamed = passkeys.update_credential(FIRST, "Work laptop")[0].credential
    assert (renamed.id, renamed.display_name) == (FIRST, "Work laptop")
    assert listed()[0] == renamed

with step("delete"):
    answer = passkeys.delete_credential(FIRST)[0]
    assert answer.success
    assert answer.unknown_credential_options.credential_id
    assert [one.id for one in listed()] == [SECOND]

with step("not_found") as seen:
    seen["message"] = expect_not_found(passkeys.delete_credential, FIRST).message
    expect_not_found(passkeys.update_credential, FIRST, "Gone")

with step("bad_field") as seen:
    seen["violations"] = expect_bad_field(
        "display_name", passkeys.update_credential, SECOND, "x" * 121
    )
