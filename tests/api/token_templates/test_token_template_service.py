"""The token template: kept, shown, switched, tried out, and gone."""

from __future__ import annotations

import asyncio
import json

import pytest
from apis import refused, unique

TEMPLATE = {
    "plan": "organization.metadata.plan ?? 'free'",
    "department": "user.custom_attributes.department",
    "app": {"beta": "'beta' in user.groups", "level": 3, "live": True},
}


@pytest.fixture(autouse=True)
def _gone_again(keep):
    """The template goes when a test ends."""


@pytest.fixture
def service(api):
    return api.interceptors


@pytest.mark.everywhere
async def test_one_is_kept_enabled_shown_and_deleted(service):
    with refused("NOT_FOUND", says="token template not found"):
        await service.get_token_template()
    made = (await service.upsert_token_template(template=TEMPLATE))["config"]
    assert made["template"] == TEMPLATE
    assert made["enabled"] is True
    assert made["created_at"] == made["updated_at"]
    assert (await service.get_token_template())["config"] == made
    changed = (await service.upsert_token_template(template={"plan": "'gold'"}))["config"]
    assert changed["template"] == {"plan": "'gold'"}
    assert changed["created_at"] == made["created_at"]
    assert changed["updated_at"] > made["updated_at"]
    assert (await service.upsert_token_template(template={"plan": "'gold'"}))["config"] == changed
    await service.delete_token_template()
    for call in (service.get_token_template, service.delete_token_template):
        with refused("NOT_FOUND"):
            await call()


async def test_a_change_leaves_it_enabled_or_disabled(service):
    for call in (service.enable_token_template, service.disable_token_template):
        with refused("NOT_FOUND"):
            await call()
    await service.upsert_token_template(template=TEMPLATE)
    await service.disable_token_template()
    changed = await service.upsert_token_template(template={"plan": "'gold'"})
    assert not changed["config"].get("enabled", False)
    await service.enable_token_template()
    assert (await service.get_token_template())["config"]["enabled"] is True


async def test_every_change_is_one_event(service, events):
    await service.upsert_token_template(template=TEMPLATE)
    for _ in range(2):
        await service.upsert_token_template(template={"plan": "'gold'"})
        await service.disable_token_template()
    await service.enable_token_template()
    await service.delete_token_template()
    told = await events.new()
    assert [event["type"] for event in told] == [
        *("token_template.created", "token_template.updated", "token_template.disabled"),
        *("token_template.enabled", "token_template.deleted"),
    ]
    assert {event["object"] for event in told} == {"TokenTemplate"}
    assert told[0]["before"] is None
    assert told[0]["after"]["template"] == TEMPLATE
    assert told[1]["before"]["template"] == TEMPLATE
    assert told[1]["after"]["template"] == {"plan": "'gold'"}
    assert [told[2]["after"]["enabled"], told[3]["after"]["enabled"]] == [False, True]
    assert told[4]["after"] is None


async def test_many_at_once_leave_one(service, events):
    names = [f"claim_{number}" for number in range(8)]
    calls = [service.upsert_token_template(template={name: "user.id"}) for name in names]
    calls += [service.disable_token_template(), service.delete_token_template()]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert all(getattr(answer, "code", "NOT_FOUND") == "NOT_FOUND" for answer in answers)
    told = await events.new()
    is_there = False
    for event in told:
        assert (event["before"] is not None) is is_there
        is_there = event["after"] is not None
    await service.upsert_token_template(template=TEMPLATE)


