"""Drive ApiTokenService with the official Python SDK and print each step's answer.

Reads SCALEKIT_ENVIRONMENT_URL, SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET. Prints one line of
JSON per step of ../steps.json; the first step that fails ends the program.
"""

from __future__ import annotations

import time

from google.protobuf.timestamp_pb2 import Timestamp
from scalekit import ScalekitClient
from scalekit.common.exceptions import (
    ScalekitNotFoundException,
    ScalekitValidateTokenFailureException,
)
from scalekit.v1.organizations.organizations_pb2 import CreateOrganization
from scalekit.v1.users.users_pb2 import CreateMembership, CreateUser
from steps import (
    CLIENT_ID,
    CLIENT_SECRET,
    RUN,
    UNKNOWN,
    URL,
    expect_bad_field,
    expect_bad_request,
    expect_error,
    expect_not_found,
    expect_refused,
    soon,
    step,
)

NOTHING = f"apit_{UNKNOWN}"
NOWHERE = f"org_{UNKNOWN}"

client = ScalekitClient(URL, CLIENT_ID, CLIENT_SECRET)
tokens = client.tokens


def create_organization(name):
    request = CreateOrganization(display_name=f"{name} {RUN}", external_id=f"{name}-{RUN}")
    return client.organization.create_organization(request)[0].organization.id


def create_user(name, *, invite=False):
    user = CreateUser(email=f"{name}.{RUN}@example.com", external_id=f"{name}-{RUN}")
    return client.users.create_user_and_membership(acme, user, invite)[0].user


def validate(token):
    return tokens.validate_token(token).token_info


def expect_validated(token, info):
    assert validate(token) == info


def expect_dead(token):
    error = expect_error(ScalekitValidateTokenFailureException, tokens.validate_token, token)
    assert isinstance(error.__cause__, ScalekitNotFoundException), error.__cause__
    assert "not found" in error.__cause__.message
    return error.__cause__.message


def expect_dead_soon(*dying):  # noqa: ANN002
    for token in dying:
        soon(lambda token=token: expect_dead(token))


def ids(page):
    return [each.token_id for each in page.tokens]


acme = create_organization("Acme")
globex = create_organization("Globex")
jane = create_user("jane")
invited = create_user("invited", invite=True)

with step("create") as seen:
    plain = tokens.create_token(acme)
    assert plain.token_id.startswith("apit_")
    info = plain.token_info
    assert info.token_id == plain.token_id
    assert info.organization_id == acme
    assert info.organization_external_id == f"Acme-{RUN}"
    assert plain.token.endswith(info.token_suffix)
    assert len(info.token_suffix) == 4
    assert info.created_at.seconds > 0
    assert not any(info.HasField(name) for name in ("user_id", "user_external_id", "email"))
    assert not info.HasField("expiry")
    assert dict(info.custom_claims) == {}
    assert list(info.roles) == []
    seen["id"] = plain.token_id

with step("create_for_user"):
    expiry = Timestamp(seconds=int(time.time()) + 3600)
    claims = {"scope": "orders:read", "team": "données"}
    full = tokens.create_token(acme, jane.id, claims, expiry, "For the nightly job")
    info = full.token_info
    assert (info.user_id, info.email) == (jane.id, jane.email)
    assert info.user_external_id == f"jane-{RUN}"
    assert list(info.roles) == ["member"]
    assert dict(info.custom_claims) == claims
    assert info.expiry == expiry
    assert info.description == "For the nightly job"

with step("create_refused"):
    expect_bad_request(tokens.create_token, acme, invited.id)
    expect_refused(tokens.create_token, acme, f"usr_{UNKNOWN}")
    expect_refused(tokens.create_token, globex, jane.id)
    expect_refused(tokens.create_token, NOWHERE)
    expect_bad_request(tokens.create_token, acme, expiry=Timestamp(seconds=1))

