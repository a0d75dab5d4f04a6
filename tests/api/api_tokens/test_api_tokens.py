"""Tokens made, validated, changed and ended, as the application does it."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apis import access_token, moment, refused, unique
from protobuf.wkt import Timestamp
from sqlalchemy import select, text
from waiting import ends_within_a_second
from wires import ApiError

from tenantry.access.api_tokens import format as format_
from tenantry.access.api_tokens import service
from tenantry.access.api_tokens.model import api_tokens
from tenantry.core.times import now
from tenantry.db.sql.schema import metadata
from tenantry.db.sql.statements import Statement
from tenantry.gen.scalekit.v1.tokens import tokens_pb as pb

pytestmark = pytest.mark.wires("rest", "grpc")

_ALL = Statement(select(api_tokens))


def in_seconds(seconds):
    """A time as JSON."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


async def dead(api, token):
    """Whether a token is dead, in the words that clients look for."""
    with refused("NOT_FOUND", says="^token not found$"):
        await api.tokens.validate_token(token=token)
    return True


async def ends(api, token):
    """See that a token that may be remembered is refused within a second."""
    with refused("NOT_FOUND", says="^token not found$"):
        await ends_within_a_second(lambda: api.tokens.validate_token(token=token))


@pytest.mark.everywhere
async def test_a_token_of_an_organization(api, make):
    external_id = unique()
    organization = await make.organization(external_id=external_id)
    made = await api.tokens.create_token(
        token={
            "organization_id": organization["id"],
            "custom_claims": {"plan": "pro", "größe": "XL"},
            "description": "nightly export",
        }
    )
    assert re.fullmatch(r"tnat_[0-9A-Za-z]{49}", made["token"])
    assert re.fullmatch(r"apit_[0-9]{19}", made["token_id"])
    info = made["token_info"]
    assert abs(moment(info.pop("created_at")).timestamp() - time.time()) < 60
    assert info == {
        "token_id": made["token_id"],
        "organization_id": organization["id"],
        "organization_external_id": external_id,
        "custom_claims": {"plan": "pro", "größe": "XL"},
        "description": "nightly export",
        "token_suffix": made["token"][-4:],
        "roles": [],
    }
    for given in (made["token"], made["token_id"]):
        found = (await api.tokens.validate_token(token=given))["token_info"]
        assert found == made["token_info"] | {"created_at": found["created_at"]}


async def test_a_token_of_a_member_shows_the_roles_held_now(api, make):
    organization = await make.organization()
    role, other = await make.role(), await make.role()
    user = await make.user(
        organization["id"], external_id=unique(), membership={"roles": [{"name": role["name"]}]}
    )
    made = await api.tokens.create_token(
        token={"organization_id": organization["id"], "user_id": user["id"]}
    )
    info = made["token_info"]
    assert info["user_id"] == user["id"]
    assert info["user_external_id"] == user["external_id"]
    assert info["email"] == user["email"]
    assert info["roles"] == [role["name"]]
    assert "description" not in info

    async def roles():
        return (await api.tokens.validate_token(token=made["token"]))["token_info"]["roles"]

    assert await roles() == [role["name"]]
    await api.users.update_membership(
        organization_id=organization["id"],
        id=user["id"],
        membership={"roles": [{"name": other["name"]}, {"name": role["name"]}]},
    )

    async def has_one_role():
        return await roles() == [role["name"]]

    await ends_within_a_second(has_one_role)
    assert await roles() == [role["name"], other["name"]]  # the oldest first


async def test_only_an_active_member_gets_a_token(api, make):
    organization = await make.organization()
    stranger = await make.user()
    invited = await api.users.create_user_and_membership(
        organization_id=organization["id"],
        send_invitation_email=True,
        user={"email": f"{unique()}@example.com"},
    )
    for user_id in (stranger["id"], invited["user"]["id"], "usr_1234567890123456789", "nobody"):
        with refused("INVALID_ARGUMENT", "token.user_id"):
            await api.tokens.create_token(
                token={"organization_id": organization["id"], "user_id": user_id}
            )
    assert (await api.tokens.list_tokens(organization_id=organization["id"]))["total_count"] == 0


async def test_only_an_organization_gets_a_token(api):
    for organization_id in ("org_1234567890123456789", "acme"):
        with refused("NOT_FOUND", says="organization not found"):
            await api.tokens.create_token(token={"organization_id": organization_id})
    with refused("INVALID_ARGUMENT", "token.organization_id"):
        await api.tokens.create_token(token={})