@pytest.mark.parametrize(
    ("template", "field", "says"),
    [
        ({}, "template", "must have at least one claim"),
        ({"a": {}}, "template", "must have at least one claim"),
        ({"plan": "organization.metdata.plan"}, "template.plan", "at character 14: .*`metadata`"),
        ({"plan": ""}, "template.plan", "at character 1: is empty"),
        ({"a": {"b": "user.emial"}}, "template.a.b", "at character 6: .*`email`"),
        ({"plan": None}, "template.plan", "must not be null"),
        ({"plan": ["a"]}, "template.plan", "must not be a list: use an expression"),
        ({"a": {"b": {"c": {"d": "1"}}}}, "template.a.b.c", "3 levels"),
        ({"plan": 2.0**60}, "template.plan", "not represent exactly"),
        ({"": "1"}, "template.", "must have a name of"),
        ({"_a": "1"}, "template._a", "starting with a letter"),
        ({"é": "1"}, "template.é", "must have a name of"),
        ({"a" * 129: "1"}, "template." + "a" * 128, "must have a name of"),
        ({f"a{n}": "1" for n in range(31)}, "template", "at most 30 claims, has 31"),
        ({"a": "'" + "x" * 900 + "'"}, "template", "has names and constants of 907 bytes"),
        ({f"a{n}": f"'{'x' * 990}'" for n in range(9)}, "template", "8192 bytes of JSON"),
        ({"a": "user.email" + " " * 1000}, "template.a", "exceeds 1000 characters"),
    ],
)
async def test_what_cannot_be_a_template_is_refused_by_its_claim(service, template, field, says):
    with refused("INVALID_ARGUMENT", field, says=says):
        await service.upsert_token_template(template=template)


@pytest.mark.parametrize("name", ["sub", "iss", "aud", "exp", "oid", "sid", "roles", "scope"])
async def test_claims_of_our_own_are_reserved(service, name):
    context = await service.get_token_template_context()
    assert context["accesstoken_reserved_claims"][name]
    with refused("INVALID_ARGUMENT", f"template.{name}", says="is a reserved claim"):
        await service.upsert_token_template(template={name: "user.email"})
    # Within an object they mean nothing.
    await service.upsert_token_template(template={"app": {name: "user.email"}})


async def test_all_that_is_wrong_is_told_at_once(service):
    wrong = {"sub": "user.email", "a": "user.emial", "b": "(", "c": "user.id"}
    with refused("INVALID_ARGUMENT", "template.a", "template.b", "template.sub"):
        await service.upsert_token_template(template=wrong)


async def test_a_request_has_a_template(service):
    with refused("INVALID_ARGUMENT", "template"):
        await service.upsert_token_template()


async def test_the_variables_are_told(service):
    variables = (await service.get_token_template_context())["variables"]
    assert variables["user"]["email"] == "text"
    assert variables["user"]["current_membership"]["roles"] == "list"
    assert variables["organization"] == {
        "id": "text",
        "name": "text",
        "external_id": "text",
        "metadata": "open",
    }


@pytest.fixture
async def ada(make):
    """A person in an organization that has metadata."""
    organization = await make.organization(metadata={"plan": "gold"}, external_id=unique("ext"))
    user = await make.user(
        organization["id"],
        membership={"roles": [{"name": "admin"}], "metadata": {"desk": "7"}},
        metadata={"seats": "12"},
        user_profile={"given_name": "Ada", "family_name": "Lovelace", "groups": ["beta"]},
    )
    return organization, user


@pytest.mark.everywhere
async def test_a_preview_shows_what_a_template_makes_of_a_person(service, ada):
    organization, user = ada
    template = {
        **TEMPLATE,
        "seats": "int(user.metadata.seats)",
    }
    shown = await service.preview_token_template(template=template, user_id=user["id"])
    assert shown["omitted_keys"] == ["department"]
    assert shown["claims"] == {
        "plan": "gold",
        "app": {"beta": True, "level": 3, "live": True},
        "seats": 12,
    }
    token = shown["token_preview"]
    assert token.items() >= shown["claims"].items()
    assert (token["sub"], token["oid"]) == (user["id"], organization["id"])
    assert token["xoid"] == organization["external_id"]
    assert token["roles"] == ["admin"]
    with refused("NOT_FOUND", says="token template"):
        await service.preview_token_template(user_id=user["id"])
    await service.upsert_token_template(template={"n": "user.name"})
    kept = await service.preview_token_template(user_id=user["id"])
    assert kept["claims"] == {"n": "Ada Lovelace"}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("user.current_membership.metadata.desk", "7"),
        ("user.current_membership.status", "ACTIVE"),
        ("user.current_membership.roles", ["admin"]),
        ("user.name + ' of ' + organization.name", "Ada Lovelace of Acme"),
        ("user.current_membership.organization_name", "Acme"),
        ("len(split(user.created_at, '-'))", 3),
        ("user.email_verified", True),
        ("user.last_login_time ?? 'never'", "never"),
        ("organization.external_id contains 'ext'", True),
        ("user.current_membership.organization_id == organization.id", True),
    ],
)
async def test_variables_have_their_values(service, ada, expression, expected):
    _, user = ada
    shown = await service.preview_token_template(template={"a": expression}, user_id=user["id"])
    assert shown["claims"] == {"a": expected}


