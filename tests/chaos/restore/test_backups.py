"""`tenantry backup` and `tenantry restore FOLDER`: whole or not at all, and held until told."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tenantry import settings
from tenantry.crypto.master_key import LocalKey
from tenantry.db import copies, migrate
from tenantry.db.opening import database_of, open_database
from tenantry.db.sqlite import backups, restore
from tenantry.db.sqlite.backups import BackupError

KEY = LocalKey(b"m" * 32)


@pytest.fixture
def place(tmp_path, sqlite_template):
    """The settings of a machine with a database that was used."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    known = settings.load({"TENANTRY_DATA_DIR": str(data)})
    shutil.copy(sqlite_template, data / "tenantry.db")

    async def use():
        async with database_of(known, pool_size=1):
            pass

    asyncio.run(use())
    return known


def path_of(known):
    return Path(known.database.removeprefix("sqlite:///"))


def tally(path, name="t"):
    with contextlib.closing(sqlite3.connect(path)) as db:
        row = db.execute("SELECT n FROM tallies WHERE name = ?", (name,)).fetchone()
        return None if row is None else row[0]


def set_tally(known, n):
    with contextlib.closing(sqlite3.connect(path_of(known))) as db, db:
        db.execute("INSERT OR REPLACE INTO tallies (name, slot, n) VALUES ('t', 0, ?)", (n,))


