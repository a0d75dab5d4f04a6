"""Reading an expression of a token claim: from text to tree. Pure, and bounded before it begins.

The language is the part of Expr (https://expr-lang.org) that claims need, with its precedences:
paths with `.`, `?.` and `[ ]`, `??`, conditions, comparisons, `+`, a pipe, and the functions of
`functions`. There is no pattern to match, no arithmetic and no loop but over a list. A variable
that nobody knows is refused here, so that a misspelled claim is found when it is written.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.identity.token_templates import expressions as nodes
from tenantry.identity.token_templates.functions import CONDITIONAL, FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tenantry.identity.token_templates.expressions import Expression, Node

MOST_CHARACTERS = 1000
MOST_NODES = 150  # of a tree: its depth is no more, and so the stack of its evaluation
_MOST_DEPTH = 16  # of brackets within each other
_MOST_DIGITS = 15
# The kind of a part whose members are the customers': metadata, custom attributes.
OPEN = "open"

NUMBER, TEXT, NAME, SIGN, END = "number", "text", "name", "sign", "end"
# The longest first: `?.` before `?`.
_SIGNS = (
    *("?.", "??", "==", "!=", "<=", ">=", "&&", "||"),
    *("?", ":", "<", ">", "|", "!", "+", "-", ".", ",", "(", ")", "[", "]", "{", "}", "#"),
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_COMPARED = ("==", "!=", "<", "<=", ">", ">=", "in", "contains", "startsWith", "endsWith")
# How strongly an operator binds its sides, weakest first.
_STRENGTH = {
    "|": 0,
    **dict.fromkeys(("or", "||"), 10),
    **dict.fromkeys(("and", "&&"), 15),
    **dict.fromkeys(_COMPARED, 20),
    "+": 30,
    "??": 500,
}
_NOT = 50
_WORDS = {"true": True, "false": False, "nil": None, "null": None}
_RESERVED = {"or", "and", "not", "in", "contains", "startsWith", "endsWith", "matches", *_WORDS}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")


class SyntaxFault(Exception):
    """A text is no expression: where, as the number of the character from 1, and why."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(f"at character {position}: {problem}")
        self.position = position
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Token:
    """A word, sign, number or text of an expression, and its position from 1."""

    kind: str
    value: Any
    position: int

    @property
    def described(self) -> str:
        """The token as an error names it."""
        return "the end of the expression" if self.kind == END else f"`{str(self.value)[:40]}`"


def parse(text: str, shape: Mapping[str, Any]) -> Expression:
    """Return the expression that a text spells.

    ``shape`` are the variables: a name of each, with the kind of its value, `OPEN` for an object of
    the customers', or the shape of an object.

    Raises:
        Fault: it is no expression, or names a variable that is not there.

    """
    if len(text) > MOST_CHARACTERS:
        raise SyntaxFault(
            MOST_CHARACTERS + 1, f"the expression exceeds {MOST_CHARACTERS} characters"
        )
    return _Parser(_tokens(text), shape).whole(text)


def _tokens(text: str) -> list[Token]:
    """Return the tokens of a text, the last of which is its end."""
    found: list[Token] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character in " \t\r\n":
            at += 1
            continue
        start = at
        if character in _LETTERS:
            while at < len(text) and (text[at] in _LETTERS or text[at] in _DIGITS):
                at += 1
            found.append(Token(NAME, text[start:at], start + 1))
        elif character in _DIGITS:
            number, at = _number(text, start)
            found.append(Token(NUMBER, number, start + 1))
        elif character in "\"'`":
            content, at = _text(text, start)
            found.append(Token(TEXT, content, start + 1))
        else:
            sign = next((one for one in _SIGNS if text.startswith(one, start)), None)
            if sign is None:
                raise SyntaxFault(start + 1, f"unexpected character {character!r}")
            at += len(sign)
            found.append(Token(SIGN, sign, start + 1))
    found.append(Token(END, "", len(text) + 1))
    return found


def _number(text: str, start: int) -> tuple[int | float, int]:
    at = start
    while at < len(text) and text[at] in _DIGITS:
        at += 1
    is_whole = not (text[at : at + 1] == "." and text[at + 1 : at + 2] in _DIGITS)
    if not is_whole:
        at += 1
        while at < len(text) and text[at] in _DIGITS:
            at += 1
    if at - start > _MOST_DIGITS:
        raise SyntaxFault(start + 1, f"a number can have at most {_MOST_DIGITS} digits")
    if text[at : at + 1] in _LETTERS:
        raise SyntaxFault(at + 1, "unexpected letter in a number")
    return (int if is_whole else float)(text[start:at]), at


