"""`tenantry events export`: the event log as a file, with its proof."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from dataclasses import replace
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - typer reads the annotation
from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.output import printing
from tenantry.cli.tenants import organizations
from tenantry.cli.tenants.organizations import OfOrganization  # noqa: TC001 - typer reads it

if TYPE_CHECKING:
    from tenantry.call import Call


class Kind(StrEnum):
    """The format of the file."""

    ndjson = "ndjson"
    csv = "csv"


def export(
    *,
    kind: Annotated[
        Kind, typer.Option("--format", help="File format; CSV is safe to open in a spreadsheet.")
    ] = Kind.ndjson,
    start_time: Annotated[
        str, typer.Option(help="Earliest time, such as 2026-01-31T09:30:00Z.")
    ] = "",
    end_time: Annotated[str, typer.Option(help="Latest time.")] = "",
    organization: OfOrganization = "",
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Event type; can be repeated.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", dir_okay=False, help="Write to this file instead of standard output."
        ),
    ] = None,
) -> None:
    """Write the event log, the oldest event first, with the hashes of its chain.

    Includes all types unless --type is given, and personal data.
    """
    from tenantry.core import atomic, errors
    from tenantry.events.event_log import exporting

    try:
        order = exporting.Order(
            exporting.Format[kind.upper()],
            types=tuple(types or ()),
            start_time=exporting.parsed_time(start_time, "start_time") if start_time else None,
            end_time=exporting.parsed_time(end_time, "end_time") if end_time else None,
        )
    except errors.InvalidArgument as problem:
        raise typer.BadParameter(str(problem)) from None

    async def work(call: Call) -> None:
        narrowed = replace(order, organization_id=where or None)
        async with aclosing(exporting.pieces(call.db, narrowed)) as pieces:
            async for piece in pieces:
                file.write(piece)

    where = organizations.id_of_past(organization)
    with ExitStack() as stack:
        # Events tell of people: the file is for its owner's eyes.
        file: printing.Output = (
            stack.enter_context(atomic.writing(output, mode=0o600)) if output else printing.output()
        )
        running.with_call(work)
        file.flush()
    if output:
        running.remark(f"wrote {output}")
