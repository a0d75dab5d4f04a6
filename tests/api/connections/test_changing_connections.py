"""Changing, enabling, disabling, assigning and deleting connections."""

from __future__ import annotations

import pytest
from apis import refused, unique

MANUAL = {
    "issuer": "https://idp.example.com",
    "authorize_uri": "https://idp.example.com/authorize",
    "token_uri": "https://idp.example.com/token",
    "jwks_uri": "https://idp.example.com/keys",
    "client_id": "us",
    "client_secret": "a-secret-of-some-length",
}


async def complete(connections, **more: object):
    made = await connections.make(**more)
    return await connections.update(made, configuration_type="MANUAL", oidc_config=MANUAL)


async def test_what_is_given_by_hand_completes_it(connections):
    after = await complete(connections)
    assert after["status"] == "COMPLETED"
    oidc = after["oidc_config"]
    assert {name: oidc[name] for name in MANUAL} == MANUAL | {"client_secret": "********ngth"}
    assert (await connections.get(after))["oidc_config"] == oidc


async def test_a_part_of_it_is_in_progress(connections):
    made = await connections.make()
    after = await connections.update(made, oidc_config={"client_id": "us"})
    assert after["status"] == "IN_PROGRESS"


async def test_an_absent_member_stays_and_an_empty_one_is_cleared(connections):
    made = await complete(connections)
    after = await connections.update(made, oidc_config={"user_info_uri": ""})
    assert after["oidc_config"]["client_id"] == "us"
    after = await connections.update(made, oidc_config={"client_id": ""})
    assert "client_id" not in after["oidc_config"]
    assert after["status"] == "IN_PROGRESS"


async def test_flags_are_wrappers_too(connections):
    made = await connections.make()
    assert made["oidc_config"]["pkce_enabled"] is True
    after = await connections.update(made, oidc_config={"pkce_enabled": False})
    assert after["oidc_config"]["pkce_enabled"] is False
    after = await connections.update(made, oidc_config={"idp_logout_required": True})
    assert after["oidc_config"]["pkce_enabled"] is False
    assert after["oidc_config"]["jit_provisioning_with_sso_enabled"] is True


async def test_scopes_and_enums_that_are_absent_stay(connections):
    made = await connections.make()
    after = await connections.update(
        made, oidc_config={"scopes": ["email"], "token_auth_type": "URL_PARAMS"}
    )
    after = await connections.update(made, oidc_config={"client_id": "us"})
    assert after["oidc_config"]["scopes"] == ["openid", "email"]
    assert after["oidc_config"]["token_auth_type"] == "URL_PARAMS"


async def test_a_secret_that_comes_back_as_it_is_shown_stays(connections):
    made = await complete(connections)
    shown = made["oidc_config"]["client_secret"]
    after = await connections.update(made, oidc_config={"client_secret": shown})
    assert after["oidc_config"]["client_secret"] == shown
    after = await connections.update(made, oidc_config={"client_secret": ""})
    assert "client_secret" not in after["oidc_config"]


async def test_every_update_names_a_provider(api, organization, connections):
    made = await connections.make()
    with refused("INVALID_ARGUMENT"):
        await api.connections.update_connection(
            organization_id=organization["id"], id=made["id"], connection={}
        )


