"""Every sample of the reference runs against a running server, in every language."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

import pytest
from doc_programs import (
    CONFORMANCE,
    ENDPOINT,
    RUNNERS,
    curl,
    forget,
    management,
    missing,
    need,
    run,
    settings_for,
)
from jsonschema import Draft202012Validator
from programs import in_order, program
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tenantry.reference.languages import CLIENT, LANGUAGES, samples


def with_sample(methods, language):
    return [method.name for method in methods if language in samples(method.name)]


@pytest.fixture(scope="module")
def api(own_server):
    with management(own_server) as client:
        yield client


@pytest.fixture
def variables(api, own_server):
    """What the samples find in the environment: the server, and things of their own."""
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
    hooks = create("webhooks/endpoints", url=ENDPOINT)["endpoint"]
    yield {
        **settings_for("sh", own_server),
        "ORGANIZATION_ID": acme["id"],
        "EXTERNAL_ID": "my_unique_id",
        "LINK_ID": link["link"]["id"],
        "USER_ID": sam["user"]["id"],
        "DOMAIN_ID": domain["domain"]["id"],
        "CLIENT_ID": machine["client_id"],
        "SECRET_ID": machine["secrets"][0]["id"],
        "APPLICATION_ID": app["id"],
        "APPLICATION_SECRET_ID": secret["id"],
        "SCOPE_ID": create("scopes", name="invoices:read")["scope"]["id"],
        "TOKEN": create("tokens", organization_id=acme["id"])["token"],
        "ENDPOINT_ID": hooks["id"],
        "DELIVERY_ID": create(f"webhooks/endpoints/{hooks['id']}:test")["delivery"]["id"],
    }
    forget(api)


@pytest.mark.parametrize("language", RUNNERS)
def test_every_sample_runs(language, methods, own_server, variables, tmp_path):
    names = with_sample(methods, language)
    variables |= settings_for(language, own_server)
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


def request_of(sample, variables):
    """What the curl command sends, as arguments of `httpx.Client.request`."""
    bare = re.sub(r"'\"(\$\w+)\"'", r"\1", sample)  # a variable amid single quotes
    filled = re.sub(r"\$(\w+)", lambda name: variables.get(name[1], ""), bare)
    verb = re.search(r"--request (\w+)", filled)
    body = re.search(r"--data '(.*?)'$", filled, re.DOTALL | re.MULTILINE)
    asked = re.findall(r"--data-urlencode \"?(\w[\w.]*)=([^\"\s]+)", filled)
    return {
        "method": verb[1] if verb else "GET",
        "url": re.search(r'"(https://[^"]+)"', filled)[1],
        **({"params": dict(asked)} if asked else {}),
        **({"json": json.loads(body[1])} if body else {}),
    }


def test_etags_are_where_the_reference_says(reference, api, variables):
    """And If-Match stops just what it says."""
    operations = {operation.name: operation for operation in reference[0]}
    for name in in_order(with_sample([o.method for o in operations.values()], "sh")):
        operation = operations[name]
        call = functools.partial(api.request, **request_of(samples(name)["sh"], variables))
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


def rpcs_called(paths, pattern):
    text = "".join(path.read_text(encoding="utf-8") for path in paths)
    called = {name[0].upper() + name[1:] for name in re.findall(pattern, text)}
    assert len(called) > 40
    return called


def test_every_call_of_the_python_sdk_has_a_sample(methods):
    import scalekit

    # Clients of resources, which the server does not have, are not ours.
    modules = {*Path(scalekit.__file__).parent.glob("*.py")}
    modules -= {path for path in modules if path.name == "resource.py"}
    services = "organization|user|role|domain|client|token"
    called = rpcs_called(modules, rf"\b(?:{services})_service\.(\w+)(?:\.with_call)?,")
    assert called <= set(with_sample(methods, "python"))


def test_every_call_of_the_node_sdk_has_a_sample(methods):
    library = CONFORMANCE / "node" / "node_modules" / "@scalekit-sdk" / "node" / "lib"
    if not library.exists():
        missing("the Node SDK is not installed")
    clients = ("organization", "user", "role", "permission", "domain", "m2mclient", "token")
    called = rpcs_called([library / f"{name}.js" for name in clients], r"this\.client\.(\w+)")
    assert called <= set(with_sample(methods, "js"))


def test_every_call_of_the_go_sdk_has_a_sample(methods):
    need("go")
    module = "github.com/scalekit-inc/scalekit-sdk-go/v2"
    done = run("go", "list", "-m", "-f", "{{.Dir}}", module, cwd=CONFORMANCE / "go")
    if not done.stdout.strip():
        missing("the Go SDK is not installed")
    clients = ("organization", "users", "role", "permission", "domain", "clients", "m2mclient")
    clients += ("token",)
    paths = [Path(done.stdout.strip()) / f"{name}.go" for name in clients]
    called = rpcs_called(paths, r"\b\w\.client\.(\w+)")
    assert called <= set(with_sample(methods, "go"))


def test_java_can_what_go_can(methods):
    """And search for users, but not touch the environment's clients; it comes as classes only."""
    searches = {"SearchUsers", "SearchOrganizationUsers"}
    applications = {f"{verb}Client" for verb in ("Create", "Get", "List", "Update", "Delete")}
    applications |= {"CreateClientSecret", "DeleteClientSecret"}
    assert applications <= set(with_sample(methods, "go"))
    both = set(with_sample(methods, "go")) - applications
    assert set(with_sample(methods, "java")) == both | searches
