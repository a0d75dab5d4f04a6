"""InterceptorService: made, shown, changed, tried out, and gone."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused
from interceptor_receivers import denied, hang

WATCHING = {
    "display_name": "Trial check",
    "description": "Nobody signs in after a trial",
    "trigger_point": "PRE_SESSION_CREATION",
    "api_url": "https://hooks.example.com/ask",
}
API_KEY = {
    "auth_config": {
        "auth_config_type": "API_KEY",
        "api_key": {"header_name": "X-Key", "api_key": "the-api-key-quince"},
    }
}
OAUTH2 = {
    "auth_config": {
        "auth_config_type": "OAUTH2",
        "oauth2": {
            "token_url": "https://auth.example.com/token",
            "client_id": "us",
            "client_secret": "secret-quince",
            "scope": "ask",
        },
    }
}


@pytest.fixture
async def made(api):
    """An interceptor; it is gone when the test ends."""
    answer = await api.interceptors.create_interceptor(interceptor=WATCHING)
    yield answer["interceptor"]
    await api.interceptors.delete_interceptor(id=answer["interceptor"]["id"])


@pytest.mark.everywhere
async def test_one_is_made_disabled_with_what_it_was_given(api, made, events):
    assert {name: made[name] for name in WATCHING} == WATCHING
    assert made["interceptor_type"] == "AUTH"
    assert (made["enabled"], made["failure_policy"]) == (False, "FAIL_CLOSED")
    assert made["timeout_ms"] == "10000"
    assert made["id"].startswith("icp_")
    assert made["secret_id"].startswith("sec_")
    assert len(made["secret_suffix"]) == 4
    assert made.get("config") is None
    assert (await api.interceptors.get_interceptor(id=made["id"]))["interceptor"] == made


async def test_every_change_is_an_event_without_secrets(api, events):
    made = (await api.interceptors.create_interceptor(interceptor=WATCHING | {"config": API_KEY}))[
        "interceptor"
    ]
    key = {"id": made["id"]}
    for _ in range(2):
        await api.interceptors.enable_interceptor(**key)
    await api.interceptors.update_interceptor(**key, interceptor={"display_name": "Other"})
    secret = (await api.interceptor_secrets.rotate_interceptor_secret(**key))["secret"]
    await api.interceptors.disable_interceptor(**key)
    await api.interceptors.delete_interceptor(**key)
    told = await events.new()
    assert [event["type"] for event in told] == [
        *("interceptor.created", "interceptor.enabled", "interceptor.updated"),
        *("interceptor.updated", "interceptor.disabled", "interceptor.deleted"),
    ]
    text = json.dumps(told)
    assert "the-api-key-quince" not in text
    assert secret.removeprefix("whsec_") not in text
    with refused("NOT_FOUND"):
        await api.interceptors.get_interceptor(**key)


async def test_a_rotation_shows_the_new_secret_once(api, made):
    answer = await api.interceptor_secrets.rotate_interceptor_secret(id=made["id"])
    assert answer["secret"].startswith("whsec_")
    assert answer["interceptor"]["secret_suffix"] == answer["secret"][-4:]
    assert answer["interceptor"]["secret_id"] != made["secret_id"]
    read = await api.interceptors.get_interceptor(id=made["id"])
    assert answer["secret"] not in json.dumps(dict(read))


async def test_what_is_given_changes_and_the_rest_stays(api, made):
    changes = {"description": "", "timeout_ms": 500, "failure_policy": "FAIL_OPEN"}
    answer = await api.interceptors.update_interceptor(id=made["id"], interceptor=changes)
    now = answer["interceptor"]
    assert (now["description"], now["timeout_ms"], now["failure_policy"]) == (
        "",
        "500",
        "FAIL_OPEN",
    )
    same = ("display_name", "trigger_point", "api_url", "enabled", "created_at", "secret_id")
    assert {name: now[name] for name in same} == {name: made[name] for name in same}


@pytest.mark.parametrize("config", [API_KEY, OAUTH2])
async def test_how_it_is_told_who_asks_is_shown_without_the_secret(api, made, config):
    answer = await api.interceptors.update_interceptor(
        id=made["id"], interceptor={"config": config}
    )
    text = json.dumps(answer["interceptor"])
    assert "quince" not in text
    shown = answer["interceptor"]["config"]["auth_config"]
    assert shown["auth_config_type"] == config["auth_config"]["auth_config_type"]
    if "api_key" in shown:
        assert shown["api_key"] == {"header_name": "x-key", "api_key": ""}
    else:
        given = config["auth_config"]["oauth2"]
        assert shown["oauth2"] == {**given, "client_secret": ""}
    # Other changes leave it; an empty one takes it away.
    await api.interceptors.update_interceptor(id=made["id"], interceptor={"timeout_ms": 500})
    read = (await api.interceptors.get_interceptor(id=made["id"]))["interceptor"]
    assert read["config"]["auth_config"] == shown
    answer = await api.interceptors.update_interceptor(id=made["id"], interceptor={"config": {}})
    assert answer["interceptor"].get("config") is None


REFUSED = [
    ({"display_name": ""}, "display_name"),
    ({"display_name": "n" * 256}, "display_name"),
    ({"description": "d" * 1025}, "description"),
    ({"trigger_point": "POST_USER_AUTHENTICATION"}, "trigger_point"),
    ({"trigger_point": "ACCESS_TOKEN_CREATION"}, "trigger_point"),
    ({"timeout_ms": 99}, "timeout_ms"),
    ({"timeout_ms": 30_001}, "timeout_ms"),
    ({"api_url": "http://hooks.example.com/"}, "api_url"),
    ({"api_url": "https://10.1.2.3/"}, "api_url"),
    ({"api_url": "https://user:password@hooks.example.com/"}, "api_url"),
    ({"api_url": "hooks"}, "api_url"),
    ({"request_template": "{}"}, "request_template"),
    ({"response_template": "{}"}, "response_template"),
]
BAD_HEADERS = ["host", "Content-Length", "Interceptor-Signature", "webhook-id", "a b", "x:", "é"]


@pytest.mark.parametrize(("members", "field"), REFUSED)
async def test_what_cannot_be_taken_is_named(api, made, members, field):
    with refused("INVALID_ARGUMENT", f"interceptor.{field}"):
        await api.interceptors.create_interceptor(interceptor=WATCHING | members)
    with refused("INVALID_ARGUMENT", f"interceptor.{field}"):
        await api.interceptors.update_interceptor(id=made["id"], interceptor=members)


@pytest.mark.wires("rest")
async def test_an_address_is_required(api):
    given = {name: value for name, value in WATCHING.items() if name != "api_url"}
    with refused("INVALID_ARGUMENT", "interceptor.api_url"):
        await api.interceptors.create_interceptor(interceptor=given)


@pytest.mark.wires("rest", "grpc")
@pytest.mark.parametrize("name", BAD_HEADERS)
async def test_a_key_goes_into_no_header_of_ours(api, name):
    auth = {"auth_config_type": "API_KEY", "api_key": {"header_name": name, "api_key": "k"}}
    field = "interceptor.config.auth_config.api_key.header_name"
    with refused("INVALID_ARGUMENT", field):
        await api.interceptors.create_interceptor(
            interceptor=WATCHING | {"config": {"auth_config": auth}}
        )


@pytest.mark.wires("rest", "grpc")
async def test_a_key_is_the_value_of_a_header(api):
    for key in ("a\r\nb: c", "é", " k", "a\0"):
        auth = {"auth_config_type": "API_KEY", "api_key": {"header_name": "x", "api_key": key}}
        with refused("INVALID_ARGUMENT", "interceptor.config.auth_config.api_key.api_key") as told:
            await api.interceptors.create_interceptor(
                interceptor=WATCHING | {"config": {"auth_config": auth}}
            )
        assert "b: c" not in told.value.message


@pytest.mark.wires("rest", "grpc")
async def test_the_type_says_what_else_there_is(api):
    for auth in (
        {"auth_config_type": "API_KEY"},
        {**OAUTH2["auth_config"], "auth_config_type": "API_KEY"},
        {**API_KEY["auth_config"], "auth_config_type": "OAUTH2"},
    ):
        field = "interceptor.config.auth_config.auth_config_type"
        with refused("INVALID_ARGUMENT", field):
            await api.interceptors.create_interceptor(
                interceptor=WATCHING | {"config": {"auth_config": auth}}
            )


async def test_lists_are_narrowed_and_go_page_by_page(api):
    made = []
    for trigger in ("PRE_SIGNUP", "PRE_SIGNUP", "PRE_USER_INVITATION"):
        answer = await api.interceptors.create_interceptor(
            interceptor=WATCHING | {"trigger_point": trigger}
        )
        made.append(answer["interceptor"]["id"])
    await api.interceptors.enable_interceptor(id=made[0])

    async def ids(**narrow: object):
        found = await api.interceptors.list_interceptors(page_size=100, **narrow)
        assert found["total_size"] == len(found["interceptors"])
        return [one["id"] for one in found["interceptors"] if one["id"] in made]

    assert await ids() == made[::-1]
    assert await ids(trigger_point="PRE_SIGNUP") == [made[1], made[0]]
    assert await ids(enabled=True) == [made[0]]
    assert await ids(enabled=False, trigger_point="PRE_SIGNUP") == [made[1]]
    first = await api.interceptors.list_interceptors(page_size=1, trigger_point="PRE_SIGNUP")
    assert first["prev_page_token"] == ""
    second = await api.interceptors.list_interceptors(
        page_size=1, trigger_point="PRE_SIGNUP", page_token=first["next_page_token"]
    )
    assert [second["interceptors"][0]["id"], second["next_page_token"]] == [made[0], ""]
    back = await api.interceptors.list_interceptors(
        page_size=1, trigger_point="PRE_SIGNUP", page_token=second["prev_page_token"]
    )
    assert back["interceptors"] == first["interceptors"]
    with refused("INVALID_ARGUMENT", "page_token"):
        await api.interceptors.list_interceptors(page_token=first["next_page_token"])
    for key in made:
        await api.interceptors.delete_interceptor(id=key)


@pytest.mark.wires("rest")
async def test_a_trigger_has_room_for_ten(api):
    made = []
    with refused("INVALID_ARGUMENT", says="limit of 10 interceptors"):
        while len(made) < 11:
            answer = await api.interceptors.create_interceptor(
                interceptor=WATCHING | {"trigger_point": "PRE_SIGNUP"}
            )
            made.append(answer["interceptor"]["id"])
    assert len(made) == 10
    other = (await api.interceptors.create_interceptor(interceptor=WATCHING))["interceptor"]["id"]
    with refused("INVALID_ARGUMENT", says="limit of 10 interceptors"):
        await api.interceptors.update_interceptor(
            id=other, interceptor={"trigger_point": "PRE_SIGNUP"}
        )
    for key in (*made, other):
        await api.interceptors.delete_interceptor(id=key)


@pytest.fixture
async def tried(asking, receiver):
    """An interceptor that may be tried out; not enabled."""
    answer = await asking.interceptors.create_interceptor(
        interceptor=WATCHING | {"api_url": receiver.url(), "timeout_ms": 500}
    )
    yield answer["interceptor"]["id"]
    await asking.interceptors.delete_interceptor(id=answer["interceptor"]["id"])


@pytest.mark.parametrize("config", [API_KEY, OAUTH2])
async def test_credentials_go_to_no_server_but_the_one_they_were_given_for(api, config):
    answer = await api.interceptors.create_interceptor(interceptor=WATCHING | {"config": config})
    key = {"id": answer["interceptor"]["id"]}

    def move(url, **more: object):
        return api.interceptors.update_interceptor(**key, interceptor={"api_url": url, **more})

    for url in ("https://evil.example.com/ask", "https://hooks.example.com:8443/ask"):
        with refused("INVALID_ARGUMENT", "interceptor.config.auth_config"):
            await move(url)
    await move("https://hooks.example.com/other")
    await move("https://new.example.com/ask", config=config)
    await api.interceptors.delete_interceptor(**key)


async def test_a_trial_shows_the_answer_and_leaves_no_trace(asking, tried, receiver):
    receiver.answers["/ask"] = denied("Your trial is over.")
    keyed = asking.sending(idempotency_key="trial-1")
    for api in (asking, keyed, keyed):
        answer = await api.interceptors.test_interceptor(id=tried, data={"user": {"id": "usr_1"}})
        assert answer["interceptor_response"] == receiver.answers["/ask"]
        assert answer.get("validation_error") is None
        assert answer.get("error") is None
    assert len(receiver.got) == 3
    assert receiver.got[0].content["data"] == {"user": {"id": "usr_1"}}
    both = {"interceptor_context": {"user_email": "a@b.c"}, "data": {"user": {}}}
    await asking.interceptors.test_interceptor(id=tried, data=both)
    assert receiver.got[3].context["user_email"] == "a@b.c"
    assert receiver.got[3].content["data"] == {"user": {}}
    await asyncio.sleep(1.2)
    read = (await asking.interceptors.get_interceptor(id=tried))["interceptor"]
    assert read.get("last_executed_at") is None
    filter_ = {"event_types": ["interceptor.executed"]}
    listed = await asking.events.list_events_paginated(filter=filter_, page_size=100)
    assert tried not in json.dumps(dict(listed))


async def test_a_trial_says_what_is_wrong(asking, tried, receiver):
    async def trial():
        return await asking.interceptors.test_interceptor(id=tried, data={"a": 1})

    receiver.answers["/ask"] = {"decision": "MAYBE"}
    answer = await trial()
    (violation,) = answer["validation_error"]["field_violations"]
    assert violation["field"] == "decision"
    assert answer["error"]["code"] == "INVALID_RESPONSE"
    receiver.answers["/ask"] = {"decision": "DENY", "error": {"code": "NO"}}
    answer = await trial()
    assert answer["interceptor_response"]["decision"] == "DENY"
    assert answer["validation_error"]["field_violations"][0]["field"] == "error.message"
    receiver.answers["/ask"] = 503
    answer = await trial()
    assert answer["error"]["code"] == "HTTP_STATUS"
    assert answer["error"]["details"] == {"http_status": 503}
    receiver.answers["/ask"] = hang
    answer = await trial()
    assert (answer["error"]["code"], answer["error"]["details"]) == ("NO_ANSWER", {})
    for wrong in ({"data": 1}, {"interceptor_context": []}):
        with refused("INVALID_ARGUMENT", "data"):
            await asking.interceptors.test_interceptor(id=tried, data=wrong)
