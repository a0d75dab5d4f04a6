"""`tenantry import` and `tenantry export`: people in bulk, an environment, one organization."""

from __future__ import annotations

import base64
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from tenantry.cli import running
from tenantry.cli.output import printing
from tenantry.cli.progress import Progress
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from tenantry.call import Call
    from tenantry.identity.connections.changes.archiving import SecretCipher
    from tenantry.transfer.bulk.archives.restore import OrganizationReport
    from tenantry.transfer.bulk.formats import Format
    from tenantry.transfer.bulk.report import Report

app = typer.Typer(no_args_is_help=True, help="Import users, an organization or an environment.")

_PIECE = 256 << 10  # bytes
_LANES = 2
_SHOWN = 20  # refusals that are printed
_STDIN = Path("-")


def _there(file: Path) -> Path:
    if file != _STDIN and not file.exists():
        raise typer.BadParameter(f"{file} does not exist")
    if file.is_dir():
        raise typer.BadParameter(f"{file} is a folder")
    return file


File = Annotated[Path, typer.Argument(callback=_there, help="- for standard input.")]


DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Check and count all rows without changing anything.")
]


@app.command("users")
def users(
    file: File,
    *,
    dry_run: DryRun = False,
    create_organizations: Annotated[
        bool,
        typer.Option(
            "--create-organizations",
            help="Create missing organizations from organization_external_id and _name.",
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", dir_okay=False, help="Write refused rows to this file, as NDJSON."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import users with their memberships from NDJSON or CSV; run it again to resume.

    Exits with 1 if rows were refused. docs/import-export.md lists the columns.
    """
    from tenantry.api import row_validation
    from tenantry.tenants.memberships.model import Rules
    from tenantry.transfer.bulk import importing

    settings = load()
    order = importing.Order(
        row_validation.check_user,
        row_validation.check_organization,
        Rules.of(settings),
        settings.region,
        create_organizations=create_organizations,
        dry_run=dry_run,
        lanes=_LANES,
    )
    with ExitStack() as stack:
        source = stack.enter_context(_opened(file))
        written = stack.enter_context(_created(report)) if report else None
        progress = stack.enter_context(Progress(_size(file)))
        rows = refused = size = 0

        def told(batch: Report) -> None:
            nonlocal rows, refused, size
            rows, refused, size = rows + batch.rows, refused + batch.refused, size + batch.size
            progress.rows(rows, refused, size)
            if written is not None:
                written.writelines(_lines(batch))

        async def work(call: Call) -> Report:
            pieces = _pieces(source, progress)
            return await importing.run(call, pieces, order, kind=_kind(file), told=told)

        try:
            total = running.with_call(work, connections=_LANES)
        except KeyboardInterrupt:
            running.remark("interrupted: run the command again to continue")
            raise typer.Exit(130) from None
    if as_json:
        running.print_json(total.to_json())
    else:
        _print(total, report)
    if total.refused:
        raise typer.Exit(1)


SecretsKey = Annotated[
    Path | None,
    typer.Option(
        "--secrets-key",
        dir_okay=False,
        exists=True,
        help="File with the key that encrypts connection secrets: 32 bytes in base64.",
    ),
]


@app.command("environment")
def environment(file: File, *, secrets_key: SecretsKey = None, as_json: AsJson = False) -> None:
    """Import a file of `tenantry export` into an empty database; stop the server first."""
    from tenantry.transfer.bulk.archives.restore import restore_environment

    cipher = _cipher(secrets_key)
    with ExitStack() as stack:
        source = stack.enter_context(_opened(file))
        progress = stack.enter_context(Progress(_size(file)))

        def told(counts: Mapping[str, int]) -> None:
            progress.rows(sum(counts.values()), 0)

        async def work(call: Call) -> dict[str, int]:
            return await restore_environment(
                call, _pieces(source, progress), told=told, cipher=cipher
            )

        counts = running.with_call(work)
    if as_json:
        running.print_json(counts)
    else:
        running.print_table(["Imported", ""], [(name, f"{n:,}") for name, n in counts.items()])


@app.command("organization")
def organization(
    file: File,
    *,
    dry_run: DryRun = False,
    join_people: Annotated[
        bool,
        typer.Option(
            "--join-people",
            help="Also add existing users as members, matched by email address.",
        ),
    ] = False,
    secrets_key: SecretsKey = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", dir_okay=False, help="Write all conflicts to this file, one per line."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a file of `tenantry export --organization` into an existing deployment.

    The import is all or nothing. Exits with 1 if there are conflicts.
    """
    from tenantry.transfer.bulk.archives.restore import restore_organization

    settings, cipher = load(), _cipher(secrets_key)
    with ExitStack() as stack:
        source = stack.enter_context(_opened(file))
        progress = stack.enter_context(Progress(_size(file)))

        def told(counts: Mapping[str, int]) -> None:
            progress.rows(sum(counts.values()), 0)

        async def work(call: Call) -> OrganizationReport:
            return await restore_organization(
                call,
                _pieces(source, progress),
                region=settings.region,
                join_people=join_people,
                dry_run=dry_run,
                told=told,
                cipher=cipher,
            )

        result = running.with_call(work)
    if report is not None:
        with _created(report) as written:
            written.writelines(f"{line}\n".encode() for line in result.conflicts)
    if as_json:
        running.print_json(result.to_json())
    else:
        _print_organization(result, report)
    if result.conflicts:
        raise typer.Exit(1)


def _print_organization(result: OrganizationReport, written: Path | None) -> None:
    if result.counts:
        what = "Would be imported" if result.dry_run else "Imported"
        rows = [(name, f"{n:,}") for name, n in result.counts.items()]
        rows.append(("existing users who join", f"{result.joined:,}"))
        running.print_table([what, ""], rows)
        return
    for line in result.conflicts[:_SHOWN] if written is None else ():
        running.remark(line)
    if written is None and len(result.conflicts) > _SHOWN:
        running.remark("... and more: use --report FILE to write all of them")
    running.say(f"{len(result.conflicts):,} conflicts; nothing was imported")
    if result.people_here:
        running.say(
            f"{result.people_here:,} of them are existing users: --join-people adds them as members"
        )


def export(
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", dir_okay=False, help="Write to this file instead of standard output."
        ),
    ] = None,
    with_password_hashes: Annotated[
        bool,
        typer.Option(
            "--with-password-hashes",
            help="Include password hashes; protect the file accordingly.",
        ),
    ] = False,
    organization: Annotated[
        str | None,
        typer.Option(
            "--organization",
            help="Export only this organization, by ID or external ID.",
        ),
    ] = None,
    secrets_key: SecretsKey = None,
) -> None:
    """Write the whole environment as NDJSON, for `tenantry import environment`.

    Not in it: management clients, signing keys, portal links, mail, past events.
    """
    from tenantry.core import atomic
    from tenantry.db.engine import Database
    from tenantry.transfer.bulk.archives.dump import dump_environment, dump_organization

    cipher = _cipher(secrets_key)

    async def work(call: Call) -> None:
        assert isinstance(call.db, Database)
        async with call.db.snapshot() as db:
            if organization is None:
                pages = dump_environment(
                    db, with_password_hashes=with_password_hashes, cipher=cipher
                )
            else:
                pages = dump_organization(
                    db, organization, with_password_hashes=with_password_hashes, cipher=cipher
                )
            async for lines in pages:
                file.writelines(lines)

    with ExitStack() as stack:
        # It holds what people gave in confidence: for its owner's eyes.
        file = (
            stack.enter_context(atomic.writing(output, mode=0o600)) if output else printing.output()
        )
        running.with_call(work, named=organization or "")
        file.flush()
    if output:
        running.remark(f"wrote {output}")


def _cipher(file: Path | None) -> SecretCipher | None:
    """Return what seals secrets by the key in a file."""
    from tenantry.identity.connections.changes.archiving import SecretCipher

    if file is None:
        return None
    try:
        return SecretCipher(base64.b64decode(file.read_bytes().strip(), validate=True))
    except ValueError:
        raise typer.BadParameter(
            "must contain 32 bytes in base64", param_hint="--secrets-key"
        ) from None


def _created(file: Path) -> BinaryIO:
    """Open a file to be written from its start, which tells of people: for its owner alone."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == _STDIN else file.open("rb")


def _size(file: Path) -> int | None:
    return None if file == _STDIN or not file.is_file() else file.stat().st_size


def _kind(file: Path) -> Format | None:
    """Return the format that a name says; the content says it else."""
    from tenantry.transfer.bulk.formats import Format

    return {".csv": Format.CSV, ".ndjson": Format.NDJSON, ".jsonl": Format.NDJSON}.get(
        file.suffix.lower()
    )


async def _pieces(source: BinaryIO, progress: Progress) -> AsyncIterator[bytes]:
    is_file = source.seekable()
    while piece := source.read(_PIECE) if is_file else await _from_pipe(source):
        progress.read(len(piece))
        yield piece


async def _from_pipe(source: BinaryIO) -> bytes:
    """Wait for the next one; in a thread that nobody waits for when the command is to end."""
    import asyncio
    import threading

    loop = asyncio.get_running_loop()
    coming: asyncio.Future[bytes] = loop.create_future()

    def settle(piece: bytes, problem: OSError | None) -> None:
        if coming.done():  # the command is ending
            return
        if problem is None:
            coming.set_result(piece)
        else:
            coming.set_exception(problem)

    def read() -> None:
        piece, problem = b"", None
        try:
            piece = os.read(source.fileno(), _PIECE)  # with no lock that the end would wait for
        except OSError as refused:
            problem = refused
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, piece, problem)

    threading.Thread(target=read, daemon=True).start()
    return await coming


def _lines(batch: Report) -> Iterator[bytes]:
    import json

    for refusal in batch.refusals:
        yield json.dumps(refusal.to_json(), ensure_ascii=False).encode() + b"\n"


def _print(total: Report, written: Path | None) -> None:
    counts = (("users", total.users), ("memberships", total.memberships))
    rows = [(name, *(f"{n:,}" for n in (c.created, c.updated, c.unchanged))) for name, c in counts]
    rows.append(("organizations", f"{total.organizations_created:,}", "", ""))
    running.print_table(["", "Created", "Updated", "Unchanged"], rows)
    what = "would be refused" if total.dry_run else "refused"
    running.say(f"{total.rows:,} rows, {total.refused:,} {what}")
    if written is not None:
        return
    for refusal in total.refusals[:_SHOWN]:
        where = f"{refusal.field}: " if refusal.field else ""
        running.remark(f"line {refusal.line}: {where}{refusal.reason}")
    if total.refused and len(total.refusals) > _SHOWN:
        running.remark("... and more: use --report FILE to write all of them")
