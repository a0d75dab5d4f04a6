"""Every sample of the reference runs against a running server, in every language."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from doc_programs import (
    ENDPOINT,
    INTERCEPTOR,
    RUNNERS,
    curl,
    forget,
    management,
    settings_for,
)
from google_workspaces import ADMIN, key_file
from idp_metadata_pages import MetadataPage, certificate
from jsonschema import Draft202012Validator
from programs import in_order, program
from pyotp import TOTP
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from software_authenticator import Authenticator
from sqlalchemy import delete

from tenantry import settings
from tenantry.access.clients import resource_clients
from tenantry.access.clients.client_cache import ClientCache
from tenantry.access.data_keys import masters
from tenantry.access.data_keys import service as data_keys
from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.crypto import master_key, vault
from tenantry.db.opening import open_database
from tenantry.db.sql.statements import Statement
from tenantry.endpoints.docs.reference import endpoints
from tenantry.endpoints.docs.reference.languages import samples
from tenantry.identity.attempts.model import attempts
from tenantry.identity.authenticators.passkeys import service as passkeys
from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.authenticators.totp import service as totp
from tenantry.identity.connections import diagnostics
from tenantry.identity.consents import service as consents
from tenantry.identity.grants import subjects
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds
from tenantry.identity.sign_in.auth_requests import refusals, requests, states
from tenantry.identity.sign_in.auth_requests.browsers import BrowserCookies
from tenantry.identity.sign_in.model import Facts, Params
from tenantry.identity.tokens.key_ring import KeyRing
from tenantry.identity.tokens.signed_tokens import SignedTokens
from tenantry.identity.tokens.user_tokens import UserTokens
from tenantry.tenants.directories import registry, request_log
from tenantry.tenants.directories.resources import groups
from tenantry.tenants.directories.scim.resources import GroupPayload
from tenantry.tenants.environment.effective import Effective
from tenantry.tenants.users import reading as users

_FORGET_ATTEMPTS = Statement(delete(attempts))


def with_sample(methods, language):
    return [method.name for method in methods if language in samples(method.name)]


@pytest.fixture(scope="module")
def api(own_server):
    with management(own_server) as client:
        yield client


async def code_of_mail(server, request_id):
    """The code that a person reads in their mail; the samples may send to their address again."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        await db.fetch_all(_FORGET_ATTEMPTS)
        return proofs.code(db, request_id, 1)


async def at_sign_in(server, api):
    """Things that samples of a sign-in page find: browsers that have come to it, and a mail."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        cookies = BrowserCookies.of(server.url)

        async def begun(*steps: Any):
            request, row = requests.new(
                db,
                secret=vault.new_secret(),
                client_id=server.client_id,
                params=Params(redirect_uri="https://app.example.com/callback"),
                facts=Facts(intent="sign_in"),
            )
            await requests.add(db, row)
            cookie, code = cookies.issue(request)[0].partition(";")[0], ""
            for step, body in steps:
                headers = {"Cookie": cookie}
                answer = api.post(f"/api/v1/{step}", json=body(code, request), headers=headers)
                answer.raise_for_status()
                cookie = answer.headers.get("set-cookie", cookie).partition(";")[0]
                asked = await requests.find_of_any(db, request.id)
                code = proofs.code(db, asked.facts.passwordless, 1)
            return cookie, code

        mail = ("auth:discovery", lambda _code, request: {"email": f"{request.id}@globex.com"})
        prove = ("auth/passwordless:verify", lambda code, _request: {"code_challenge": code})
        mailed, code = await begun(mail)
        error_id = refusals.issue(db, refusals.Refusal.CLIENT_ID_MISSING)
        return {
            "NEW_LOGIN_COOKIE": (await begun())[0],
            "LOGIN_COOKIE": mailed,
            "PROVED_LOGIN_COOKIE": (await begun(mail, prove))[0],
            "LOGIN_CODE": code,
            "ERROR_ID": error_id,
            "SESSION_COOKIE": vault.new_secret(),
        }


async def at_own_sign_in(server, connection_id):
    """A sign-in that waits for a connection."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        request, row = requests.new(
            db,
            states.SSO_PENDING,
            secret=vault.new_secret(),
            client_id=server.client_id,
            params=Params(redirect_uri="https://app.example.com/callback"),
            facts=Facts(intent="sign_in", sso=f"oidc/{connection_id}"),
        )
        await requests.add(db, row)
        return request.id


