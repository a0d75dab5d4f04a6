"""Code as HTML, with the tokens of Pygments in the classes of the page's style sheet."""

from __future__ import annotations

import functools
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar

from markupsafe import Markup, escape
from pygments.lexer import inherit
from pygments.lexers.data import JsonLexer
from pygments.lexers.go import GoLexer
from pygments.lexers.javascript import JavascriptLexer
from pygments.lexers.jvm import JavaLexer
from pygments.lexers.python import PythonLexer
from pygments.lexers.shell import BashLexer
from pygments.token import Comment, Keyword, Name, Number, String, Text


class _CurlLexer(BashLexer):  # type: ignore[misc]
    """A shell with commands and their options marked, and the ends of lines left alone."""

    tokens: ClassVar = {
        "root": [
            (r"(?<=\s)--?[a-z][\w-]*|\b(?:curl|jq)\b", Keyword),
            (r"\\\n", Text),
            inherit,
        ]
    }


_EXACT = {"stripnl": False, "ensurenl": False}
LANGUAGES = {
    "sh": _CurlLexer(**_EXACT),
    "js": JavascriptLexer(**_EXACT),
    "python": PythonLexer(**_EXACT),
    "go": GoLexer(**_EXACT),
    "java": JavaLexer(**_EXACT),
    "json": JsonLexer(**_EXACT),
}
_CLASSES = (
    (Comment, "comment"),
    (String, "string"),
    (Number, "number"),
    (Keyword, "word"),
    (Name.Tag, "key"),
    (Name.Variable, "variable"),
)


def highlight(code: str, language: str) -> Markup:
    """Return the code, escaped, with `<span class="comment">` and the like around its parts."""
    tokens = ((_class(kind), text) for kind, text in LANGUAGES[language].get_tokens(code))
    parts = []
    for name, run in groupby(tokens, itemgetter(0)):
        text = escape("".join(part for _, part in run))
        parts.append(f'<span class="{name}">{text}</span>' if name else text)
    return Markup("".join(parts))  # noqa: S704 - each part is escaped


@functools.cache
def _class(kind: Any) -> str:
    return next((name for family, name in _CLASSES if kind in family), "")