def _text(text: str, start: int) -> tuple[str, int]:
    """Return the content of a quoted text, and where it ends."""
    quote, at = text[start], start + 1
    content: list[str] = []
    while at < len(text):
        character = text[at]
        if character == quote:
            return "".join(content), at + 1
        if character < " " or "\ud800" <= character <= "\udfff":
            raise SyntaxFault(
                at + 1, "control characters in a string must be escaped, as \\n or \\t"
            )
        if character == "\\" and quote != "`":
            escaped, at = _escape(text, at)
            content.append(escaped)
        else:
            content.append(character)
            at += 1
    raise SyntaxFault(start + 1, f"the string is not terminated: closing {quote} is missing")


def _escape(text: str, at: int) -> tuple[str, int]:
    letter = text[at + 1 : at + 2]
    if letter in _ESCAPES:
        return _ESCAPES[letter], at + 2
    digits = text[at + 2 : at + 6]
    if (
        letter == "u"
        and len(digits) == 4
        and all(one in "0123456789abcdefABCDEF" for one in digits)
    ):
        character = chr(int(digits, 16))
        if character >= " " and not "\ud800" <= character <= "\udfff":
            return character, at + 6
    raise SyntaxFault(at + 1, 'invalid escape sequence: use \\n, \\t, \\\\, \\" or \\u00e9')


