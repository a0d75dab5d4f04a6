"""Writes the tables of docs/sizing.md from the run of bench/sizes.py in docs/performance/.

With --check nothing is written: the exit code says whether the page is that of the run.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "sizing.md"
RUN = DOCS / "performance" / "sizes.json"
SIZES, GROWTH = "sizes", "growth"  # the parts of the page that are made here
# Subjects of every day, and for how many days each is kept unless set.
GROWS = {
    "an event, with its place in the log": ("events", 400),
    "a sign-in, kept 90 days": ("sign-ins", 90),
    "a delivery of a webhook, one attempt": ("deliveries of webhooks", 30),
    "a mail that was sent": ("mail", 30),
}
# Each subject with the tables that it has a row in. An index of SQLite's metadata is PostgreSQL's
# index on the table itself.
SUBJECTS = {
    "an organization": (
        *("organizations", "organization_keys", "organizations_search", "organizations_metadata"),
        *("member_tallies", "event_chains"),
    ),
    "a person": ("users", "users_search"),
    "a membership, with one role": ("memberships", "role_holders"),
    "an event, with its place in the log": ("events", "event_log"),
    "a sign-in, kept 90 days": (
        *("auth_requests", "sessions", "session_organizations", "session_clients"),
    ),
    "a person's known device and network": ("known_origins", "known_origins"),
    "a domain": ("domains",),
    "a connection": ("connections",),
    "a directory": ("directories",),
    "a person of a directory": ("directory_users", "directory_users_search", "directory_emails"),
    "a member of a directory's group": ("directory_members",),
    "a delivery of a webhook, one attempt": ("webhook_deliveries", "webhook_attempts"),
    "a mail that was sent": ("mail",),
}


def main() -> int:
    """Write, or with --check only compare; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the tables of docs/sizing.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    found = json.loads(RUN.read_text(encoding="utf-8"))
    wanted = page
    for name, lines in ((SIZES, tables(found)), (GROWTH, growth(found["tables"]["postgresql"]))):
        begin, end = f"<!-- {name}: begin, by scripts/sizes.py -->", f"<!-- {name}: end -->"
        before, _, rest = wanted.partition(begin)
        made = "\n".join(lines)
        wanted = f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"
    if not check:
        PAGE.write_text(wanted, encoding="utf-8")
    elif wanted != page:
        print(f"not current: {PAGE.name}; run scripts/sizes.py", file=sys.stderr)
        return 1
    return 0


def tables(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines: what each subject takes, and what the events that were measured are."""
    machine, measured = found["machine"], found["tables"]
    rows = measured["postgresql"]
    yield ""
    yield (
        f"{found['time'][:10]}: {rows['organizations']['rows']:,} organizations, "
        f"{rows['users']['rows']:,} people, {rows['event_log']['rows']:,} events with their "
        f"places, Python {machine['python']}, each table written anew (`VACUUM FULL`, `VACUUM`)."
    )
    yield ""
    yield "| Bytes of one, which is MB of a million | PostgreSQL | SQLite | Tables |"
    yield "| --- | ---: | ---: | --- |"
    for subject, names in SUBJECTS.items():
        sizes = [_bytes(measured[kind], names) for kind in ("postgresql", "sqlite")]
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        yield f"| {subject} | {sizes[0]:,.0f} | {sizes[1]:,.0f} | {shown} |"
    kinds = ", ".join(
        f"`{name}` {one['bytes']:,.0f}" for name, one in sorted(found["events"].items())
    )
    yield ""
    yield f"The row of an event itself, without indexes, in bytes: {kinds}."
    yield ""


def growth(measured: dict[str, dict[str, int]]) -> Iterator[str]:
    """Yield the lines of what a million in a day come to, while they are kept."""
    yield ""
    yield "| A million in a day | Bytes of one | Kept | Then they stand at |"
    yield "| --- | ---: | --- | ---: |"
    for subject, (shown, days) in GROWS.items():
        size = _bytes(measured, SUBJECTS[subject])
        yield f"| {shown} | {size:,.0f} | {days} days | {size * days / 1000:,.0f} GB |"
    yield ""


def _bytes(measured: dict[str, dict[str, int]], names: tuple[str, ...]) -> float:
    """Return the bytes of a row of each of these tables together."""
    known = [measured[name] for name in names if name in measured]
    return sum(one["bytes"] / one["rows"] for one in known)


if __name__ == "__main__":
    sys.exit(main())
