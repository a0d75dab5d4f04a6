"""Where programs of this machine keep the roots that they trust, and ours among them.

The system's store is a folder of root's and a command that reads it anew; browsers have databases
of NSS in the home folder, which `certutil` changes. macOS has key chains. Nothing here becomes
root: a store that this user may not change says by which lines root does it.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import ssl
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tenantry.core import atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SECONDS = 120.0  # that a command may take
_ALSO_ON_PATH = "/usr/sbin:/sbin"  # not on that of everybody
# By folder of the anchors, from the root: the ending of a file, and the command that reads it anew.
_SYSTEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "usr/local/share/ca-certificates": (".crt", ("update-ca-certificates",)),  # Debian, Alpine
    "etc/pki/ca-trust/source/anchors": (".pem", ("update-ca-trust",)),  # Fedora
    "etc/ca-certificates/trust-source/anchors": (".crt", ("update-ca-trust",)),  # Arch Linux
    "etc/pki/trust/anchors": (".pem", ("update-ca-certificates",)),  # SUSE
}
# In the home folder: whose databases they are, and a pattern of the folders that hold them.
_DATABASES = (
    ("Chromium", ".pki/nssdb"),
    ("Chromium", ".local/share/pki/nssdb"),
    ("Chromium", "snap/chromium/current/.pki/nssdb"),
    ("Chromium", ".var/app/*/.pki/nssdb"),
    ("Firefox", ".mozilla/firefox/*"),
    ("Firefox", ".config/mozilla/firefox/*"),
    ("Firefox", "snap/firefox/common/.mozilla/firefox/*"),
    ("Firefox", ".var/app/org.mozilla.firefox/.mozilla/firefox/*"),
    ("Firefox", "Library/Application Support/Firefox/Profiles/*"),
)
_CHROMIUMS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    *("brave-browser", "microsoft-edge-stable", "vivaldi-stable"),
)
_CERTUTIL = "certutil is missing: install libnss3-tools (Debian), nss-tools (Fedora) or nss (macOS)"


class StoreError(Exception):
    """A store could not be changed, and is as it was; the text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Root:
    """Our root certificate: its file, and a name that no other one has."""

    path: Path
    name: str

    @classmethod
    def of(cls, path: Path) -> Root:
        """Return the root of a file in PEM.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no certificate.

        """
        der = ssl.PEM_cert_to_DER_cert(path.read_text("ascii").strip())
        return cls(path, f"tenantry-{hashlib.sha256(der).hexdigest()[:16]}")


class Store(Protocol):
    """One store: its readers, its place, and how a root gets in and out."""

    @property
    def whose(self) -> str:
        """The programs that read it."""

    @property
    def place(self) -> Path:
        """Its folder or file."""

    @property
    def obstacle(self) -> str:
        """Why this user cannot change it; "" where that is possible."""

    def has(self, root: Root) -> bool:
        """Whether the root is in it."""

    def add(self, root: Root) -> None:
        """Take the root in.

        Raises:
            StoreError: that did not work.

        """

    def remove(self, root: Root) -> None:
        """Take the root out, where it is in.

        Raises:
            StoreError: that did not work.

        """

    def lines(self, root: Root, *, remove: bool) -> list[str]:
        """Return the lines that do it where this user cannot; none where no line would help."""


def of_machine(root: Path, home: Path) -> list[Store]:
    """Return all stores that there are: of the system below ``root``, and of a user's browsers."""
    found: list[Store] = []
    if sys.platform == "darwin":
        found.append(Keychain(home / "Library/Keychains/login.keychain-db"))
    else:
        found += _systems(root)
    found += [Database(whose, place) for whose, place in _databases(home)]
    return found


@dataclass(frozen=True, slots=True)
class System:
    """The system's store: a folder of anchors, and the command that reads it anew."""

    place: Path
    ending: str
    command: tuple[str, ...]
    whose: str = "the system"

    @property
    def obstacle(self) -> str:
        return "" if os.access(self.place, os.W_OK) else "only root may change it"

    def has(self, root: Root) -> bool:
        file = self._file(root)
        return file.is_file() and file.read_bytes() == root.path.read_bytes()

    def add(self, root: Root) -> None:
        # Everybody is to read it there, unlike our own folder.
        atomic.write(self._file(root), root.path.read_bytes(), mode=0o644)
        try:
            _run(self.command)
        except StoreError:
            self._file(root).unlink()
            raise

    def remove(self, root: Root) -> None:
        self._file(root).unlink(missing_ok=True)
        try:
            _run(self._anew)
        except StoreError:  # so that it is seen to be in, and taken out next time
            atomic.write(self._file(root), root.path.read_bytes(), mode=0o644)
            raise

    def lines(self, root: Root, *, remove: bool) -> list[str]:
        file = str(self._file(root))
        change = ("rm", file) if remove else ("install", "-m", "644", str(root.path), file)
        anew = self._anew if remove else self.command
        return [f"sudo {shlex.join(command)}" for command in (change, anew)]

    @property
    def _anew(self) -> tuple[str, ...]:
        """The command where a root is gone: one would leave a link to it."""
        by_links = Path(self.command[0]).name == "update-ca-certificates"
        return (*self.command, "--fresh") if by_links else self.command

    def _file(self, root: Root) -> Path:
        return self.place / f"{root.name}{self.ending}"


