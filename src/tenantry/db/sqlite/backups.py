"""Backups of a SQLite database: a folder with a copy of it and a manifest, made while others write.

A backup takes its name when all of it is on the disk, so one that was cut off is never seen. It
holds no key: without the master key nobody can read the secrets in it (docs/backups.md, "Back
up"). `tenantry.db.sqlite.restore` puts one back.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import fcntl
import glob
import hashlib
import json
import os
import shutil
import sqlite3
import stat
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tenantry import __version__
from tenantry.core import atomic
from tenantry.db.sqlite.connections import connect

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tenantry.crypto.master_key import LocalKey

FORMAT = "tenantry-backup-1"
DATABASE, MANIFEST = "tenantry.db", "manifest.json"
PIECE = 8 << 20  # bytes that are copied at a time
_PARTIAL = ".tenantry-partial"
_LARGEST_MANIFEST = 64 << 10  # bytes
_SPARE = 16 << 20  # bytes of the disk that stay free
_SYNC = 64 << 20  # bytes: at most these wait for the disk when a server commits

_NEEDED = "SELECT version_num FROM alembic_version"
_HAS_SCHEMA = "SELECT name FROM sqlite_master WHERE name = 'schema_history'"
_NEWEST = "SELECT max(revision) FROM schema_history"
_ENVIRONMENT = "SELECT id FROM environment"
_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
    " AND name NOT LIKE 'sqlite_%' ORDER BY name"
)


def moved_aside(place: Path) -> Path | None:
    """Return the last database that `tenantry restore` has moved aside from this place."""
    # Their names have the time.
    return max(place.parent.glob(f"{glob.escape(place.name)}.before-*Z"), default=None)


class BackupError(Exception):
    """A backup could not be made or used; the text is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """The contents of a backup; ``sha256`` of its copy in hexadecimal, ``size`` in bytes."""

    version: str
    schema: str  # its newest revision
    needed_schema: str  # the oldest that a program has to know
    environment_id: str
    taken_at: str  # RFC 3339, UTC: changes committed later are not in it
    size: int
    sha256: str
    rows: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as its file spells it."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Return the manifest of a backup.

        Raises:
            BackupError: it is missing, or another program has made it.

        """
        path = folder / MANIFEST
        try:
            with opened(path) as file:
                given = json.loads(file.read(_LARGEST_MANIFEST))
        except FileNotFoundError:
            raise BackupError(f"{folder} is no backup: there is no {MANIFEST} in it") from None
        except (ValueError, RecursionError) as problem:
            raise BackupError(f"{path} cannot be read: {problem}") from None
        if not isinstance(given, dict) or given.pop("format", None) != FORMAT:
            raise BackupError(f"{path} is no manifest of this version ({FORMAT})")
        expected = {
            "version": str,
            "schema": str,
            "needed_schema": str,
            "environment_id": str,
            "taken_at": str,
            "size": int,
            "sha256": str,
            "rows": dict,
        }
        for name, kind in expected.items():
            if not isinstance(given.get(name), kind):
                raise BackupError(f"{path}: {name} is missing, or is no {kind.__name__}")
        return cls(**{name: given[name] for name in expected})


def make(
    source: Path, target: Path, *, told: Callable[[int, int], None] = lambda _done, _all: None
) -> Manifest:
    """Copy a database into a new folder; ``told`` hears of bytes that are copied, and of all.

    The copy is the database at one moment. Writers do not wait for it.

    Raises:
        BackupError: there is something of this name, no room, or the database is damaged.

    """
    with whole(target) as folder:
        copy = folder / DATABASE
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with closing(_reading(source)) as reading:
                manifest = _copied(reading, copy, told)
        except sqlite3.Error as problem:
            raise BackupError(f"{source} could not be copied: {problem}") from problem
        content = json.dumps(manifest.to_json(), indent=2).encode() + b"\n"
        atomic.write(folder / MANIFEST, content, mode=0o600)
    return manifest


def _reading(source: Path) -> sqlite3.Connection:
    # Opened to read, it leaves all as it is when it is closed, also as the last one.
    address = f"file:{quote(str(source.absolute()))}?mode=ro"
    reading = sqlite3.connect(address, uri=True, isolation_level=None, timeout=10)
    reading.execute("BEGIN")
    if reading.execute(_HAS_SCHEMA).fetchone() is None:
        reading.close()
        raise BackupError(f"{source} is no database of Tenantry: it has no schema")
    return reading


def _copied(reading: sqlite3.Connection, copy: Path, told: Callable[[int, int], None]) -> Manifest:
    # The first read fixes the moment. The transaction lasts until the copy is whole: one that began
    # anew with each piece would find the changes of others, and would have to begin at the start.
    (needed,) = reading.execute(_NEEDED).fetchone()
    schema = max(needed, reading.execute(_NEWEST).fetchone()[0] or "")
    taken_at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    (environment_id,) = reading.execute(_ENVIRONMENT).fetchone() or ("",)
    (page,) = reading.execute("PRAGMA page_size").fetchone()
    (pages,) = reading.execute("PRAGMA page_count").fetchone()
    look_for_room(copy.parent, page * pages)
    with closing(sqlite3.connect(copy, isolation_level=None)) as writing:
        writing.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        synced = 0

        def progress(_status: int, left: int, total: int) -> None:
            nonlocal synced
            done = (total - left) * page
            if done - synced >= _SYNC:
                synced = done
                sync(copy)
            told(done, total * page)

        reading.backup(writing, pages=max(1, PIECE // page), progress=progress)
    reading.execute("ROLLBACK")  # the server's log may be cut from here on
    rows = _looked_through(copy)
    sync(copy)
    with opened(copy) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = copy.stat().st_size
    return Manifest(__version__, schema, needed, environment_id, taken_at, size, digest, rows)


def _looked_through(copy: Path) -> dict[str, int]:
    """Return the number of rows of each table, of a copy that is sound and one file.

    Raises:
        BackupError: it is damaged, as the database is then.

    """
    with closing(connect(str(copy), lambda: "")) as connection:
        # Without a log beside it: from here on the database is one file.
        connection.execute("PRAGMA journal_mode=DELETE")
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise BackupError(f"the database is damaged, and so is no backup: {found}")
        tables = [name for (name,) in connection.execute(_TABLES)]
        counted = {t: connection.execute(f'SELECT count(*) FROM "{t}"') for t in tables}
        return {table: rows.fetchone()[0] for table, rows in counted.items()}


def save_keys(folder: Path, target: Path, master_key: LocalKey) -> list[str]:
    """Save what a restored server needs beside its database, in a new folder; return the names.

    Raises:
        BackupError: there is something of this name, or no room.

    """
    with whole(target) as new:
        atomic.write(new / "master.key", base64.b64encode(master_key.key) + b"\n", mode=0o600)
        for name in KEPT:
            if (folder / name).is_file():
                (new / name).parent.mkdir(mode=0o700, exist_ok=True)
                atomic.write(new / name, (folder / name).read_bytes(), mode=0o600)
        return sorted(str(path.relative_to(new)) for path in new.rglob("*") if path.is_file())


# Of the data folder, beside the master key: its first client, and the CA that clients trust.
KEPT = (
    "credentials.json",
    "tls/ca.pem",
    "tls/ca-key.pem",
    "tls/server.pem",
    "tls/server-key.pem",
)


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Yield a folder for this user alone that takes this name at the end, with all that is in it.

    Where the end is not reached there is nothing of this name; the remains of a process that was
    killed are deleted by the next one.

    Raises:
        BackupError: there is something of this name, or it cannot be written.

    """
    parent = target.absolute().parent
    if os.path.lexists(target):
        raise BackupError(f"{target} is there already: name a folder that is not")
    try:
        mode = parent.stat().st_mode
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
            raise BackupError(f"other users may write to {parent}: chmod go-w {parent}")
        _delete_partial(parent)
        folder = parent / f".{target.name}.{os.getpid()}{_PARTIAL}"
        folder.mkdir(mode=0o700)
    except OSError as problem:
        raise BackupError(f"{target} cannot be made: {problem.strerror}") from problem
    # It says that this process is at work; a dead one holds none.
    at_work = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
        for path in folder.rglob("*"):
            sync(path)
        sync(folder)
        folder.rename(target.absolute())  # over nothing but a folder that is empty
        sync(parent)
    except OSError as problem:
        if problem.errno == errno.ENOSPC:
            raise BackupError(f"{target}: the disk is full, nothing was kept") from problem
        raise BackupError(f"{target} could not be written: {problem}") from problem
    finally:
        os.close(at_work)
        shutil.rmtree(folder, ignore_errors=True)


def _delete_partial(parent: Path) -> None:
    for left in parent.glob(f".*{_PARTIAL}"):
        if left.is_symlink():
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)


def look_for_room(folder: Path, size: int) -> None:
    """Check that a disk has space for a number of bytes.

    Raises:
        BackupError: it has not.

    """
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE:
        raise BackupError(f"the disk is full: it takes {size:,} bytes, and {free:,} are free")


def opened(path: Path) -> io.BufferedReader:
    """Open a file to read its bytes: a file, and no link to one.

    Raises:
        BackupError: it is something else.
        FileNotFoundError: there is none.

    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise BackupError(f"{path} is a symbolic link") from None
        raise
    file = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        file.close()
        raise BackupError(f"{path} is no file")
    return file


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
