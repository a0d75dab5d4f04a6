"""Writes the tables of docs/sizing.md from the results of bench/sizes.py in docs/performance/.

With --check, it writes nothing and exits with 1 if the page is not current.
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
# Subjects that are created every day, and their default retention in days.
GROWS = {
    "event, with its position in the log": ("events", 400),
    "sign-in": ("sign-ins", 90),
    "webhook delivery, one attempt": ("webhook deliveries", 30),
    "sent email": ("email", 30),
}
# Each subject with the tables that have a row for it. A metadata table of SQLite corresponds to an
# index of PostgreSQL.
SUBJECTS = {
    "organization": (
        *("organizations", "organization_keys", "organizations_search", "organizations_metadata"),
        *("member_tallies", "event_chains"),
    ),
    "user": ("users", "users_search"),
    "membership, with one role": ("memberships", "role_holders"),
    "event, with its position in the log": ("events", "event_log"),
    "sign-in": (*("auth_requests", "sessions", "session_organizations", "session_clients"),),
    "known device and network of a user": ("known_origins", "known_origins"),
    "domain": ("domains",),
    "connection": ("connections",),
    "directory": ("directories",),
    "directory user": ("directory_users", "directory_users_search", "directory_emails"),
    "member of a directory group": ("directory_members",),
    "webhook delivery, one attempt": ("webhook_deliveries", "webhook_attempts"),
    "sent email": ("mail",),
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
    """Yield the lines: the size of each subject, and of the rows of the measured events."""
    machine, measured = found["machine"], found["tables"]
    rows = measured["postgresql"]
    yield ""
    yield (
        f"{found['time'][:10]}: {rows['organizations']['rows']:,} organizations, "
        f"{rows['users']['rows']:,} users, {rows['event_log']['rows']:,} sequenced events, "
        f"Python {machine['python']}, after `VACUUM FULL` (SQLite: `VACUUM`)."
    )
    yield ""
    yield "| Bytes each (MB per million) | PostgreSQL | SQLite | Tables |"
    yield "| --- | ---: | ---: | --- |"
    for subject, names in SUBJECTS.items():
        sizes = [_bytes(measured[kind], names) for kind in ("postgresql", "sqlite")]
        shown = ", ".join(f"`{name}`" for name in dict.fromkeys(names))
        yield f"| {subject} | {sizes[0]:,.0f} | {sizes[1]:,.0f} | {shown} |"
    kinds = ", ".join(
        f"`{name}` {one['bytes']:,.0f}" for name, one in sorted(found["events"].items())
    )
    yield ""
    yield f"Bytes of the event row alone, without indexes: {kinds}."
    yield ""


def growth(measured: dict[str, dict[str, int]]) -> Iterator[str]:
    """Yield the lines of the total size of a million a day within the retention."""
    yield ""
    yield "| A million a day | Bytes each | Retention | Total |"
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
