"""Docs, UI texts, log lines, docstrings and comments use the field's own words.

`codespell` checks the spelling. This is the list of metaphors and phrases that the project has
replaced; ARCHITECTURE.md has the glossary.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from typing import TYPE_CHECKING

from repository import ROOT

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = ROOT / "src" / "tenantry"
FILES = sorted(
    [
        *(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
        *ROOT.glob("docs/**/*.md"),
        SOURCE / "gen" / "comments.json",  # of proto/
        *(
            path
            for kind in ("py", "html", "toml", "txt", "mako")
            for path in SOURCE.glob(f"**/*.{kind}")
            if not {"gen", "versions"} & set(path.parts)
        ),
    ]
)
PHRASES = [
    r"doors?",
    r"rooms(?! for)",
    r"(?:a|the|its|each|every|their|this|which|of) room(?! (?:for|that is left))",
    r"(?:wings?|the hall|the house|barriers?|whereabouts)",
    r"of (?:ours|yours)",
    r"of (?:its|their|his|her|our|your|one's) own",
    r"who(?:so|m)?ever",
    r"whatever",
    r"(?<!there )(?-i:is|are|was|were|be) (?-i:none)",
    r"nothing that",
    r"as [\w ]{1,40} has it",
    r"so many",
    r"(?:server|log|page|database|connection|directory|event) (?:knows|wants|thinks|asks)",
    r"what (?:waits|came back)",
    r"given up",
    r"(?:makes?|made|is|are) void",
    r"address of the logo",
    r"not whole",
    r"may not found",
    r"(?:is|are|was|were) away",
    r"no event of this",
    r"go out again",
    r"of before",
    r"a way to the",
    r"ways? on",
    r"standing",
    r"lets? (?:go|in)",
    r"left behind",
    r"in vain",
    r"by and by",
    r"programs? (?:of|for) (?:an|the|this|your) (?:organization|customer)s?",
]
PATTERN = re.compile(rf"(?<![\w-])(?:{'|'.join(PHRASES)})(?![\w-])", re.IGNORECASE)
# Code, markup, placeholders and addresses are not prose.
CODE = re.compile(
    r"```.*?```|`[^`]*`|\{[{%#].*?[#%}]\}|<[^>]*>|https?://\S+|\w+[._/]\w[\w./]*", re.DOTALL
)


def _lines(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def prose(path: Path):
    """Yield `(line, text)` of each text that people read."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        line = 1
        for paragraph in re.split(r"(\n\s*\n)", CODE.sub(_lines, source)):
            yield line, paragraph
            line += paragraph.count("\n")
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, CODE.sub("", node.value)
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield last, CODE.sub("", " ".join(block))
                block = []
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield last, CODE.sub("", " ".join(block))


def test_no_replaced_phrase_is_left():
    found = []
    for path in FILES:
        for line, text in prose(path):
            plain = " ".join(text.split())
            found += [
                f"{path.relative_to(ROOT)}:{line}: {plain[max(0, m.start() - 60) : m.end() + 60]}"
                for m in PATTERN.finditer(plain)
            ]
    assert found == []
