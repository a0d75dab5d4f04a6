"""Writes the lists of commands in docs/command-line.md, from their help.

With --check, it writes nothing and exits with 1 if the page is not current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer.main

from tenantry.cli import commands

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "command-line.md"
_HEADING = "## All commands\n"


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args()
    before = PAGE.read_text(encoding="utf-8")
    after = "".join([before.partition(_HEADING)[0], _HEADING, *_lists()])
    if given.check:
        if after != before:
            sys.exit(f"{PAGE.name} is not current: make gen")
    else:
        PAGE.write_text(after, encoding="utf-8")


def _lists() -> Iterator[str]:
    yield "\n<!-- Generated from the help of the commands by `make gen`; do not edit. -->\n"
    found = dict(names_of(typer.main.get_command(commands.app)))
    for panel, names in commands.PANELS.items():
        yield f"\n### {panel}\n\n| Command | Description |\n| --- | --- |\n"
        for name, command in found.items():
            if name.split()[0] in names:
                yield f"| `tenantry {name}` | {_sentence(command.help)} |\n"


def names_of(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each command of a group with its full name, in the order of `--help`."""
    for name in group.list_commands(None):
        command = group.commands[name]
        if not hasattr(command, "commands"):
            yield f"{above}{name}", command
            continue
        if command.invoke_without_command:
            yield f"{above}{name}", command
        yield from names_of(command, f"{above}{name} ")


def _sentence(text: str | None) -> str:
    return " ".join((text or "").partition("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