async def signed_in(server, user_id):
    """A session of a user; an access token that an application got in another one; its secret."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        user = await users.find(db, id_=user_id, external_id=None)
        begin = functools.partial(
            sessions.begin,
            Call(SYSTEM, db, "req_1"),
            user_id=user_id,
            organization_id=user.memberships[0].organization_id,
            client_id=server.client_id,
            amr=[],
            bounds=Bounds(60, None),
            custom_claims={},
        )
        session, _ = await begin()
        _, secret = await begin()
        ring, client = KeyRing(db), await ClientCache(db).find(server.client_id)
        signed = SignedTokens(ring, known.public_url)
        tokens = UserTokens(
            db, ring, signed, issuer=known.public_url, effective=Effective(known), compact=True
        )
        subject = await subjects.find_of_cookie(db, secret)
        issued = await tokens.issue(tokens.draft(client), client, subject, ["openid"])
        return session.id, issued.token, secret


async def second_factors(server, user_id):
    """A passkey of a user and one more that is under way; an app in force, and one that is not."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        await db.fetch_all(_FORGET_ATTEMPTS)
        call, device = Call(SYSTEM, db, "req_1"), Authenticator(server.url)
        person, here = await users.find(db, id_=user_id, external_id=None), RelyingParty.of(known)
        _, options = await passkeys.begin_registration(call, person, here)
        passkey = await passkeys.finish_registration(call, user_id, here, device.create(options))
        challenge_id, options = await passkeys.begin_authentication(call, here)
        signed = device.get(options)
        _, options = await passkeys.begin_registration(call, person, here)
        made = device.create(options)
        own = await totp.register(call, user_id=user_id)
        await totp.enable(call, own.id, TOTP(totp.secret(db, own)).now())
        registration = await totp.register(call, account_name="sam")
        app, at = TOTP(totp.secret(db, registration)), time.time()
        return {
            "CREDENTIAL_ID": passkey.id,
            "CHALLENGE_ID": challenge_id,
            "SIGNED_ID": signed["rawId"],
            "AUTHENTICATOR_DATA": signed["response"]["authenticatorData"],
            "SIGNED_CLIENT_DATA": signed["response"]["clientDataJSON"],
            "SIGNATURE": signed["response"]["signature"],
            "USER_HANDLE": signed["response"]["userHandle"],
            "RAW_ID": made["rawId"],
            "ATTESTATION_OBJECT": made["response"]["attestationObject"],
            "CLIENT_DATA_JSON": made["response"]["clientDataJSON"],
            "REGISTRATION_ID": registration.id,
            "APP_CODE": app.at(int(at)),
            "NEXT_APP_CODE": app.at(int(at), counter_offset=1),
        }


async def begun_test_of(server, connection_id):
    """A test of a connection that somebody has begun."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        return await diagnostics.begin(db, connection_id)


async def consents_of(server, resource_id, client_id, *user_ids: str):
    """The IDs of consents to a client, of members of one organization each."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        client, resource = await resource_clients.get(db, resource_id, client_id)
        granted = []
        for user_id in user_ids:
            user = await users.find(db, id_=user_id, external_id=None)
            (membership,) = user.memberships
            consent = await consents.grant(
                Call(SYSTEM, db, "req_1"),
                client,
                resource,
                user_id=user_id,
                organization_id=membership.organization_id,
                scopes=resource.scopes,
            )
            granted.append(consent.id)
        return granted


def portal_cookie(server, api, organization_id):
    """The cookie of a browser that has opened a link."""
    made = api.put(f"/api/v1/organizations/{organization_id}/portal_links").raise_for_status()
    opened = httpx.get(made.json()["link"]["location"], verify=server.trust)
    return opened.headers["set-cookie"].partition(";")[0].partition("=")[2]


