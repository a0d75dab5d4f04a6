"""The schemas of published events say what the wire contract says, and samples keep to them."""

from __future__ import annotations

import json
import time

import pytest
from contract_facts import ENVELOPE, ENVELOPE_REQUIRED, EVENTS
from jsonschema import Draft202012Validator
from valid_events import ENVIRONMENT, PUBLIC_URL, assert_all_valid, problems

from tenantry.core.event import PUBLISHED
from tenantry.events.webhooks import catalogue
from tenantry.events.webhooks.shapes import OURS

NOW = int(time.time() * 1e6)


def schema(event_type):
    return catalogue.schema(event_type, PUBLIC_URL)


def sample(event_type, **changes: object):
    given = {"environment_id": ENVIRONMENT, "organization_id": "org_7", "event_id": "evt_5"}
    return catalogue.sample(event_type, **given, at=NOW) | changes


def said(asked):
    """A schema in the words of the facts; our own members and explanations are left out."""
    if "properties" in asked:
        return {
            name: said(inner)
            for name, inner in asked["properties"].items()
            if inner.get("$comment") != OURS
        }
    if "enum" in asked:
        return set(asked["enum"])
    if asked["type"] == "array":
        return [said(asked["items"])]
    kinds = asked["type"]
    words = [kinds if isinstance(kinds, str) else kinds[0]]
    words += [asked[name] for name in ("format", "pattern") if name in asked]
    return " ".join(words) + ("?" if "null" in kinds else "")


def same(fact, found):
    """Whether a schema says exactly this; `{}` and "object" leave members open."""
    if fact in ({}, "object"):
        return found == "object" or isinstance(found, dict)
    if isinstance(fact, dict):
        return (
            isinstance(found, dict)
            and fact.keys() == found.keys()
            and all(same(inner, found[name]) for name, inner in fact.items())
        )
    return fact == found or (isinstance(fact, list) and same(fact[0], found[0]))


def test_every_type_of_the_contract_has_a_schema():
    assert set(catalogue.TYPES) == set(EVENTS)
    assert len(EVENTS) == 32
    assert set(PUBLISHED) == set(EVENTS)


@pytest.mark.parametrize("event_type", EVENTS)
def test_a_schema_says_what_the_contract_says(event_type):
    object_, members, required = EVENTS[event_type]
    asked = schema(event_type)
    Draft202012Validator.check_schema(asked)
    assert asked["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert asked["$id"] == f"{PUBLIC_URL}/webhooks/schemas/{event_type}.json"
    assert set(asked["required"]) == ENVELOPE_REQUIRED
    assert asked["properties"]["type"]["const"] == event_type
    assert asked["properties"]["object"]["const"] == object_
    envelope = {name: fact for name, fact in ENVELOPE.items() if name != "data"}
    if event_type.startswith(("role.", "permission.")):
        del envelope["organization_id"]
    found = said(asked)
    data = found.pop("data")
    assert found == envelope
    assert set(asked["properties"]["data"]["required"]) == required
    assert same(members, data), (members, data)


def test_the_comparison_sees_every_difference():
    """Of each kind that the facts have."""
    of = {"a": "string", "b": {"c": ["string"]}, "d": {"X"}, "e": "object?", "f": "object"}
    assert same(of, of | {"f": {"anything": "string"}})
    for changes in (
        {"a": "string ^org_"},
        {"a": "string?"},
        {"b": {"c": ["boolean"]}},
        {"b": {}},
        {"b": "object"},
        {"d": {"X", "Y"}},
        {"e": "object"},
        {"f": "string"},
        {"g": "string"},
    ):
        assert not same(of, of | changes), changes
    assert not same(of, {"a": "string"})


@pytest.mark.parametrize("event_type", EVENTS)
def test_a_sample_keeps_to_its_schema(event_type):
    made = sample(event_type)
    assert problems(made) == []
    assert (made["id"], made["environment_id"]) == ("evt_5", ENVIRONMENT)
    text = json.dumps(made)
    # Organization, environment and times in it are the event's own.
    assert "org_2123312131125533123" not in text
    assert text.count('"env_') == text.count(f'"{ENVIRONMENT}"')
    assert "2026-01-05" not in text


def test_a_sample_of_each_type_tells_what_happened():
    def data(name):
        return sample(f"organization.{name}")["data"]

    assert "deleted_at" in data("deleted")
    assert "deleted_at" not in data("created")
    assert data("domain_dns_verification_failed")["verification_status"] == "FAILED"
    assert data("domain_dns_verification_success")["verification_status"] == "VERIFIED"
    assert data("sso_enabled")["enabled"]
    assert not data("sso_disabled")["enabled"]
    assert sample("user.login")["data"]["user_session"]["logout_at"] is None
    assert sample("user.logout")["data"]["user_session"]["logout_at"]


def test_a_sample_without_an_organization_speaks_of_one_that_is_nobodys():
    made = catalogue.sample(
        "organization.created",
        environment_id=ENVIRONMENT,
        organization_id=None,
        event_id="evt_5",
        at=NOW,
    )
    assert problems(made) == []
    assert made["organization_id"] == made["data"]["id"]
    assert "organization_id" not in sample("role.created")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"spec_version": "one"}, "$.spec_version"),
        ({"id": "event_5"}, "$.id"),
        ({"occurred_at": "yesterday"}, "$.occurred_at"),
        ({"object": "Role"}, "$.object"),
        ({"organization_id": "usr_1"}, "$.organization_id"),
        ({"display_nmae": "Acme"}, "$.display_nmae"),
        ({"data": {"id": "org_1"}}, "$.data"),
        ({"data": {"id": "org_1", "display_name": None}}, "$.data.display_name"),
        ({"data": {"id": "usr_1", "display_name": "Acme"}}, "$.data.id"),
        ({"data": {"id": "org_1", "display_name": "Acme", "ex": ""}}, "$.data.ex"),
        (
            {"data": {"id": "org_1", "display_name": "Acme", "create_time": "2026-01-05"}},
            "$.data.create_time",
        ),
        (
            {
                "data": {
                    "id": "org_1",
                    "display_name": "Acme",
                    "settings": {"features": [{"enabled": "yes"}]},
                }
            },
            "$.data.settings.features[0].enabled",
        ),
    ],
)
def test_what_is_wrong_is_found(changes, place):
    (problem,) = problems(sample("organization.created", **changes))
    assert problem.startswith(f"{place}: "), problem


def test_a_missing_member_is_found():
    for name in ENVELOPE_REQUIRED - {"type"}:
        made = sample("organization.created")
        del made[name]
        (problem,) = problems(made)
        assert name in problem


def test_events_of_tests_are_checked():
    row = {
        "id": "evt_5",
        "type": "role.created",
        "object": "Role",
        "occurred_at": NOW,
        "organization_id": None,
        "actor": {"type": "system", "id": "system"},
        "before": None,
        "after": {"id": "role_1", "name": "editor"},
        "request_id": "req_1",
        "context": None,
    }
    assert_all_valid([row, row | {"type": "user.created", "after": {}}])
    with pytest.raises(AssertionError, match='"name" is a required property'):
        assert_all_valid([row | {"after": {"id": "role_1"}}])