with step("bad_field") as seen:
    expect_bad_field("description", tokens.create_token, acme, description="x" * 256)
    expect_bad_field("custom_claims", tokens.create_token, acme, custom_claims={"x" * 31: "1"})
    expect_bad_field("custom_claims", tokens.create_token, acme, custom_claims={"x": "1" * 257})
    many = {f"claim{n}": "1" for n in range(21)}
    expect_bad_field("custom_claims", tokens.create_token, acme, custom_claims=many)
    seen["violations"] = expect_bad_field("page_size", tokens.list_tokens, acme, page_size=31)

with step("validate"):
    for made in (plain, full):
        assert validate(made.token) == made.token_info
        assert validate(made.token_id) == made.token_info

with step("validate_dead") as seen:
    seen["message"] = expect_dead(NOTHING)
    assert expect_dead("no-token") == expect_dead(NOTHING)
    swapped = {"A": "B"}.get(plain.token[-1], "A")
    assert expect_dead(plain.token[:-1] + swapped) == expect_dead(NOTHING)
    brief = tokens.create_token(acme, expiry=Timestamp(seconds=int(time.time()) + 2))
    assert validate(brief.token) == brief.token_info
    while time.time() < brief.token_info.expiry.seconds:
        time.sleep(0.05)
    expect_dead_soon(brief.token, brief.token_id)

with step("update"):

    def update(token, **change):  # noqa: ANN003
        return tokens.update_token(token, **change).token_info

    updated = update(full.token, description="For the daily job")
    assert updated.description == "For the daily job"
    assert dict(updated.custom_claims) == claims
    # The SDK adds the claims to those before, and takes out the empty ones, before it sends them.
    updated = update(full.token_id, custom_claims={"team": "", "tier": "gold"})
    assert dict(updated.custom_claims) == {"scope": "orders:read", "tier": "gold"}
    assert updated.description == "For the daily job"
    updated = update(full.token_id, description="")
    assert updated.description == ""
    assert dict(updated.custom_claims) == {"scope": "orders:read", "tier": "gold"}
    soon(lambda: expect_validated(full.token, updated))

with step("update_refused") as seen:
    seen["message"] = expect_not_found(tokens.update_token, NOTHING, description="x").message
    expect_not_found(tokens.update_token, brief.token, description="x")
    expect_bad_field("description", tokens.update_token, full.token, description="x" * 256)

with step("list_pages") as seen:
    first = tokens.list_tokens(acme, page_size=1)
    second = tokens.list_tokens(acme, page_size=1, page_token=first.next_page_token)
    assert ids(first) + ids(second) == [full.token_id, plain.token_id]
    assert first.total_count == second.total_count == 2
    assert second.next_page_token == ""
    back = tokens.list_tokens(acme, page_size=1, page_token=second.prev_page_token)
    assert ids(back) == ids(first)
    assert list(tokens.list_tokens(acme).tokens) == [updated, plain.token_info]
    assert ids(tokens.list_tokens(globex)) == []
    expect_not_found(tokens.list_tokens, NOWHERE)
    seen["listed"] = first.total_count

with step("list_by_user"):
    assert ids(tokens.list_tokens(acme, jane.id)) == [full.token_id]
    assert ids(tokens.list_tokens(acme, invited.id)) == []

with step("invalidate"):
    spare = tokens.create_token(acme)
    assert validate(spare.token) == spare.token_info
    tokens.invalidate_token(spare.token)
    expect_dead_soon(spare.token, spare.token_id)
    tokens.invalidate_token(spare.token_id)
    tokens.invalidate_token(NOTHING)
    tokens.invalidate_token("no-token")
    assert spare.token_id not in ids(tokens.list_tokens(acme))
    expect_not_found(tokens.update_token, spare.token, description="x")

with step("membership_ends"):
    client.users.delete_membership(acme, jane.id)
    expect_dead_soon(full.token, full.token_id)
    client.users.create_membership(acme, jane.id, CreateMembership(), False)
    expect_dead_soon(full.token)
    assert ids(tokens.list_tokens(acme)) == [plain.token_id]

with step("delete_organization"):
    client.organization.delete_organization(acme)
    expect_dead_soon(plain.token, plain.token_id)
    client.organization.delete_organization(globex)
