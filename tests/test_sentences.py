"""Comments and docstrings say their subject: no clause hangs on a "who" or a "what"."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for folder in ("src", "tests", "bench", "scripts", "examples")
    for path in (ROOT / folder).rglob("*.py")
    if "gen" not in path.relative_to(ROOT).parts and "node_modules" not in path.parts
)
# The thing or the person itself is named instead: "due rows", "the caller".
VERBS = """
    is are was were has have had may might can could will would must should does did comes came
    goes went waits asks asked calls called holds held gets got still needs takes took makes
    made knows knew says said sends sent follows belongs happens happened becomes became begins
    begin runs ran reads writes wrote gives gave remains stays uses used serves proves tells
    lies stands wants hangs listens answers keeps kept looks starts ends fits opens opened works
    lacks passes outlives reaches moves cannot never always else stored differs tries tried
    invites invited finds found signs signed changes changed joins joined owns presses connects
    guesses parses checks divides shapes shows brings claims receives registers presents left
    loses lost
"""
SUBJECT = re.compile(
    rf"\b(?:who|what|whatever)\s+(?:{'|'.join(VERBS.split())})\b|\bwhoever\b", re.IGNORECASE
)
START = re.compile(r"(?:^|[.:;]\s+)(?:What|Who|Whose|Whatever)\b(?!.*\?)")
NONE = re.compile(r"(?<!\bthere )\b(?:is|are|was|were|be) none\b")


def prose(source: str):
    """Each docstring and each block of comments: `(line, text)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield getattr(node, "lineno", 1), " ".join((ast.get_docstring(node) or "").split())
    block, last = "", 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            line = token.start[0]
            if line != last + 1 and block:
                yield last, block
                block = ""
            block, last = f"{block} {token.string.lstrip('#').strip()}".strip(), line
    if block:
        yield last, block


def test_every_sentence_says_its_subject():
    found = [
        (str(page.relative_to(ROOT)), line, text[max(0, match.start() - 30) : match.end() + 30])
        for page in PAGES
        for line, text in prose(page.read_text(encoding="utf-8"))
        for rule in (SUBJECT, START, NONE)
        for match in rule.finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "All of them is none in particular.",
        "Only by who still holds it.",
        "Whoever changes a client holds it first.",
        "Write what is noted.",
        "What was sent.",
    ],
)
def test_a_sentence_without_a_subject_is_found(text):
    assert any(rule.search(text) for rule in (SUBJECT, START, NONE))
