"""Requests as identity providers send them, replayed from tests/vectors/scim with their answers.

A step sends a request and says the status and the least that its answer says: members of objects,
all elements of lists. It may keep a value of the answer for later steps, name members that it
``lacks``, and how many parts of it the log says were skipped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from repository import ROOT

PACKS = ROOT / "tests" / "support" / "vectors" / "scim"


def _packs():
    found = sorted(PACKS.glob("*/*.json"))
    assert {path.parent.name for path in found} == {
        *("entra", "jumpcloud", "okta", "onelogin", "ping"),
    }
    return [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in found]


@pytest.mark.parametrize("path", _packs())
async def test_a_providers_requests_are_answered_as_it_expects(provider, path):
    pack = json.loads(path.read_text())
    known = {"domain": provider.domain}
    skipped = {}
    for number, step in enumerate(_filled_steps(pack["steps"], known)):
        verb, _, target = step["request"].partition(" ")
        answer = await provider(
            verb,
            target + (f"?{step['query']}" if "query" in step else ""),
            step.get("body"),
            content_type=pack["content_type"],
            user_agent=pack["user_agent"],
        )
        told = f"step {number}: {step['request']}: {answer.status_code} {answer.text}"
        assert answer.status_code == step["status"], told
        content = answer.json() if answer.content else {}
        assert _says(content, step.get("says", {})), told
        for place in step.get("lacks", ()):
            assert _at(content, place) is None, (place, told)
        for place, kind in step.get("types", {}).items():
            assert type(_at(content, place)).__name__ == kind, (place, told)
        known |= {name: _at(content, place) for name, place in step.get("keep", {}).items()}
        if "skipped" in step:
            skipped[number] = step["skipped"]
    requests = (await provider.logged(len(pack["steps"])))[::-1]
    assert {request.user_agent for request in requests} == {pack["user_agent"]}
    told = {number: len(one.skipped) for number, one in enumerate(requests) if one.skipped}
    assert told == skipped


def _filled_steps(steps, known):
    """Fill in what earlier answers said, each step when its turn comes."""
    for step in steps:
        text = json.dumps(step)
        yield json.loads(re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], text))


def _says(content: Any, expected: Any) -> bool:
    if expected == "any":
        return True
    if isinstance(expected, dict):
        return isinstance(content, dict) and all(
            _says(content.get(name), one) for name, one in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(content, list)
            and len(content) == len(expected)
            and all(map(_says, content, expected))
        )
    return type(content) is type(expected) and content == expected


def _at(content: Any, place: str) -> Any:
    """Return the value at a place, names and indexes between slashes; None without one."""
    for name in place.split("/"):
        if isinstance(content, list):
            content = content[int(name)] if int(name) < len(content) else None
        else:
            content = content.get(name) if isinstance(content, dict) else None
    return content