async def test_a_whole_number_is_spelled_as_one(rest, ada):
    """A program that reads an integer refuses `3.0`; a Struct of protobuf knows no other kind."""
    _, user = ada
    shown = await rest.interceptors.preview_token_template(
        template={"level": 3, "half": 0.5, "n": "len('abc')"}, user_id=user["id"]
    )
    assert json.dumps(shown["claims"]) == '{"half": 0.5, "level": 3, "n": 3}'
    assert str(shown["token_preview"]["exp"]).isdigit()


async def test_what_is_missing_is_told_once(rest):
    with refused("INVALID_ARGUMENT", "user_id", says=r"^user_id: is required$"):
        await rest.interceptors.preview_token_template(template={"a": "user.id"})


async def test_a_preview_is_of_an_organization_of_theirs(service, make, ada, rest):
    _, user = ada
    other = await make.organization(metadata={"plan": "free"})
    await rest.users.create_membership(
        organization_id=other["id"], id=user["id"], membership={}, send_invitation_email=False
    )
    given = {"template": {"plan": "organization.metadata.plan"}, "user_id": user["id"]}
    shown = await service.preview_token_template(**given, organization_id=other["id"])
    assert shown["claims"] == {"plan": "free"}
    strange = (await make.organization())["id"]
    with refused("INVALID_ARGUMENT", "organization_id", says="not an active member"):
        await service.preview_token_template(**given, organization_id=strange)
    with refused("NOT_FOUND", says="user"):
        await service.preview_token_template(**given | {"user_id": "usr_1234567890123456789"})
    with refused("INVALID_ARGUMENT", "user_id"):
        await service.preview_token_template(**given | {"user_id": "ada"})


async def test_a_preview_tells_what_is_wrong_with_a_template(service, ada):
    _, user = ada
    shown = await service.preview_token_template(
        template={"plan": "organization.metdata"}, user_id=user["id"]
    )
    assert shown["error"]["code"] == "INVALID_TEMPLATE"
    assert "template.plan: at character 14" in shown["error"]["message"]
    (violation,) = shown["error"]["details"]["field_violations"]
    assert violation["field"] == "template.plan"
    assert not shown.get("claims")


async def test_a_preview_tells_what_does_not_fit(service, make):
    user = await make.user(metadata={"long": "x" * 250, "short": "y"})
    shown = await service.preview_token_template(
        template={
            "a": "user.metadata.long",
            "b": {"c": "user.metadata.long"},
            "d": "user.metadata.short",
        },
        user_id=user["id"],
    )
    assert shown["claims"] == {"d": "y"}
    assert shown["omitted_keys"] == ["a", "b.c"]
    assert shown["token_preview"]["claims_omitted"] is True


async def test_nobody_but_the_management_keeps_one(rest, make, signins):
    person = (await signins.tokens(session=(await signins.session(await make.user()))[0]))[
        "access_token"
    ]
    organization = await make.organization()
    machine = await rest.clients.create_organization_client(
        organization_id=organization["id"], client={"name": "m"}
    )
    answer = await signins.http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": machine["client"]["client_id"],
            "client_secret": machine["plain_secret"],
        },
    )
    path = "/api/v1/token-templates"
    for token in (person, answer.json()["access_token"]):
        headers = {"authorization": f"Bearer {token}"}
        for verb, where, body in (
            ("PUT", path, {"template": {"a": "1"}}),
            ("GET", path, None),
            ("DELETE", path, None),
            ("PATCH", f"{path}:enable", None),
            ("PATCH", f"{path}:disable", None),
            ("POST", f"{path}/preview", {"user_id": "usr_1"}),
            ("GET", f"{path}/context", None),
        ):
            answer = await signins.http.request(verb, where, json=body, headers=headers)
            assert answer.status_code in {401, 403}, (verb, where)
    assert (await signins.http.get(path)).status_code == 401
