"""Every regular expression of ours, and of the contract, takes time that grows with its text alone.

Python's engine goes back to try again: where an expression may take the same characters in several
ways, it does so again and again. Each is pumped: long texts of what it itself repeats, with an end
that does not fit. The lengths grow, so that an exponential one is seen at the shortest.
"""

from __future__ import annotations

import ast
import functools
import importlib
import itertools
import re
import time
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]

import pytest

import tenantry
from tenantry.net import email_addresses

SRC = Path(tenantry.__file__).parent
ON = {"match", "fullmatch", "search", "sub", "split", "finditer", "findall"}
LENGTHS = (14, 20, 26, 200, 1000, 16_000)
NOTICEABLE_SECONDS = 0.03  # a quadratic one takes longer for 16,000 characters
GROWTH = 2.5  # of the time, for twice the text: a quadratic one takes four times as long
# Modules that only ever read texts of ours, at start or while a page is made.
OF_OURS = {
    *("translations.py", "docs", "settings", "gen", "cli"),
    *("db", "webhooks", "certificates", "server"),
}


def sources():
    for path in SRC.rglob("*.py"):
        where = path.relative_to(SRC)
        if OF_OURS.isdisjoint(where.parts):
            yield where, ast.parse(path.read_text())


def expressions():
    """Each expression, with how it is applied: `(where, pattern, flags, methods)`."""
    for where, tree in sources():
        source = (SRC / where).read_text()
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ON
                and ast.unparse(node.func.value) == "re"
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(where), re.compile(node.args[0].value), {node.func.attr}
        name = ".".join(("tenantry", *where.with_suffix("").parts)).removesuffix(".__init__")
        for known, pattern in patterns_in(vars(importlib.import_module(name))):
            used = set(re.findall(rf"\b{known}\.({'|'.join(ON)})\(", source))
            used = used or set(
                re.findall(r"\b(?!re\.)[a-z]\w*\.(match|fullmatch|search)\(", source)
            )
            yield f"{where}:{known}", pattern, used or {"search"}


def patterns_in(names):
    for name, value in names.items():
        for one in flat(value):
            if isinstance(one, re.Pattern):
                yield name, one


def flat(value, depth=0):
    if isinstance(value, re.Pattern) or depth == 3:
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from flat(one, depth + 1)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from flat(one, depth + 1)
    elif type(value).__module__.startswith("tenantry"):
        for slot in (*getattr(value, "__slots__", ()), *getattr(value, "__dict__", ())):
            yield from flat(getattr(value, slot, None), depth + 1)


def contract():
    """The expressions of the contract's rules."""
    for path in (SRC.parent.parent / "proto").rglob("*.proto"):
        for found in re.finditer(
            r'(?:pattern: "|matches\(\')([^\n]+?)(?:"$|\'\))', path.read_text(), re.MULTILINE
        ):
            yield path.name, re.compile(found[1].encode().decode("unicode_escape")), {"search"}


def samples(items) -> list[str]:
    """Some texts that a part of an expression takes."""
    made = [""]
    for kind, value in items:
        made = [a + b for a, b in itertools.product(made, of(kind, value))][:6]
    return made


def of(kind, value) -> list[str]:  # noqa: PLR0911 - one for each kind
    match kind:
        case op.LITERAL:
            return [chr(value)]
        case op.NOT_LITERAL:
            return [chr(value + 1)]
        case op.ANY:
            return ["a", '"', "\n"]  # a quote, for it may begin the match anew
        case op.IN:
            return members(value)
        case op.BRANCH:
            return [text for branch in value[1] for text in samples(branch)][:6]
        case op.SUBPATTERN:
            return samples(value[3])
        case op.ATOMIC_GROUP:
            return samples(value)
        case op.MAX_REPEAT | op.MIN_REPEAT | op.POSSESSIVE_REPEAT:
            least, _, inner = value
            return [text * max(least, 1) for text in samples(inner)]
    return [""]


