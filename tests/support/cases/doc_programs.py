"""The docs' samples in five languages as programs, run the way a reader would."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import httpx
import pytest
from repository import ROOT
from turns import install_node_packages

if TYPE_CHECKING:
    from pathlib import Path

CONFORMANCE = ROOT / "tests" / "conformance"
# Names of the docs' organizations, users, roles and permissions.
ORGANIZATIONS = (
    *("my_unique_id", "acme_in_our_app"),
    *("initech_in_our_app", "globex_in_our_app"),
)
USERS = ("jane_in_our_app", "sam_in_our_app")
ROLES = ("editor", "viewer")
PERMISSIONS = ("invoices:read", "invoices:write", "invoices:approve")
SCOPES = ("invoices:read", "invoices:write")
APPLICATIONS = ("Dashboard", "Customer dashboard", "Reports")
OPERATOR = "Ada"
ENDPOINT = "https://app.example.com/webhooks"
INTERCEPTOR = {
    "display_name": "Trial check",
    "trigger_point": "PRE_SIGNUP",
    "api_url": "https://app.example.com/interceptors",
    "timeout_ms": 1000,
}
REDIRECT_URI = "https://app.example.com/callback"

_IMPORTS = {
    "js": re.compile(r"^import .*$\n?", re.MULTILINE),
    "go": re.compile(r'^import (?:\((.*?)^\)|(".*?"))$\n?', re.MULTILINE | re.DOTALL),
    "java": re.compile(r"^import .*;$\n?", re.MULTILINE),
}


def missing(reason: str) -> NoReturn:
    """A developer may lack it, CI may not."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def need(*tools: str) -> None:
    for tool in tools:
        if not shutil.which(tool):
            missing(f"{tool} is not installed")


