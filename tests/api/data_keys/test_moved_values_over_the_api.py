"""Values that somebody swaps in the database: no call uses one, and none is an internal error."""

from __future__ import annotations

import time

import pyotp
import pytest
from apis import refused, unique
from sqlalchemy import Text, bindparam, select, update

import tenantry.app  # noqa: F401 - declares the tables of all rooms
from tenantry.access.keys import service as signing_keys
from tenantry.access.keys.model import signing_keys as keys_table
from tenantry.crypto.vault import WrongKey
from tenantry.db.sql.schema import replies
from tenantry.db.sql.statements import Statement
from tenantry.events.interceptors.model import interceptors
from tenantry.events.webhooks.model import webhook_endpoints
from tenantry.identity.authenticators.totp.model import totp_registrations
from tenantry.identity.connections.model import app_connections, connections
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.tenants.directories.model import directories

pytestmark = pytest.mark.everywhere
UNREADABLE = {"error_code": "VALUE_UNREADABLE", "says": "cannot be decrypted"}


async def swap(database, column, one, other, *, key="id"):
    """Give two rows the values of each other in a column."""
    keyed = column.table.c[key]
    found = Statement(select(column).where(keyed == bindparam("p_key", type_=Text)))
    put = update(column.table).where(keyed == bindparam("p_key", type_=Text))
    changed = Statement(put.values({column: bindparam("p_value")}).returning(keyed))
    values = [(await database.fetch_one(found, p_key=id_))[column.name] for id_ in (one, other)]
    assert None not in values
    for id_, value in zip((other, one), values, strict=True):
        assert await database.fetch_all(changed, p_key=id_, p_value=value)


async def connection(rest, organization_id, secret):
    made = await rest.connections.create_connection(
        organization_id=organization_id, connection={"type": "OIDC", "provider": "CUSTOM"}
    )
    place = {"organization_id": organization_id, "id": made["connection"]["id"]}
    await change(rest, place, client_id="client", client_secret=secret)
    return place


async def change(rest, place, **config: str):
    new = {"type": "OIDC", "provider": "CUSTOM", "oidc_config": config}
    return await rest.connections.update_connection(**place, connection=new)


async def shown(rest, place):
    found = await rest.connections.get_connection(**place)
    return found["connection"]["oidc_config"]["client_secret"]


async def test_secrets_of_connections(rest, make, database):
    organizations = [(await make.organization())["id"] for _ in range(2)]
    secrets = ["a-long-secret-1111", "a-long-secret-2222", "a-long-secret-3333"]
    of = [organizations[0], organizations[0], organizations[1]]
    one, same, foreign = [await connection(rest, *each) for each in zip(of, secrets, strict=True)]
    assert (await shown(rest, one)).endswith("1111")
    await swap(database, connections.c.secret, one["id"], same["id"])
    assert not (await shown(rest, one)).strip("*")
    assert not (await shown(rest, same)).strip("*")
    await swap(database, connections.c.secret, same["id"], foreign["id"])
    assert not (await shown(rest, foreign)).strip("*")
    for place in (one, same, foreign):
        # Another change leaves it as it is, and a new one puts it right.
        await change(rest, place, client_id="another")
        await change(rest, place, client_secret="a-new-secret-of-4444")
        assert (await shown(rest, place)).endswith("4444")


async def test_secrets_of_connections_of_applications(rest, database):
    made = []
    for secret in ("a-long-secret-1111", "a-long-secret-2222"):
        answer = await rest.connections.create_environment_connection(
            connection={"type": "OAUTH", "provider_key": "HUBSPOT"},
            flags={"is_app": True},
        )
        id_ = answer["connection"]["id"]
        config = {"client_id": "client", "client_secret": secret}
        new = {"type": "OAUTH", "provider_key": "HUBSPOT", "oauth_config": config}
        await rest.connections.update_environment_connection(connection_id=id_, connection=new)
        made.append(id_)
    await swap(database, app_connections.c.secret, *made)
    for id_ in made:
        found = await rest.connections.get_environment_connection(connection_id=id_)
        assert not found["connection"]["oauth_config"]["client_secret"].strip("*")