async def group_of(server, organization_id, directory_id):
    """A group that a provider has pushed, and the request that pushed it."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        call = Call(SYSTEM, db, "req_1")
        directory = await registry.get(call, organization_id, directory_id)
        pushed = GroupPayload({"displayName": "Engineering"}, [])
        group = (await groups.create(call, directory, pushed)).group
        log = request_log.RequestLog(db)
        log.note(
            organization_id=organization_id,
            directory_id=directory_id,
            method="POST",
            path="/Groups",
            query="",
            user_agent="Okta SCIM Client 1.0.0",
            request_id="req_1",
            status=201,
            milliseconds=7,
            resource_id=group.id,
        )
        await log.close()
        (request,) = (await request_log.listing(db, directory)).items
        return group.id, request.id


@pytest.fixture(scope="module")
def provider():
    """The address of a provider that says where its endpoints are, for both protocols."""
    page = MetadataPage()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            issuer = f"http://{self.headers['host']}"
            names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            document = {"issuer": issuer, **{name: f"{issuer}/{name}" for name in names}}
            body = page.xml if self.path == "/metadata" else json.dumps(document).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


async def keys_of_before(server):
    """Versions of data keys that wait, one for a change, and of a master key of before."""
    known = settings.load({k: v for k, v in server.environment.items() if k.startswith("TENANTRY")})
    async with open_database(known.database, master_key.load(known), pool_size=1) as db:
        call = Call(SYSTEM, db, "req_1")
        waiting, unused = await data_keys.create(call), await data_keys.create(call)
        former = await masters.rotate(call, master_key.LocalKey(vault.new_data_key()))
        await masters.rotate(call, master_key.load(known))  # which the server goes on with
        return {
            "DATA_KEY_VERSION": str(waiting.version),
            "UNUSED_DATA_KEY_VERSION": str(unused.version),
            "MASTER_KEY_VERSION": str(former.version),
        }


@pytest.fixture
def variables(api, own_server, provider, tmp_path_factory):
    """Things that samples find in the environment: the server, and things of their own."""
    forget(api)

    def create(path, **fields: object):
        return api.post(f"/api/v1/{path}", json=fields).raise_for_status().json()

    acme, initech = (
        create("organizations", display_name=name, external_id=external_id, metadata=metadata)
        for name, external_id, metadata in (
            ("Acme", "my_unique_id", {"plan": "gold"}),
            ("Initech", "initech_in_our_app", {}),
        )
    )
    link = api.put(f"/api/v1/organizations/{acme['id']}/portal_links").raise_for_status().json()
    for action in ("read", "write"):
        create("permissions", name=f"invoices:{action}", description=f"{action} invoices")
    create("roles", name="viewer", display_name="Viewer", permissions=["invoices:read"])
    users = f"organizations/{initech['id']}/users?send_invitation_email=false"
    sam = create(users, email="sam@acme.com", external_id="sam_in_our_app")
    domain = create(f"organizations/{acme['id']}/domains", domain="acme.org")
    machine = create(f"organizations/{acme['id']}/clients", name="Acme nightly import")["client"]
    create(f"organizations/{acme['id']}/clients/{machine['client_id']}/secrets")
    app = create("clients", name="Reports", client_type="WEB_APP")["client"]
    secret = create(f"clients/{app['id']}/secrets")["secret"]
    eve = create(users, email="eve@acme.com")
    resource_id = create(
        "resources", resource_type="MCP_SERVER", name="Reports", scopes=["invoices:read"]
    )["resource"]["id"]
    agent = create(f"resources/{resource_id}/clients", name="Reports agent")["client"]["client_id"]
    consent_id, own_consent_id = asyncio.run(
        consents_of(own_server, resource_id, agent, eve["user"]["id"], sam["user"]["id"])
    )
    hooks = create("webhooks/endpoints", url=ENDPOINT)["endpoint"]
    sent = create("passwordless/email/send", email="sam@acme.com")["auth_request_id"]
    session_id, user_token, user_cookie = asyncio.run(signed_in(own_server, sam["user"]["id"]))
    sso = create(f"organizations/{acme['id']}/connections", provider="IDP_SIMULATOR", type="OIDC")
    sso_id = sso["connection"]["id"]
    saml = create(f"organizations/{acme['id']}/connections", provider="OKTA", type="SAML")
    metadata_path = tmp_path_factory.mktemp("saml") / "idp-metadata.xml"
    metadata_path.write_bytes(MetadataPage().xml)
    directories = f"organizations/{acme['id']}/directories"
    okta, workspace = (
        create(directories, directory_type=type_, directory_provider=provider_)["directory"]["id"]
        for type_, provider_ in (("SCIM", "OKTA"), ("POLL", "GOOGLE"))
    )
    events = api.get("/api/v1/events").raise_for_status().json()["events"]
    waiting = api.get("/api/v1/mail?state=QUEUED").raise_for_status().json()["mail"]
    long_lived = create("tokens", organization_id=acme["id"])["token_id"]
    api.patch(f"/api/v1/{directories}/{workspace}:enable").raise_for_status()
    account = {"email": ADMIN, "service_account_key": key_file()}
    key_path = tmp_path_factory.mktemp("google") / "service-account.json"
    key_path.write_text(key_file())
    api.put(f"/api/v1/{directories}/{workspace}/credentials", json=account).raise_for_status()
    words = {"subject": "Hi", "html_content": "{{ link }}", "plain_content": "{{ link }}"}
    mail = f"organizations/{acme['id']}/email/templates"
    template = create(mail, use_case="USER_INVITE", **words)["template"]
    smtp = {"host": "smtp.example.com", "port": 587, "username": "us", "password": "secret"}
    sender = {"from_email": "hello@example.com", "from_name": "Us"}
    mailer = create("email/servers", provider="OTHER", settings=smtp | sender)["server"]
    github = create("connections", provider="GITHUB", type="OAUTH")
    credentials = {"client_id": "us", "client_secret": "a secret of GitHub"}
    api.patch(
        f"/api/v1/connections/{github['connection']['id']}",
        json={"provider": "GITHUB", "oauth_config": credentials},
    ).raise_for_status()
    group_id, directory_request_id = asyncio.run(group_of(own_server, acme["id"], okta))
    yield {
        **settings_for("sh", own_server),
        "EVENT_ID": events[-1]["id"],
        "MAIL_ID": waiting[0]["id"],
        "TOKEN_ID": long_lived,
        "CONNECTION_ID": sso_id,
        "DIRECTORY_ID": okta,
        "TEMPLATE_ID": template["id"],
        "EMAIL_SERVER_ID": mailer["id"],
        "POLLED_DIRECTORY_ID": workspace,
        "KEY_FILE": str(key_path),
        "SERVICE_ACCOUNT_KEY": json.dumps(key_file()),
        "DIRECTORY_GROUP_ID": group_id,
        "DIRECTORY_REQUEST_ID": directory_request_id,
        "OIDC_ISSUER": provider,
        "SAML_METADATA_URL": f"{provider}/metadata",
        "SAML_METADATA_FILE": str(metadata_path),
        "METADATA": json.dumps(MetadataPage().xml.decode()),
        "SAML_CONNECTION_ID": saml["connection"]["id"],
        "SAML_CERTIFICATE": certificate("idp"),
        "ENVIRONMENT_ID": domain["domain"]["environment_id"],
        "SOCIAL_CONNECTION_ID": github["connection"]["id"],
        "TEST_REQUEST_ID": asyncio.run(begun_test_of(own_server, sso_id)),
        "LOGIN_REQUEST_ID": asyncio.run(at_own_sign_in(own_server, sso_id)),
        "ORGANIZATION_ID": acme["id"],
        "EXTERNAL_ID": "my_unique_id",
        "LINK_ID": link["link"]["id"],
        "USER_ID": sam["user"]["id"],
        "DOMAIN_ID": domain["domain"]["id"],
        "CLIENT_ID": machine["client_id"],
        "RESOURCE_ID": resource_id,
        "RESOURCE_CLIENT_ID": agent,
        "CONSENT_ID": consent_id,
        "OWN_CONSENT_ID": own_consent_id,
        "SECRET_ID": machine["secrets"][0]["id"],
        "APPLICATION_ID": app["id"],
        "APPLICATION_SECRET_ID": secret["id"],
        "SCOPE_ID": create("scopes", name="invoices:read")["scope"]["id"],
        "TOKEN": create("tokens", organization_id=acme["id"])["token"],
        "AUTH_REQUEST_ID": sent,
        "CODE": asyncio.run(code_of_mail(own_server, sent)),
        "SESSION_ID": session_id,
        "USER_ACCESS_TOKEN": user_token,
        "USER_SESSION_COOKIE": user_cookie,
        "PORTAL_SESSION_COOKIE": portal_cookie(own_server, api, acme["id"]),
        **asyncio.run(second_factors(own_server, sam["user"]["id"])),
        **asyncio.run(at_sign_in(own_server, api)),
        **asyncio.run(keys_of_before(own_server)),
        "ENDPOINT_ID": hooks["id"],
        "OPERATOR_ID": create("operators", name="Ada", role="OPERATOR")["operator"]["id"],
        "INTERCEPTOR_ID": create("interceptors", **INTERCEPTOR)["interceptor"]["id"],
        "DELIVERY_ID": create(f"webhooks/endpoints/{hooks['id']}:test")["delivery"]["id"],
    }
    forget(api)


@pytest.mark.thorough
@pytest.mark.one_of("sh", "js", "python", "go", "java")
@pytest.mark.parametrize("language", RUNNERS)
def test_every_sample_runs(language, methods, own_server, variables, tmp_path):
    names = with_sample(methods, language)
    variables |= settings_for(language, own_server)
    done = RUNNERS[language](tmp_path, program(language, names), variables)
    ran = re.findall(r"^ran (\w+)$", done.stdout, re.MULTILINE)
    assert ran == in_order(names), done.stderr


def test_the_samples_of_the_endpoints_run(api, variables, tmp_path):
    """Those of OAuth and OpenID Connect, each by itself."""
    addresses = {"post_login_uris": ["https://app.example.com/callback"]}
    api.patch(f"/api/v1/clients/{variables['APPLICATION_ID']}", json=addresses).raise_for_status()
    for each in endpoints.all_of_them():
        done = curl(tmp_path, samples(each.name)["sh"], variables)
        assert done.returncode == 0, done.stderr
        if each.example is not None:
            answer = json.loads(done.stdout)
            needed = {member.name for member in each.answer if member.required}
            assert {name for name in needed if "[" not in name} <= answer.keys(), each.name
            told = {member.name.partition("[")[0] for member in each.answer}
            assert told & answer.keys()
        elif each.name == "Authorize":
            assert done.stdout.startswith(f"{variables['SCALEKIT_ENVIRONMENT_URL']}/login/")


@pytest.mark.thorough
def test_the_answers_that_curl_shows_fit_the_document(methods, document, variables, tmp_path):
    names = with_sample(methods, "sh")
    done = curl(tmp_path, program("sh", names), variables)
    assert done.stderr == ""
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:document", resource)
    checked = 0
    for item in document["paths"].values():
        for operation in item.values():
            if operation["operationId"] not in names:
                continue
            answer = json.loads((tmp_path / f"{operation['operationId']}.json").read_text())
            (status,) = [s for s in operation["responses"] if s.startswith("2")]
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            schema = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
            Draft202012Validator(schema, registry=registry).validate(answer)
            checked += 1
    assert checked == len(names)


def request_of(sample, variables):
    """The request of a curl command, as arguments of `httpx.Client.request`, and its headers."""
    bare = re.sub(r"'\"(\$\w+)\"'", r"\1", sample)  # a variable amid single quotes
    filled = re.sub(r"\$(\w+)", lambda name: variables.get(name[1], ""), bare)
    verb = re.search(r"--request (\w+)", filled)
    body = re.search(r"--(?:data|json) '(.*?)'$", filled, re.DOTALL | re.MULTILINE)
    asked = re.findall(r"--data-urlencode \"?(\w[\w.]*)=([^\"\s]+)", filled)
    token = re.search(r'"Authorization: Bearer (\S+)"', filled)  # but the client's own
    cookie = re.search(r'--cookie "(\S+)"', filled)
    headers = {"Authorization": f"Bearer {token[1]}"} if token else {}
    return {
        "method": verb[1] if verb else "POST" if body else "GET",
        "url": re.search(r'"(https://[^"]+)"', filled)[1],
        **({"params": dict(asked)} if asked else {}),
        **({"json": json.loads(body[1])} if body else {}),
    }, headers | ({"Cookie": cookie[1]} if cookie else {})


def sent(api, request, headers):
    """The answer to a request, as the management client where it brings no cookie of its own."""
    built = api.build_request(**request, headers=headers)
    if "Cookie" in headers:
        del built.headers["Authorization"]
    return api.send(built)


@pytest.mark.thorough
def test_etags_are_where_the_reference_says(reference, api, variables):
    """And If-Match stops just what it says."""
    operations = {operation.name: operation for operation in reference[0]}
    for name in in_order(with_sample([o.method for o in operations.values()], "sh")):
        operation = operations[name]
        request, headers = request_of(samples(name)["sh"], variables)
        call = functools.partial(sent, api, request)
        conditional = "If-Match" in [p.member.name for p in operation.at("header")]
        if conditional:
            refused = call(headers={**headers, "If-Match": '"999999"'})
            assert refused.status_code == 412, name
        answer = call(headers=headers | ({} if conditional else {"If-Match": '"999999"'}))
        assert answer.status_code == operation.method.success_status, (name, answer.text)
        assert ("etag" in answer.headers) == operation.etag, name
        assert answer.headers["x-request-id"]
