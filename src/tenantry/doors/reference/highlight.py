"""Code as HTML with its comments, strings, numbers and words of the language marked.

Enough for the short samples of the reference, and no library for it: one expression a language.
"""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_DOUBLE = r'"(?:\\.|[^"\\\n])*"'
_SINGLE = r"'(?:\\.|[^'\\\n])*'"
_NUMBER = r"\b\d+(?:\.\d+)?\b"
_WORDS = {
    "js": "import from const let await new true false null undefined",
    "python": "import from as with def return print True False None",
    "go": "import package func return if err nil true false var",
    "java": "import static new var int true false null",
}


def _grammar(comment: str, string: str, words: str) -> re.Pattern[str]:
    names = "|".join(words.split()) or "(?!)"
    return re.compile(
        f"(?P<comment>{comment})|(?P<string>{string})|(?P<number>{_NUMBER})"
        f"|(?P<word>\\b(?:{names})\\b)",
        re.MULTILINE,
    )


_GRAMMARS = {
    "sh": re.compile(
        r"(?P<comment>(?:(?<=\s)|^)#.*$)"
        r"|(?P<variable>\$\w+|^\w+(?==))"
        r"|(?P<string>'[^']*')"
        r"|(?P<word>(?<=\s)--?[a-z][\w-]*|\bcurl\b|\bjq\b)",
        re.MULTILINE,
    ),
    "js": _grammar(r"//.*$", f"{_DOUBLE}|{_SINGLE}|`[^`]*`", _WORDS["js"]),
    "python": _grammar(r"#.*$", f"{_DOUBLE}|{_SINGLE}", _WORDS["python"]),
    "go": _grammar(r"//.*$", f"{_DOUBLE}|`[^`]*`", _WORDS["go"]),
    "java": _grammar(r"//.*$", _DOUBLE, _WORDS["java"]),
    "json": re.compile(
        rf"(?P<key>{_DOUBLE}(?=:))|(?P<string>{_DOUBLE})|(?P<number>-?{_NUMBER})"
        r"|(?P<word>\b(?:true|false|null)\b)"
    ),
}


def highlight(code: str, language: str) -> Markup:
    """Return the code, escaped, with `<span class="comment">` and the like around its parts."""
    parts, at = [], 0
    for found in _GRAMMARS[language].finditer(code):
        parts += [escape(code[at : found.start()]), _span(found)]
        at = found.end()
    return Markup("").join([*parts, escape(code[at:])])


def _span(found: re.Match[str]) -> Markup:
    return Markup('<span class="{}">{}</span>').format(found.lastgroup, found[0])