async def test_the_mapping_is_replaced_as_a_whole(connections):
    made = await connections.make()
    await connections.update(made, attribute_mapping={"email": "mail", "given_name": "first"})
    after = await connections.update(made, attribute_mapping={"email": "user.mail"})
    assert after["attribute_mapping"] == {"email": "user.mail"}
    after = await connections.update(made, ui_button_title="Acme")
    assert after["attribute_mapping"] == {"email": "user.mail"}
    assert after["ui_button_title"] == "Acme"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("issuer", "http://idp.example.com"),
        ("issuer", "idp.example.com"),
        ("authorize_uri", "https://user:pass@idp.example.com"),
        ("token_uri", "https://idp.example.com/#x"),
        ("jwks_uri", "https://[::1"),
        ("user_info_uri", f"https://idp.example.com/{'x' * 2048}"),
        ("authorize_uri", "javascript:alert(1)"),
        ("client_id", "x" * 256),
        ("client_secret", "a\nb"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_by_its_name(connections, field, value):
    made = await connections.make()
    with refused("INVALID_ARGUMENT", f"connection.oidc_config.{field}"):
        await connections.update(made, oidc_config={field: value})


async def test_another_type_and_its_settings_are_refused(connections):
    made = await connections.make()
    with refused("INVALID_ARGUMENT", "connection.type"):
        await connections.update(made, type="SAML")
    with refused("INVALID_ARGUMENT", "connection.saml_config"):
        await connections.update(made, saml_config={"idp_entity_id": "x"})
    with refused("INVALID_ARGUMENT", "connection.provider"):
        await connections.update({**made, "provider": "IDP_SIMULATOR"})


async def test_one_that_serves_is_listed(connections):
    made = await complete(connections)
    assert await connections.listed() == []
    assert (await connections.enable(made))["enabled"] is True
    assert (await connections.get(made))["enabled"] is True
    assert await connections.listed() == [made["id"]]
    assert not (await connections.disable(made)).get("enabled", False)
    assert await connections.listed() == []
    assert await connections.listed(include="all") == [made["id"]]


async def test_one_of_the_simulator_is_enabled_at_once(connections):
    made = await connections.make("IDP_SIMULATOR")
    assert (await connections.enable(made))["enabled"] is True


async def test_an_incomplete_one_is_not_enabled_and_the_answer_says_what_is_missing(connections):
    made = await connections.make()
    await connections.update(
        made, oidc_config={**MANUAL, "client_id": ""}, configuration_type="MANUAL"
    )
    with refused("INVALID_ARGUMENT", "connection.oidc_config.client_id"):
        await connections.enable(made)


async def test_a_change_never_leaves_one_that_serves_incomplete(connections):
    made = await complete(connections)
    await connections.enable(made)
    with refused("INVALID_ARGUMENT", "connection.oidc_config.token_uri"):
        await connections.update(made, oidc_config={"token_uri": ""})
    assert (await connections.get(made))["status"] == "COMPLETED"


@pytest.mark.parametrize("uri", ["https://evil.example.com/token", ""])
async def test_a_client_secret_goes_to_no_server_but_the_one_it_was_given_for(connections, uri):
    made = await complete(connections)
    for kept in ({}, {"client_secret": made["oidc_config"]["client_secret"]}):
        with refused("INVALID_ARGUMENT", "connection.oidc_config.client_secret"):
            await connections.update(made, oidc_config={"token_uri": uri, **kept})
        with refused("INVALID_ARGUMENT", "connection.oidc_config.client_secret"):
            await connections.update(
                made, oidc_config={"issuer": "https://evil.example.com", "token_uri": uri, **kept}
            )
    for name in ("issuer", "discovery_endpoint"):
        config = MANUAL | {name: "https://evil.example.com"}
        del config["client_secret"]
        for kind in ("MANUAL", "DISCOVERY"):
            with refused("INVALID_ARGUMENT", "connection.oidc_config.client_secret"):
                await connections.update(made, configuration_type=kind, oidc_config=config)
    same = {"token_uri": "https://idp.example.com/v2/token"}
    assert (await connections.update(made, oidc_config=same))["status"] == "COMPLETED"
    for secret in ("another-secret", "", "a-secret-of-some-length"):
        await connections.update(made, oidc_config={"token_uri": uri, "client_secret": secret})


async def test_one_that_is_deleted_is_gone(connections):
    made = await complete(connections)
    await connections.delete(made)
    with refused("NOT_FOUND"):
        await connections.get(made)
    with refused("NOT_FOUND"):
        await connections.delete(made)
    assert await connections.listed(include="all") == []


async def test_a_domain_that_is_assigned_leads_to_this_one_alone(
    api, make, organization, connections
):
    first, second = await connections.make("IDP_SIMULATOR"), await connections.make("IDP_SIMULATOR")
    await connections.enable(first)
    await connections.enable(second)
    domain = await make.domain(organization["id"], domain=f"{unique()}.com")

    async def leads_to():
        answer = await api.connections.list_connections(domain=domain["domain"])
        return [one["id"] for one in answer.get("connections", [])]

    assert await leads_to() == [first["id"], second["id"]]
    where = {"organization_id": organization["id"], "connection_id": second["id"]}
    answer = await api.connections.assign_domains_to_connection(**where, domain_ids=[domain["id"]])
    assert [one["id"] for one in answer["connection"]["domains"]] == [domain["id"]]
    assert await leads_to() == [second["id"]]
    assert (await connections.get(first)).get("domains", []) == []
    await connections.delete(second)
    assert await leads_to() == [first["id"]]


async def test_a_domain_of_others_is_not_assigned(api, make, organization, connections):
    made = await connections.make()
    other = await make.domain((await make.organization())["id"])
    with refused("INVALID_ARGUMENT", "domain_ids[0]"):
        await api.connections.assign_domains_to_connection(
            organization_id=organization["id"], connection_id=made["id"], domain_ids=[other["id"]]
        )


async def test_a_portal_keeps_what_it_likes(api, organization, connections):
    made = await connections.make(context={"step": 1})
    of = {"organization_id": organization["id"], "connection_id": made["id"]}
    assert (await api.connections.get_connection_context(**of))["context"] == {"step": 1}
    await api.connections.update_connection_context(**of, context={"step": "attributes"})
    answer = await api.connections.get_connection_context(connection_id=made["id"])
    assert answer["context"] == {"step": "attributes"}
    with refused("INVALID_ARGUMENT", "context"):
        await api.connections.update_connection_context(**of, context={"a": "x" * 20_000})


async def test_changes_are_events_without_secrets(connections, events):
    made = await connections.make()
    await events.new()
    await connections.update(made, configuration_type="MANUAL", oidc_config=MANUAL)
    await connections.update(made, configuration_type="MANUAL", oidc_config=MANUAL)
    await connections.enable(made)
    await connections.disable(made)
    await connections.delete(made)
    happened = [e for e in await events.new() if e["type"].startswith("organization.sso_")]
    assert [e["type"].rpartition("_")[2] for e in happened] == [
        *("updated", "enabled", "disabled", "deleted")
    ]
    assert happened[1]["after"]["enabled"] is True
    assert happened[1]["after"]["status"] == "COMPLETED"
    assert happened[3]["before"]["id"] == made["id"]
    assert "secret" not in str(happened)


async def test_lists_of_all_organizations_page_and_search(api, make, connections):
    made = [await connections.make("PING_IDENTITY", "SAML") for _ in range(3)]
    page = await api.connections.list_organization_connections(page_size=2)
    assert [one["id"] for one in page["connections"]] == [made[2]["id"], made[1]["id"]]
    page = await api.connections.list_organization_connections(
        page_size=2, page_token=page["next_page_token"]
    )
    assert page["connections"][0]["id"] == made[0]["id"]

    async def found(**filters: object):
        answer = await api.connections.search_organization_connections(page_size=30, **filters)
        return [one["id"] for one in answer.get("connections", [])]

    assert await found(query=made[0]["id"]) == [made[0]["id"]]
    of = {"query": connections.organization_id}
    ids = [one["id"] for one in reversed(made)]
    assert await found(**of) == ids
    assert await found(**of, provider="ping_identity", connection_type="SAML") == ids
    assert await found(**of, provider="OKTA") == []
    assert await found(**of, status="DRAFT", enabled=False) == ids
    assert await found(**of, enabled=True) == []


async def test_a_search_goes_by_pages_over_all_kinds_of_connections(api, connections):
    key = unique("gitea").upper()
    of = {"provider_key": key}
    made = [
        await connections.make("CUSTOM", "SAML" if number % 2 else "OIDC", **of)
        for number in range(5)
    ]
    after = await connections.update(made[0], configuration_type="MANUAL", oidc_config=MANUAL)
    assert after["provider_key"] == key  # the update named CUSTOM alone
    await connections.enable(after)
    ids = [one["id"] for one in reversed(made)]

    async def page(**filters: object):
        asked = {"provider": key, "page_size": 2} | filters
        answer = await api.connections.search_organization_connections(**asked)
        return answer, [one["id"] for one in answer.get("connections", [])]

    first, found = await page()
    assert (found, first["total_size"]) == (ids[:2], 5)
    assert not first.get("prev_page_token")
    second, found = await page(page_token=first["next_page_token"])
    assert found == ids[2:4]
    last, found = await page(page_token=second["next_page_token"])
    assert found == ids[4:]
    assert not last.get("next_page_token")
    _, found = await page(page_token=last["prev_page_token"])
    assert found == ids[2:4]
    for filters, expected in (
        ({"enabled": True}, ids[4:]),
        ({"status": "COMPLETED", "connection_type": "OIDC"}, ids[4:]),
        ({"status": "COMPLETED", "enabled": False}, []),
        ({"connection_type": "SAML"}, [ids[1], ids[3]]),
        ({"connection_type": "OAUTH"}, []),
        ({"provider": key.lower(), "enabled": True}, ids[4:]),
        ({"enabled": False, "page_size": 30}, ids[:4]),
    ):
        answer, found = await page(**filters)
        assert (found, answer.get("total_size", 0)) == (expected, len(expected))