def listed(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_backup_is_put_back_held_with_the_former_database_beside_it(place, tmp_path):
    set_tally(place, 1)
    manifest = backups.make(path_of(place), tmp_path / "backup")
    assert manifest.rows["tallies"] > 1
    set_tally(place, 2)
    done = restore.put_back(tmp_path / "backup", place)
    assert done.manifest == manifest
    assert tally(path_of(place)) == 1
    assert [tally(path) for path in done.aside] == [2]

    async def look():
        async with database_of(place, pool_size=1) as db:
            return await copies.held(db)

    assert asyncio.run(look()) == "the database was restored"


def test_a_backup_is_for_its_owner_alone_whatever_the_umask(place, tmp_path):
    before = os.umask(0)
    try:
        backups.make(path_of(place), tmp_path / "backup")
        backups.save_keys(place.data_dir, tmp_path / "keys", KEY)
    finally:
        os.umask(before)
    for folder in (tmp_path / "backup", tmp_path / "keys"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert listed(tmp_path / "backup") == ["manifest.json", "tenantry.db"]
    content = b"".join(path.read_bytes() for path in (tmp_path / "backup").iterdir())
    assert (place.data_dir / "master.key").read_bytes().strip() not in content


def test_nothing_is_overwritten(place, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "folder", "link"):
        with pytest.raises(BackupError, match="is there already"):
            backups.make(path_of(place), tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()
    assert listed(tmp_path) == ["data", "file", "folder", "link"]


def test_a_folder_that_others_may_write_to_gets_no_backup(place, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(BackupError, match="other users may write"):
        backups.make(path_of(place), shared / "backup")


def test_a_folder_that_is_not_there_is_named(place, tmp_path):
    with pytest.raises(BackupError, match=r"cannot be made: No such file"):
        backups.make(path_of(place), tmp_path / "missing" / "backup")


def test_others_write_meanwhile_and_the_copy_is_of_one_moment(place, tmp_path, monkeypatch):
    """Each writes to two rows at once; the backup sees both or none, and ends."""
    monkeypatch.setattr(backups, "PIECE", 4096)  # many steps, between which others come
    stop, wrote = threading.Event(), threading.Semaphore(0)

    def write():
        with contextlib.closing(sqlite3.connect(path_of(place), isolation_level=None)) as db:
            for number in itertools.count():
                db.execute("BEGIN IMMEDIATE")
                for name in ("a", "z"):
                    db.execute(
                        "INSERT OR REPLACE INTO tallies (name, slot, n) VALUES (?, 0, ?)",
                        (name, number),
                    )
                db.execute("COMMIT")
                wrote.release()
                if stop.is_set():
                    return

    def told(_done, _all):
        assert wrote.acquire(timeout=30)  # a commit between each two steps

    writer = threading.Thread(target=write)
    writer.start()
    try:
        backups.make(path_of(place), tmp_path / "backup", told=told)
    finally:
        stop.set()
        writer.join()
    copy = tmp_path / "backup" / "tenantry.db"
    assert tally(copy, "a") == tally(copy, "z")


def test_a_full_disk_leaves_nothing_behind(place, tmp_path, monkeypatch):
    monkeypatch.setattr(backups, "_SPARE", 1 << 60)
    with pytest.raises(BackupError, match="the disk is full: it takes"):
        backups.make(path_of(place), tmp_path / "backup")
    assert listed(tmp_path) == ["data"]


@pytest.mark.thorough
def test_a_disk_that_fills_up_meanwhile_leaves_nothing_behind(place, tmp_path):
    """The limit of a process on its files is what a full disk is to SQLite."""
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from tenantry.db.sqlite import backups\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try: backups.make(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "except backups.BackupError as problem: print(problem)\n"
    )
    asked = [sys.executable, "-P", "-c", script, path_of(place), tmp_path / "backup"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "could not be copied" in done.stdout
    assert listed(tmp_path) == ["data"]


def test_one_that_is_killed_leaves_no_backup_and_the_next_one_cleans_up(place, tmp_path):
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tenantry.db.sqlite import backups\n"
        "def die(*_, **__): os.kill(os.getpid(), signal.SIGKILL)\n"
        "if sys.argv[3] == 'late': backups.atomic.write = die\n"
        "told = die if sys.argv[3] == 'early' else lambda *_: None\n"
        "backups.make(Path(sys.argv[1]), Path(sys.argv[2]), told=told)\n"
    )
    for when in ("early", "late"):
        asked = [sys.executable, "-P", "-c", script, path_of(place), tmp_path / "backup", when]
        done = subprocess.run(asked, check=False)
        assert done.returncode == -signal.SIGKILL
        assert not (tmp_path / "backup").exists()
        assert len([name for name in listed(tmp_path) if name.endswith("partial")]) == 1
    backups.make(path_of(place), tmp_path / "backup")
    assert listed(tmp_path) == ["backup", "data"]


def test_a_damaged_database_is_no_backup(place, tmp_path):
    with contextlib.closing(sqlite3.connect(path_of(place))) as db:
        (root,) = db.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'schema_history'"
        ).fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path_of(place).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    with pytest.raises(BackupError, match=r"damaged|malformed"):
        backups.make(path_of(place), tmp_path / "backup")
    assert listed(tmp_path) == ["data"]


def changed(folder, **members: object):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | members))


def flip(folder):
    path = folder / "tenantry.db"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def cut(folder):
    os.truncate(folder / "tenantry.db", 4096)


def grow(folder):
    with (folder / "tenantry.db").open("ab") as file:
        file.write(b"more")


def link(folder):
    (folder / "tenantry.db").rename(folder / "elsewhere.db")
    (folder / "tenantry.db").symlink_to(folder / "elsewhere.db")


def pipe(folder):
    (folder / "tenantry.db").unlink()
    os.mkfifo(folder / "tenantry.db")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (flip, "SHA-256 is another"),
        (cut, "SHA-256 is another"),
        (grow, "SHA-256 is another"),
        (link, "is a symbolic link"),
        (pipe, "is no file"),
        (lambda f: (f / "tenantry.db").unlink(), "no tenantry.db in it"),
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json in it"),
        (lambda f: (f / "manifest.json").write_text("{"), "cannot be read"),
        (lambda f: (f / "manifest.json").write_text("[" * 60_000), "cannot be read"),
        (lambda f: (f / "manifest.json").write_bytes(b"\xff"), "cannot be read"),
        (lambda f: (f / "manifest.json").write_text("[]"), "is no manifest"),
        (lambda f: changed(f, format="other"), "is no manifest"),
        (lambda f: changed(f, size="1"), "size is missing, or is no int"),
        (lambda f: changed(f, size=1 << 62), "the disk is full"),
        (lambda f: changed(f, needed_schema="9999"), "restore it with that version"),
        (lambda f: changed(f, schema="0033"), "restore it with that version"),
        (lambda f: changed(f, environment_id="env_1"), "another environment"),
    ],
)
def test_what_is_not_as_it_was_backed_up_changes_nothing(place, tmp_path, change, said):
    set_tally(place, 1)
    backups.make(path_of(place), tmp_path / "backup")
    set_tally(place, 2)
    before = listed(place.data_dir)
    change(tmp_path / "backup")
    with pytest.raises(BackupError, match=said):
        restore.put_back(tmp_path / "backup", place)
    assert tally(path_of(place)) == 2
    assert [name for name in listed(place.data_dir) if name not in before] == []