def run(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@contextmanager
def management(live_server):
    """A client of the management API."""
    trust = live_server.trust
    with httpx.Client(base_url=live_server.url, verify=trust, timeout=30) as client:
        form = {"grant_type": "client_credentials"}
        secret = (live_server.client_id, live_server.client_secret)
        token = client.post("/oauth/token", data=form, auth=secret).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def forget(api):
    """Leave nothing of the docs: a role, a permission and a default are everybody's."""
    for kind, external_ids in (("organizations", ORGANIZATIONS), ("users", USERS)):
        for external_id in external_ids:
            found = api.get(f"/api/v1/{kind}:external/{external_id}")
            if found.status_code == 200:
                api.delete(f"/api/v1/{kind}/{found.json()['id']}").raise_for_status()
    defaults = {"default_creator_role": "admin", "default_member_role": "member"}
    api.patch("/api/v1/roles:set_defaults", json=defaults).raise_for_status()
    for kind, names in (("roles", ROLES), ("permissions", PERMISSIONS)):
        for name in names:
            assert api.delete(f"/api/v1/{kind}/{name}").status_code in {200, 404}, name
    for scope in api.get("/api/v1/scopes").raise_for_status().json()["scopes"]:
        if scope["name"] in SCOPES:
            api.delete(f"/api/v1/scopes/{scope['id']}").raise_for_status()
    web = {"filter.client_type": "WEB_APP", "page_size": 30}
    for client in api.get("/api/v1/clients", params=web).raise_for_status().json()["clients"]:
        if client["name"] in APPLICATIONS:
            api.delete(f"/api/v1/clients/{client['id']}").raise_for_status()
    forget_resources(api)
    forget_endpoints(api)
    forget_interceptors(api)
    forget_operators(api)
    api.delete("/api/v1/environment/redirect-uris", params={"redirect_uri": REDIRECT_URI})


def forget_resources(api):
    of_type = {"resource_type": "MCP_SERVER", "page_size": 30}
    for resource in api.get("/api/v1/resources", params=of_type).json()["resources"]:
        api.delete(f"/api/v1/resources/{resource['id']}").raise_for_status()


def forget_endpoints(api):
    path = "/api/v1/webhooks/endpoints"
    listed = api.get(path, params={"page_size": 100}).raise_for_status().json()
    for endpoint in listed["endpoints"]:
        if endpoint["url"] == ENDPOINT:
            api.delete(f"{path}/{endpoint['id']}").raise_for_status()


def forget_interceptors(api):
    path = "/api/v1/interceptors"
    listed = api.get(path, params={"page_size": 100}).raise_for_status().json()
    for interceptor in listed["interceptors"]:
        if interceptor["api_url"] == INTERCEPTOR["api_url"]:
            api.delete(f"{path}/{interceptor['id']}").raise_for_status()


def forget_operators(api):
    for operator in api.get("/api/v1/operators").raise_for_status().json()["operators"]:
        if operator.get("name") == OPERATOR:
            api.delete(f"/api/v1/operators/{operator['id']}").raise_for_status()


def without_imports(language: str, parts: list[str]) -> tuple[str, list[str]]:
    """The imports of all parts, each once, and the parts without theirs."""
    pattern, lines = _IMPORTS[language], []
    for part in parts:
        for found in pattern.finditer(part):
            text = found[0] if language != "go" else found[1] or found[2]
            lines += [line.strip() for line in text.splitlines()]
    imports = "\n".join(dict.fromkeys(filter(None, lines)))
    return imports, [pattern.sub("", part).strip("\n") for part in parts]


def settings_for(language: str, server) -> dict[str, str]:
    """The environment in which a program in this language finds the server."""
    url = server.url
    if language == "java":
        if not server.url_443:
            missing("the Java SDK speaks to port 443 only, and the server does not listen there")
        url = server.url_443
    return {
        **server.env,
        "SCALEKIT_ENVIRONMENT_URL": url,
        "SCALEKIT_CLIENT_ID": server.client_id,
        "SCALEKIT_CLIENT_SECRET": server.client_secret,
        "TENANTRY_CA": str(server.ca),
    }


def curl(folder, source, variables):
    need("bash", "curl", "jq", "openssl", "basenc")
    # The reader looks at the answer; here its status has to say.
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return run("bash", "-c", source, cwd=folder, **variables, CURL_HOME=str(folder))


def node(folder, source, variables):
    need("node", "npm")
    home = CONFORMANCE / "node"
    install_node_packages(home)
    (folder / "node_modules").symlink_to(home / "node_modules")
    (folder / "samples.mjs").write_text(source)
    return run("node", "samples.mjs", cwd=folder, **variables)


def python(folder, source, variables):
    (folder / "samples.py").write_text(source)
    return run(sys.executable, "-W", "ignore", "samples.py", cwd=folder, **variables)


def go(folder, source, variables):
    need("go")
    for name in ("go.mod", "go.sum"):
        shutil.copy(CONFORMANCE / "go" / name, folder)
    (folder / "main.go").write_text(source)
    # Building reaches for modules, for which our own authority's certificate is no help.
    done = run("go", "build", "-o", "samples", ".", cwd=folder)
    assert done.returncode == 0, done.stderr
    return run(folder / "samples", cwd=folder, **variables)


@functools.cache
def _compiled_java():
    """Maven's word on the Java SDK: it takes ten seconds, so it is asked once in a process."""
    return run("mvn", "-q", "-B", "process-classes", cwd=CONFORMANCE / "java")


def java(folder, source, variables):
    need("java", "keytool", "mvn")
    home = CONFORMANCE / "java"
    compiled = _compiled_java()
    if re.search(r"find artifact com\.scalekit:|com\.scalekit:\S+ was not found", compiled.stdout):
        pytest.skip("this machine's Maven repository does not serve the Java SDK")
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    trust, password = folder / "trust.p12", "changeit"
    done = run(
        *("keytool", "-importcert", "-noprompt", "-alias", "tenantry"),
        *("-file", variables["TENANTRY_CA"], "-keystore", trust),
        *("-storetype", "PKCS12", "-storepass", password),
        cwd=folder,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "Samples.java").write_text(source)
    return run(
        "java",
        f"-Djavax.net.ssl.trustStore={trust}",
        f"-Djavax.net.ssl.trustStorePassword={password}",
        *("-cp", (home / "target" / "classpath").read_text(), "Samples.java"),
        cwd=folder,
        **variables,
    )


RUNNERS = {"sh": curl, "js": node, "python": python, "go": go, "java": java}