@dataclass(frozen=True, slots=True)
class Database:
    """A database of NSS, which a browser reads when it starts."""

    whose: str
    place: Path
    certutil: str | None = field(default_factory=lambda: _which("certutil"))

    @property
    def obstacle(self) -> str:
        if self.certutil is None:
            return _CERTUTIL
        folders = (self.place, *self.place.parents)
        there = next(folder for folder in folders if os.access(folder, os.F_OK))
        return "" if os.access(there, os.W_OK | os.X_OK) else "this user may not change it"

    def has(self, root: Root) -> bool:
        return "C" in (self._trusted_for(root) or "").split(",")[0]

    def add(self, root: Root) -> None:
        if not self.place.exists():  # the browser has not been started yet
            for folder in (self.place.parent, self.place):
                folder.mkdir(mode=0o700, exist_ok=True)
            _run(self._command("-N", "--empty-password"))
        # For servers alone: neither mail nor code that it signs is trusted.
        try:
            _run(self._command("-A", "-t", "C,,", "-n", root.name, "-i", str(root.path)))
        except StoreError:  # without the password of a database it is in, and trusted for nothing
            self.remove(root)
            raise

    def remove(self, root: Root) -> None:
        while self._trusted_for(root) is not None:  # it can be there more than once
            _run(self._command("-D", "-n", root.name))

    def lines(self, root: Root, *, remove: bool) -> list[str]:
        change = ("-D",) if remove else ("-A", "-t", "C,,", "-i", str(root.path))
        command = ("certutil", "-d", f"sql:{self.place}", *change, "-n", root.name)
        # Some database has a password, for which certutil asks in a terminal.
        return [] if self.certutil and self.obstacle else [shlex.join(command)]

    def _trusted_for(self, root: Root) -> str | None:
        """Return the flags of a root, as "C,,"; None where it is not in the database."""
        if self.certutil is None or not os.access(self.place, os.X_OK):
            return None
        try:
            listed = _run(self._command("-L"))
        except StoreError:
            return None
        rows = (line.split() for line in listed.splitlines())
        return next((row[1] for row in rows if len(row) == 2 and row[0] == root.name), None)

    def _command(self, *arguments: str) -> tuple[str, ...]:
        return (str(self.certutil), "-d", f"sql:{self.place}", *arguments)


@dataclass(frozen=True, slots=True)
class Keychain:
    """The key chain of a user of macOS, which asks for the password by itself."""

    place: Path
    whose: str = "macOS"

    @property
    def obstacle(self) -> str:
        return "" if _which("security") else "security is missing"

    def has(self, root: Root) -> bool:
        return _works(("security", "verify-cert", "-c", str(root.path)))

    def add(self, root: Root) -> None:
        trust = ("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl")
        _run((*trust, "-k", str(self.place), str(root.path)))

    def remove(self, root: Root) -> None:
        if self.has(root):
            _run(("security", "remove-trusted-cert", str(root.path)))

    def lines(self, root: Root, *, remove: bool) -> list[str]:  # noqa: ARG002
        return []


def _systems(root: Path) -> Iterator[Store]:
    for folder, (ending, command) in _SYSTEMS.items():
        place = root / folder
        program = _which(command[0])
        if not place.is_dir() or program is None:
            continue
        if root == Path("/"):
            yield System(place, ending, command)
        elif command[0] == "update-ca-certificates":
            yield System(place, ending, (program, *_folders(root)))
        return


def _folders(root: Path) -> Iterator[str]:
    """Give the options by which Debian's command works on another root's folders."""
    for option, folder in (
        ("--certsconf", "etc/ca-certificates.conf"),
        ("--certsdir", "usr/share/ca-certificates"),
        ("--localcertsdir", "usr/local/share/ca-certificates"),
        ("--etccertsdir", "etc/ssl/certs"),
        ("--hooksdir", "etc/ca-certificates/update.d"),
    ):
        yield from (option, str(root / folder))


def _databases(home: Path) -> Iterator[tuple[str, Path]]:
    found: dict[Path, tuple[str, Path]] = {}  # by the folder that a link leads to
    for whose, pattern in _DATABASES:
        for place in sorted(home.glob(pattern)):
            with suppress(PermissionError):  # of another user, whose browser it then is
                if (place / "cert9.db").is_file():
                    found.setdefault(place.resolve(), (whose, place))
    yield from found.values()
    if not home.is_dir() or sys.platform == "darwin" or not any(map(_which, _CHROMIUMS)):
        return
    # Beside one that there is, another would take its place.
    if all(whose != "Chromium" for whose, _ in found.values()):
        yield "Chromium", home / ".pki/nssdb"


def _which(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', os.defpath)}:{_ALSO_ON_PATH}")


def _run(command: Sequence[str]) -> str:
    """Run a command, and return its output.

    Raises:
        StoreError: it does not end well; the text is what it says.

    """
    program, name = _which(command[0]), Path(command[0]).name
    if program is None:
        raise StoreError(f"{name} is missing")
    try:
        done = subprocess.run(  # noqa: S603 - constant arguments, and names of files
            [program, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise StoreError(f"{name}: {problem}") from None
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise StoreError(f"{name}: {said}")
    return done.stdout


def _works(command: Sequence[str]) -> bool:
    try:
        _run(command)
    except StoreError:
        return False
    return True
