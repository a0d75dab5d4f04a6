"""Resources and their clients: what they are, and what they may not be."""

from __future__ import annotations

from typing import Any

import pytest
from apis import refused, unique

pytestmark = pytest.mark.wires("rest")
CALLBACK = "https://agent.example.com/callback"


@pytest.fixture
async def scopes(api):
    """Two permissions of the environment."""
    names = [unique("p").replace("-", ":") for _ in range(2)]
    for name in names:
        await api.roles.create_permission(permission={"name": name, "description": f"On {name}"})
    return names


@pytest.fixture
def new(api):
    """Makes resources."""

    async def make(**members: Any):
        resource = {"resource_type": "MCP_SERVER", "name": "Acme", **members}
        return (await api.clients.create_resource(resource=resource))["resource"]

    return make


def enabled(resource):
    return [scope["name"] for scope in resource["scopes"] if scope["enabled"]]


async def test_a_resource_answers_all_permissions_and_which_are_its_scopes(
    api, server, new, scopes
):
    resource = await new(scopes=scopes[:1], resource_uri=f"https://{unique()}.example.com/mcp/")
    assert enabled(resource) == scopes[:1]
    shown = {scope["name"]: scope for scope in resource["scopes"]}
    assert set(scopes) <= set(shown)
    assert shown[scopes[1]]["description"] == f"On {scopes[1]}"
    assert shown[scopes[1]]["id"].startswith("perm_")
    assert resource["resource_id"] == resource["resource_uri"]
    assert (resource["access_token_expiry"], resource["refresh_token_expiry"]) == (
        "3600",
        "2592000",
    )
    metadata = resource["protected_metadata"]
    assert metadata["resource"] == resource["resource_uri"]
    assert metadata["authorization_servers"] == [f"{server.url}/resources/{resource['id']}"]
    assert (await api.clients.get_resource(resource_id=resource["id"]))["resource"] == resource


async def test_an_update_changes_what_is_given_or_named(api, new, scopes):
    resource = await new(scopes=scopes, description="Old", access_token_expiry=600)
    id_ = resource["id"]
    changed = await api.clients.update_resource(
        resource_id=id_, resource={"name": "New", "disable_dynamic_client_registration": False}
    )
    assert changed["resource"]["name"] == "New"
    assert changed["resource"]["description"] == "Old"
    assert enabled(changed["resource"]) == enabled(resource)
    changed = await api.clients.update_resource(
        resource_id=id_,
        resource={"disable_dynamic_client_registration": True, "name": "Ignored"},
        update_mask="disable_dynamic_client_registration,scopes,description,access_token_expiry",
    )
    assert changed["resource"]["disable_dynamic_client_registration"] is True
    assert changed["resource"]["name"] == "New"
    assert changed["resource"]["description"] == ""
    assert enabled(changed["resource"]) == []
    assert changed["resource"]["access_token_expiry"] == "3600"


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"name": " "}, "resource.name"),
        ({"resource_uri": "ftp://x.example.com"}, "resource.resource_uri"),
        ({"resource_uri": "https://x.example.com/#part"}, "resource.resource_uri"),
        ({"resource_uri": "https://me@x.example.com"}, "resource.resource_uri"),
        ({"resource_uri": "https://" + "x" * 512}, "resource.resource_uri"),
        ({"resource_uri": "https://[::1"}, "resource.resource_uri"),
        (
            {"resource_uri": "https://a.example", "resource_id": "https://b.example"},
            "resource.resource_id",
        ),
        ({"logo_uri": "javascript:alert(1)"}, "resource.logo_uri"),
        ({"scopes": ["none:such"]}, "resource.scopes[0]"),
        ({"scopes": ["sk_org_users_read"]}, "resource.scopes[0]"),
        ({"access_token_expiry": 59}, "resource.access_token_expiry"),
        ({"access_token_expiry": -1}, "resource.access_token_expiry"),
        ({"refresh_token_expiry": 2**40}, "resource.refresh_token_expiry"),
        ({"provider": "CUSTOM"}, "resource.provider"),
        (
            {"cimd_client_allowlist": [{"type": "URL", "value": "x"}]},
            "resource.cimd_client_allowlist[0].value",
        ),
        (
            {"cimd_client_allowlist": [{"type": "PREDEFINED", "value": "unknown"}]},
            "resource.cimd_client_allowlist[0].value",
        ),
    ],
)
async def test_bad_members_are_refused_by_name(new, members, field):
    with refused("INVALID_ARGUMENT", field):
        await new(**members)


