"""Templates of mail that operators keep: a safe subset of the Jet language.

`{{ name }}` is a value. `{{ if CONDITION }} … {{ else if CONDITION }} … {{ else }} … {{ end }}`
chooses, where a condition is a name, `!name`, `name == "text"` or `name != "text"`, several of them
between `&&` or `||`, of which `&&` binds closer. `{* … *}` is a comment. There is nothing else: no
call, no loop, no member of a value. A text is read once, in one pass over it.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST_ACTIONS = 1000  # between braces, in one text
_MOST_DEPTH = 16
_MOST_ACTION = 500  # characters between braces
_OPENING = re.compile(r"\{[{*]")
_NAME = re.compile(r"\.?([A-Za-z_][A-Za-z0-9_]{0,63})")
_TOKEN = re.compile(r'\s*(&&|\|\||==|!=|!|"[^"\n]*"|\.?[A-Za-z_][A-Za-z0-9_]*)')


class TemplateError(ValueError):
    """A text is no template: it says why, and in which line."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(f"{problem} (line {line})")


@dataclass(frozen=True, slots=True)
class _Value:
    name: str


@dataclass(frozen=True, slots=True)
class Test:
    """A name that has a value, or none; or whose value is, or is not, a text."""

    name: str
    holds: bool
    text: str | None = None

    def is_met(self, values: Mapping[str, str]) -> bool:
        """Whether it holds for these values."""
        value = values.get(self.name, "")
        return (bool(value) if self.text is None else value == self.text) == self.holds


# Tests of which all have to hold; of these, one.
_Condition = tuple[tuple[Test, ...], ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """The first branch whose condition is met; None is one that always is."""

    branches: tuple[tuple[_Condition | None, tuple[_Part, ...]], ...]


_Part = str | _Value | _Choice


@dataclass(frozen=True, slots=True)
class Template:
    """A template that was read; ``names`` are those that it asks for, ``tests`` its conditions."""

    parts: tuple[_Part, ...]
    names: frozenset[str]
    tests: frozenset[Test]

    def render(self, values: Mapping[str, str], *, is_html: bool = False) -> str:
        """Return the text with these values, of which a missing one is empty; escaped for HTML."""
        escape = html.escape if is_html else str
        return "".join(_rendered(self.parts, values, escape))


def read(text: str) -> Template:
    """Return the template of a text.

    Raises:
        TemplateError: it is no template.

    """
    return _Reader(text).read()


def _rendered(
    parts: tuple[_Part, ...], values: Mapping[str, str], escape: Callable[[str], str]
) -> Iterator[str]:
    for part in parts:
        if isinstance(part, str):
            yield part
        elif isinstance(part, _Value):
            yield escape(values.get(part.name, ""))
        else:
            for condition, inner in part.branches:
                if condition is None or _is_met(condition, values):
                    yield from _rendered(inner, values, escape)
                    break


def _is_met(condition: _Condition, values: Mapping[str, str]) -> bool:
    return any(all(test.is_met(values) for test in tests) for tests in condition)


@dataclass(slots=True)
class _Open:
    """A choice that is not at its end yet."""

    line: int
    branches: list[tuple[_Condition | None, list[_Part]]]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._names: set[str] = set()
        self._tests: set[Test] = set()
        self._parts: list[_Part] = []
        self._open: list[_Open] = []
        self._line = 1

    def read(self) -> Template:
        at, actions = 0, 0
        while True:
            start = self._next(at)
            self._add(self._text[at:start])
            self._line += self._text.count("\n", at, start)
            if start == len(self._text):
                break
            closing = "}}" if self._text.startswith("{{", start) else "*}"
            end = self._text.find(closing, start + 2)
            if end < 0:
                raise self._problem(f"{closing} is missing")
            actions += 1
            if actions > MOST_ACTIONS:
                raise self._problem(f"there are more than {MOST_ACTIONS} pairs of braces")
            if closing == "}}":
                self._act(self._text[start + 2 : end])
            at = end + 2
            self._line += self._text.count("\n", start, at)
        if self._open:
            raise TemplateError("{{ end }} is missing for this if", self._open[-1].line)
        return Template(tuple(self._parts), frozenset(self._names), frozenset(self._tests))

    def _next(self, at: int) -> int:
        found = _OPENING.search(self._text, at)
        return len(self._text) if found is None else found.start()

    def _act(self, action: str) -> None:
        if len(action) > _MOST_ACTION:
            raise self._problem(f"more than {_MOST_ACTION} characters between braces")
        # Dashes cut off the white space beside the braces; here it stays.
        words = action.strip().removeprefix("-").removesuffix("-").strip()
        keyword, rest = _first_word(words)
        if keyword == "if":
            if len(self._open) == _MOST_DEPTH:
                raise self._problem(f"more than {_MOST_DEPTH} ifs inside each other")
            self._open.append(_Open(self._line, [(self._condition(rest), [])]))
        elif keyword == "else":
            self._else(rest)
        elif words == "end":
            if not self._open:
                raise self._problem("there is no if for this end")
            done = self._open.pop()
            branches = tuple((when, tuple(inner)) for when, inner in done.branches)
            self._add(_Choice(branches))
        else:
            name = _NAME.fullmatch(words)
            if name is None:
                raise self._problem(f"{words[:60]!r} is not the name of a placeholder")
            self._names.add(name[1])
            self._add(_Value(name[1]))

    def _else(self, rest: str) -> None:
        if not self._open or self._open[-1].branches[-1][0] is None:
            raise self._problem("there is no if for this else")
        condition = None
        if rest:
            keyword, rest = _first_word(rest)
            if keyword != "if":
                raise self._problem(f"{keyword[:60]!r} after else")
            condition = self._condition(rest)
        self._open[-1].branches.append((condition, []))

    def _condition(self, text: str) -> _Condition:
        tokens = self._tokens(text)
        alternatives: list[list[Test]] = [[]]
        while True:
            alternatives[-1].append(self._test(tokens))
            self._tests.add(alternatives[-1][-1])
            if not tokens:
                return tuple(map(tuple, alternatives))
            joint = tokens.pop(0)
            if joint == "||":
                alternatives.append([])
            elif joint != "&&":
                raise self._problem(f"{joint[:60]!r} in the place of && or ||")

    def _test(self, tokens: list[str]) -> Test:
        holds = True
        if tokens and tokens[0] == "!":
            tokens.pop(0)
            holds = False
        name = _NAME.fullmatch(tokens.pop(0)) if tokens else None
        if name is None:
            raise self._problem("a condition needs the name of a placeholder")
        self._names.add(name[1])
        if not tokens or tokens[0] not in ("==", "!="):
            return Test(name[1], holds)
        is_equal = tokens.pop(0) == "=="
        if not tokens or not tokens[0].startswith('"') or not holds:
            raise self._problem("a name is compared with a text in double quotes")
        return Test(name[1], is_equal, tokens.pop(0)[1:-1])

    def _tokens(self, text: str) -> list[str]:
        found, at, text = [], 0, text.strip()
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                raise self._problem(f"{text[at : at + 60]!r} cannot be read in a condition")
            found.append(token[1])
            at = token.end()
        return found

    def _add(self, part: _Part) -> None:
        if part != "":
            (self._open[-1].branches[-1][1] if self._open else self._parts).append(part)

    def _problem(self, problem: str) -> TemplateError:
        return TemplateError(problem, self._line)


def _first_word(text: str) -> tuple[str, str]:
    word, *rest = text.split(None, 1) or [""]
    return word, rest[0] if rest else ""
