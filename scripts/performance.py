"""Writes the tables and the picture of docs/performance.md from the results in docs/performance/.

`make performance` measures and calls this script. With --check, it writes nothing and exits with 1
if page or picture are not current.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "performance.md"
PAIRED = DOCS / "performance" / "paired.json"  # of bench/run.py --against
REQUEST = DOCS / "performance" / "request.json"  # of bench/run.py --profile
PAGES = DOCS / "performance" / "pages.json"  # of bench/pages.py
PEERS = DOCS / "performance" / "peers.json"  # of bench/peers/run.py
PICTURE = DOCS / "performance" / "request.svg"
BEGIN, END = "<!-- tables: begin, by make performance -->", "<!-- tables: end -->"
PAGES_BEGIN, PAGES_END = "<!-- pages: begin, by bench/pages.py -->", "<!-- pages: end -->"
PEERS_BEGIN, PEERS_END = "<!-- peers: begin, by make peers -->", "<!-- peers: end -->"
_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PROCESSES = {1: "one process", 2: "two processes"}
_COLUMNS = (
    *("", "requests/s ×", "CPU time ×", "requests/s", "server + database µs"),
    *("p50 ms", "p99 ms", "p99 / p50"),
)
# Of the picture: one column, so that a telephone shows it in its own size.
_WIDTH, _ROW, _GAP, _TOP, _EDGE = 400, 23, 10, 78, 16
_BAR_LEFT, _BAR_WIDTH = 196, 126
_STYLE = """
  .card { fill: #fff; stroke: #d0d7de } text { fill: #1f2328; font: 13px system-ui, sans-serif }
  .head { font-weight: 600; font-size: 14px } .quiet { fill: #59636e; font-size: 12px }
  .sum { font-weight: 600 } .end { text-anchor: end }
  .around { fill: #6e7781 } .python { fill: #0969da } .database { fill: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .card { fill: #161b22; stroke: #3d444d } text { fill: #e6edf3 } .quiet { fill: #9198a1 }
    .around { fill: #9198a1 } .python { fill: #4493f8 } .database { fill: #f0883e }
  }
"""


def main() -> int:
    """Write, or with --check only compare; return the exit code."""
    parser = argparse.ArgumentParser(description="Write docs/performance.md and its picture.")
    parser.add_argument("--check", action="store_true", help="only compare, write nothing")
    check = parser.parse_args().check
    page = PAGE.read_text(encoding="utf-8")
    found = json.loads(PAIRED.read_text(encoding="utf-8")) if PAIRED.exists() else None
    made = "\n".join(
        tables(found) if found else ["", "No results yet: run `make performance`.", ""]
    )
    page = _between(page, BEGIN, END, made)
    if PAGES.exists():
        seen = json.loads(PAGES.read_text(encoding="utf-8"))
        page = _between(page, PAGES_BEGIN, PAGES_END, "\n".join(pages(seen)))
    if PEERS.exists():
        beside = json.loads(PEERS.read_text(encoding="utf-8"))
        page = _between(page, PEERS_BEGIN, PEERS_END, "\n".join(peers(beside)))
    wanted = {PAGE: page}
    if REQUEST.exists():
        profile = json.loads(REQUEST.read_text(encoding="utf-8"))["profile"]
        wanted[PICTURE] = "\n".join(picture(profile)) + "\n"
    for path, text in wanted.items():
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"not current: {path.name}; run scripts/performance.py", file=sys.stderr)
            return 1
    return 0


def tables(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a paired run: the ratios of each database, then starts and memory."""
    options, machine = found["options"], found["machine"]
    yield ""
    ours, theirs = found["ours"], f"`{found['theirs'][:7]}`"
    yield (
        f"`{ours[:7]}`{ours[40:]} against {theirs}, {found['time'][:10]}: "
        f"{options['connections']} connections, {options['seconds']} seconds per row, "
        f"{options['rounds']} rounds, {machine['cores']} cores, Python {machine['python']}. "
        f"In parentheses: {theirs}."
    )
    for (database, processes), pairs in itertools.groupby(found["pairs"], key=_setup):
        yield from ("", f"### {_name(database, processes)}", "")
        yield from _table(_COLUMNS, map(_ratios, pairs))
    yield from ("", "### Starts and memory", "")
    columns = ("", "first start s", "later start s", "MB after start", "MB under load")
    yield from _table(columns, (_start(start, found["pairs"]) for start in found["starts"]))
    yield ""


def pages(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a run of pages, the slowest first."""
    machine = found["machine"]
    yield ""
    yield (
        f"{found['time'][:10]}: {found['organizations']:,} organizations, {found['people']:,} "
        f"users, {found['visits']} visits of each page over one connection, {machine['cores']} "
        f"cores, Python {machine['python']}, load {machine['load']:.0f}. If the load exceeds the "
        "number of cores, latency is unreliable and CPU time slightly too high."
    )
    if "note" in found:
        yield found["note"]
    yield ""
    columns = ("page", "KB", "KB sent", "p50 ms", "server ms", "database ms", "statements")
    rows = sorted(found["pages"], key=lambda one: -one["server"] - one["database"])
    yield from _table(columns, map(_page, rows))
    yield ""


def peers(found: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a comparison with other products."""
    options, machine, of = found["options"], found["machine"], found["peers"]
    ops = list(next(iter(of.values()))["rows"])
    yield ""
    yield (
        f"{found['time'][:10]}: {options['connections']} connections, {options['seconds']} seconds "
        f"per row after {options['warmup']} of warm-up, medians of {options['rounds']} rounds, "
        f"{options['organizations']} organizations initially, {machine['cores']} cores, initial "
        f"load {machine['load']:.1f}."
    )
    for title, shown in (
        ("requests/s", lambda row: f"{row['rps']:,.0f}"),
        ("server + database µs", lambda row: f"{row['server_us'] + row['database_us']:,.0f}"),
        ("p99 ms", lambda row: f"{row['p99_ms']:.1f}"),
    ):
        rows = ([name, *(shown(one["rows"][op]) for op in ops)] for name, one in of.items())
        yield from ("", *_table((title, *ops), rows))
    yield ""
    figures = ("start_seconds", "ready_mb", "loaded_mb")
    rows = (
        [name, one["version"], f"{one[figures[0]]:.2f}", *(f"{one[f]:.0f}" for f in figures[1:])]
        for name, one in of.items()
    )
    yield from _table(("", "version", "start s", "MB after start", "MB at the end"), rows)
    yield ""
    yield from (f"- {name}: {one['differs']}." for name, one in of.items() if one["differs"])
    yield ""


def _page(one: dict[str, Any]) -> list[str]:
    names = ("size", "sent", "p50", "server", "database")
    return [f"`{one['page']}`", *(f"{one[name]:.1f}" for name in names), str(one["statements"])]


def _between(page: str, begin: str, end: str, made: str) -> str:
    """Return a page with this between two lines of it."""
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{made}\n{end}{rest.partition(end)[2]}"


def _setup(row: dict[str, Any]) -> tuple[str, int]:
    return row["database"], row["processes"]


def _name(database: str, processes: int) -> str:
    return f"{_NAMES[database]}, {_PROCESSES[processes]}"


def _ratios(pair: dict[str, Any]) -> list[str]:
    ours, theirs = pair["ours"], pair["theirs"]
    own, other = (side["server_us"] + side["database_us"] for side in (ours, theirs))
    return [
        pair["op"],
        *(f"**{pair['rate_ratio']:.2f}**", f"{pair['cpu_ratio']:.2f}"),
        f"{ours['rps']:,.0f} ({theirs['rps']:,.0f})",
        f"{own:,.0f} ({other:,.0f})",
        f"{ours['p50_ms']:.1f} ({theirs['p50_ms']:.1f})",
        f"{ours['p99_ms']:.1f} ({theirs['p99_ms']:.1f})",
        f"{pair['tail_ratio']:.1f}",
    ]


def _start(start: dict[str, Any], pairs: list[dict[str, Any]]) -> list[str]:
    ours, theirs = start["ours"], start["theirs"]
    of_it = [pair for pair in pairs if _setup(pair) == _setup(start)]
    loaded = [max(pair[side]["memory_mb"] for pair in of_it) for side in ("ours", "theirs")]
    return [
        _name(*_setup(start)),
        f"{ours['first_seconds']:.2f} ({theirs['first_seconds']:.2f})",
        f"{ours['again_seconds']:.2f} ({theirs['again_seconds']:.2f})",
        f"{ours['memory_mb']:.0f} ({theirs['memory_mb']:.0f})",
        f"{loaded[0]:.0f} ({loaded[1]:.0f})",
    ]


def _table(columns: tuple[str, ...], rows: Iterable[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"| --- |{' ---: |' * (len(columns) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def parts(profile: dict[str, Any]) -> list[tuple[str, str, float]]:
    """Return the parts of one request: class, name, and µs of CPU time."""
    whole, samples = sum(profile["programs"].values()), sum(profile["stages"].values())
    of_program = {
        name: profile["server_us"] * count / whole for name, count in profile["programs"].items()
    }
    python = of_program.pop("Python")
    return [
        *(("around", name, us) for name, us in of_program.items()),
        *(("python", name, python * n / samples) for name, n in profile["stages"].items()),
        ("database", "PostgreSQL", profile["database_us"]),
    ]


def picture(profile: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of an SVG with a bar for each part of a request."""
    found = parts(profile)
    whole, longest = sum(us for *_, us in found), max(us for *_, us in found)
    groups = {"around": "Outside Python", "python": "Python", "database": "Database"}
    height = _TOP + _ROW * len(found) + (_ROW + _GAP) * (len(groups) - 1) + _EDGE
    title = f"One PATCH of an organization: {whole:,.0f} µs"
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-labelledby="title about">'
    )
    yield f'<title id="title">{title}</title>'
    said = "; ".join(f"{name} {us:.0f} µs" for _, name, us in found)
    yield f'<desc id="about">{escape(said)}</desc>'
    yield f"<style>{_STYLE}</style>"
    yield (
        f'<rect class="card" x="0.5" y="0.5" rx="6" width="{_WIDTH - 1}" height="{height - 1}"/>'
    )
    yield _text(_EDGE, 28, title, "head")
    yield _text(_EDGE, 48, "CPU time of server and PostgreSQL, REST", "quiet")
    y = _TOP
    for group, rows in itertools.groupby(found, key=lambda part: part[0]):
        listed = list(rows)
        total = sum(us for *_, us in listed)
        yield _text(_EDGE, y, groups[group], "sum")
        yield _text(_WIDTH - _EDGE, y, f"{total:,.0f} µs, {total / whole:.0%}", "sum end")
        for _, name, us in listed:
            y += _ROW
            yield _text(_EDGE, y, name)
            width = max(us / longest * _BAR_WIDTH, 1)
            yield (
                f'<rect class="{group}" x="{_BAR_LEFT}" y="{y - 11}" rx="2" '
                f'width="{width:.1f}" height="13"/>'
            )
            yield _text(_WIDTH - _EDGE, y, f"{us:,.0f} µs", "quiet end")
        y += _ROW + _GAP
    yield "</svg>"


def _text(x: int, y: int, text: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{named}>{escape(text)}</text>'


if __name__ == "__main__":
    sys.exit(main())
