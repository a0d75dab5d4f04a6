"""Putting a backup back: checked whole, and held, before it has its place.

Nothing is deleted: the database that was there stands beside it, under a name with the time.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.core import atomic
from tenantry.core.times import now
from tenantry.crypto import master_key as key_file
from tenantry.crypto.vault import WrongKey
from tenantry.db import sqlite_processes
from tenantry.db.encryption import key_rows
from tenantry.db.revisions import BASELINE, HEAD
from tenantry.db.sqlite import backups
from tenantry.db.sqlite.backups import BackupError, Manifest
from tenantry.db.sqlite.connections import connect
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.crypto.master_key import MasterKey
    from tenantry.db.engine import Row
    from tenantry.settings import Settings

_BESIDE = ("-wal", "-shm", "-journal")
# Every connection has a byte of these locked as long as it is open (os_unix.c of SQLite, and
# https://www.sqlite.org/lockingv3.html), also in a file that can be read no more.
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


@dataclass(frozen=True, slots=True)
class Restored:
    """A backup that has its place; ``aside`` are the files that were there, by their new names."""

    manifest: Manifest
    aside: tuple[Path, ...]


def put_back(
    folder: Path,
    settings: Settings,
    *,
    keys: Path | None = None,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Restored:
    """Put a backup in the place of the database, with nothing going out of it.

    The master key is that of the settings, or of ``keys``, a folder of `backups.save_keys`, which
    takes its place in the data folder then.

    Raises:
        BackupError: it is damaged, of a later version or of another key, or the database is in use.
        SettingError: the master key cannot be read.

    """
    if not settings.database.startswith("sqlite:///"):
        raise BackupError("a backup is put back on SQLite; PostgreSQL does it by its own programs")
    # A link leads to the one that is replaced.
    place = Path(settings.database.removeprefix("sqlite:///")).resolve()
    manifest = Manifest.read(folder)
    if manifest.needed_schema > HEAD or manifest.schema < BASELINE:
        raise BackupError(
            f"{folder} is of version {manifest.version} (schema {manifest.schema}), and this one "
            f"has schema {HEAD}: restore it with that version"
        )
    key = _key(settings, keys)
    with _alone(place):
        copy = place.with_name(f".{place.name}.restoring")
        copy.unlink(missing_ok=True)  # of one that was killed
        try:
            _copy(folder / backups.DATABASE, copy, manifest, told)
            _prepare(copy, manifest, key)
            at = f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
            aside = [] if keys is None else _put_keys(keys, settings, key, at)
            aside += _swap(copy, place, at)
        except OSError as problem:
            raise BackupError(f"{place} could not be written: {problem}") from problem
        finally:
            for name in ("", *_BESIDE):
                copy.with_name(copy.name + name).unlink(missing_ok=True)
    return Restored(manifest, tuple(aside))


def _key(settings: Settings, keys: Path | None) -> MasterKey:
    if keys is None:
        key = key_file.find(settings)
        if key is None:
            raise BackupError(
                f"there is no master key: put it at {key_file.file(settings)}, set "
                "TENANTRY_MASTER_KEY, or give the folder of the keys by --keys"
            )
        return key
    if key_file.is_set(settings):
        raise BackupError("TENANTRY_MASTER_KEY is set, so --keys would be of no effect: unset it")
    path = keys / "master.key"
    try:
        with backups.opened(path) as file:
            return key_file.of_bytes(file.read(1000), str(path))
    except FileNotFoundError:
        raise BackupError(f"there is no {path}") from None
    except SettingError:
        raise BackupError(f"{path} is no master key") from None


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Keep the place of the database from other processes, which have it open or restore too.

    Raises:
        BackupError: there are some.

    """
    try:
        held = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as problem:
        raise BackupError(f"{place.parent} cannot be used: {problem.strerror}") from None
    descriptor = None
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BackupError(f"another `tenantry restore` is at work in {place.parent}") from None
        with suppress(FileNotFoundError):
            descriptor = os.open(place, os.O_RDWR)
            _lock(descriptor, place)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)
        os.close(held)


def _lock(descriptor: int, place: Path) -> None:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
    except OSError:
        users = "; ".join(sqlite_processes.running(place)) or "a process has the file open"
        raise BackupError(f"{place} is in use: {users}. Stop it first") from None


