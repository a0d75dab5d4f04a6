"""Attributes that the environment registers, for single sign-on and for directories."""

from __future__ import annotations

import pytest
from apis import refused, unique

KINDS = ["sso", "directory"]


def call(api, verb, kind, *, several=False):
    return getattr(api.user_attributes, f"{verb}_{kind}_user_attribute{'s' * several}")


def attribute(key, **more: object):
    return {"key": key, "label": "Department", "datatype": "STRING", "enabled": True, **more}


def new_key():
    return unique("dept")[:25]


async def listed(api, kind):
    answer = await call(api, "list", kind, several=True)()
    return {one["key"]: one for one in answer["user_attributes"]}


@pytest.mark.parametrize("kind", KINDS)
async def test_one_is_registered_changed_and_removed(api, kind):
    key = new_key()
    answer = await call(api, "create", kind)(user_attribute=attribute(key))
    made = answer["user_attribute"]
    assert (made["key"], made["category"], made.get("required", False)) == (key, "CUSTOM", False)
    assert (await listed(api, kind))[key] == made
    other = KINDS[kind == "sso"]
    assert key not in await listed(api, other)
    changed = attribute(key, label="Team", datatype="ARRAY", required=True)
    answer = await call(api, "update", kind)(key=key, user_attribute=changed)
    after = answer["user_attribute"]
    assert (after["label"], after["datatype"], after["required"]) == ("Team", "ARRAY", True)
    await call(api, "delete", kind)(key=key)
    assert key not in await listed(api, kind)
    with refused("NOT_FOUND"):
        await call(api, "delete", kind)(key=key)


async def test_standard_ones_are_always_there(api):
    found = await listed(api, "sso")
    assert list(found)[:3] == ["email", "given_name", "family_name"]
    assert found["email"]["category"] == "STANDARD"
    assert found["email"]["required"] is True
    assert found["groups"]["datatype"] == "ARRAY"
    with refused("INVALID_ARGUMENT", "key"):
        await api.user_attributes.delete_sso_user_attribute(key="email")
    with refused("INVALID_ARGUMENT", "key"):
        await api.user_attributes.update_sso_user_attribute(
            key="email", user_attribute=attribute("email")
        )


@pytest.mark.parametrize("key", ["email", "roles", "iss", "client_id", "Email"])
async def test_a_name_that_tokens_have_of_their_own_is_refused(api, key):
    with refused("INVALID_ARGUMENT", "user_attribute.key"):
        await api.user_attributes.create_sso_user_attribute(user_attribute=attribute(key))


async def test_the_same_key_twice_is_refused(api):
    key = new_key()
    await api.user_attributes.create_sso_user_attribute(user_attribute=attribute(key))
    with refused("INVALID_ARGUMENT", "key", says="duplicate key not allowed"):
        await api.user_attributes.create_sso_user_attribute(user_attribute=attribute(key))
    with refused("INVALID_ARGUMENT", "user_attribute.key"):
        await api.user_attributes.update_sso_user_attribute(
            key=key, user_attribute=attribute(new_key())
        )
    await api.user_attributes.delete_sso_user_attribute(key=key)


async def test_a_mapping_is_the_key_unless_one_is_given(api):
    key = new_key()
    answer = await api.user_attributes.create_sso_user_attribute(user_attribute=attribute(key))
    info = answer["user_attribute"]["sso_addition_info"]
    assert info == {"default_saml_mapping": key, "default_oidc_mapping": key}
    given = {"default_saml_mapping": "dept", "default_oidc_mapping": "department"}
    answer = await api.user_attributes.update_sso_user_attribute(
        key=key, user_attribute=attribute(key, sso_addition_info=given)
    )
    assert answer["user_attribute"]["sso_addition_info"] == given
    await api.user_attributes.delete_sso_user_attribute(key=key)


async def test_changes_are_events(api, events):
    key = new_key()
    await events.new()
    await api.user_attributes.create_sso_user_attribute(user_attribute=attribute(key))
    await api.user_attributes.update_sso_user_attribute(
        key=key, user_attribute=attribute(key, label="Team")
    )
    await api.user_attributes.delete_sso_user_attribute(key=key)
    happened = [e for e in await events.new() if e["type"].startswith("user_attribute.")]
    assert [e["type"] for e in happened] == [
        f"user_attribute.{verb}" for verb in ("created", "updated", "deleted")
    ]
    assert happened[1]["after"]["label"] == "Team"
