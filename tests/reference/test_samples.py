"""Every sample of the reference runs against a running server, in every language."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import httpx
import pytest
from jsonschema import Draft202012Validator
from programs import in_order, program
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tenantry.reference.languages import CLIENT, LANGUAGES, samples

CONFORMANCE = Path(__file__).parents[1] / "conformance"
# What the samples and the variables of the programs call organizations by.
EXTERNAL_IDS = ("my_unique_id", "acme_in_our_app")


def missing(reason: str) -> NoReturn:
    """What a developer may lack, CI may not."""
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


def with_sample(methods, language):
    return [method.name for method in methods if language in samples(method.name)]


@pytest.fixture(scope="module")
def api(live_server):
    with httpx.Client(base_url=live_server.url, verify=live_server.trust) as client:
        form = {"grant_type": "client_credentials"}
        secret = (live_server.client_id, live_server.client_secret)
        token = client.post("/oauth/token", data=form, auth=secret).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        yield client


def forget(api):
    for external_id in EXTERNAL_IDS:
        found = api.get(f"/api/v1/organizations:external/{external_id}")
        if found.status_code == 200:
            api.delete(f"/api/v1/organizations/{found.json()['id']}").raise_for_status()


@pytest.fixture
def variables(api, live_server):
    """What the samples find in the environment: the server, and an organization of their own."""
    forget(api)
    new = {"display_name": "Acme", "external_id": EXTERNAL_IDS[0], "metadata": {"plan": "gold"}}
    created = api.post("/api/v1/organizations", json=new).raise_for_status().json()
    links = f"/api/v1/organizations/{created['id']}/portal_links"
    link = api.put(links).raise_for_status().json()["link"]
    yield {
        **live_server.env,
        "SCALEKIT_ENVIRONMENT_URL": live_server.url,
        "SCALEKIT_CLIENT_ID": live_server.client_id,
        "SCALEKIT_CLIENT_SECRET": live_server.client_secret,
        "ORGANIZATION_ID": created["id"],
        "EXTERNAL_ID": EXTERNAL_IDS[0],
        "LINK_ID": link["id"],
    }
    forget(api)


def curl(folder, source, variables):
    need("bash", "curl", "jq")
    # The reader looks at the answer; here its status has to say.
    (folder / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return run("bash", "-c", source, cwd=folder, **variables, CURL_HOME=str(folder))


def node(folder, source, variables):
    need("node", "npm")
    home = CONFORMANCE / "node"
    if not (home / "node_modules").exists():
        done = run("npm", "ci", "--no-audit", "--no-fund", cwd=home)
        assert done.returncode == 0, done.stdout + done.stderr
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


def java(folder, source, variables):
    need("java", "keytool", "mvn")
    home = CONFORMANCE / "java"
    compiled = run("mvn", "-q", "-B", "process-classes", cwd=home)
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


@pytest.mark.parametrize("language", RUNNERS)
def test_every_sample_runs(language, methods, live_server, variables, tmp_path):
    names = with_sample(methods, language)
    if language == "java":
        if not live_server.url_443:
            missing("the Java SDK speaks to port 443 only, and the server does not listen there")
        variables["SCALEKIT_ENVIRONMENT_URL"] = live_server.url_443
        variables["TENANTRY_CA"] = str(live_server.ca)
    done = RUNNERS[language](tmp_path, program(language, names), variables)
    ran = re.findall(r"^ran (\w+)$", done.stdout, re.MULTILINE)
    assert ran == in_order(names), done.stderr


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


def test_etags_are_where_the_reference_says(reference, document, api, variables):
    """And If-Match stops just what it says."""
    values = {
        "id": variables["ORGANIZATION_ID"],
        "organization_id": variables["ORGANIZATION_ID"],
        "external_id": variables["EXTERNAL_ID"],
        "link_id": variables["LINK_ID"],
    }
    operations = {operation.name: operation for operation in reference[0]}
    for name in in_order(operations):
        operation = operations[name]
        told = document["paths"][operation.path][operation.verb.lower()]
        options = {"params": {"query": "acme"}} if name == "SearchOrganization" else {}
        if "requestBody" in told:
            options["json"] = dict(told["requestBody"]["content"]["application/json"]["example"])
        if name == "CreateOrganization":
            options["json"] |= {"external_id": EXTERNAL_IDS[1], "slug": None}

        path = operation.path.format(**values)
        call = functools.partial(api.request, operation.verb, path, **options)
        conditional = "If-Match" in [p.member.name for p in operation.at("header")]
        if conditional:
            refused = call(headers={"If-Match": '"999999"'})
            assert refused.status_code == 412, name
        answer = call(headers={} if conditional else {"If-Match": '"999999"'})
        assert answer.status_code == operation.method.success_status, (name, answer.text)
        assert ("etag" in answer.headers) == operation.etag, name
        assert answer.headers["x-request-id"]


def test_every_language_has_a_client():
    assert list(samples(CLIENT)) == [language.key for language in LANGUAGES]
    assert list(RUNNERS) == [language.key for language in LANGUAGES]


def test_every_operation_has_a_request(methods):
    assert with_sample(methods, "sh") == [method.name for method in methods]


def rpcs_called(folder, pattern):
    found = set()
    for path in folder.glob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            found |= {name[0].upper() + name[1:] for name in re.findall(pattern, text)}
    return found


def test_every_call_of_the_python_sdk_has_a_sample(methods):
    import scalekit

    called = rpcs_called(Path(scalekit.__file__).parent, r"organization_service\.(\w+)\.with_call")
    assert len(called) > 5
    assert called <= set(with_sample(methods, "python"))


def test_every_call_of_the_node_sdk_has_a_sample(methods):
    library = CONFORMANCE / "node" / "node_modules" / "@scalekit-sdk" / "node" / "lib"
    if not library.exists():
        missing("the Node SDK is not installed")
    source = (library / "organization.js").read_text()
    called = {n[0].upper() + n[1:] for n in re.findall(r"this\.client\.(\w+)", source)}
    assert len(called) > 5
    assert called <= set(with_sample(methods, "js"))


def test_every_call_of_the_go_sdk_has_a_sample(methods):
    need("go")
    module = "github.com/scalekit-inc/scalekit-sdk-go/v2"
    done = run("go", "list", "-m", "-f", "{{.Dir}}", module, cwd=CONFORMANCE / "go")
    if not done.stdout.strip():
        missing("the Go SDK is not installed")
    source = (Path(done.stdout.strip()) / "organization.go").read_text()
    called = set(re.findall(r"o\.client\.(\w+)", source))
    assert len(called) > 5
    assert called <= set(with_sample(methods, "go"))


def test_java_can_what_go_can(methods):
    """Its SDK comes as classes only; for organizations both make the same calls."""
    assert with_sample(methods, "java") == with_sample(methods, "go")
