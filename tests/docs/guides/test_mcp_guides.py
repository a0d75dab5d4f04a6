"""The guides about MCP: their blocks run from top to bottom, and their tables are complete."""

from __future__ import annotations

import json
import re
import subprocess
import textwrap

import pytest
from doc_programs import forget, management, settings_for
from mcp_clients import CLIENTS
from repository import ROOT
from servers import TENANTRY

from tenantry.endpoints.docs.reference.languages import CLIENT, samples
from tenantry.endpoints.mcp.tools import DEFAULT, TOOLSETS

GUIDES = ROOT / "docs" / "guides"
_FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_TOOLSET = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
_CLIENT = re.compile(r"^\| ([\w .]+) \| (?:`([^`]*)`)? ?\| (`.*`) \|$", re.MULTILINE)


def text_of(guide):
    return (GUIDES / f"{guide}.md").read_text(encoding="utf-8")


def blocks(guide, language):
    found = _FENCE.findall(text_of(guide))
    return [textwrap.dedent(code) for of, code in found if of == language]


@pytest.fixture
def run(own_server, tmp_path):
    """Run shell blocks after those that get an access token."""

    def run(*parts: str, **variables: str):
        settings = {k: v for k, v in own_server.environment.items() if k.startswith("TENANTRY_")}
        path = f"{TENANTRY.parent}:{own_server.environment['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", "\n".join([samples(CLIENT)["sh"], *parts])],
            cwd=tmp_path,
            env={**settings, **settings_for("sh", own_server), "PATH": path, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    return run


@pytest.fixture
def api(own_server):
    with management(own_server) as api:
        forget(api)
        yield api
        forget(api)


def test_the_blocks_about_the_own_server_run(api, run):
    names, _, result = run(*blocks("mcp-server", "sh")).partition("{")
    assert {"list_organization", "create_organization"} <= set(names.split())
    shown = json.loads("{" + result)
    assert shown["dry_run"] is True
    missing = api.get(f"/api/v1/organizations/{shown['response']['organization']['id']}")
    assert missing.status_code == 404


def test_the_table_lists_all_toolsets():
    text = text_of("mcp-server")
    assert _TOOLSET.findall(text) == [*TOOLSETS]
    sentence = text.split("By default, the server lists the toolsets ")[1].split(". ")[0]
    assert re.findall(r"`(\w+)`", sentence) == [*DEFAULT]


def test_a_resource_is_created_and_controlled(api, run):
    protect = blocks("protect-your-mcp-server", "sh")
    output = run(*protect, 'printf "\n%s" "$RESOURCE_ID"')
    metadata, _, resource_id = output.rpartition("\n")
    shown = json.loads(metadata[metadata.rindex("{") :])
    assert shown["issuer"].endswith(f"/resources/{resource_id}")
    assert shown["code_challenge_methods_supported"] == ["S256"]
    assert shown["registration_endpoint"]

    acme = api.post("/api/v1/organizations", json={"display_name": "Acme"}).json()
    organization_id = acme["organization"]["id"]
    made = api.post(
        f"/api/v1/organizations/{organization_id}/connections",
        json={"provider": "CUSTOM", "type": "OIDC"},
    ).json()
    connection_id = made["connection"]["id"]
    run(
        *blocks("control-agents", "sh"),
        RESOURCE_ID=resource_id,
        ORGANIZATION_ID=organization_id,
        CONNECTION_ID=connection_id,
    )
    resource = api.get(f"/api/v1/resources/{resource_id}").json()["resource"]
    assert resource["xaa_enabled"] is True
    settings = api.get(f"/api/v1/connections/{connection_id}/settings").json()["settings"]
    assert settings["id_jag_enabled"] is True
    policy = api.get(f"/api/v1/organizations/{organization_id}/policy").json()["policy"]
    assert policy["second_factor_required"] is True
    assert policy["second_factor_grace_days"] == 7
    api.delete(f"/api/v1/resources/{resource_id}").raise_for_status()


@pytest.mark.parametrize(
    ("language", "example"),
    [("python", "mcp-server-fastmcp/app.py"), ("js", "mcp-server-express/app.js")],
)
def test_the_code_is_that_of_the_examples(language, example):
    (shown,) = blocks("protect-your-mcp-server", language)
    source = (ROOT / "examples" / example).read_text(encoding="utf-8")
    assert shown in textwrap.dedent(source) or textwrap.indent(shown, "    ") in source


def test_the_table_of_clients_is_the_tested_data():
    shown = {
        name: (document, re.findall(r"`([^`]+)`", uris))
        for name, document, uris in _CLIENT.findall(text_of("connect-mcp-clients"))
    }
    assert shown == {
        client.registration["client_name"]: (
            client.client_id,
            client.registration["redirect_uris"],
        )
        for client in CLIENTS
    }
