"""Writes docs/directories/, a page for each provider of directories, from the guides.

With --check nothing is written: the exit code says whether the files are current.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.tenants.directories import guides
from tenantry.tenants.directories.guides import OURS, THEIRS
from tenantry.tenants.directories.polling.service_accounts import SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.i18n.guide_steps import Step
    from tenantry.tenants.directories.guides import Guide

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "directories"
_MADE = "<!-- Generated from the guides by `make gen`. Do not edit. -->\n"
_INDEX = """\
# Directory providers

{made}
Each guide describes how a customer's admin configures the identity provider to send users and
groups. In URLs, `DIRECTORY` is the ID of the directory and `https://auth.example.com` is your
server. The [directories guide](../guides/directories.md) describes how Tenantry processes users and
groups.

| Provider | Synchronization | `directory_provider` |
| --- | --- | --- |
"""
_WAYS = {"SCIM": "pushed through SCIM 2.0", "POLL": "polled every hour"}
VALUES = {
    "directory_endpoint": "`https://auth.example.com/directory/DIRECTORY/scim/v2`",
    "plain_secret": "`plain_secret` of the response, shown once",
    "client_id": "`client_id` of the key file",
    "scopes": f"`{','.join(SCOPES)}`",
}


def main() -> int:
    """Writes, or with --check only compares; returns the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/directories/.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    pages = {"README.md": index(), **{f"{one.id}.md": page(one) for one in guides.guides()}}
    texts = {name: "\n".join(lines) for name, lines in pages.items()}
    if not parser.parse_args().check:
        FOLDER.mkdir(exist_ok=True)
        for name, text in texts.items():
            (FOLDER / name).write_text(text, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    if there != texts:
        print("not current: docs/directories/; run make gen", file=sys.stderr)
        return 1
    return 0


def index() -> Iterator[str]:
    """Yield the lines of the index."""
    yield _INDEX.format(made=_MADE).rstrip("\n")
    for one in guides.guides():
        yield f"| [{one.name}]({one.id}.md) | {_WAYS[one.type]} | `{one.provider}` |"
    yield ""


def page(guide: Guide) -> Iterator[str]:
    """Yield the lines of a provider's page."""
    yield f"# {guide.name}\n\n{_MADE}"
    yield (
        f"Create a directory of type `{guide.type}` with the provider `{guide.provider}`. "
        "This takes about 15 minutes. [All providers](README.md)\n"
    )
    for number, step in enumerate(guide.steps, 1):
        yield from _step(number, step)
    yield f"## Notes\n\n{guide.after}\n"


def _step(number: int, step: Step) -> Iterator[str]:
    yield f"## {number}. {step.title}\n\n{step.text}\n"
    yield from _table(
        ("Field at the provider", "Value", "Name in Tenantry"),
        ((one.field, VALUES[one.value], OURS[one.value]) for one in step.ours),
    )
    yield from _table(
        ("Attribute", "Value at the provider"),
        ((f"`{one.key}`", one.value) for one in step.attributes),
    )
    yield from _table(
        ("Value at the provider", "Name in Tenantry", "API field"),
        ((one.field, THEIRS[one.value], f"`{one.value}`") for one in step.theirs),
    )


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    found = list(rows)
    if found:
        for row in (head, ("---",) * len(head), *found):
            yield f"| {' | '.join(row)} |"
        yield ""


if __name__ == "__main__":
    sys.exit(main())