def _copy(source: Path, copy: Path, manifest: Manifest, told: Callable[[int, int], None]) -> None:
    """Copy the database, and check the very bytes that are copied."""
    digest, done = hashlib.sha256(), 0
    try:
        file = backups.opened(source)
    except FileNotFoundError:
        raise BackupError(
            f"{source.parent} is no backup: there is no {source.name} in it"
        ) from None
    with file:
        backups.look_for_room(copy.parent, manifest.size)
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            while (piece := file.read(backups.PIECE)) and done <= manifest.size:
                new.write(piece)
                digest.update(piece)
                done += len(piece)
                told(done, manifest.size)
    if (done, digest.hexdigest()) != (manifest.size, manifest.sha256):
        raise BackupError(f"{source} is not as it was backed up: its SHA-256 is another")


def _prepare(copy: Path, manifest: Manifest, key: MasterKey) -> None:
    """Hold outgoing work, on the disk, in a copy that this key opens.

    Raises:
        BackupError: the key is another, or the copy is not of the environment that it says.

    """
    try:
        with closing(connect(str(copy), lambda: "")) as connection:
            row = connection.execute("SELECT id, data_key FROM environment").fetchone()
            # Of a database that nobody had opened yet there is nothing to open, nor to send.
            if row is not None:
                if row["id"] != manifest.environment_id:
                    raise BackupError("the manifest is of another environment than the database")
                key_rows.check_opens(key, row["data_key"], _wrapped(connection))
            connection.execute(
                "UPDATE environment SET hold_time = ?, hold_reason = ?", (now(), RESTORED)
            )
            connection.execute("PRAGMA journal_mode=DELETE")
    except key_file.MasterKeyError as problem:
        raise BackupError(f"the master key cannot be used: {problem}") from None
    except (WrongKey, ValueError):
        raise BackupError("the master key is not the one that this backup was made with") from None
    except sqlite3.Error as problem:
        raise BackupError(f"the backup cannot be used: {problem}") from problem
    backups.sync(copy)


def _wrapped(connection: sqlite3.Connection) -> list[Row]:
    """Return what the master keys have wrapped, in a database of 0032 or later."""
    try:
        rows = connection.execute("SELECT * FROM master_keys ORDER BY version DESC").fetchall()
    except sqlite3.OperationalError:
        return []
    return [row for row in rows if row["wrapped"] is not None]


RESTORED = "the database was restored"


def _put_keys(keys: Path, settings: Settings, key: MasterKey, at: str) -> list[Path]:
    aside: list[Path] = []
    if key_file.find(settings) != key:
        path = key_file.file(settings)
        aside += _moved(path, at)
        assert isinstance(key, key_file.LocalKey)  # of a folder
        atomic.write(path, base64.b64encode(key.key) + b"\n", mode=0o600)
    for name in backups.KEPT:
        path = settings.data_dir / name
        with suppress(FileNotFoundError):
            if not os.path.lexists(path):
                with backups.opened(keys / name) as file:
                    content = file.read(1 << 20)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                atomic.write(path, content, mode=0o600)
    return aside


def _swap(copy: Path, place: Path, at: str) -> list[Path]:
    # The log of the former one must not lie beside the new one, whenever this ends. Where that was
    # in between, the log that is left goes to its database.
    former = None if os.path.lexists(place) else backups.moved_aside(place)
    if former is not None and not former.with_name(f"{former.name}-wal").exists():
        at = former.name.removeprefix(f"{place.name}.before-")
    beside = [place.with_name(place.name + name) for name in _BESIDE]
    aside = [moved for path in (place, *beside) for moved in _moved(path, at, place.name)]
    backups.sync(place.parent)
    copy.rename(place)
    backups.sync(place.parent)
    return aside


def _moved(path: Path, at: str, stem: str = "") -> list[Path]:
    """Move a file aside, if it is there: SQLite finds the log of a database by its name."""
    if not os.path.lexists(path):
        return []
    stem = stem or path.name
    aside = path.with_name(f"{stem}.before-{at}{path.name.removeprefix(stem)}")
    path.rename(aside)
    return [aside]