async def test_what_a_token_starts_with_has_rules(api, make):
    organization = await make.organization()
    most = {
        "custom_claims": {f"{n:02}" + "k" * 28: "ä" * 256 for n in range(20)},
        "description": "ö" * 255,
        "expiry": "9999-12-31T23:59:59.999999Z",
    }
    made = await api.tokens.create_token(token={"organization_id": organization["id"], **most})
    assert made["token_info"]["custom_claims"] == most["custom_claims"]
    assert moment(made["token_info"]["expiry"]) == moment(most["expiry"])
    for name, value in [
        ("custom_claims", {str(n): "v" for n in range(21)}),
        ("custom_claims", {"": "v"}),
        ("custom_claims", {"k" * 31: "v"}),
        ("custom_claims", {"k": ""}),
        ("custom_claims", {"k": "v" * 257}),
        ("custom_claims", {"k": "a\0b"}),
        ("description", "d" * 256),
        ("description", "a\0b"),
        ("expiry", in_seconds(-1)),
        ("expiry", "1969-12-31T23:59:59Z"),
    ]:
        with refused("INVALID_ARGUMENT", says=rf"^(token\.)?{name}"):
            await api.tokens.create_token(
                token={"organization_id": organization["id"], name: value}
            )
    assert (await api.tokens.list_tokens(organization_id=organization["id"]))["total_count"] == 1


@pytest.mark.wires("grpc")
async def test_a_time_that_no_json_could_spell_is_refused(api, wire, make):
    organization = await make.organization()
    method = api.tokens.methods["create_token"]
    for moment_ in (
        Timestamp(seconds=2**62),
        Timestamp(seconds=-(2**62)),
        Timestamp(seconds=4_000_000_000, nanos=2**31 - 1),
        Timestamp(seconds=4_000_000_000, nanos=-1),
    ):
        request = pb.CreateTokenRequest(
            token=pb.CreateToken(organization_id=organization["id"], expiry=moment_)
        )
        with refused("INVALID_ARGUMENT", "token.expiry"):
            await wire.send(method, request.to_binary(), api.headers)


@pytest.mark.wires("rest")
async def test_what_the_server_decides_is_not_taken(api, make):
    organization = await make.organization()
    for member in ("token_id", "created_at", "token_suffix", "roles", "email", "digest"):
        with refused("INVALID_ARGUMENT", member):
            await api.tokens.create_token(
                token={"organization_id": organization["id"], member: "apit_1"}
            )


async def test_a_dead_token_is_not_found(api, make_token):
    token = (await make_token())["token"]
    unknown = format_.new("tnat_")
    for text_ in (
        *(unknown, unknown, "apit_1234567890123456789", "apit_x", "apit_", "", "x", "Bearer"),
        *(token[:-1], token + "x", token.upper(), " " + token, token[5:], "x" * 100_000),
    ):
        assert await dead(api, text_)
        with refused("NOT_FOUND", says="^token not found$"):
            await api.tokens.update_token(token=text_, description="mine")


async def test_an_invalidated_token_is_dead_at_once_and_stays_so(api, make_token, events):
    for by in ("token", "token_id"):
        made = await make_token(description="old")
        for given in (made["token"], made["token_id"]):
            await api.tokens.validate_token(token=given)  # so it is remembered by both
        await events.new()
        for _ in range(3):
            await api.tokens.invalidate_token(token=made[by])
        (event,) = await events.new()
        assert event["type"] == "api_token.invalidated"
        assert event["object"] == "ApiToken"
        assert event["organization_id"] == made["token_info"]["organization_id"]
        assert event["before"]["token_id"] == made["token_id"]
        assert event["before"]["description"] == "old"
        assert event["after"] is None
        assert await dead(api, made["token"])
        assert await dead(api, made["token_id"])


async def test_to_end_what_is_no_token_is_no_error(api, events):
    for text_ in ("", "x", format_.new("tnat_"), "apit_1234567890123456789", "tnat_" + "0" * 49):
        await api.tokens.invalidate_token(token=text_)
    assert await events.new() == []


