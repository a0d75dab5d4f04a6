"""Every operation has samples, in each language whose SDK has its call."""

from __future__ import annotations

import re
from pathlib import Path

from doc_programs import (
    CONFORMANCE,
    RUNNERS,
    missing,
    need,
    run,
)

from tenantry.endpoints.docs.reference.languages import CLIENT, LANGUAGES, samples


def with_sample(methods, language):
    return [method.name for method in methods if language in samples(method.name)]


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
    services = "organization|user|role|domain|client|token|passwordless|session|webauthn"
    services += "|connection"
    called = rpcs_called(modules, rf"\b(?:{services})_service\.(\w+)(?:\.with_call)?,")
    assert called <= set(with_sample(methods, "python"))


def test_every_call_of_the_node_sdk_has_a_sample(methods):
    library = CONFORMANCE / "node" / "node_modules" / "@scalekit-sdk" / "node" / "lib"
    if not library.exists():
        missing("the Node SDK is not installed")
    clients = ("organization", "user", "role", "permission", "domain", "m2mclient", "token")
    clients += ("session", "webauthn", "connection")
    called = rpcs_called([library / f"{name}.js" for name in clients], r"this\.client\.(\w+)")
    assert called <= set(with_sample(methods, "js"))


def test_every_call_of_the_go_sdk_has_a_sample(methods):
    need("go")
    module = "github.com/scalekit-inc/scalekit-sdk-go/v2"
    done = run("go", "list", "-m", "-f", "{{.Dir}}", module, cwd=CONFORMANCE / "go")
    if not done.stdout.strip():
        missing("the Go SDK is not installed")
    clients = ("organization", "users", "role", "permission", "domain", "clients", "m2mclient")
    clients += ("token", "sessions", "webauthn", "connection")
    paths = [Path(done.stdout.strip()) / f"{name}.go" for name in clients]
    called = rpcs_called(paths, r"\b\w\.client\.(\w+)")
    assert called <= set(with_sample(methods, "go"))


def test_java_can_what_go_can(methods):
    """And search for users, but not touch the environment's clients; it comes as classes only."""
    searches = {"SearchUsers", "SearchOrganizationUsers"}
    applications = {f"{verb}Client" for verb in ("Create", "Get", "List", "Update", "Delete")}
    applications |= {"CreateClientSecret", "DeleteClientSecret"}
    assert applications <= set(with_sample(methods, "go"))
    # Of the older of the Java SDK's versions, which names nobody for a sign-in.
    both = set(with_sample(methods, "go")) - applications - {"UpdateLoginUserDetails"}
    assert set(with_sample(methods, "java")) == both | searches
