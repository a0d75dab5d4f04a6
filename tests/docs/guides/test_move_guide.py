"""The guide to a move from Scalekit, from a server that speaks its API to a fresh one."""

from __future__ import annotations

import json
import os
import re
import subprocess
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import urlsplit

import pytest
from doc_programs import management, need
from idp_metadata_pages import certificate
from servers import TENANTRY, LiveServer
from test_guides import GUIDES, blocks

ROOT = GUIDES.parent.parent
GUIDE = "move-from-scalekit"
EXAMPLE = ROOT / "examples" / GUIDE

pytestmark = pytest.mark.timeout(300)


def shell(source, server, folder, **more: str):
    """Run what a reader pastes, in the folder of the new deployment."""
    done = subprocess.run(
        ["bash", "-c", f"set -euo pipefail\n{source}"],
        cwd=folder,
        env=os.environ | server.environment | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def pem(name):
    lines = textwrap.wrap(certificate(name), 64)
    return "\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----"))


def furnish(api):
    """Give the old environment one of everything that moves; return the organizations' ids."""

    def post(path, **body: object):
        return api.post(f"/api/v1/{path}", json=body).raise_for_status().json()

    for number in range(35):  # more than one page
        post("permissions", name=f"invoices:{number}", description=f"No. {number}")
    post("roles", name="viewer", display_name="Viewer", permissions=["invoices:0", "invoices:34"])
    post("roles", name="auditor", display_name="Auditor", extends="viewer")
    api.patch(
        "/api/v1/roles:set_defaults",
        json={"default_creator_role": "admin", "default_member_role": "viewer"},
    ).raise_for_status()
    acme = post(
        "organizations", display_name="Acme", external_id="acme", metadata={"plan": "gold"}
    )["id"]
    others = [post("organizations", display_name=f"No. {n}")["id"] for n in range(31)]
    features = {"features": [{"name": "sso", "enabled": True}]}
    api.patch(f"/api/v1/organizations/{acme}/settings", json=features).raise_for_status()
    post(f"organizations/{acme}/roles", name="buyer", display_name="Buyer", extends="viewer")
    post(f"organizations/{acme}/domains", domain="acme.com")
    silent = "?send_invitation_email=false"
    profile = {"given_name": "Ada", "groups": ["a"], "custom_attributes": {"floor": "3"}}
    ada = post(
        f"organizations/{acme}/users{silent}",
        email="Ada@acme.com",
        external_id="ada",
        metadata={"since": "2020"},
        user_profile=profile,
        membership={"roles": [{"name": "buyer"}, {"name": "auditor"}], "metadata": {"desk": "7"}},
    )["user"]["id"]
    post(f"memberships/organizations/{others[0]}/users/{ada}{silent}")
    post(f"organizations/{acme}/users", email="grace@example.net", membership={})
    saml = post(f"organizations/{acme}/connections", provider="OKTA", type="SAML")["connection"]
    path = f"/api/v1/organizations/{acme}/connections"
    change = {
        "provider": "OKTA",
        "type": "SAML",
        "attribute_mapping": {"department": "dept"},
        "saml_config": {
            "idp_entity_id": "https://idp.example.com/entity",
            "idp_sso_url": "https://idp.example.com/sso",
            "idp_certificate": "\n".join(map(pem, ("one", "two"))),
            "want_request_signed": True,
        },
    }
    api.patch(f"{path}/{saml['id']}", json=change).raise_for_status()
    api.patch(f"{path}/{saml['id']}:enable").raise_for_status()
    oidc = post(f"organizations/{acme}/connections", provider="CUSTOM", type="OIDC")["connection"]
    change = {
        "provider": "CUSTOM",
        "type": "OIDC",
        "configuration_type": "MANUAL",
        "oidc_config": {
            "issuer": "https://login.example.com",
            "authorize_uri": "https://login.example.com/authorize",
            "token_uri": "https://login.example.com/token",
            "jwks_uri": "https://login.example.com/keys",
            "client_id": "us",
            "client_secret": "a secret of theirs",
        },
    }
    api.patch(f"{path}/{oidc['id']}", json=change).raise_for_status()
    api.patch(f"{path}/{oidc['id']}:enable").raise_for_status()
    return acme, others, (saml["id"], oidc["id"])


def known(api, acme, others, connections):
    """All that an application reads of an environment."""

    def get(path):
        return api.get(f"/api/v1/{path}").raise_for_status().json()

    def roles(path):
        found = get(f"{path}?include=permissions")["roles"]
        return {
            one["name"]: one | {"permissions": sorted(held["name"] for held in one["permissions"])}
            for one in found
        }

    return {
        "roles": roles("roles"),  # those that open our own pages, too
        "own roles": roles(f"organizations/{acme}/roles"),
        "permissions": [
            {name: one[name] for name in ("id", "name", "description")}
            for one in get("permissions?page_size=100")["permissions"]
            if not one["name"].startswith("sk_")
        ],
        "organizations": [get(f"organizations/{id_}")["organization"] for id_ in (acme, *others)],
        "domains": get(f"organizations/{acme}/domains")["domains"],
        "members": get(f"organizations/{acme}/users")["users"],
        "connections": [
            get(f"organizations/{acme}/connections/{id_}")["connection"] for id_ in connections
        ],
    }