async def test_an_update_keeps_what_it_does_not_name(api, make_token, events):
    made = await make_token(description="old", custom_claims={"a": "1", "b": "2"})
    token = made["token"]
    await events.new()

    async def updated(**changes: Any) -> tuple[str | None, dict[str, str]]:
        info = (await api.tokens.update_token(token=token, **changes))["token_info"]
        shown = (await api.tokens.validate_token(token=made["token_id"]))["token_info"]
        assert shown == info  # at once, also where it was remembered
        return info.get("description"), info["custom_claims"]

    assert await updated() == ("old", {"a": "1", "b": "2"})
    assert await updated(custom_claims={}) == ("old", {"a": "1", "b": "2"})
    assert await updated(description="old") == ("old", {"a": "1", "b": "2"})
    assert await events.new() == []
    assert await updated(custom_claims={"c": "3"}) == ("old", {"c": "3"})
    assert await updated(description="new") == ("new", {"c": "3"})
    assert await updated(description="") == (None, {"c": "3"})
    first, second, third = await events.new()
    assert {e["type"] for e in (first, second, third)} == {"api_token.updated"}
    assert first["before"]["custom_claims"] == {"a": "1", "b": "2"}
    assert first["after"]["custom_claims"] == {"c": "3"}
    assert (second["before"]["description"], second["after"]["description"]) == ("old", "new")
    for name, value in [
        ("custom_claims", {"c": ""}),
        ("custom_claims", {str(n): "v" for n in range(21)}),
        ("description", "d" * 256),
    ]:
        with refused("INVALID_ARGUMENT", says=name):
            await api.tokens.update_token(token=token, **{name: value})
    assert await updated() == (None, {"c": "3"})


async def test_updates_at_once_all_have_their_event(api, make_token, events):
    made = await make_token()
    await events.new()
    await asyncio.gather(
        *(api.tokens.update_token(token=made["token"], description=f"{n}") for n in range(8))
    )
    recorded = await events.new()
    assert sorted(e["after"]["description"] for e in recorded) == [f"{n}" for n in range(8)]
    for before, after in itertools.pairwise(recorded):
        assert before["after"] == after["before"]


@pytest.mark.wires("rest")
async def test_a_token_ends_at_its_very_time(api, make_token):
    made = await make_token(expiry=in_seconds(3))
    token, expiry = made["token"], moment(made["token_info"]["expiry"]).timestamp()
    asked = time.time()
    with refused("NOT_FOUND", says="^token not found$"):
        while await api.tokens.validate_token(token=token):
            assert asked < expiry  # also where it is remembered
            asked = time.time()
    assert time.time() >= expiry
    assert await dead(api, token)
    assert await dead(api, made["token_id"])
    with refused("NOT_FOUND"):
        await api.tokens.update_token(token=token, description="longer")
    await api.tokens.invalidate_token(token=token)


@pytest.mark.wires("rest")
async def test_a_removed_member_s_tokens_end_and_do_not_come_back(api, make, make_token):
    organization, other = await make.organization(), await make.organization()
    user = await make.user(organization["id"])
    await api.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    gone = await make_token(organization["id"], user_id=user["id"])
    kept = await make_token(other["id"], user_id=user["id"])
    own = await make_token(organization["id"])
    await api.tokens.validate_token(token=gone["token"])
    await api.users.delete_membership(organization_id=organization["id"], id=user["id"])
    await ends(api, gone["token"])
    await api.users.create_membership(
        organization_id=organization["id"],
        id=user["id"],
        membership={},
        send_invitation_email=False,
    )
    assert await dead(api, gone["token"])
    assert await dead(api, gone["token_id"])
    for token in (kept, own):
        await api.tokens.validate_token(token=token["token"])
    listed = await api.tokens.list_tokens(organization_id=organization["id"])
    assert [token["token_id"] for token in listed["tokens"]] == [own["token_id"]]


@pytest.mark.wires("rest")
async def test_with_the_user_or_the_organization_all_tokens_end(api, make, make_token):
    external_id = unique()
    organization = await make.organization(external_id=external_id)
    user = await make.user(organization["id"])
    of_user = await make_token(organization["id"], user_id=user["id"])
    of_organization = await make_token(organization["id"])
    await api.users.delete_user(id=user["id"])
    await ends(api, of_user["token"])
    await api.tokens.validate_token(token=of_organization["token"])
    await api.organizations.delete_organization(id=organization["id"])
    again = await make.organization(external_id=external_id)
    await ends(api, of_organization["token"])
    with refused("NOT_FOUND", says="organization not found"):
        await api.tokens.list_tokens(organization_id=organization["id"])
    assert (await api.tokens.list_tokens(organization_id=again["id"]))["total_count"] == 0