async def test_a_type_is_required_and_known(api, new):
    with refused("INVALID_ARGUMENT", "resource.resource_type"):
        await api.clients.create_resource(resource={"name": "Acme"})


async def test_a_url_is_of_one_resource(api, new):
    uri = f"https://{unique()}.example.com/mcp"
    await new(resource_uri=uri)
    with refused("INVALID_ARGUMENT", "resource_uri"):
        await new(resource_uri=uri)
    other = await new()
    with refused("INVALID_ARGUMENT", "resource_uri"):
        await api.clients.update_resource(resource_id=other["id"], resource={"resource_uri": uri})
    await new()  # any number without one


async def test_a_client_is_of_its_resource_alone(api, new, scopes):
    resource, other = await new(scopes=scopes), await new()
    made = await api.clients.create_resource_client(
        resource_id=resource["id"],
        client={"name": "Agent", "scopes": scopes[:1], "redirect_uris": [CALLBACK]},
    )
    client, id_ = made["client"], made["client"]["client_id"]
    assert id_.startswith("m2m_")
    assert len(made["plain_secret"]) > 30
    assert client["resource_id"] == resource["id"]
    assert client["audience"] == [resource["id"]]
    assert client["redirect_uris"] == [CALLBACK]
    assert (client["is_dcr"], client["is_cimd"], client["expiry"]) == (False, False, "3600")
    found = await api.clients.get_resource_client(resource_id=resource["id"], client_id=id_)
    assert found["client"] == client
    assert found["consented_users"] == []
    with refused("NOT_FOUND"):
        await api.clients.get_resource_client(resource_id=other["id"], client_id=id_)
    # It is none of the environment's applications.
    with refused("NOT_FOUND"):
        await api.clients.get_client(client_id=id_)
    with refused("NOT_FOUND"):
        await api.clients.delete_client(client_id=id_)
    listed = await api.clients.list_client(filter={"client_type": ["ALL"]}, page_size=30)
    assert id_ not in [one["id"] for one in listed["clients"]]
    clients = await api.clients.list_resource_clients(resource_id=resource["id"])
    assert [one["client_id"] for one in clients["clients"]] == [id_]
    assert (clients["total_static_clients"], clients["total_dcr_clients"]) == (1, 0)


async def test_a_mask_empties_lists_and_no_name(api, new, scopes):
    resource = await new(scopes=scopes)
    made = await api.clients.create_resource_client(
        resource_id=resource["id"],
        client={"name": "Agent", "scopes": scopes, "redirect_uris": [CALLBACK]},
    )
    changed = await api.clients.update_resource_client(
        resource_id=resource["id"],
        client_id=made["client"]["client_id"],
        client={},
        update_mask="name,scopes,redirect_uris",
    )
    assert changed["client"]["name"] == "Agent"
    assert (changed["client"]["scopes"], changed["client"]["redirect_uris"]) == ([], [])


async def test_bad_members_of_a_client_are_refused(api, new, scopes):
    resource = await new(scopes=scopes[:1])
    for members, field in (
        ({"name": ""}, "client.name"),
        ({"scopes": [scopes[1]]}, "client.scopes[0]"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "client.redirect_uris[0]"),
        ({"expiry": 5}, "client.expiry"),
    ):
        with refused("INVALID_ARGUMENT", field):
            await api.clients.create_resource_client(
                resource_id=resource["id"], client={"name": "Agent", **members}
            )


async def test_secrets_of_a_client_are_added_and_the_last_one_stays(api, new):
    resource = await new()
    made = await api.clients.create_resource_client(
        resource_id=resource["id"], client={"name": "Agent"}
    )
    id_ = made["client"]["client_id"]
    secret = (await api.clients.create_client_secret(client_id=id_))["secret"]
    for _ in range(3):
        await api.clients.create_client_secret(client_id=id_)
    with refused("INVALID_ARGUMENT"):
        await api.clients.create_client_secret(client_id=id_)
    await api.clients.delete_client_secret(client_id=id_, secret_id=secret["id"])
    found = await api.clients.get_resource_client(resource_id=resource["id"], client_id=id_)
    *others, last = found["client"]["secrets"]
    for other in others:
        await api.clients.delete_client_secret(client_id=id_, secret_id=other["id"])
    with refused("INVALID_ARGUMENT"):
        await api.clients.delete_client_secret(client_id=id_, secret_id=last["id"])