@pytest.mark.thorough
def test_everything_that_the_guide_names_comes_along(start_server, tmp_path):
    need("bash", "curl", "jq")
    old = start_server("scalekit")
    with management(old) as api:
        acme, others, connections = furnish(api)
        before = known(api, acme, others, connections)
    new = LiveServer(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    take, tell, compare = (code for language, code in blocks(GUIDE) if language == "bash")
    given = {
        "PATH": f"{TENANTRY.parent}:{os.environ['PATH']}",
        "OLD_URL": old.url,
        "OLD_ID": old.client_id,
        "OLD_SECRET": old.client_secret,
        "SSL_CERT_FILE": str(old.ca),
    }
    shell(take, new, tmp_path, **given)
    new.start()
    try:
        both = tmp_path / "both.pem"
        both.write_text(old.ca.read_text() + new.ca.read_text())
        # A reader's bundle has the system's roots, by which the old environment is known.
        told = shell(f"{tell}\nexport CURL_CA_BUNDLE={both}\n{compare}", new, tmp_path, **given)
        saml, oidc = connections
        assert f"{oidc} of {acme}: is IN_PROGRESS, and needs its client secret" in told.stderr
        assert saml not in told.stderr
        assert told.stdout.endswith("as many\n")
        with management(new) as api:
            after = known(api, acme, others, connections)
            path = f"/api/v1/organizations/{acme}/connections/{oidc}"
            secret = {"provider": "CUSTOM", "type": "OIDC"}
            secret |= {"oidc_config": {"client_id": "us", "client_secret": "a secret of theirs"}}
            api.patch(path, json=secret).raise_for_status()
            assert api.patch(f"{path}:enable").raise_for_status().json()["enabled"]
            invited = api.get("/api/v1/mail").raise_for_status().json()["mail"]
        assert invited == []
    finally:
        new.stop()

    assert plain(after, new) == plain(before, old)


def plain(known, server):
    """The same without all that a move changes: the host, the secret and its consequences."""
    text = json.dumps(known, sort_keys=True).replace(server.url, "https://here")
    found = json.loads(text)
    for connection in found["connections"]:
        connection.pop("update_time")
        for certificate_ in connection.get("saml_config", {}).get("idp_certificates", []):
            certificate_.pop("id")
            certificate_.pop("create_time")
        if oidc := connection.get("oidc_config"):
            oidc.pop("client_secret", None)
            connection.pop("status")
            connection.pop("enabled")
    return found


def test_the_links_of_the_example_lead_somewhere():
    readme = (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", readme):
        assert (EXAMPLE / target).is_file(), target


class Sparing(BaseHTTPRequestHandler):
    """An API that leaves out members without a value, as JSON of protobuf may."""

    ANSWERS: ClassVar = {
        "/oauth/token": {"access_token": "a"},
        "/api/v1/permissions": {"permissions": [{"id": "perm_1", "name": "invoices:read"}]},
        "/api/v1/roles": {
            "roles": [
                {"id": "role_1", "name": "admin", "default_creator": True},
                {"id": "role_2", "name": "member", "default_member": True},
                {"id": "role_3", "name": "agent", "permissions": [{"name": "sk_tools"}]},
                {"id": "role_4", "name": "own", "is_org_role": True},
            ]
        },
        "/api/v1/organizations": {"organizations": [{"id": "org_1", "display_name": "Acme"}]},
        "/api/v1/organizations/org_1/domains": {"domains": [{"id": "dom_1", "domain": "acme.com"}]},
        "/api/v1/connections": {
            "connections": [{"id": "conn_1", "type": "OIDC"}, {"id": "conn_2", "type": "OAUTH"}]
        },
        "/api/v1/organizations/org_1/connections/conn_1": {
            "connection": {"id": "conn_1", "type": "OIDC", "provider": "OKTA"}
        },
        "/api/v1/users": {"users": [{"id": "usr_1", "email": "ada@acme.com"}]},
        "/api/v1/organizations/org_1/users": {"users": [{"id": "usr_1", "email": "ada@acme.com"}]},
    }

    def answer(self):
        body = json.dumps(self.ANSWERS.get(urlsplit(self.path).path, {})).encode()
        known = "token" in self.path or "authorization" in self.headers
        self.send_response(200 if known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer()

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.answer()

    def log_message(self, *_: object):
        pass


def test_members_that_an_api_leaves_out_are_not_missed(tmp_path):
    take = next(code for language, code in blocks(GUIDE) if language == "bash")
    new = LiveServer(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    given = {"PATH": f"{TENANTRY.parent}:{os.environ['PATH']}", "OLD_ID": "a", "OLD_SECRET": "b"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Sparing) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        told = shell(take, new, tmp_path, OLD_URL=f"http://127.0.0.1:{server.server_port}", **given)
        server.shutdown()
        thread.join()
    assert "role agent: without sk_tools" in told.stderr
    out = new.run("export", "--output", "out.ndjson")
    assert out.returncode == 0, out.stderr
    lines = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    ids = {line["type"]: line["id"] for line in lines if "id" in line}
    assert ids["organization"] == "org_1"
    assert (ids["connection"], ids["domain"], ids["user"]) == ("conn_1", "dom_1", "usr_1")
    (membership,) = [line for line in lines if line["type"] == "membership"]
    assert (membership["user_id"], membership["organization_id"]) == ("usr_1", "org_1")
    assert "role_4" not in {line.get("id") for line in lines}
