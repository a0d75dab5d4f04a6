"""The checker refuses histories that break a promise, and takes those that keep it."""

from __future__ import annotations

from typing import Any

import history_checker
import pytest
from doc_programs import need


def history(model: str, *operations: Any) -> list[dict[str, Any]]:
    """Operations one after the other; those of a list are under way at the same time."""
    lines, at = [], 0
    for step in operations:
        concurrent = step if isinstance(step, list) else [step]
        for client, (asked, answered) in enumerate(concurrent):
            lines.append(
                {
                    "model": model,
                    "key": "one",
                    "client": client,
                    "call": at,
                    "return": at + 10,
                    "input": asked,
                    "output": answered,
                }
            )
        at += 20
    return lines


OK, REFUSED = {"ok": True}, {"ok": False}


def join(member):
    return {"op": "join", "member": member, "limit": 2}


def refresh(number, *, early=True):
    return {"op": "refresh", "number": number, "early": early}


def gives(number):
    return {"ok": True, "number": number}


def create(text):
    return {"op": "create", "text": text}


def seen(text, etag):
    return {"ok": True, "text": text, "seen": etag}


def members(*numbers: int) -> dict[str, Any]:
    return {"ok": True, "members": list(numbers)}


READ, REDEEM, VERIFY = {"op": "read"}, {"op": "redeem"}, {"op": "verify"}
LEAVE = {"op": "leave", "member": 1}
WRITE = {"op": "write", "text": "b", "seen": "1"}

KEPT = {
    "seats": [
        [(join(1), OK), (join(2), OK), (join(3), REFUSED)],
        (READ, members(1, 2)),
        (LEAVE, OK),
        (join(4), OK),
        (LEAVE, REFUSED),
    ],
    "a join without an answer": [(join(1), None), (join(2), OK), (join(3), REFUSED)],
    "administrators": [
        [({"op": "demote", "member": n}, REFUSED if n == 3 else OK) for n in (1, 2, 3, 4)],
        (READ, members(3)),
    ],
    "codes": [[(REDEEM, OK), (REDEEM, REFUSED)], (READ, REFUSED)],
    "codes without an answer": [(REDEEM, None), (REDEEM, REFUSED)],
    "one-time codes": [[(VERIFY, REFUSED), (VERIFY, OK)], (VERIFY, REFUSED)],
    "refresh tokens": [
        (refresh(1), gives(2)),
        [(refresh(2), gives(3)), (refresh(1), REFUSED)],
        (refresh(3), REFUSED),
    ],
    "refresh tokens that are forgiven": [(refresh(1), gives(2)), (refresh(1), gives(2))],
    "idempotency": [
        [(create("a"), seen("org_1", "")), (create("b"), REFUSED)],
        (create("a"), seen("org_1", "")),
    ],
    "registers": [
        (READ, seen("a", "1")),
        [(WRITE, seen("b", "2")), (READ, seen("a", "1"))],
        (WRITE, REFUSED),
    ],
}
BROKEN = {
    "seats: one over": [(join(1), OK), (join(2), OK), (join(3), OK)],
    "seats: refused though one is free": [(join(1), OK), (join(2), REFUSED)],
    "seats: a member is not seen": [(join(1), OK), (READ, members())],
    "seats: a member who left is seen": [(join(1), OK), (LEAVE, OK), (READ, members(1))],
    "administrators: the last one goes": [
        ({"op": "demote", "member": number}, OK) for number in (1, 2, 3, 4)
    ],
    "codes: spent twice": [[(REDEEM, OK), (REDEEM, OK)]],
    "codes: refused, and good later": [(REDEEM, REFUSED), (REDEEM, OK)],
    "codes: not taken back": [(REDEEM, OK), (REDEEM, REFUSED), (READ, OK)],
    "one-time codes: spent twice": [[(VERIFY, OK), (VERIFY, OK)]],
    "refresh tokens: two successors": [
        (refresh(1), gives(2)),
        [(refresh(2), gives(3)), (refresh(2), gives(4))],
        (refresh(3), gives(4)),
    ],
    "refresh tokens: reused, and the family lives": [
        (refresh(1), gives(2)),
        (refresh(2), gives(3)),
        (refresh(1), REFUSED),
        (refresh(3), gives(4)),
    ],
    "refresh tokens: an early retry ends the family": [
        (refresh(1), gives(2)),
        (refresh(1), REFUSED),
    ],
    "idempotency: two things of one key": [
        [(create("a"), seen("org_1", "")), (create("a"), seen("org_2", ""))]
    ],
    "idempotency: a reply to another request": [
        (create("a"), seen("org_1", "")),
        (create("b"), seen("org_1", "")),
    ],
    "registers: a write is lost": [
        (READ, seen("a", "1")),
        [(WRITE, seen("b", "2")), (WRITE, seen("c", "3"))],
    ],
    "registers: an old text is read": [
        (READ, seen("a", "1")),
        (WRITE, seen("b", "2")),
        (READ, seen("a", "1")),
    ],
}


def model_of(name):
    known = ("refresh tokens", "one-time codes", "codes", "seats", "administrators", "registers")
    return next((model for model in known if name.startswith(model)), None) or (
        "seats" if name.startswith("a join") else "idempotency"
    )


@pytest.mark.thorough
@pytest.mark.parametrize("name", KEPT)
def test_a_promise_that_is_kept_is_found(name):
    need("go")
    found = history_checker.judge(history(model_of(name), *KEPT[name]))
    assert found.problems == []
    assert found.objects == {model_of(name): 1}


@pytest.mark.parametrize("name", BROKEN)
def test_a_promise_that_is_broken_is_refused(name):
    need("go")
    found = history_checker.judge(history(model_of(name), *BROKEN[name]))
    (problem,) = found.problems
    assert "no order of these operations explains" in problem
