"""The code keeps to the wings of ARCHITECTURE.md; the contracts stand in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from repository import ROOT

from tenantry.endpoints.console import setup

SRC = ROOT / "src" / "tenantry"
# The hall wires and runs everything.
HALL = {"app", "services", "worker", "doctor", "cli", "server"}
WINGS = {"endpoints", "transfer", "identity", "access", "tenants", "events"}
DECLARATIONS = {"Table", "table", "sa.Table", "sa.table"}
LINT = Path(sys.executable).with_name("lint-imports")


def test_imports_go_down_only():
    done = subprocess.run(
        [LINT, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("settings/table.py", "from tenantry.access.clients import service"),
        ("access/clients/service.py", "from tenantry.gen.scalekit.v1.commons import commons_pb"),
        ("api/pipeline.py", "from tenantry.tenants.organizations import service"),
        ("endpoints/organization/web.py", "from tenantry.endpoints.oauth import token"),
        ("tenants/portal_links/service.py", "from tenantry.tenants.organizations import rpc"),
        ("app.py", "from tenantry.tenants.organizations import rpc"),
        ("cli/tenants/organizations.py", "from tenantry.tenants.organizations import service"),
        ("tenants/roles/service.py", "from tenantry.tenants.users import service"),
        ("events/webhooks/service.py", "from tenantry.tenants.organizations import service"),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(tmp_path, module, line):
    subprocess.run(["cp", "-r", ROOT / "src", ROOT / "pyproject.toml", tmp_path], check=True)
    changed = tmp_path / "src" / "tenantry" / module
    text = changed.read_text(encoding="utf-8")
    start = "from __future__ import annotations\n"
    changed.write_text(text.replace(start, f"{start}{line}\n", 1), encoding="utf-8")
    done = subprocess.run(
        [LINT, "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    assert "BROKEN" in done.stdout


def modules():
    """Each module of ours, as the parts of its name below `tenantry`, with its syntax tree."""
    for path in SRC.rglob("*.py"):
        parts = path.relative_to(SRC).with_suffix("").parts
        if parts[0] != "gen":
            yield parts[:-1] if parts[-1] == "__init__" else parts, ast.parse(path.read_text())


def room(parts):
    """The room that a module stands in: a folder of a wing. None for everything else."""
    depth = 3 if parts[:2] == ("identity", "authenticators") else 2
    is_room = len(parts) >= depth and parts[0] in WINGS and SRC.joinpath(*parts[:depth]).is_dir()
    return parts[:depth] if is_room else None


def crossings():
    """Each import of a room's module from elsewhere: the importing module, the room, the module."""
    found = dict(modules())
    for parts, tree in found.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not node.module:
                continue
            _, *source = node.module.split(".")
            for name in node.names:
                target = (*source, name.name)
                target = target if target in found else tuple(source)
                if (there := room(target)) and there != room(parts):
                    yield parts, there, ".".join(target[len(there) :])


def offered():
    """Each room with the modules that others may import: its `__all__`, or none without one."""
    for parts, tree in modules():
        if parts == room(parts):
            names = [
                ast.literal_eval(node.value)
                for node in tree.body
                if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            ]
            yield parts, set(*names)


def test_others_import_only_the_modules_that_a_room_offers():
    offers = dict(offered())
    seen = {there: set() for there in offers}
    for parts, there, module in crossings():
        if parts[0] not in HALL and module != "rpc":  # that is one of the contracts
            assert module in offers[there], (parts, there, module)
            seen[there].add(module)
    assert offers == seen  # and none is offered that no other room wants


def declarations(tree):
    """The name of each table that a module declares, as it is written there."""
    for node in ast.walk(tree):
        declares = isinstance(node, ast.Call) and ast.unparse(node.func) in DECLARATIONS
        if declares and node.args:
            yield ast.unparse(node.args[0])


def test_each_table_is_declared_once():
    found = {}
    for parts, tree in modules():
        for name in () if parts[:2] == ("db", "migrations") else declarations(tree):
            assert parts[0] == "db" or name.startswith("'"), (parts, name)
            found.setdefault(name, []).append(".".join(parts))
    assert {name: where for name, where in found.items() if len(where) > 1} == {}
    assert {"'organizations'", "'memberships'", "'directories'", "'connections'"} < set(found)


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('table("users", column("id"))', ["'users'"]),
        ('[sa.table("users"), sa.Table("roles", metadata)]', ["'users'", "'roles'"]),
        ("[table(name) for name in NAMES]", ["name"]),
        ("settings.table()", []),
    ],
)
def test_a_declaration_of_a_table_is_found(source, names):
    assert list(declarations(ast.parse(source))) == names


