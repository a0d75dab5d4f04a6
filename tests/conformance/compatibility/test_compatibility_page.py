"""docs/compatibility.md is current, and a running server does what it says."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys

import pytest
from doc_programs import management
from repository import ROOT

SCRIPT = ROOT / "scripts" / "compatibility.py"
SOMETHING = "some_1"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def _script():
    spec = importlib.util.spec_from_file_location("compatibility", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["compatibility"] = module
    spec.loader.exec_module(module)
    return module


compatibility = _script()
FACTS = compatibility.read()


@pytest.fixture(scope="module")
def api(own_server):
    with management(own_server) as client:
        yield client


def operations(*, served):
    not_yet = compatibility.NOT_YET
    return [one for one in FACTS.operations if (FACTS.state(one) != not_yet) == served]


def ask(api, operation):
    """Make a call of an operation, about nothing that there is."""
    verb, path = operation.name.split()
    return api.request(verb, re.sub(r"\{\w+\*?\}", SOMETHING, path))


def test_the_page_is_current():
    done = subprocess.run(
        [sys.executable, SCRIPT, "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_operations_that_work_are_served(api):
    for operation in operations(served=True):
        answer = ask(api, operation)
        # About nothing, it is refused by the rpc and not by the router.
        assert answer.status_code in {200, 400, 404}, operation.name
        assert "path not found" not in answer.text


def test_operations_that_do_not_work_say_so(api):
    for operation in operations(served=False):
        answer = ask(api, operation)
        assert answer.status_code == 501, operation.name
        missing = FACTS.missing(operation)
        assert answer.json()["message"].startswith(f"{missing.feature} are not in this version")


def test_a_call_of_a_method_is_served_or_says_that_it_is_not(api):
    methods = [one for each in FACTS.methods.values() for one in each]
    calls = {call for one in methods for call in one.calls}
    assert len(calls) > 140
    for call in calls:
        if " " in call:
            verb, path = call.split()
            path, _, form = path.replace("{path*}", "me").partition("?")
            status = api.request(verb, path, content=form, headers=FORM).status_code
            assert (status == 501) == (call in FACTS.absent), call
            assert status not in {404, 405}, call
            continue
        # Over Connect, at the path that gRPC has.
        answer = api.post(f"/scalekit.v1.{call}", json={"not": "a field"})
        code = answer.json()["code"]
        assert (code == "unimplemented") == (call in FACTS.absent), call
        assert (code == "invalid_argument") == (call in FACTS.routes), call


def test_the_counts_add_up():
    for _, works, differs, not_yet, everything in compatibility.counts(FACTS):
        assert int(works) + int(differs) + int(not_yet) == int(everything)


def test_each_method_and_operation_is_there_once():
    lists = [FACTS.operations, *FACTS.methods.values()]
    for names in ([one.name for one in each] for each in lists):
        assert len(names) == len(set(names))


def test_what_contradicts_itself_is_refused(monkeypatch):
    monkeypatch.setattr(compatibility, "ENDPOINTS", ())
    with pytest.raises(SystemExit, match=r"POST /oauth/token.+ is neither served nor in absent"):
        compatibility.check(FACTS)
    served = FACTS.routes | {"mcp.McpService/CreateMcpConfig": {"POST /api/v1/mcp/configs"}}
    monkeypatch.setattr(compatibility, "served", lambda: served)
    with pytest.raises(SystemExit, match="CreateMcpConfig is served: take it out of"):
        compatibility.read()