def members(value) -> list[str]:
    if value[0][0] is op.NEGATE:
        refused = {chr(v) for k, v in value if k is op.LITERAL}
        return [c for c in ("a", "1", " ", "\\", '"', "<", "é") if c not in refused][:3]
    found = [chr(v if k is op.LITERAL else v[0]) for k, v in value if k in {op.LITERAL, op.RANGE}]
    kinds = {op.CATEGORY_DIGIT: "1", op.CATEGORY_SPACE: " ", op.CATEGORY_WORD: "a"}
    found += [kinds.get(v, "-") for k, v in value if k is op.CATEGORY]
    return found[:6] or ["a"]


def repeated(items, before=""):
    """Yield the repeated parts of an expression, each after a text that leads there."""
    for kind, value in items:
        if kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
            yield from ((before, text) for text in samples(value[2]) if text)
            yield from repeated(value[2], before)
        elif kind is op.BRANCH:
            for branch in value[1]:
                yield from repeated(branch, before)
        elif kind is op.SUBPATTERN:
            yield from repeated(value[3], before)
        elif kind is op.ATOMIC_GROUP:
            yield from repeated(value, before)
        before += of(kind, value)[0]


def is_slow(pattern, method) -> str:
    """The text for which it takes long, as it is made; "" without any."""
    tree = parser.parse(
        pattern.pattern,
        pattern.flags & ~re.DEBUG if isinstance(pattern.pattern, str) else pattern.flags,
    )
    pumped = {
        pair for before, unit in repeated(list(tree)) for pair in ((before, unit), ("", unit))
    }
    for (before, unit), end in itertools.product(sorted(pumped), ("", "\x00", "!", "\n!")):
        for length in LENGTHS:
            whole, half = (
                _encoded(before + unit * (size // len(unit)) + end, pattern)
                for size in (length, length // 2)
            )
            took = seconds(pattern, method, whole)
            if took > NOTICEABLE_SECONDS and took > GROWTH * seconds(pattern, method, half):
                return f"{before!r} + {unit!r} * {length} + {end!r}"
    return ""


def _encoded(text, pattern):
    return text.encode("latin-1", "replace") if isinstance(pattern.pattern, bytes) else text


def seconds(pattern, method, subject):
    """The best of up to three times, one if it is not noticeable."""
    arguments = ["" if isinstance(subject, str) else b""] if method == "sub" else []
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        found = getattr(pattern, method)(*arguments, subject)
        if method == "finditer":
            list(found)
        best = min(best, time.process_time() - began)
        if best <= NOTICEABLE_SECONDS:
            break
    return best


@functools.cache
def known():
    """Each expression of ours with each of its methods."""
    return sorted({(where, p, m) for where, p, used in expressions() for m in used}, key=str)


@functools.cache
def rules():
    """Those of the contract."""
    return sorted({(where, p, m) for where, p, used in contract() for m in used}, key=str)


@pytest.mark.parametrize("group", range(4))
def test_no_regular_expression_takes_more_than_linear_time(group):
    slow = {
        f"{where} {pattern.pattern!r}.{method}": text
        for where, pattern, method in (known() + rules())[group::4]
        if (text := is_slow(pattern, method))
    }
    assert slow == {}


def test_such_expressions_are_found():
    """This is no test of nothing: those that are known to be slow are told."""
    assert is_slow(re.compile(r"(a+)+b"), "fullmatch")
    assert is_slow(re.compile(r"a*a*a*b"), "match")
    assert is_slow(re.compile(r"(a|a)*b"), "match")
    assert is_slow(re.compile(r"a+b"), "search")
    assert is_slow(re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL), "finditer")
    assert not is_slow(re.compile(r"[a-z]+@[a-z.]+"), "fullmatch")
    assert len(known()) > 40
    assert len(rules()) > 5
    assert email_addresses._ADDRESS in {pattern for _, pattern, _ in known()}