async def test_secrets_of_interceptors(rest, database):
    made = []
    for key in ("key-one", "key-two"):
        auth = {"auth_config_type": "API_KEY", "api_key": {"header_name": "x-key", "api_key": key}}
        answer = await rest.interceptors.create_interceptor(
            interceptor={
                "display_name": "Policy",
                "trigger_point": "PRE_SIGNUP",
                "api_url": "https://policy.example.com/",
                "config": {"auth_config": auth},
            }
        )
        made.append(answer["interceptor"]["id"])
    for column in (interceptors.c.auth_config_sealed, interceptors.c.secret_sealed):
        await swap(database, column, *made)
        for id_ in made:
            await rest.interceptors.get_interceptor(id=id_)
            tried = await rest.interceptors.test_interceptor(id=id_, data={"a": 1})
            assert tried["error"]["code"] == "KEY_LOST"
        await rest.interceptors.list_interceptors(trigger_point="PRE_SIGNUP")
    for id_ in made:
        await rest.interceptor_secrets.rotate_interceptor_secret(id=id_)
        await rest.interceptors.delete_interceptor(id=id_)


async def test_secrets_of_webhook_endpoints(rest, make, database):
    organization = (await make.organization())["id"]
    made = [
        await rest.webhooks.create_endpoint(
            endpoint={"url": "https://a.example.com/", **organization_of}
        )
        for organization_of in ({}, {"organization_id": organization})
    ]
    ids = [one["endpoint"]["id"] for one in made]
    await swap(database, webhook_endpoints.c.secret_sealed, *ids)
    for id_ in ids:
        await rest.webhooks.send_test_event(endpoint_id=id_)
        rotated = await rest.webhooks.rotate_endpoint_secret(endpoint_id=id_)
        # The former one signs no more: nobody can read it.
        assert "previous_secret_expire_time" not in rotated["endpoint"]
        await rest.webhooks.delete_endpoint(endpoint_id=id_)


async def test_secrets_of_authenticator_apps(rest, database):
    registered = []
    for _ in range(2):
        made = await rest.totp.register_totp(totp_registration={"account_name": unique()})
        registration = made["totp_registration"]
        app = pyotp.parse_uri(registration["qr_code_uri"])
        code = app.at(int(time.time()), counter_offset=-1)
        await rest.totp.enable_totp(registration_id=registration["id"], code=code)
        registered.append((registration["id"], app))
    (one, first), (other, second) = registered
    await swap(database, totp_registrations.c.secret_sealed, one, other)
    for id_, app in ((one, second), (other, first), (one, first)):
        with refused("FAILED_PRECONDITION", **UNREADABLE):
            await rest.totp.verify_registration_code(registration_id=id_, code=app.now())


async def test_kept_replies(rest, database):
    keys = [unique("key"), unique("key")]
    new = {"display_name": "Acme"}
    for key in keys:
        await rest.sending(idempotency_key=key).organizations.create_organization(organization=new)
    await swap(database, replies.c.response, *keys, key="key")
    for key in keys:
        with refused("FAILED_PRECONDITION", **UNREADABLE):
            await rest.sending(idempotency_key=key).organizations.create_organization(
                organization=new
            )


async def test_credentials_of_directories(rest, make, database):
    from google_workspaces import key_file

    places = []
    for _ in range(2):
        organization = (await make.organization())["id"]
        made = await rest.directories.create_directory(
            organization_id=organization,
            directory={"directory_type": "POLL", "directory_provider": "GOOGLE"},
        )
        place = {"organization_id": organization, "directory_id": made["directory"]["id"]}
        await rest.directory_polling.set_directory_credentials(
            **place, email="admin@example.com", service_account_key=key_file()
        )
        assert "credentials" in await rest.directory_polling.get_directory_poll(**place)
        places.append(place)
    await swap(database, directories.c.credentials, *(place["directory_id"] for place in places))
    for place in places:
        assert "credentials" not in await rest.directory_polling.get_directory_poll(**place)


async def test_signing_keys(db):
    """A process that knows them goes on with those, and one that starts refuses."""
    ring = KeyRing(db)
    before = (await ring.signer("RS256")).key_id
    (one, other) = [row["id"] for row in await db.fetch_all(Statement(select(keys_table.c.id)))]
    await swap(db, keys_table.c.private_sealed, one, other)
    with pytest.raises(WrongKey):
        await signing_keys.load(db)
    ring._loaded = 0.0
    assert (await ring.signer("RS256")).key_id == before
    with pytest.raises(WrongKey):
        await KeyRing(db).signer("RS256")
