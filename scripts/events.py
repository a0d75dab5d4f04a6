"""Writes docs/events.md, the catalogue of events, from the schemas.

With --check nothing is written: the exit code says whether the file is current.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.endpoints.docs.reference import event_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.endpoints.docs.reference.operations import Member
    from tenantry.events.webhooks.catalogue import EventType

PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"
_BEGINNING = """\
# Events

<!-- Generated from the schemas by `make gen`. Do not edit. -->

Every change is recorded as an event in the same transaction. The published event types on this
page are sent to your [webhook endpoints](guides/receive-events.md) and the
[event stream](guides/replay-and-audit.md). A running server shows this page at `/docs/events`,
and a JSON Schema (draft 2020-12) of each type at `/webhooks/schemas/`.

New versions can add fields and event types: ignore the ones that you do not know.

## Envelope

All events have these fields. Fields in bold are always present. `organization_id` is absent for
events without an organization, and for all events of roles and permissions.
"""
_END = """\
## Audit log events

These events record changes of the deployment. Exports and log streams always contain them. Lists,
the event stream and webhook endpoints contain only the types that you name. Their `data` can
change between versions.
"""


def main() -> int:
    """Writes the page, or compares it with --check; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/events.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    text = "\n".join(page())
    if not parser.parse_args().check:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print("not current: docs/events.md; run make gen", file=sys.stderr)
        return 1
    return 0


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _BEGINNING
    yield from members(event_types.envelope())
    for name, types in event_types.groups():
        yield from group(name, types)
    yield _END
    yield from table(
        ("Object", "Types"),
        (
            (object_, ", ".join(f"`{name}`" for name in names))
            for object_, names in event_types.of_ours()
        ),
    )


def group(name: str, types: list[EventType]) -> Iterator[str]:
    """The lines of a group of types."""
    first = types[0]
    yield f"## {name}\n"
    yield from table(
        ("Type", "Description"),
        ((f"`{kind.name}`", kind.summary) for kind in types),
    )
    yield f"{first.data['description']} `object` is `{first.object}`.\n"
    yield from members(event_types.data(first))
    yield f"<details><summary>Example: <code>{first.name}</code></summary>\n"
    yield f"```json\n{json.dumps(event_types.example(first), indent=2)}\n```\n"
    yield "</details>\n"


def members(found: Iterable[Member]) -> Iterator[str]:
    """A table of fields."""
    yield from table(("Field", "Type", "Description"), map(_row, found))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """The lines of a table."""
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"
    yield ""


def _row(member: Member) -> tuple[str, str, str]:
    words = [member.description]
    if member.choices:
        words.append(f"One of {', '.join(f'`{choice}`' for choice in member.choices)}.")
    words += [f"{rule[0].upper()}{rule[1:]}." for rule in member.rules]
    name = f"`{member.name}`"
    return f"**{name}**" if member.required else name, member.type, " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