# Pages call the API by its typed client. These functions of domain packages are the exceptions: by
# the endpoint package that calls them, and by the reason. A function that changes something also
# does all that belongs to the change, such as clearing a cache.
_VISITOR = "finds the visitor, or begins or ends their session: there is no caller before that"
_OWN = "the contract has no rpc by which users do this to their own account"
_NARROWER = "the rpc is for management clients, or needs a permission that the visitor may lack"
_MORE = "the answer of the rpc lacks a value that the page shows"
_STREAM = "the contract has no rpc that streams the log, or follows it"
_FILES = "the contract has no rpc that takes the content of a picture"
_IMPORT = "the contract has no rpc that takes a file of users, or reports its progress"
_DEVELOPMENT = "exists in development alone"
_LOOKUP = "the contract has no rpc that returns the names of many objects of several kinds"
_DATA = "returns texts and guides of the product, or computes: no stored data"
EXCEPTIONS = {
    "account": {
        _VISITOR: {
            "identity.sessions.applications.of_session",
            "identity.sessions.service.end",
            "identity.sessions.service.find",
            "tenants.organizations.service.get",
            "tenants.users.service.get",
        },
        _OWN: {
            "identity.authenticators.passkeys.service.begin_registration_after_step_up",
            "identity.authenticators.passkeys.service.remove_after_step_up",
            "identity.authenticators.totp.service.disable",
            "identity.authenticators.totp.service.enable",
            "identity.authenticators.totp.service.get",
            "identity.authenticators.totp.service.of_user",
            "identity.authenticators.totp.service.recovery_codes_left",
            "identity.authenticators.totp.service.renew_recovery_codes",
            "identity.authenticators.totp.service.secret",
            "identity.authenticators.totp.service.uri",
            "identity.authenticators.totp.step_up.register",
            "identity.sessions.service.end_all",
            "identity.sign_in.confirming.confirm_by_code",
            "identity.sign_in.confirming.confirm_by_password",
            "identity.sign_in.confirming.send_code",
            "identity.sign_in.places.accept",
            "identity.sign_in.places.found",
            "identity.sign_in.places.go_to",
            "identity.sign_in.places.leave",
            "identity.sign_in.places.may_found",
            "tenants.users.reading.find",
            "tenants.users.service.change_own",
        },
        _MORE: {  # the last use of a passkey, the name of a resource, the operator in a session
            "identity.authenticators.passkeys.service.list_of",
            "identity.consents.listing.of_user",
            "identity.sessions.listing.of_user",
        },
        _DATA: {
            "access.client_metadata.names.clean",
            "tenants.roles.catalogue.effective",
        },
        _LOOKUP: {"identity.sign_in.consenting.descriptions"},
    },
    "organization": {
        _VISITOR: {
            "identity.grants.subjects.find_of_cookie",
            "identity.organization_policies.enforcement.check",
            "identity.sessions.applications.of_session",
            "tenants.organizations.service.get",
            "tenants.portal_links.cookies.portal_cookie",
            "tenants.portal_links.service.caller",
            "tenants.portal_links.service.find",
            "tenants.portal_links.service.find_session",
            "tenants.portal_links.service.open_link",
        },
        _NARROWER: {
            "access.api_tokens.listing.page",
            "access.api_tokens.service.create",
            "access.api_tokens.service.invalidate_of",
            "access.clients.listing.of_organization",
            "access.clients.organization_clients.create",
            "access.clients.organization_clients.get",
            "access.clients.organization_clients.remove",
            "access.clients.credentials.secrets.add",
            "access.clients.credentials.secrets.remove",
            "events.event_log.listing.page",
            "identity.connections.service.remove",
            "identity.consents.listing.of_organization",
            "identity.consents.service.revoke_of_organization",
            "tenants.memberships.grantable_roles.of_caller",
            "tenants.roles.listing.list_all",
            "tenants.user_attributes.reading.of_kind",
            "tenants.users.reading.addresses",
            "tenants.users.reading.find_by_email",
            "tenants.users.search.of_organization",
            "tenants.users.service.get",
        },
        _MORE: {  # when a record is looked for next, a past test, provisioning by a directory
            "identity.connections.reading.find",
            "tenants.directories.members.held",
            "tenants.domains.service.page",
        },
        _STREAM: {"events.event_log.exporting.pieces"},
        _FILES: {"tenants.branding.assets.store"},
        _DATA: {
            "access.client_metadata.names.clean",
            "events.event_log.exporting.parsed_time",
            "identity.connections.guides.explanations.say",
            "identity.connections.guides.explanations.say_fault",
            "identity.connections.guides.guides.guides",
            "identity.connections.providers.provider_names.display_name",
            "identity.connections.saml.attributes.find_spelling",
            "identity.tokens.api_scopes.permissions_of",
            "tenants.directories.guides.guides",
        },
    },
    "console": {
        _VISITOR: {
            "identity.operators.impersonation.begin",
            "identity.operators.passkeys.begin_authentication",
            "identity.operators.passkeys.finish_authentication",
            "identity.operators.service.caller",
            "identity.operators.service.end_session",
            "identity.operators.service.open_link",
            "identity.operators.service.peek",
            "identity.operators.sessions.find",
        },
        _OWN: {
            "identity.operators.grants.authorize",
            "identity.operators.grants.list_of",
            "identity.operators.grants.revoke",
            "identity.operators.passkeys.begin_registration",
            "identity.operators.passkeys.finish_registration",
            "identity.operators.passkeys.is_fresh",
            "identity.operators.passkeys.list_of",
            "identity.operators.passkeys.remove",
            "identity.operators.passkeys.rename",
            "identity.operators.service.sign_out",
            "identity.operators.sessions.list_of",
        },
        _MORE: {"tenants.roles.listing.count_some_holders"},  # it counts all, maybe a million
        _STREAM: {"events.event_log.exporting.pieces", "events.event_log.following.head"},
        _FILES: {"tenants.branding.assets.store"},
        _IMPORT: {"transfer.bulk.importing.run"},
        _LOOKUP: {"identity.object_names.service.kind_of", "identity.object_names.service.load"},
        _DEVELOPMENT: {"identity.simulator.test_organization.ensure"},
        _DATA: {
            "access.client_metadata.names.clean",
            "access.client_metadata.names.is_confusable",
            "access.client_metadata.redirect_uris.is_loopback",
            "access.client_metadata.redirect_uris.shown_host",
            "events.email.branding.variables",
            "identity.connections.guides.explanations.say",
            "identity.connections.providers.provider_names.display_name",
            "identity.grants.pkce.is_challenge",
            "identity.sessions.devices.describe",
            "tenants.branding.customization.texts_of",
            "tenants.environment.effective.combined",
        },
    },
}