@pytest.mark.wires("rest")
async def test_a_token_rests_while_its_member_does(api, make, make_token, set_status, events):
    organization = await make.organization()
    user = await make.user(organization["id"])
    first = await make_token(organization["id"], user_id=user["id"])
    second = await make_token(organization["id"], user_id=user["id"])
    await set_status(user["id"], "INACTIVE")
    await events.new()
    assert await dead(api, first["token"])
    with refused("NOT_FOUND"):
        await api.tokens.update_token(token=first["token"], description="mine")
    assert (await api.tokens.list_tokens(organization_id=organization["id"]))["total_count"] == 0
    await api.tokens.invalidate_token(token=second["token"])
    assert [event["type"] for event in await events.new()] == ["api_token.invalidated"]
    await set_status(user["id"], "ACTIVE")

    async def is_refused():
        try:
            await api.tokens.validate_token(token=first["token"])
        except ApiError:
            return True
        return False

    await ends_within_a_second(is_refused)
    assert await dead(api, second["token"])


@pytest.mark.wires("rest")
async def test_only_the_application_may_ask(api, make, make_token, http):
    made = await make_token()
    organization_id = made["token_info"]["organization_id"]
    nobody = api.sending(authorization=())
    portal = nobody.sending(cookie=await make.portal_session(http, organization_id))
    bearer = api.sending(authorization=f"Bearer {made['token']}")
    machine = await access_token(http, *(await make.client(organization_id)))
    for caller, code in (
        (nobody, "UNAUTHENTICATED"),
        (bearer, "UNAUTHENTICATED"),
        (portal, "PERMISSION_DENIED"),
        (api.sending(authorization=f"Bearer {machine}"), "PERMISSION_DENIED"),
    ):
        for call in (
            caller.tokens.create_token(token={"organization_id": organization_id}),
            caller.tokens.validate_token(token=made["token"]),
            caller.tokens.update_token(token=made["token"], description="mine"),
            caller.tokens.invalidate_token(token=made["token"]),
            caller.tokens.list_tokens(organization_id=organization_id),
        ):
            with refused(code):
                await call
    await api.tokens.validate_token(token=made["token"])


@pytest.mark.wires("rest")
@pytest.mark.process
async def test_a_token_is_in_no_log_event_or_database(api, server, make, database, events):
    organization = await make.organization()
    keyed = api.sending(idempotency_key=unique())
    request = {"token": {"organization_id": organization["id"]}}
    made = await keyed.tokens.create_token(**request)
    assert (await keyed.tokens.create_token(**request))["token"] == made["token"]
    token = made["token"]
    await api.tokens.validate_token(token=token)
    await api.tokens.update_token(token=token, description="seen")
    await dead(api, token + "x")
    assert token[5:-6] not in server.log.read_text(errors="replace")
    recorded = [event for event in await events.new() if event["object"] == "ApiToken"]
    assert [event["type"] for event in recorded] == ["api_token.created", "api_token.updated"]
    assert recorded[0]["after"].keys() == {
        *("token_id", "organization_id", "description", "custom_claims", "token_suffix"),
        *("expiry", "created_at"),
    }
    for table in metadata.tables:
        rows = await database.fetch_all(Statement(text(f"SELECT * FROM {table}")))
        assert token[5:-6] not in str([list(row) for row in rows])
    await api.tokens.invalidate_token(token=token)


@pytest.mark.wires("rest")
async def test_its_last_use_is_written_within_two_seconds(api, make_token, database):
    used, unused = await make_token(), await make_token()
    before = now()
    for _ in range(3):
        await api.tokens.validate_token(token=used["token"])
    until = before + 2_000_000
    while True:
        times = {row["id"]: row["last_used_time"] for row in await database.fetch_all(_ALL)}
        if times[used["token_id"]] is not None:
            break
        assert now() < until
        await asyncio.sleep(0.05)
    assert before <= times[used["token_id"]] <= now()
    assert times[unused["token_id"]] is None


@pytest.mark.wires("rest")
async def test_long_expired_tokens_are_deleted(api, make_token, expire, database):
    day = 24 * 3600 * 1_000_000
    old, young, live = [await make_token() for _ in range(3)]
    await expire(old["token_id"], now() - 31 * day)
    await expire(young["token_id"], now() - 29 * day)
    assert not await service.prune(database)
    ids = {row["id"] for row in await database.fetch_all(_ALL)}
    assert old["token_id"] not in ids
    assert {young["token_id"], live["token_id"]} <= ids
