"""The API call beside a form is an rpc, named by the template."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import nodes
from served import SERVICES

import tenantry
from tenantry.api.in_process import InProcessClient, Rpcs
from tenantry.api.methods import of_service
from tenantry.core.caller import SYSTEM, Origin
from tenantry.web import rendering

SOURCES = {
    path: source
    for path in Path(tenantry.__file__).parent.rglob("templates/**/*.html")
    if "request_line" in (source := path.read_text(encoding="utf-8")) or "does(" in source
}


class Nothing:
    """A service that has every method."""

    def __getattr__(self, name) -> None: ...


@pytest.fixture(scope="module")
def api():
    rpcs = Rpcs()
    rpcs.serve([one for each in SERVICES for one in of_service(each, Nothing())], None)
    return InProcessClient(rpcs, SYSTEM, "req_1", Origin())


def methods_called(source, name):
    """Each call of a method or macro of this name in a template."""
    for node in rendering.environment().parse(source).find_all(nodes.Call):
        if isinstance(node.node, nodes.Getattr) and node.node.attr == name:
            yield node


def request_lines(source):
    """Each rpc that a template shows as a request line, and the names of its values."""
    for call in methods_called(source, "request_line"):
        (rpc,) = call.args
        yield rpc.as_const(), [value.key for value in call.kwargs]


def written_out(source):
    """Each argument of `does` that is not made by `request_line`."""
    assigned = {
        node.target.name: node.node
        for node in rendering.environment().parse(source).find_all(nodes.Assign)
        if isinstance(node.target, nodes.Name)
    }

    def is_derived(argument):
        match argument:
            case nodes.CondExpr():
                return is_derived(argument.expr1) and is_derived(argument.expr2)
            case nodes.Name():
                return is_derived(assigned.get(argument.name))
            case nodes.Call():
                return argument.node.attr == "request_line"
        return False

    for call in methods_called(source, "does"):
        (argument,) = call.args
        if not is_derived(argument):
            yield argument


def test_each_call_of_a_template_is_an_rpc_with_a_route(api):
    found = [line for source in SOURCES.values() for line in request_lines(source)]
    assert len(found) > 70
    for rpc, names in found:
        line = api.request_line(rpc, **{name: f"<{name}>" for name in names})
        assert line.startswith(("POST /", "PUT /", "PATCH /", "DELETE /")), rpc  # of forms
        assert all(f"<{name}>" in line for name in names), rpc


def test_no_call_is_written_out_beside_its_form():
    for path, source in SOURCES.items():
        assert list(written_out(source)) == [], path


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ('"POST /api/v1/roles"', 1),
        ('"POST " ~ path', 1),
        ('visit.api.request_line("A.B") if one else "POST /"', 1),
        ("path", 1),
        ("unknown", 1),
        ('visit.api.request_line("A.B") if one else visit.api.request_line("A.C")', 0),
        ("line", 0),
    ],
)
def test_a_call_that_is_written_out_is_found(argument, found):
    source = (
        '{% set path = "POST /" %}{% set line = visit.api.request_line("A.B") %}'
        f"{{{{ tenants.does({argument}) }}}}"
    )
    assert len(list(written_out(source))) == found


def test_an_unknown_rpc_or_value_is_refused(api):
    for line in (
        'request_line("RolesService.DropRole", role_name="admin")',
        'request_line("RolesService.DeleteRole", role="admin")',
    ):
        ((rpc, names),) = request_lines(f"{{{{ visit.api.{line} }}}}")
        with pytest.raises(LookupError):
            api.request_line(rpc, **dict.fromkeys(names, "admin"))
