"""Every statement that writes role holders or role mappings checks the caller's own rights.

The statements are found in the running program, the functions that run them in its source: one that
is new fails here until it says how it is bounded.
"""

from __future__ import annotations

import ast
import gc
import importlib
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.visitors import iterate

import tenantry
from tenantry.db.sql.statements import Statement

SOURCE = Path(tenantry.__file__).parent
# Tables of the holders of roles, of mappings (groups, defaults), and of role permissions.
TABLES = {
    "role_holders",
    "directory_role_assignments",
    "default_member_roles",
    "role_permissions",
    "role_ancestors",
    "roles",
}
# Calls that bound a change by the caller's own rights.
CHECKS = {
    "grantable_roles.check",
    "registry.check_moved_roles",
    "changing",  # of roles: management clients and operators alone
}
CHECKED = "checked"
BY_RULE = "applies a rule that was checked when it was set"
HELD = "runs within `changing`: its callers are in this table"
TAKES = "takes a mapping away, and no role from anybody"
SHELL = "runs at the shell, or for a management client"
WRITERS = {
    "tenantry.tenants.memberships.joining": {
        "create": CHECKED,
        "_add": CHECKED,
        "join": BY_RULE,
        "provision": BY_RULE,
        "found": BY_RULE,
        "_join": "runs what its callers, all in this table, give it",
    },
    "tenantry.tenants.memberships.service": {"_change": CHECKED},
    "tenantry.tenants.memberships.bulk_creation": {"provision": BY_RULE},
    "tenantry.tenants.directories.effects.role_mapping": {"_change": BY_RULE},
    "tenantry.tenants.directories.role_assignments": {"assign": CHECKED},
    "tenantry.tenants.directories.registry": {"remove": TAKES},
    "tenantry.tenants.directories.removal": {"run": TAKES},
    "tenantry.tenants.roles.inheritance": {"begin": HELD, "move": HELD},
    "tenantry.tenants.roles.changes": {"revise": HELD, "give": HELD},
    "tenantry.tenants.roles.service": {"create": CHECKED, "remove": CHECKED, "_hand_over": HELD},
    "tenantry.tenants.roles.defaults": {
        "set_defaults": CHECKED,
        "set_default_of_organization": CHECKED,
    },
    "tenantry.transfer.bulk.writing": {"_write_memberships": SHELL},
}


@pytest.fixture(scope="module")
def statements():
    """The names of all statements that write one of the tables, by their modules.

    Of a process of its own: this one also has the statements of other tests.
    """
    program = "import json, test_role_writes; print(json.dumps(test_role_writes.gathered()))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return {module: set(names) for module, names in json.loads(done.stdout).items()}


def gathered():
    """Import the whole program, and look at each statement in its memory."""
    for module in pkgutil.walk_packages(tenantry.__path__, "tenantry."):
        if not any(part in module.name for part in (".gen.", ".migrations.", "__main__")):
            importlib.import_module(module.name)
    names: dict[int, tuple[str, str]] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith("tenantry."):
            for variable, value in list(vars(module).items()):
                for one in contents(value):
                    if isinstance(one, Statement):
                        names.setdefault(id(one), (name, variable))
    found: dict[str, set[str]] = {}
    for one in gc.get_objects():
        if isinstance(one, Statement) and written(one) & TABLES:
            module, variable = names.get(id(one), ("", repr(one.clause)))
            found.setdefault(module, set()).add(variable)
    return {module: sorted(variables) for module, variables in found.items()}


def contents(value):
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else [value]


def written(statement):
    clauses = (statement.clause, *statement._further)
    parts = (part for clause in clauses for part in iterate(clause))
    return {part.table.name for part in parts if isinstance(part, UpdateBase)}


def parsed(module):
    path = SOURCE / Path(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text())


def functions(tree):
    return [
        one for one in ast.walk(tree) if isinstance(one, ast.AsyncFunctionDef | ast.FunctionDef)
    ]


def running(module, variables):
    """The functions of a module that name one of these statements, by their names."""
    return {
        function.name: function
        for function in functions(parsed(module))
        if any(isinstance(n, ast.Name) and n.id in variables for n in ast.walk(function))
    }


def test_each_function_that_runs_one_is_known(statements):
    assert "" not in statements  # each is a variable of a module
    assert {
        "tenantry.tenants.memberships.joining",
        "tenantry.transfer.bulk.archives.writer",
    } <= set(statements)
    found = {
        module: set(running(module, variables))
        for module, variables in statements.items()
        # Of `tenantry import`, which is generic.
        if module != "tenantry.transfer.bulk.archives.writer"
    }
    assert found == {module: set(known) for module, known in WRITERS.items()}


def test_those_that_take_what_a_caller_asks_for_check_the_caller(statements):
    checked = 0
    for module, known in WRITERS.items():
        ran = running(module, statements[module])
        for name, bound in known.items():
            if bound == CHECKED:
                checked += 1
                assert called(ran[name]) & CHECKS, f"{module}.{name} does not check"
    assert checked == 8


def called(function):
    """The names of all functions that a function calls, as it spells them."""
    return {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def test_no_such_statement_is_made_in_a_function():
    """One that is made when it is first needed would not be among those that are found."""
    for path in SOURCE.rglob("*.py"):
        if "gen" in path.parts or "migrations" in path.parts:
            continue
        for function in functions(ast.parse(path.read_text())):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and node.args:
                    verb = ast.unparse(node.func).rpartition(".")[2].lstrip("_")
                    if verb.startswith(("insert", "update", "delete")):
                        owner, _, table = ast.unparse(node.args[0]).rpartition(".")
                        if owner.rpartition(".")[2] == "api":
                            continue  # a service of the API
                        assert table not in TABLES, f"{path.name}: {function.name}"


def test_only_one_place_writes_the_groups_of_a_connection():
    """Roles by the groups of a provider are in the settings of its connection."""
    places = set()
    for path in SOURCE.rglob("*.py"):
        if "gen" in path.parts or "endpoints" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value == "group_roles":
                places.add(str(path.relative_to(SOURCE)))
    written = {
        "identity/connections/changes/extra_settings.py",
        "identity/connections/rpc/single_sign_on.py",
    }
    assert places == written | {"identity/connections/mapped_roles.py"}
    (change,) = [
        function
        for function in functions(parsed("tenantry.identity.connections.changes.extra_settings"))
        if function.name == "_check_grantable"
    ]
    assert "grantable_roles.check" in called(change)
