"""The master key: it wraps the key that all other keys of the database hang on.

It is 32 bytes here: of the settings, of a command that prints them, else of a file in the data
folder, made at the first start. Or it lies in a key management service, by a plug-in for the scheme
of its URL, and never leaves that. It is used when a database is opened and when another takes its
place, in no request.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from tenantry.settings import SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from tenantry.settings import Settings

LOCAL = "LOCAL"  # the provider of a key that this process has
# Plug-ins: a callable that takes a URL of the scheme that is its name, and returns a `MasterKey`.
GROUP = "tenantry.master_keys"
_OURS = {
    "aws-kms": "tenantry.crypto.key_services.aws:open_key",
    "gcp-kms": "tenantry.crypto.key_services.gcp:open_key",
    "vault-transit": "tenantry.crypto.key_services.transit:open_key",
}

_BYTES = 32
_PURPOSE = "data-key"
_COMMAND_SECONDS = 30.0
_COMMAND_PRINTS = 1024  # bytes at most


class MasterKeyError(Exception):
    """The master key cannot be used; the text is for the operator, and shows no secret.

    ``may_pass`` says that a later try may do, as where a service does not answer.
    """

    def __init__(self, text: str, *, may_pass: bool = False) -> None:
        super().__init__(text)
        self.may_pass = may_pass


class MasterKey(Protocol):
    """Wraps a key of 32 bytes, and unwraps it again; both may wait for a service."""

    @property
    def provider(self) -> str:
        """Where the key lies: LOCAL, AWS, GCP, VAULT and so on."""

    @property
    def reference(self) -> str:
        """Which key it is there, without a secret."""

    def wrap(self, plain: bytes) -> bytes:
        """Return the key so that only this master key gives it back.

        Raises:
            MasterKeyError: the service refuses, or does not answer.

        """

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return the key that was wrapped.

        Raises:
            vault.WrongKey: another master key has wrapped it, or it was changed.
            MasterKeyError: the service refuses, or does not answer.

        """


@dataclass(frozen=True, slots=True)
class LocalKey:
    """A master key of 32 bytes that this process has."""

    key: bytes = field(repr=False)
    provider = LOCAL

    @property
    def reference(self) -> str:
        """Some bits by which one knows the key again, and that tell nothing of it."""
        import hmac

        return hmac.digest(self.key, b"reference of a master key", "sha256").hex()[:16]

    def wrap(self, plain: bytes) -> bytes:
        from tenantry.crypto.vault import Binding, Vault

        return base64.b64decode(Vault(self.key).encrypt(plain, Binding(_PURPOSE)))

    def unwrap(self, wrapped: bytes) -> bytes:
        from tenantry.crypto.vault import Binding, Vault

        return Vault(self.key).decrypt(base64.b64encode(wrapped).decode(), Binding(_PURPOSE))


def file(settings: Settings) -> Path:
    """Return where the key lies when no setting has it."""
    return settings.data_dir / "master.key"


def is_set(settings: Settings) -> bool:
    """Whether the settings say where the key is, so that no file is looked for."""
    return bool(settings.master_key or settings.master_key_command)


def find(settings: Settings) -> MasterKey | None:
    """Return the key; None where neither a setting nor the file has it.

    Raises:
        SettingError: the file cannot be read, the command fails, or either has something else;
            there is no plug-in for the URL.

    """
    if is_set(settings):
        return of_text(settings.master_key, settings.master_key_command)
    path = file(settings)
    try:
        return of_bytes(path.read_bytes(), str(path))
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise SettingError("data_dir", f"cannot be used: {problem}") from None


def load(settings: Settings) -> MasterKey:
    """Return the key, first written to the file where there is none: for a new database.

    Raises:
        SettingError: the file cannot be read or written, or as for `find`.

    """
    while (key := find(settings)) is None:
        try:
            settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(file(settings))
        except OSError as problem:
            raise SettingError("data_dir", f"cannot be used: {problem}") from None
    return key


def of_text(text: str, command: str = "") -> MasterKey:
    """Return the key of a setting: 32 bytes in base64, a URL, or a command that prints the bytes.

    Raises:
        SettingError: it cannot be had.

    """
    if text and command:
        raise SettingError("master_key_command", "is set together with the key itself")
    if command:
        return of_bytes(_printed(command), "what it prints", "master_key_command")
    if "://" in text:
        return _of_url(text)
    return of_bytes(text.encode(), "the setting")


def of_file(path: Path) -> MasterKey:
    """Return the key of a file, of 32 bytes in base64.

    Raises:
        SettingError: it holds something else.
        OSError: it cannot be read.

    """
    return of_bytes(path.read_bytes(), str(path))


def of_bytes(text: bytes, where: str, setting: str = "master_key") -> LocalKey:
    """Return the key of a text; ``where`` it stands, and which setting says so, are for the error.

    Raises:
        SettingError: it is not 32 bytes in base64.

    """
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _BYTES:
        raise SettingError(setting, f"{where} does not hold {_BYTES} bytes in base64")
    return LocalKey(key)


def _of_url(url: str) -> MasterKey:
    from importlib.metadata import EntryPoint, entry_points

    scheme = urlsplit(url).scheme
    found = EntryPoint(scheme, _OURS[scheme], GROUP) if scheme in _OURS else None
    found = found or next(iter(entry_points(group=GROUP, name=scheme)), None)
    if found is None:
        known = ", ".join(f"{one}://" for one in _OURS)
        raise SettingError("master_key", f"nothing here knows {scheme}://; {known} are built in")
    try:
        key: MasterKey = found.load()(url)
    except (ValueError, ImportError) as problem:
        raise SettingError("master_key", str(problem)) from None
    return key


def _printed(command: str) -> bytes:
    """Return what a command prints, at most some bytes of it; its errors go nowhere."""
    import shlex
    import subprocess
    import threading

    try:
        words = shlex.split(command)
        with subprocess.Popen(  # noqa: S603 - the operator's own
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            assert running.stdout is not None
            late = threading.Timer(_COMMAND_SECONDS, _end, [running.pid])
            late.start()
            try:
                printed = running.stdout.read(_COMMAND_PRINTS + 1)
                if len(printed) > _COMMAND_PRINTS:
                    _end(running.pid)
                status = running.wait()
            finally:
                late.cancel()
    except (OSError, ValueError) as problem:
        text = getattr(problem, "strerror", None) or problem
        raise SettingError("master_key_command", f"cannot be run: {text}") from None
    if len(printed) > _COMMAND_PRINTS:
        raise SettingError("master_key_command", f"prints more than {_COMMAND_PRINTS} bytes")
    if status == -9:
        seconds = f"{_COMMAND_SECONDS:.0f} s"
        raise SettingError("master_key_command", f"has not ended within {seconds}")
    if status:
        raise SettingError("master_key_command", f"has ended with status {status}")
    return printed


def _end(pid: int) -> None:
    """End a command and all processes that it has started."""
    import signal
    from contextlib import suppress

    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _create(path: Path) -> None:
    """Write a new key whole, unless another process was faster."""
    import secrets  # it takes a library that each start would load

    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as new:
        new.write(base64.b64encode(secrets.token_bytes(_BYTES)) + b"\n")
        new.flush()
        os.fsync(descriptor)
    try:
        path.hardlink_to(temporary)  # unlike a move, it does not replace a file that is there
    except FileExistsError:
        pass
    finally:
        temporary.unlink()
