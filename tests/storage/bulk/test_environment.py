"""The whole environment out and in again: the same ids, times and revisions, byte for byte."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from apis import Api, access_token, refused, unique
from environments import environments, written
from factories import Make
from hypothesis import HealthCheck, given, settings
from sampling import examples
from servers import LiveServer
from sqlalchemy import insert, select
from user_files import ARGON2, BCRYPT, MASTER_KEY, address, ndjson, run
from wires import Rest

from tenantry.access.clients.model import clients
from tenantry.access.keys.model import signing_keys
from tenantry.call import Call
from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.db.opening import open_database
from tenantry.db.sql.schema import metadata
from tenantry.db.sql.statements import Statement
from tenantry.identity.connections import reading, service
from tenantry.identity.connections.applications import apps
from tenantry.identity.connections.changes import client_secrets
from tenantry.identity.connections.changes.archiving import SecretCipher
from tenantry.identity.connections.changes.changing import Changes
from tenantry.tenants.memberships import service as memberships
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.users import search
from tenantry.transfer.bulk.archives import tables
from tenantry.transfer.bulk.archives.dump import dump_environment
from tenantry.transfer.bulk.archives.restore import restore_environment

# Tables that no export has, each for a reason: see `tenantry.transfer.bulk.archives.file_format`.
LEFT_OUT = {
    "signing_keys",  # the deployment's credentials, as its management clients
    *("data_keys", "master_keys", "resealing"),  # of the database itself
    *("portal_links", "portal_sessions", "mail", "replies"),  # over soon
    *("spent_assertions", "revoked_tokens"),  # over soon
    *("events", "event_contexts", "event_log", "event_log_state", "event_chains"),  # the past
    *("webhook_endpoints", "webhook_deliveries", "webhook_attempts"),  # signed by its secrets
    "log_streams",  # how far its log has come
    *("activity_counts", "activity_marks"),  # of what this deployment has done
    *("schema_history", "schema_steps"),  # of the database
    *("sessions", "session_organizations", "session_clients", "session_departures"),  # over soon
    "consents",  # users are asked again: refresh tokens do not move
    "client_registrations",  # tokens by which clients manage themselves at this deployment
    *("logout_notices", "authorization_codes", "refresh_tokens", "auth_requests"),
    *("passwordless_requests", "attempts", "webauthn_challenges", "known_origins"),
    # Sealed; and people prove themselves anew.
    *("connection_tests", "saml_key_pairs"),
    *("federation_requests", "seen_assertions", "federated_sessions"),  # over soon
    *("directory_emails", "directory_tallies"),  # made from the others
    *("directory_changes", "directory_requests", "directory_polled"),  # over soon
    *("passkeys", "totp_registrations", "recovery_codes", "interceptors"),  # sealed, or of its host
    *("tallies", "member_tallies", "role_ancestors"),  # made from the others
    # Made from the others.
    *("organizations_search_due", "users_search_due", "directory_users_search_due"),
    "search_terms",
    "organization_keys",  # made from the others
    *("operators", "operator_links", "operator_passkeys", "operator_sessions"),  # of its host
    "operator_grants",
    *("email_servers", "email_templates"),  # passwords are sealed, and a host has its own server
    *("stored_values", "assets"),  # how the deployment is set up, as its file of settings
}

_MANAGEMENT = Statement(
    insert(clients)
    .values(id="skc_1000000000000000000", name="First client", create_time=1)
    .returning(clients.c.id)
)
_ORGANIZATION = Statement(select(organizations.c.id))
_ALGORITHMS = Statement(select(signing_keys.c.algorithm))


async def exported(db, *, with_password_hashes=True, cipher=None):
    async with db.snapshot() as snapshot:
        pages = dump_environment(snapshot, with_password_hashes=with_password_hashes, cipher=cipher)
        return b"".join([line async for lines in pages for line in lines])


async def imported(db, content, *, piece=1000, cipher=None):
    async def pieces():
        for start in range(0, len(content), piece):
            yield content[start : start + piece]

    return await restore_environment(Call(SYSTEM, db, "req_1"), pieces(), cipher=cipher)


async def through(url, content):
    """The export of a database after a file went in."""
    async with open_database(url, MASTER_KEY, pool_size=2) as db:
        await imported(db, content)
        return await exported(db)


@settings(max_examples=examples(15), deadline=None, suppress_health_check=list(HealthCheck))
@given(environments())
def test_any_environment_comes_back_from_both_databases(new_database, lines):
    content = written(lines)
    out = asyncio.run(through(new_database("sqlite"), content))
    assert out.splitlines() == content.splitlines()
    assert asyncio.run(through(new_database("postgresql"), out)) == out


def test_every_table_is_exported_or_left_out_for_a_reason():
    import tenantry.app  # noqa: F401 - declares the tables of all rooms

    kinds = {kind.table.name for kind in tables.OF_ENVIRONMENT.values()}
    listed = {"role_permissions", "role_holders"}
    assert kinds | listed | {"environment"} | LEFT_OUT == set(metadata.tables)


async def test_a_fresh_database_comes_back(db, new_database):
    content = await exported(db)
    assert await through(new_database("sqlite"), content) == content
    types = [json.loads(line)["type"] for line in content.splitlines()]
    assert types == ["environment", *["permission"] * 12, "role", "role", "end"]


async def test_hashes_are_exported_only_when_asked_for(call, db):
    await run(call, {"email": address(), "password_hash": BCRYPT})
    await run(call, {"email": address(), "password_hash": ARGON2})
    without = await exported(db, with_password_hashes=False)
    assert b"$2b$" not in without
    assert b"argon2" not in without
    assert (await exported(db)).count(b"password_hash") == 2


async def test_an_export_shows_one_moment(call, db):
    """A commit of meanwhile is not in it."""
    await run(call, {"email": address()})
    async with db.snapshot() as snapshot:
        pages = dump_environment(snapshot, with_password_hashes=False)
        lines = list(await anext(pages))
        customer = {"organization_external_id": unique(), "organization_name": "Late"}
        late = {"email": address(), **customer}
        assert (await run(call, late, create_organizations=True)).users.created == 1
        lines += [line async for page in pages for line in page]
    assert late["email"].encode() not in b"".join(lines)
    assert late["email"].encode() in await exported(db)


async def test_what_was_imported_goes_on_living(call, db, new_database):
    """Searches, tallies and effective permissions are there as well."""
    organization = {"organization_external_id": "acme", "organization_name": "Acme"}
    email = address()
    await run(call, {"email": email, **organization, "roles": ["admin"]}, create_organizations=True)
    content = await exported(db)
    for kind in ("sqlite", "postgresql"):
        async with open_database(new_database(kind), MASTER_KEY, pool_size=2) as other:
            counts = await imported(other, content)
            assert counts["user"] == counts["membership"] == counts["organization"] == 1
            there = Call(SYSTEM, other, "req_1")
            page = await search.of_environment(there, email[:8], page_size=10, page_token="")
            assert page.total_size == 1
            (user,) = page.items
            (place,) = user.memberships
            held = await memberships.permissions_of(there, place.organization_id, user.id)
            assert len(held) == 12
            again = await run(there, {"email": email, **organization, "roles": ["admin"]})
            assert again.users.unchanged == again.memberships.unchanged == 1


async def test_only_a_fresh_database_takes_an_environment(call, db):
    content = await exported(db)
    await run(call, {"email": address()})
    with pytest.raises(errors.InvalidArgument, match="already has users"):
        await imported(db, content)


@pytest.fixture
async def content(db):
    """The file of an environment, as lines."""
    customer = {"organization_external_id": "acme", "organization_name": "Acme"}
    row = {"email": "ada@example.com", "external_id": "ada", **customer}
    await run(Call(SYSTEM, db, "req_1"), row, create_organizations=True)
    return [json.loads(line) for line in (await exported(db)).splitlines()]


def line_of(content, type_):
    return next(index for index, line in enumerate(content) if line["type"] == type_)


@pytest.mark.parametrize(
    ("type_", "change", "says"),
    [
        ("environment", {"format": 2}, "line 1: format: must be 1"),
        ("environment", {"type": "user"}, "line 1: is not the first line"),
        ("environment", {"id": "org_1"}, "line 1: id: is not an environment ID"),
        ("user", {"email": None}, "email: is required"),
        ("user", {"email": 7}, "email: is not of its type"),
        ("user", {"revision": 2**63}, "revision: is not of its type"),
        ("user", {"revision": True}, "revision: is not of its type"),
        ("user", {"profile": "text"}, "profile: is not of its type"),
        ("user", {"email_verified": 1}, "email_verified: is not of its type"),
        ("user", {"id": "usr_abc"}, "id: is not usr_ followed by digits"),
        ("user", {"sub": "ann@example.com"}, "sub: is not a connection"),
        ("user", {"favourite": "blue"}, "favourite: is not a member of a user"),
        ("user", {"type": "person"}, "type: unknown type 'person'"),
        ("user", {"type": ["user"]}, "type: unknown type"),
        ("membership", {"role_ids": "admin"}, "role_ids: must be a list of IDs"),
        ("membership", {"role_ids": ["role_1"]}, "refers to one that does not come before it"),
        ("membership", {"organization_id": "org_1"}, "refers to one that does not come before it"),
        ("organization", {"max_allowed_users": 2**31}, "max_allowed_users: is not of its type"),
        ("permission", {"name": "sk_org_users_read"}, "name: a value that must be unique"),
        ("role", {"default_creator": False}, "default_creator: must be set for one role"),
        ("end", {"lines": 3}, "lines: must be"),
    ],
)
async def test_a_line_that_is_wrong_is_named(new_database, content, type_, change, says):
    content[line_of(content, type_)] |= change
    async with open_database(new_database("sqlite"), MASTER_KEY) as other:
        before = await exported(other)
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, written(content))
        assert await exported(other) == before  # nothing of it stays


APPLICATION = {
    "type": "client",
    "id": "skc_1000000000000000001",
    "client_type": "WEB_APP",
    "name": "App",
    "description": "",
    "scopes": [],
    "audience": [],
    "custom_claims": [],
    "post_login_uris": [],
    "post_logout_redirect_uris": [],
    "back_channel_logout_uris": [],
    "grant_types": [],
    "enforce_pkce": False,
    "api_access": True,
    "token_endpoint_auth_method": "",
    "access_token_signing_alg": "ES256",
    "revision": 1,
    "create_time": 1,
    "update_time": 1,
}
CLIENT_SECRET = {
    "type": "client_secret",
    "id": "sec_1000000000000000002",
    "client_id": APPLICATION["id"],
    "digest": "0" * 64,
    "suffix": "abcd",
    "status": "ACTIVE",
    "create_time": 1,
    "update_time": 1,
}
MANAGEMENT = "skc_1000000000000000000"


@pytest.mark.parametrize(
    ("client", "secret", "says"),
    [
        ({"client_type": "ENV"}, {}, "client_type: must be one of WEB_APP, SPA, NTV, M2M"),
        ({"client_type": "RESOURCE"}, {}, "resource_id: clients of resources have one"),
        ({"resource_id": "res_1"}, {}, "resource_id: clients of resources have one"),
        ({"registration": "x"}, {}, "registration: must be DCR, CIMD or empty"),
        ({"client_type": "M2M"}, {}, "organization_id: M2M clients have one"),
        ({"organization_id": "org_1"}, {}, "organization_id: M2M clients have one"),
        ({"id": "m2morg_1"}, {}, "id: is not skc_ followed by digits"),
        ({"access_token_signing_alg": "none"}, {}, "access_token_signing_alg: must be one of"),
        ({"expiry": 86_401}, {}, "expiry: must be 1 to 86400 seconds"),
        ({}, {"client_id": "skc_1"}, "refers to one that does not come before it"),
        ({}, {"client_id": MANAGEMENT}, "is a secret of a client that is not in the file"),
    ],
)
async def test_no_file_opens_the_management_api(new_database, content, client, secret, says):
    """Nor does it bring clients whose tokens could not be made."""
    added = [APPLICATION | client, CLIENT_SECRET | secret]
    start = line_of(content, "organization")
    lines = [*content[:start], *added, *content[start:-1], {"type": "end"}]
    lines[-1]["lines"] = len(lines) - 1
    async with open_database(new_database("sqlite"), MASTER_KEY) as other:
        await other.fetch_all(_MANAGEMENT)
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, written(lines))
        lines[start : start + 2] = [APPLICATION, CLIENT_SECRET]
        assert (await imported(other, written(lines)))["client_secret"] == 1
        algorithms = {row["algorithm"] for row in await other.fetch_all(_ALGORITHMS)}
        assert algorithms == {"ES256"}  # made for the client; the server makes its own anyway


async def test_a_circle_of_roles_does_not_come_in(new_database, content):
    at = line_of(content, "role")
    content[at]["base_id"] = content[at + 1]["id"]
    async with open_database(new_database("postgresql"), MASTER_KEY) as other:
        with pytest.raises(errors.InvalidArgument, match="must come before it"):
            await imported(other, written(content))


async def test_a_file_that_is_cut_off_is_refused(new_database, content):
    whole = written(content)
    async with open_database(new_database("sqlite"), MASTER_KEY) as other:
        for part in (whole[:-40], b"".join(whole.splitlines(keepends=True)[:-1]), b""):
            with pytest.raises(errors.InvalidArgument):
                await imported(other, part)
        with pytest.raises(errors.InvalidArgument, match="after the end"):
            await imported(other, whole + whole)
        await imported(other, whole)


@pytest.mark.thorough
@pytest.mark.one_database
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_commands_move_an_environment(tmp_path, new_database, kind):
    (tmp_path / "old").mkdir()
    old = LiveServer(tmp_path / "old", database_url=new_database("sqlite"))
    (tmp_path / "new").mkdir()
    new = LiveServer(tmp_path / "new", database_url=new_database(kind))
    file = tmp_path / "users.ndjson"
    file.write_bytes(
        ndjson(
            {"email": address(), "organization_external_id": f"c{n}", "organization_name": "C"}
            for n in range(50)
        )
    )
    done = old.run("import", "users", str(file), "--create-organizations", "--json")
    assert done.returncode == 0, done.stderr
    first, second = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    key = tmp_path / "key"
    key.write_text("short")
    done = old.run("export", "--secrets-key", str(key))
    assert done.returncode == 2
    assert "32 bytes" in done.stderr
    key.write_text(base64.b64encode(b"k" * 32).decode() + "\n")
    assert old.run("export", "--output", str(first), "--secrets-key", str(key)).returncode == 0
    assert first.stat().st_mode & 0o077 == 0
    assert new.run("migrate").returncode == 0
    done = new.run("import", "environment", str(first), "--json", "--secrets-key", str(key))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["membership"] == 50
    assert new.run("export", "-o", str(second)).returncode == 0
    assert first.read_bytes() == second.read_bytes()
    assert new.run("export").stdout.encode() == first.read_bytes()
    again = new.run("import", "environment", str(first))
    assert again.returncode == 1
    assert "already has users" in again.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("kinds", [("sqlite", "postgresql"), ("postgresql", "sqlite")])
async def test_programs_go_on_with_what_they_have(tmp_path, new_database, kinds):
    """Tokens and secrets that customers hold work in the new deployment as in the old one."""
    old, new = (
        LiveServer(tmp_path / name, database_url=new_database(kind), background="false")
        for name, kind in zip(("old", "new"), kinds, strict=True)
    )
    for server in (old, new):
        server.folder.mkdir()
    file, again = tmp_path / "first.ndjson", tmp_path / "second.ndjson"
    old.start()
    try:
        async with _api(old) as api:
            make = Make(api)
            organization = await make.organization()
            user = await make.user(organization["id"])
            scope = await api.clients.create_scope(scope={"name": "orders:read"})
            client = await make.client(organization["id"], scopes=["orders:read"])
            await api.client_settings.update_client_settings(
                client_id=client[0], settings={"access_token_signing_alg": "ES256"}
            )
            app = await api.clients.create_client(client={"name": "App", "client_type": "WEB_APP"})
            resource = await api.clients.create_resource(
                resource={"resource_type": "MCP_SERVER", "name": "MCP server"}
            )
            agent = await api.clients.create_resource_client(
                resource_id=resource["resource"]["id"], client={"name": "Agent"}
            )
            tokens = [
                await api.tokens.create_token(token={"organization_id": organization["id"], **of})
                for of in ({}, {"user_id": user["id"], "custom_claims": {"plan": "pro"}})
            ]
            gone = await api.tokens.create_token(token={"organization_id": organization["id"]})
            await api.tokens.invalidate_token(token=gone["token"])
        assert old.run("export", "--output", str(file)).returncode == 0
    finally:
        old.stop()
    content = file.read_text()
    for secret in (
        client[1],
        agent["plain_secret"],
        *(token["token"] for token in (*tokens, gone)),
    ):
        assert secret not in content
    assert old.client_id not in content.replace(f'"created_by":"{old.client_id}"', "")
    assert new.run("migrate").returncode == 0
    done = new.run("import", "environment", str(file))
    assert done.returncode == 0, done.stderr
    assert new.run("export", "--output", str(again)).returncode == 0
    assert again.read_bytes() == file.read_bytes()
    new.start()
    try:
        async with _api(new) as api:
            for token in tokens:
                answer = await api.tokens.validate_token(token=token["token"])
                assert answer["token_info"] == token["token_info"]
            with refused("NOT_FOUND"):
                await api.tokens.validate_token(token=gone["token"])
            assert await access_token(api.wire.http, *client)
            assert await access_token(
                api.wire.http, agent["client"]["client_id"], agent["plain_secret"]
            )
            there = await api.clients.get_client(client_id=app["client"]["id"])
            assert there["client"]["name"] == "App"
            assert (await api.clients.list_scopes())["scopes"] == [scope["scope"]]
    finally:
        new.stop()


@asynccontextmanager
async def _api(server):
    wire = Rest(server)
    token = await access_token(wire.http, server.client_id, server.client_secret)
    yield Api(wire, (("authorization", f"Bearer {token}"),))
    await wire.aclose()


async def test_a_connection_comes_back_with_its_secret_only_under_a_key_for_the_file(
    call, db, new_database
):
    customer = {"organization_external_id": "acme", "organization_name": "Acme"}
    await run(call, {"email": address(), **customer}, create_organizations=True)
    organization = (await db.fetch_one(_ORGANIZATION))["id"]
    common = {"provider": "OKTA", "provider_key": ""}
    oidc = await service.create(call, organization, type_="OIDC", **common)
    saml = await service.create(call, organization, type_="SAML", **common)
    whole = {
        "idp_entity_id": "x",
        "idp_sso_url": "https://idp.example.com",
        "idp_certificates": [{"id": "cer_1", "certificate": "x", "expiry_time": 1}],
    }
    names = ("issuer", "authorize_uri", "token_uri", "jwks_uri", "client_id")
    secret = db.vault.encrypt(b"a secret", client_secrets.binding_of(oidc))
    for made, settings_, sealed in (
        (oidc, dict.fromkeys(names, "x"), secret),
        (saml, whole, None),
    ):
        after = replace(made, settings=settings_, secret=sealed, enabled=True, status="COMPLETED")
        await service.write(db, after)
    content = await exported(db)
    assert secret.encode() not in content
    async with open_database(new_database("sqlite"), MASTER_KEY, pool_size=2) as other:
        await imported(other, content)
        moved = await reading.find(other, oidc.id)
        assert (moved.status, moved.enabled, moved.secret) == ("IN_PROGRESS", False, None)
        assert (await reading.find(other, saml.id)).serves
        assert await exported(other) == content
    cipher = SecretCipher(b"k" * 32)
    content = await exported(db, cipher=cipher)
    assert content == await exported(db, cipher=cipher)
    assert b"a secret" not in content
    async with open_database(new_database("sqlite"), b"2" * 32, pool_size=2) as other:
        with pytest.raises(
            errors.InvalidArgument, match="sealed_secret: was encrypted with another"
        ):
            await imported(other, content, cipher=SecretCipher(b"x" * 32))
        await imported(other, content, cipher=cipher)
        moved = await reading.find(other, oidc.id)
        assert moved.serves
        assert client_secrets.secret_of(other, moved) == "a secret"
        assert await exported(other, cipher=cipher) == content


async def test_a_connection_of_an_application_comes_back_with_them(call, db, new_database):
    made = await apps.create(
        call, type_="OAUTH", provider="", provider_key="SLACK", key_id="slack-of-acme"
    )
    changes = Changes(
        config="oauth_config", settings={"client_id": "us"}, secret="a secret of Slack"
    )
    kept = await apps.change(call, made.id, changes)
    assert kept.status == "COMPLETED"
    content = await exported(db)
    assert kept.secret.encode() not in content
    async with open_database(new_database("sqlite"), MASTER_KEY, pool_size=2) as other:
        there = Call(SYSTEM, other, "req_1")
        await imported(other, content)
        moved = await apps.find(there, made.id)
        assert (moved.status, moved.enabled, moved.secret) == ("IN_PROGRESS", True, None)
        assert moved.settings == kept.settings
        assert await exported(other) == content
        with pytest.raises(errors.InvalidArgument, match="connections of applications"):
            await imported(other, content)
    cipher = SecretCipher(b"k" * 32)
    content = await exported(db, cipher=cipher)
    assert b"a secret of Slack" not in content
    async with open_database(new_database("sqlite"), b"2" * 32, pool_size=2) as other:
        with pytest.raises(
            errors.InvalidArgument, match="sealed_secret: was encrypted with another"
        ):
            await imported(other, content, cipher=SecretCipher(b"x" * 32))
        await imported(other, content, cipher=cipher)
        moved = await apps.find(Call(SYSTEM, other, "req_1"), made.id)
        assert (moved.status, moved.key_id) == ("COMPLETED", "slack-of-acme")
        assert client_secrets.secret_of(other, moved) == "a secret of Slack"
        assert await exported(other, cipher=cipher) == content
        bad = content.replace(b'"app_connection_type":"OAUTH"', b'"app_connection_type":"SAML"')
        assert bad != content
    async with open_database(new_database("sqlite"), MASTER_KEY, pool_size=2) as other:
        with pytest.raises(errors.InvalidArgument, match="app_connection_type: must be one of"):
            await imported(other, bad)


CONNECTION = {
    "type": "connection",
    "connection_type": "OAUTH",
    "id": "conn_1000000000000000001",
    "provider": "GITHUB",
    "provider_key": "GITHUB",
    "status": "COMPLETED",
    "enabled": True,
    "debug_enabled": False,
    "ui_button_title": "",
    "configuration_type": "DISCOVERY",
    "attribute_mapping": {},
    "settings": {"client_id": "us"},
    "revision": 1,
    "create_time": 1,
    "update_time": 1,
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"connection_type": "PASSWORDLESS"}, "connection_type: must be one of OIDC, SAML, OAUTH"),
        ({"connection_type": "SAML"}, "organization_id: must be empty for OAUTH"),
        ({"secret": "sealed elsewhere"}, "secret: is not a member of a connection"),
    ],
)
async def test_no_file_brings_a_connection_that_cannot_be(new_database, content, change, says):
    start = line_of(content, "organization")

    def lines(added):
        whole = [*content[:start], added, *content[start:-1], {"type": "end"}]
        whole[-1]["lines"] = len(whole) - 1
        return written(whole)

    async with open_database(new_database("sqlite"), MASTER_KEY) as other:
        with pytest.raises(errors.InvalidArgument, match=says):
            await imported(other, lines(CONNECTION | change))
        await imported(other, lines(CONNECTION))
        moved = await reading.find(other, CONNECTION["id"])
        assert (moved.status, moved.enabled) == ("IN_PROGRESS", False)
