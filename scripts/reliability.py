"""Writes the tables of docs/reliability.md from the summaries in docs/reliability/.

`make soak` and `make chaos` write these summaries to the file of --output. With --check, this
script writes nothing and exits with 1 if the page is not current.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "reliability.md"
SUMMARIES = DOCS / "reliability"
BEGIN, END = "<!-- runs: begin, by scripts/reliability.py -->", "<!-- runs: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def main() -> int:
    """Write, or with --check only compare; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the tables of docs/reliability.md.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    summaries = [json.loads(path.read_text()) for path in sorted(SUMMARIES.glob("*.json"))]
    wanted = with_tables(page, summaries)
    if not check:
        PAGE.write_text(wanted, encoding="utf-8")
    elif page != wanted:
        print("not current: reliability.md; run scripts/reliability.py", file=sys.stderr)
        return 1
    return 0


def with_tables(page: str, summaries: list[dict[str, Any]]) -> str:
    """Return the page with the tables of these summaries: nothing between the marks if none are."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = ["", "## Test results"] if summaries else []
    made += [line for one in summaries for line in _RUNS[one["run"]](one)]
    return before + "\n".join([BEGIN, *made, END]) + after


def soak(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a run of `make soak`."""
    cores, others = found["machine"]["cores"], found["others_cpu"]
    yield ""
    yield f"### {_length(found['seconds'])} of load on {_NAMES[found['database']]}"
    yield ""
    yield (
        f"{found['time'][:10]}, {cores} cores, {others:.0%} of them used by other programs, after "
        f"{_length(found['warmup'])} of warm-up. {found['webhooks']:,} webhooks were sent."
    )
    yield ""
    yield from _table(
        ("Request", "Number", "Failed", "p50 ms", "p99 ms", "Max ms"),
        (
            (
                *(name, f"{one['requests']:,}", f"{one['failed']:,}"),
                *(f"{one.get(key, 0):.1f}" for key in ("p50_ms", "p99_ms", "max_ms")),
            )
            for name, one in found["requests"].items()
        ),
    )
    yield from _table(
        ("Value", "Start", "End", "Max", "Growth (linear fit)", "Limit"),
        (
            (name, *(_amount(one, key) for key in ("first", "last", "most", "growth", "allowed")))
            for name, one in found["gauges"].items()
        ),
    )
    yield from _problems(found["problems"])


def chaos(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a run of `make chaos`."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    recoveries: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in found["rounds"]:
        counts[one["kind"], one["database"]].update(one["counts"])
        for fault, took in one["recovery_seconds"].items():
            recoveries[fault, one["database"]] += took
    for (kind, database), sums in counts.items():
        yield ""
        yield f"### {kind.capitalize()} on {_NAMES[database]}"
        yield ""
        yield f"{found['time'][:10]}, {found['machine']['cores']} cores."
        yield ""
        yield from _table(("", "Number"), ((name, f"{sum_:,}") for name, sum_ in sums.items()))
    if recoveries:
        yield from _table(
            ("Fault", "Database", "Times", "Recovery s"),
            (
                (fault, _NAMES[database], str(len(took)), f"{max(took):.1f}")
                for (fault, database), took in sorted(recoveries.items())
            ),
        )
    yield from _problems([text for one in found["rounds"] for text in one["problems"]])


_RUNS = {"soak": soak, "chaos": chaos}


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _problems(found: list[str]) -> Iterator[str]:
    if found:
        yield "Problems found:"
        yield ""
        yield from (f"- {text.splitlines()[0]}" for text in found)
        yield ""


def _amount(gauge: dict[str, Any], key: str) -> str:
    return f"{gauge[key] or 0:,.1f} {gauge['unit']}".strip()


def _length(seconds: float) -> str:
    if seconds >= 3600:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


if __name__ == "__main__":
    sys.exit(main())