class _Parser:
    """Reads tokens from the left by the strength of operators (Pratt)."""

    def __init__(self, tokens: list[Token], shape: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._at = 0
        self._shape = shape
        self._paths: set[str] = set()
        self._nodes = 0
        self._depth = 0
        self._conditions = 0

    def whole(self, text: str) -> Expression:
        """Parse all tokens and return their expression."""
        if self._next.kind == END:
            raise SyntaxFault(1, "is empty")
        node = self._expression()
        if self._next.kind != END:
            raise self._unexpected("an operator or the end")
        return nodes.Expression(text, node, frozenset(self._paths))

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, *values: str) -> bool:
        token = self._next
        return token.kind in {SIGN, NAME} and token.value in values

    def _expect(self, sign: str, why: str) -> None:
        if not self._is(sign):
            raise self._unexpected(f"`{sign}` {why}")
        self._at += 1

    def _unexpected(self, wanted: str) -> SyntaxFault:
        return SyntaxFault(self._next.position, f"expected {wanted}, found {self._next.described}")

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise SyntaxFault(
                self._next.position, f"the expression has more than {MOST_NODES} parts"
            )
        return node

    def _expression(self) -> Node:
        """Read a whole expression, with its choice by a condition."""
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise SyntaxFault(
                self._next.position, f"the expression is nested deeper than {_MOST_DEPTH} levels"
            )
        node = self._binary(0)
        if self._is("?"):
            self._at += 1
            first = self._expression()
            self._expect(":", "of the conditional expression")
            node = self._made(nodes.Condition(node, first, self._expression()))
        self._depth -= 1
        return node

    def _binary(self, least: int) -> Node:
        """Read an operand, and operators with theirs that bind at least as strongly."""
        node = self._unary()
        while True:
            token, negated = self._next, False
            if self._is("not"):
                token, negated = self._tokens[self._at + 1], True
                if token.kind != NAME or token.value not in _COMPARED:
                    return node
            if token.kind not in {SIGN, NAME}:
                return node
            if token.value == "matches":
                raise SyntaxFault(
                    token.position, "matches is not supported: use contains, startsWith or endsWith"
                )
            strength = _STRENGTH.get(token.value)
            if strength is None or strength < least:
                return node
            self._at += 2 if negated else 1
            node = self._joined(token, node, strength)
            if negated:
                node = self._made(nodes.Not(node))

    def _joined(self, operator: Token, first: Node, strength: int) -> Node:
        sign = operator.value
        if sign == "|":
            return self._piped(first)
        second = self._binary(strength + 1)
        kinds: dict[str, Callable[[Node, Node], Node]] = {
            **dict.fromkeys(("or", "||"), nodes.Or),
            **dict.fromkeys(("and", "&&"), nodes.And),
            "??": nodes.Choice,
        }
        kind = kinds.get(sign)
        return self._made(
            nodes.Binary(sign, first, second) if kind is None else kind(first, second)
        )

    def _unary(self) -> Node:
        if self._is("not", "!"):
            self._enter()
            self._at += 1
            node = self._made(nodes.Not(self._binary(_NOT)))
            self._depth -= 1
            return node
        if self._is("-"):
            self._at += 1
            if self._next.kind != NUMBER:
                raise self._unexpected("a number")
            return self._made(nodes.Literal(-self._take().value))
        return self._postfixed()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise SyntaxFault(
                self._next.position, f"the expression is nested deeper than {_MOST_DEPTH} levels"
            )

    def _postfixed(self) -> Node:
        """Read an operand with all members of it that follow."""
        token = self._next
        node = self._primary()
        path = token.value if isinstance(node, nodes.Variable) else ""
        shape: Any = self._shape[path] if path else OPEN
        if isinstance(node, nodes.Element) and token.value == ".":
            node = self._made(nodes.Member(node, self._key()))
        while self._is(".", "?.", "["):
            sign = self._take()
            key_token = self._next
            if sign.value == "[":
                key = self._expression()
                self._expect("]", "after the index")
            else:
                key = self._key()
            if path and isinstance(shape, dict):
                path, shape = self._known(path, shape, key, key_token)
            elif path and shape != OPEN and not (shape == "list" and sign.value == "["):
                raise SyntaxFault(key_token.position, f"{path} is {_an(shape)} and has no members")
            elif path:
                self._paths.add(path)
                path = ""
            node = self._made(nodes.Member(node, key))
        if path:
            self._paths.add(path)
        return node

    def _known(self, path: str, shape: Mapping[str, Any], key: Node, at: Token) -> tuple[str, Any]:
        """Return the path and the shape of a member of an object that has these."""
        name = key.constant if isinstance(key, nodes.Literal) else None
        if not isinstance(name, str):
            raise SyntaxFault(at.position, f"a member of {path} must be one of {', '.join(shape)}")
        if name not in shape:
            raise SyntaxFault(at.position, f"{path} has no `{name[:40]}`{_meant(name, shape)}")
        return f"{path}.{name}", shape[name]

    def _key(self) -> Node:
        """Read the name of a member, which may be any word."""
        if self._next.kind != NAME:
            raise self._unexpected('a member name (or `["a-b"]`)')
        return self._made(nodes.Literal(self._take().value))

    def _primary(self) -> Node:
        token = self._take()
        if token.kind in {NUMBER, TEXT}:
            return self._made(nodes.Literal(token.value))
        if token.kind == NAME:
            return self._named(token)
        if token.value == "(":
            node = self._expression()
            self._expect(")", "to close the parenthesis")
            return node
        if token.value == "[":
            return self._made(nodes.List(tuple(self._arguments("]"))))
        if token.value in {"#", "."} and self._conditions:
            return self._made(nodes.Element())
        if token.value == "#":
            raise SyntaxFault(token.position, "`#` is available only in filter, map, any and all")
        self._at -= 1
        raise self._unexpected("a variable, string, number or function")

    def _named(self, token: Token) -> Node:
        name = token.value
        if self._is("("):
            self._at += 1
            return self._called(token, None)
        if name in _WORDS:
            return self._made(nodes.Literal(_WORDS[name]))
        if name in _RESERVED:
            self._at -= 1
            raise self._unexpected("a variable, string, number or function")
        if name not in self._shape:
            known = " or ".join(f"`{one}`" for one in self._shape)
            raise SyntaxFault(token.position, f"unknown variable `{name[:40]}`: use {known}")
        return self._made(nodes.Variable(name))

    def _piped(self, first: Node) -> Node:
        token = self._take()
        if token.kind != NAME or not self._is("("):
            raise SyntaxFault(
                token.position, f"expected a function after `|`, found {token.described}"
            )
        self._at += 1
        return self._called(token, first)

    def _called(self, token: Token, first: Node | None) -> Node:
        """Read a function's arguments, after its bracket; ``first`` comes before a pipe."""
        name, given = token.value, [] if first is None else [first]
        if name in CONDITIONAL:
            return self._each(token, given)
        function = FUNCTIONS.get(name)
        if function is None:
            meant = _meant(name, {**FUNCTIONS, **CONDITIONAL})
            raise SyntaxFault(token.position, f"unknown function `{name[:40]}`{meant}")
        given += self._arguments(")")
        if not function.least <= len(given) <= function.most:
            takes = f"{function.least}"
            if function.most > function.least:
                takes += f" or {function.most}"
            raise SyntaxFault(token.position, f"{name} takes {takes} arguments, not {len(given)}")
        return self._made(nodes.Call(name, tuple(given)))

    def _each(self, token: Token, given: list[Node]) -> Node:
        if not given:
            given.append(self._expression())
            self._expect(",", f"before the condition of {token.value}")
        braced = self._is("{")
        self._at += braced
        self._conditions += 1
        condition = self._expression()
        self._conditions -= 1
        if braced:
            self._expect("}", "to close the condition")
        self._expect(")", "to close the parenthesis")
        return self._made(nodes.Each(token.value, given[0], condition))

    def _arguments(self, end: str) -> list[Node]:
        found: list[Node] = []
        while not self._is(end):
            if found:
                self._expect(",", f"or `{end}`")
            found.append(self._expression())
        self._at += 1
        return found


def _meant(name: str, known: Mapping[str, Any]) -> str:
    """Return the name that somebody may have meant, as the end of a sentence."""
    close = difflib.get_close_matches(name[:40], known, n=1, cutoff=0.6)
    return f": did you mean `{close[0]}`?" if close else ""


def _an(kind: str) -> str:
    return "a string" if kind == "text" else f"a {kind}"
