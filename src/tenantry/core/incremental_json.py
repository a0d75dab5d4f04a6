"""Parses large JSON documents in batches, so that the event loop keeps running.

Complete elements of lists that are still open are cut out of the text and parsed by themselves. A
placeholder marks such a list in the remaining text. All parts go through `strict_json`, so a
document is accepted or rejected, and read, as if it were parsed at once.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.core import strict_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

# Bytes that are parsed without a pause: 2 ms of members of a group, 10 ms of commas alone.
BLOCK = 32 << 10
# Bytes of the text beside elements of lists, and of one element.
MAX_REST = 1 << 20
# The next bracket or comma outside of strings; without one, up to a string that is not complete.
_STRUCTURE = re.compile(rb'(?:[^][{},"]++|"(?:[^"\\]++|\\.)*+")*+([][{},])?', re.DOTALL)


async def parse(pieces: AsyncIterable[bytes], *, values: int) -> tuple[Any, bool]:
    """Return the value of the JSON document in these pieces, and whether a string holds a NUL.

    Raises:
        ValueError: it is not JSON, or exceeds a limit: see `strict_json.loads`.

    """
    parser = Parser(values=values)
    async for piece in pieces:
        for start in range(0, len(piece), BLOCK):
            if parser.feed(piece[start : start + BLOCK]):
                await asyncio.sleep(0)
    return parser.close(), parser.has_nul


@dataclass(slots=True)
class _Open:
    """A container whose end has not come; positions are those behind a bracket and a comma."""

    is_list: bool
    start: int
    comma: int = 0  # the last one between elements, 0 for none
    number: int | None = None  # of its elements in `Parser._lists`


class Parser:
    """A parser that takes the text in pieces. ``has_nul`` tells whether a string holds a NUL."""

    def __init__(self, *, values: int, block: int = BLOCK) -> None:
        self._most = values
        self._block = block
        self._values = 0
        self._text = b""
        self._scanned = 0  # up to the last bracket or comma
        self._seen = 0  # length of the text at the last scan
        self._open: list[_Open] = []
        self._lists: list[list[Any]] = []
        # Unpredictable: no sender can write one.
        self._mark = f"{secrets.token_hex(16)}:"
        self.has_nul = False

    def feed(self, piece: bytes) -> bool:
        """Take the next bytes, a block at most; return whether time was spent on parsing.

        Raises:
            ValueError: the text is not JSON, or exceeds a limit.

        """
        self._text += piece
        if len(self._text) - self._seen < self._block:
            return False
        self._scan()
        self._cut()
        if len(self._text) > MAX_REST:
            raise ValueError("holds a value of more than 1 MiB")
        self._seen = len(self._text)
        return True

    def close(self) -> Any:
        """Return the value of the document.

        Raises:
            ValueError: the text is not JSON, or exceeds a limit.

        """
        self._scan()
        return self._parsed(self._text)

    def _scan(self) -> None:
        text, at, found = self._text, self._scanned, _STRUCTURE.match
        while (match := found(text, at)) and (sign := match[1]):
            at = match.end()
            if sign in b"]}":
                if self._open:
                    self._open.pop()
                continue
            self._values += 1
            if sign != b",":
                self._open.append(_Open(sign == b"[", at))
                if len(self._open) > strict_json.MAX_DEPTH:
                    raise ValueError(f"nests deeper than {strict_json.MAX_DEPTH} levels")
            elif self._open:
                self._open[-1].comma = at
        self._scanned = at
        if self._values > self._most:
            raise ValueError(f"holds more than {self._most} values")

    def _cut(self) -> None:
        """Move the complete elements of open lists from the text to `_lists`."""
        kept: list[bytes] = []
        done = shift = 0
        for one in self._open:
            if one.is_list and one.comma:
                elements = self._parsed(b"[%b]" % self._text[one.start : one.comma - 1])
                if not elements:
                    raise ValueError("a list lacks an element")
                kept.append(self._text[done : one.start])
                done = one.comma
                shift += one.comma - one.start
                if one.number is None:
                    one.number = len(self._lists)
                    self._lists.append(elements)
                    kept.append(b'"%b%d",' % (self._mark.encode(), one.number))
                    shift -= len(kept[-1])
                else:
                    self._lists[one.number] += elements
                one.start, one.comma = one.comma - shift, 0
            else:
                one.start -= shift
                one.comma = 0  # of an object: of no use
        self._text = b"".join((*kept, self._text[done:]))
        self._scanned -= shift

    def _parsed(self, text: bytes) -> Any:
        if len(text) > strict_json.MAX_STRING:
            strict_json.check(text, values=strict_json.MAX_STRING // 2)
        value = strict_json.loads(text, bounded=False)
        self.has_nul = self.has_nul or strict_json.has_nul(value, spelled=text)
        if self._mark.encode() in text:
            self._fill(value)
        return value

    def _fill(self, value: Any) -> None:
        """Put cut elements back into their lists."""
        waiting = [value]
        while waiting:
            one = waiting.pop()
            inner = one.values() if isinstance(one, dict) else one
            waiting += [it for it in inner if isinstance(it, dict | list)]
            if isinstance(one, list) and one and isinstance(one[0], str):
                mark, _, number = one[0].partition(":")
                if f"{mark}:" == self._mark:
                    one[:1] = self._lists[int(number)]
                    self._lists[int(number)] = []