def test_a_database_that_is_open_anywhere_is_not_replaced(place, tmp_path):
    set_tally(place, 1)
    backups.make(path_of(place), tmp_path / "backup")

    # In a process of its own: locks of one's own do not count.
    script = (
        "import sqlite3, sys\n"
        "db = sqlite3.connect(sys.argv[1])\n"
        "db.execute('SELECT count(*) FROM tallies').fetchone()\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    asked = [sys.executable, "-P", "-c", script, path_of(place)]
    with subprocess.Popen(asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"open\n"
        with pytest.raises(BackupError, match=r"is in use: .*Stop it first"):
            restore.put_back(tmp_path / "backup", place)
        process.stdin.close()
    restore.put_back(tmp_path / "backup", place)


def test_a_database_that_cannot_be_read_is_moved_aside_with_its_log(place, tmp_path):
    set_tally(place, 1)
    backups.make(path_of(place), tmp_path / "backup")
    path_of(place).write_bytes(b"no database")
    for name in ("-wal", "-shm"):
        path_of(place).with_name(f"tenantry.db{name}").write_bytes(b"old")
    done = restore.put_back(tmp_path / "backup", place)
    assert [path.read_bytes() for path in done.aside] == [b"no database", b"old", b"old"]
    assert [path.name.rpartition("Z")[2] for path in done.aside] == ["", "-wal", "-shm"]
    assert tally(path_of(place)) == 1


@pytest.mark.thorough
def test_one_that_is_killed_between_two_names_is_seen_by_a_start_and_done_again(place, tmp_path):
    set_tally(place, 1)
    backups.make(path_of(place), tmp_path / "backup")
    set_tally(place, 2)
    log = path_of(place).with_name("tenantry.db-wal")
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from tenantry import settings\n"
        "from tenantry.db.sqlite import restore\n"
        "known = settings.load({'TENANTRY_DATA_DIR': sys.argv[1]})\n"
        "place = Path(known.database.removeprefix('sqlite:///'))\n"
        "place.with_name('tenantry.db-wal').write_bytes(b'log')\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "moved = restore._moved\n"
        "restore._moved = lambda path, *given: (\n"
        "    die() if path.name.endswith('-wal') else moved(path, *given))\n"
        "restore.put_back(Path(sys.argv[2]), known)\n"
    )
    asked = [sys.executable, "-P", "-c", script, place.data_dir, tmp_path / "backup"]
    done = subprocess.run(asked, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not path_of(place).exists()
    (former,) = path_of(place).parent.glob("tenantry.db.before-*")

    with pytest.raises(migrate.UpgradeError, match=f"has moved {former.name} aside"):
        migrate.upgrade(place.database)
    assert not path_of(place).exists()

    restore.put_back(tmp_path / "backup", place)
    assert not log.exists()
    # The log that was left lies beside its own database.
    assert former.with_name(f"{former.name}-wal").read_bytes() == b"log"
    assert (tally(path_of(place)), migrate.upgrade(place.database)) == (1, [])


def test_what_has_no_schema_is_no_backup(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE t (n)")
    with pytest.raises(BackupError, match="it has no schema"):
        backups.make(tmp_path / "other.db", tmp_path / "backup")
    assert listed(tmp_path) == ["other.db"]


def test_a_link_in_the_place_of_the_database_stays_and_leads_to_what_was_put_back(place, tmp_path):
    set_tally(place, 1)
    backups.make(path_of(place), tmp_path / "backup")
    set_tally(place, 2)
    link, file = place.data_dir / "tenantry.db", tmp_path / "elsewhere.db"
    with contextlib.closing(sqlite3.connect(link)) as db:
        db.execute("PRAGMA journal_mode=DELETE")
    link.rename(file)
    link.symlink_to(file)
    done = restore.put_back(
        tmp_path / "backup", settings.load({"TENANTRY_DATA_DIR": str(place.data_dir)})
    )
    assert link.is_symlink()
    assert tally(file) == 1
    assert [(path.parent, tally(path)) for path in done.aside] == [(tmp_path, 2)]


def test_the_key_has_to_fit(place, tmp_path):
    backups.make(path_of(place), tmp_path / "backup")
    backups.save_keys(place.data_dir, tmp_path / "keys", master(place))
    backups.save_keys(place.data_dir, tmp_path / "others", KEY)
    (place.data_dir / "master.key").unlink()
    with pytest.raises(BackupError, match="there is no master key"):
        restore.put_back(tmp_path / "backup", place)
    with pytest.raises(BackupError, match="not the one that this backup"):
        restore.put_back(tmp_path / "backup", place, keys=tmp_path / "others")
    assert not (place.data_dir / "master.key").exists()
    with pytest.raises(BackupError, match=r"there is no .*master\.key"):
        restore.put_back(tmp_path / "backup", place, keys=tmp_path / "backup")
    restore.put_back(tmp_path / "backup", place, keys=tmp_path / "keys")
    assert (place.data_dir / "master.key").exists()

    async def look():
        async with database_of(place, pool_size=1):
            pass

    asyncio.run(look())


def master(known):
    from tenantry.crypto import master_key

    return master_key.find(known)


def test_another_key_that_was_there_stays_beside_the_database_that_it_opens(place, tmp_path):
    backups.make(path_of(place), tmp_path / "backup")
    backups.save_keys(place.data_dir, tmp_path / "keys", master(place))
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    there = settings.load({"TENANTRY_DATA_DIR": str(other)})
    migrate.upgrade(there.database)

    async def use(known):
        async with database_of(known, pool_size=1) as db:
            return db.environment_id

    theirs = asyncio.run(use(there))
    ours = asyncio.run(use(place))
    done = restore.put_back(tmp_path / "backup", there, keys=tmp_path / "keys")
    assert asyncio.run(use(there)) == ours
    key, database = done.aside[:2]
    assert key.name.startswith("master.key.before-")
    import base64

    async def aside():
        url = f"sqlite:///{database}"
        async with open_database(url, base64.b64decode(key.read_bytes()), pool_size=1) as db:
            return db.environment_id

    assert asyncio.run(aside()) == theirs
