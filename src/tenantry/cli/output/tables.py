"""Tables for people: as narrow as the terminal, but with each word whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.cli.output.printing import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_GAP = "  "


def lines(
    heads: Sequence[str], rows: Iterable[Sequence[str]], columns: int | None
) -> Iterator[str]:
    """Yield the lines of a table, for a terminal of a width in columns; None for no terminal."""
    table = [[[plain(line) for line in cell.split("\n")] for cell in row] for row in (heads, *rows)]
    widths = [max(_width(line) for row in table for line in row[n]) for n in range(len(heads))]
    if columns is not None:
        words = [
            max(_width(word) for row in table for line in row[n] for word in line.split(" "))
            for n in range(len(heads))
        ]
        _narrow(widths, words, columns - len(_GAP) * (len(heads) - 1))
    for number, row in enumerate(table):
        wrapped = [
            [part for line in cell for part in _wrapped(line, width)]
            for cell, width in zip(row, widths, strict=True)
        ]
        for n in range(max(map(len, wrapped))):
            yield _line([cell[n] if n < len(cell) else "" for cell in wrapped], widths)
        if number == 0:
            yield _GAP.join("-" * width for width in widths)


def _narrow(widths: list[int], least: Sequence[int], room: int) -> None:
    """Take from the widest columns until all have room, but to none less than it needs."""
    while sum(widths) > room:
        can = [n for n, width in enumerate(widths) if width > least[n]]
        if not can:
            return
        widths[max(can, key=widths.__getitem__)] -= 1


def _wrapped(line: str, width: int) -> list[str]:
    parts = [""]
    for word in line.split(" "):
        longer = f"{parts[-1]} {word}" if parts[-1] else word
        if parts[-1] and _width(longer) > width:
            parts.append(word)
        else:
            parts[-1] = longer
    return parts


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    return _GAP.join(padded).rstrip()


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
