"""`tenantry backup` and `tenantry restore`: copy the database and restore a copy."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tenantry.cli import running
from tenantry.cli.progress import Progress
from tenantry.cli.running import AsJson  # noqa: TC001 - typer reads it
from tenantry.settings import load

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.sqlite.backups import Manifest
    from tenantry.settings import Settings

Keys = Annotated[
    Path | None,
    typer.Option("--keys", help="Folder for the master key and the CA, outside the backup."),
]


def backup(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder to create; it must not exist.")
    ] = None,
    *,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Back up the database while servers run; on PostgreSQL, print instructions.

    The backup does not contain the master key: --keys saves it to another folder.
    """
    settings = load()
    running.look(settings)
    if not settings.database.startswith("sqlite:"):
        _how_on_postgresql(settings, folder or keys, as_json=as_json)
        return
    if folder is None:
        raise typer.BadParameter("name a folder for the backup", param_hint="FOLDER")
    began = time.monotonic()
    manifest, saved = _backed_up(settings, folder, keys)
    if as_json:
        told = {"folder": str(folder.absolute()), "keys": saved, "manifest": manifest.to_json()}
        running.print_json(told)
        return
    seconds = time.monotonic() - began
    rows = sum(manifest.rows.values())
    running.say(
        f"{folder}: {manifest.size / (1 << 20):,.0f} MiB, {rows:,} rows as of {manifest.taken_at}, "
        f"in {seconds:.1f} s"
    )
    running.say(
        f"{keys}: {', '.join(saved)}; store it separately from the backup"
        if saved
        else f"the master key is not in the backup: {_where(settings)}; --keys FOLDER saves it"
    )


def _backed_up(settings: Settings, folder: Path, keys: Path | None) -> tuple[Manifest, list[str]]:
    from tenantry.crypto import master_key
    from tenantry.db.sqlite import backups

    source = Path(settings.database.removeprefix("sqlite:///"))
    key = master_key.find(settings)
    if keys is not None and keys.resolve().is_relative_to(folder.resolve()):
        raise typer.BadParameter("must not be inside the backup", param_hint="--keys")
    if keys is not None and os.path.lexists(keys):
        running.fail(f"{keys} already exists: choose another name")
    if keys is not None and key is None:
        running.fail(f"no master key to save: {master_key.file(settings)} is missing")
    if keys is not None and not isinstance(key, master_key.LocalKey):
        running.fail(
            "no master key to save: a key management service holds it (TENANTRY_MASTER_KEY)"
        )
    try:
        with Progress(None) as progress:
            manifest = backups.make(source, folder, told=progress.copied)
        saved = []
        if keys is not None and isinstance(key, master_key.LocalKey):
            saved = backups.save_keys(settings.data_dir, keys, key)
    except backups.BackupError as problem:
        running.fail(str(problem))
    return manifest, saved


def _where(settings: Settings) -> str:
    from tenantry.crypto import master_key

    if settings.master_key:
        return "it is TENANTRY_MASTER_KEY"
    if settings.master_key_command:
        return "TENANTRY_MASTER_KEY_COMMAND prints it"
    return f"it is stored at {master_key.file(settings).absolute()}"


def _how_on_postgresql(settings: Settings, given: Path | None, *, as_json: bool) -> None:
    import asyncio

    from tenantry.db import archiving
    from tenantry.db.connecting import OpenError

    if given is not None:
        running.fail(
            f"{given} was not written: this command copies only SQLite databases. For PostgreSQL, "
            "use pg_dump or WAL archiving; `tenantry backup` without a folder prints the commands"
        )
    try:
        found = asyncio.run(archiving.look(settings.database))
    except OpenError as problem:
        running.fail(str(problem))
    if as_json:
        running.print_json(found.to_json())
    else:
        running.say("Back up PostgreSQL with its own tools:\n")
        for why, command in found.commands:
            running.say(f"{why}:\n\n    {command}\n")
        running.say(f"None of these contains the master key: {_where(settings)}.")
        running.say(found.sentence())
    if found.problem:
        raise typer.Exit(1)


def restore(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Backup to restore, made by `tenantry backup`."),
    ] = None,
    *,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Folder of `tenantry backup --keys`, to restore the keys too."),
    ] = None,
    go: Annotated[
        bool, typer.Option("--go", help="Resume outgoing email and webhooks from this database.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup, or hold the outgoing work of a restored database.

    Run it before starting the server. Email, webhooks, log streams and logout notifications are
    held until `tenantry restore --go`.
    """
    if folder is not None:
        if go:
            raise typer.BadParameter(
                "cannot be combined with a folder: restore and check the backup first",
                param_hint="--go",
            )
        _put_back(folder, keys, as_json=as_json)
        return
    if keys is not None:
        raise typer.BadParameter("requires the folder of a backup", param_hint="--keys")

    async def work(call: Call) -> bool:
        from tenantry.db import copies
        from tenantry.db.sqlite.restore import RESTORED

        return await (copies.go(call.db) if go else copies.hold(call.db, RESTORED))

    changed = running.with_call(work)
    if as_json:
        running.print_json({"held": not go, "changed": changed})
    elif go:
        running.say("outgoing work resumes" if changed else "outgoing work was not held")
    else:
        word = "is held" if changed else "is already held"
        running.say(f"outgoing work {word}; run `tenantry restore --go` to resume it")


def _put_back(folder: Path, keys: Path | None, *, as_json: bool) -> None:
    from tenantry.db.sqlite import restore as sqlite_restore
    from tenantry.db.sqlite.backups import BackupError
    from tenantry.settings import data_folder

    settings = load()
    data_folder.make(settings)
    try:
        with Progress(None) as progress:
            done = sqlite_restore.put_back(folder, settings, keys=keys, told=progress.copied)
    except BackupError as problem:
        running.fail(str(problem))
    manifest = done.manifest
    if as_json:
        aside = [str(path) for path in done.aside]
        running.print_json({"manifest": manifest.to_json(), "moved_aside": aside, "held": True})
        return
    running.say(
        f"restored the database of {manifest.taken_at} (version {manifest.version}, schema "
        f"{manifest.schema}): {sum(manifest.rows.values()):,} rows"
    )
    if done.aside:
        running.say(f"the previous database was moved to {', '.join(map(str, done.aside))}")
    running.say(
        "outgoing work is held; start the server, check it, then run `tenantry restore --go`"
    )