def domain_calls(tree, known):
    """Each function of a domain package that a module names, by its full name."""
    aliases = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        _, *source = node.module.split(".")
        if not source or source[0] not in WINGS - {"endpoints"}:
            continue
        for name in node.names:
            target = (*source, name.name)
            if target in known:
                aliases[name.asname or name.name] = target
            elif name.name[0].islower():
                yield ".".join(target)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            target = aliases.get(node.value.id)
            if target and node.attr[0].islower():
                yield ".".join((*target, node.attr))


@pytest.mark.parametrize("package", EXCEPTIONS)
def test_pages_call_no_domain_function_beside_the_exceptions(package):
    found = dict(modules())
    called = {
        call
        for parts, tree in found.items()
        if parts[:2] == ("endpoints", package)
        for call in domain_calls(tree, found.keys())
    }
    listed = [call for calls in EXCEPTIONS[package].values() for call in calls]
    assert sorted(called) == sorted(listed)


def test_a_call_of_a_domain_function_is_found():
    known = {("tenants", "users", "service")}
    source = (
        "from tenantry.tenants.users import service as users\n"
        "from tenantry.tenants.users.service import Identity, change\n"
        "async def f(): await users.delete_held(users.Identity('usr_1'))\n"
    )
    assert sorted(domain_calls(ast.parse(source), known)) == [
        "tenants.users.service.change",
        "tenants.users.service.delete_held",
    ]


# The paths of rpcs are in their descriptors. These are no rpc's.
_REST_PATH = "/api/v1"
REST_PATHS = {
    "endpoints/console/setup.py": {setup._CURL},  # the first call, as a customer's engineer runs it
    "endpoints/feeds/web.py": {"/api/v1/events:stream", "/api/v1/events:export"},
    "endpoints/grpc_rest/router.py": {"/api/v1"},  # begins each path of the API
    "endpoints/imports/web.py": {"/api/v1/users:import"},
    "endpoints/scim/web.py": {
        "/api/v1/directories/{directory_id}/scim/v2",
        "/api/v1/directoies/{directory_id}/scim/v2",
    },
}


def rest_paths(tree):
    """Each string of a module with a REST path in it, but for docstrings."""
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield from [node.value] if _REST_PATH in str(node.value) else []


def test_modules_spell_no_rest_path():
    found = {}
    for path in SRC.rglob("*.py"):
        place = path.relative_to(SRC)
        paths = () if place.parts[0] == "gen" else rest_paths(ast.parse(path.read_text()))
        for one in paths:
            found.setdefault(str(place), set()).add(one)
    assert found == REST_PATHS


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('path = "/api/v1/users"', ["/api/v1/users"]),
        ('f"PATCH {url}/api/v1/users/{user_id}"', ["/api/v1/users/"]),
        ('def f():\n    """The endpoint of `/api/v1/users`."""', []),
        ('path = "/api/versions", 1  # as /api/v1/users', []),
    ],
)
def test_a_rest_path_in_a_module_is_found(source, found):
    assert list(rest_paths(ast.parse(source))) == found


def test_templates_and_scripts_spell_no_rest_path():
    found = [
        path
        for ending in ("html", "js", "toml")
        for path in SRC.rglob(f"*.{ending}")
        if _REST_PATH in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_no_two_modules_of_tests_have_one_name():
    """Pytest collects the second of them not at all."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


def test_each_test_is_in_a_layer():
    """CONTRIBUTING.md lists the layers; a module at the root of tests/ belongs to none."""
    layers = set(
        re.findall(r"^\| `tests/(\w+)` \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    )
    tests = ROOT / "tests"
    assert {path.name for path in tests.glob("*.py")} == {"conftest.py"}
    assert {path.relative_to(tests).parts[0] for path in tests.rglob("test_*.py")} | {
        "support"
    } == layers


def test_a_room_says_its_subject():
    for parts, tree in modules():
        if parts == room(parts):
            assert ast.get_docstring(tree), parts
