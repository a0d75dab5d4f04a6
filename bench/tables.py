"""The tables that are printed; Markdown takes them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rows import ratio

if TYPE_CHECKING:
    from against import Paired
    from rows import Row, Start


def print_table(rows: list[Row], starts: list[Start]) -> None:
    """Print the results as a table that Markdown takes as it is."""
    table = Table(box=box.MARKDOWN)
    for name in ("database", "operation"):
        table.add_column(name)
    for name in (
        *("req/s", "p50 ms", "p99 ms", "server µs", "db µs", "load µs", "others", "MB"),
        *("floor/s", "floor p50", "floor db µs", "floor others", "of floor", "errors"),
    ):
        table.add_column(name, justify="right")
    for row in rows:
        load, floor = row.load, row.floor
        table.add_row(
            row.database,
            load["op"],
            f"{load['rps']:,.0f}",
            f"{load['p50_ms']:.1f}",
            f"{load['p99_ms']:.1f}",
            f"{row.server_cpu_us:,.0f}",
            "" if row.database_cpu_us is None else f"{row.database_cpu_us:,.0f}",
            f"{load['load_cpu_us']:.0f}",
            f"{row.others_cpu:.0%}",
            f"{row.memory_mb:.0f}",
            *(
                (
                    f"{floor.rps:,.0f}",
                    f"{floor.p50_ms:.1f}",
                    f"{floor.database_cpu_us:,.0f}",
                    f"{floor.others_cpu:.0%}",
                    f"{load['rps'] / floor.rps:.2f}",
                )
                if floor
                else ("", "", "", "", "")
            ),
            str(load["errors"]),
        )
    console = Console(width=200)
    console.print(table)
    for start in starts:
        console.print(
            f"start on {start.database}: {start.first_seconds:.2f} s the first time, "
            f"{start.again_seconds:.2f} s after; {start.memory_mb:.0f} MB",
            highlight=False,
        )


def print_people(pairs: list[tuple[Row, Row]]) -> None:
    """Print each call on few users, or events, and on many."""
    table = Table(box=box.MARKDOWN)
    table.add_column("call")
    names = [f"{name} of {row.database}" for row in pairs[0] for name in ("req/s", "p50", "p99")]
    for name in (*names, "server µs", "db µs", "p99 ratio", "errors"):
        table.add_column(name, justify="right")
    for few, many in pairs:
        cells = [
            cell
            for row in (few, many)
            for cell in (
                f"{row.load['rps']:,.0f}",
                f"{row.load['p50_ms']:.1f}",
                f"{row.load['p99_ms']:.1f}",
            )
        ]
        table.add_row(
            many.load["op"],
            *cells,
            f"{many.server_cpu_us:,.0f}",
            f"{many.database_cpu_us:,.0f}",
            f"{ratio(many.load['p99_ms'], few.load['p99_ms']):.2f}",
            str(few.load["errors"] + many.load["errors"]),
        )
    Console(width=200).print(table)


def print_passwords(found: dict[str, float]) -> None:
    """Print what sign-ins by password reach, and what other calls wait beside them."""
    table = Table(box=box.SIMPLE)
    for name in found:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(
        *(f"{value:.1%}" if n == "of_bound" else f"{value:.1f}" for n, value in found.items())
    )
    Console(width=160).print(table)


def print_sso(found: list[dict[str, Any]]) -> None:
    """Print what sign-ins by providers reach, and what other calls wait beside them."""
    table = Table(box=box.MARKDOWN)
    for name in found[0]:
        table.add_column(name.replace("_", " "), justify="left" if name == "name" else "right")
    for row in found:
        table.add_row(*(v if isinstance(v, str) else f"{v:,.1f}" for v in row.values()))
    Console(width=200).print(table)


def print_webhooks(found: dict[str, Any]) -> None:
    """Print what deliveries cost, and how much 50 endpoints leave of the writes without any."""
    table = Table(box=box.MARKDOWN)
    figures = {name: value for name, value in found.items() if name != "paced"}
    for name in figures:
        table.add_column(name.replace("_", " "), justify="right")
    table.add_row(*(f"{value:,.2f}" for value in figures.values()))
    Console(width=200).print(table)


def print_paired(found: Paired) -> None:
    """Print the rows of a paired run, "ours / theirs" where a cell has both, and the starts."""
    table = Table(box=box.MARKDOWN)
    for name in ("database", "processes", "operation"):
        table.add_column(name)
    for name in (
        *("req/s ×", "cpu ×", "req/s", "server µs", "db µs", "later µs"),
        *("p50 ms", "p99 ms", "p99/p50", "MB", "others", "errors"),
    ):
        table.add_column(name, justify="right")
    for pair in found.pairs:
        ours, theirs = pair.ours, pair.theirs
        table.add_row(
            *(pair.database, str(pair.processes), pair.op),
            f"{pair.rate_ratio:.2f}",
            f"{pair.cpu_ratio:.2f}",
            f"{ours.rps:,.0f} / {theirs.rps:,.0f}",
            f"{ours.server_us:,.0f} / {theirs.server_us:,.0f}",
            f"{ours.database_us:,.0f} / {theirs.database_us:,.0f}",
            f"{ours.later_us:,.0f} / {theirs.later_us:,.0f}",
            f"{ours.p50_ms:.1f} / {theirs.p50_ms:.1f}",
            f"{ours.p99_ms:.1f} / {theirs.p99_ms:.1f}",
            f"{pair.tail_ratio:.1f}",
            f"{ours.memory_mb:.0f} / {theirs.memory_mb:.0f}",
            f"{ours.others:.0%} / {theirs.others:.0%}",
            f"{ours.errors} / {theirs.errors}",
        )
    console = Console(width=200)
    console.print(table)
    for start in found.starts:
        ours, theirs = start.ours, start.theirs
        console.print(
            f"start on {start.database}, processes: {start.processes}: "
            f"{ours.first_seconds:.2f} / {theirs.first_seconds:.2f} s the first time, "
            f"{ours.again_seconds:.2f} / {theirs.again_seconds:.2f} s after; "
            f"{ours.memory_mb:.0f} / {theirs.memory_mb:.0f} MB when ready",
            highlight=False,
        )
