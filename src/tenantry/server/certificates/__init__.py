"""The server's certificate: from the settings, else issued by a private CA in the data folder.

``tls/`` in the data folder holds the CA (``ca.pem``, ``ca-key.pem``), what the server shows
(``server.pem``, ``server-key.pem``), the names issued for (``server.json``) and ``bundle.pem``: the
system's roots with ours, for clients that take one file instead of the system's roots. Keys are
readable by their owner alone. Every file is replaced whole, so that a reader never sees half.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.core import atomic
from tenantry.net import domain_names
from tenantry.settings import SettingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.settings import Settings

RENEW_DAYS = 30
# Where systems keep all their roots in one file, before the place that OpenSSL was built with.
_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


@dataclass(frozen=True, slots=True)
class Files:
    """The server's certificate, and its CA for clients: None where that is not ours."""

    chain: Path
    key: Path
    ca: Path | None
    bundle: Path | None


def files(settings: Settings) -> Files:
    """Return where the files are; see `ensure` for whether they exist."""
    if settings.tls_cert is not None and settings.tls_key is not None:
        return Files(settings.tls_cert.absolute(), settings.tls_key.absolute(), None, None)
    folder = settings.data_dir.absolute() / "tls"
    return Files(
        folder / "server.pem", folder / "server-key.pem", folder / "ca.pem", folder / "bundle.pem"
    )


def ensure(settings: Settings) -> Files:
    """Make missing files, renew those that are due, and return where they are.

    Raises:
        SettingError: the certificate of the settings cannot be used, or the folder not written.

    """
    found = files(settings)
    if found.ca is None:
        check_pair(found)
        return found
    names = server_names(settings)
    try:
        folder = found.ca.parent
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_current(folder, names):
            with _alone_in(folder):
                if not _is_current(folder, names):
                    _renew(folder, names)
        refresh_bundle(found)
    except OSError as problem:
        raise SettingError("data_dir", f"cannot be used: {problem}") from None
    return found


def check_pair(found: Files) -> None:
    """Check that chain and key can be read and belong together.

    Raises:
        SettingError: one of them cannot be used.

    """
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(found.chain, found.key, "")
    except ssl.SSLError as problem:
        if problem.reason == "KEY_VALUES_MISMATCH":
            raise SettingError("tls_key", "does not belong to TENANTRY_TLS_CERT") from None
        raise SettingError(
            "tls_cert", f"certificate or key is not PEM without a passphrase: {problem}"
        ) from None
    except OSError as problem:
        raise SettingError("tls_cert", f"certificate or key cannot be read: {problem}") from None


def server_names(settings: Settings) -> list[str]:
    """Return the host names and addresses that our own certificate is for."""
    host = domain_names.to_ascii(urlsplit(settings.public_url).hostname or "localhost")
    names = [host, "localhost", "127.0.0.1", "::1"]
    if not ipaddress.ip_address(settings.host).is_unspecified:
        names.append(settings.host)
    return list(dict.fromkeys(names))


def refresh_bundle(found: Files) -> None:
    """Write the system's roots, as they are now, together with ours."""
    if found.ca is None or found.bundle is None:
        return
    bundle = system_roots() + found.ca.read_bytes()
    if not found.bundle.exists() or found.bundle.read_bytes() != bundle:
        atomic.write(found.bundle, bundle, mode=0o600)


def system_roots() -> bytes:
    """Return the system's roots in PEM; empty where it has none in one file."""
    roots = next((path for path in map(Path, _ROOTS) if path.is_file()), None)
    if roots is None:
        import ssl

        roots = Path(ssl.get_default_verify_paths().openssl_cafile)
    if not roots.is_file():
        return b""
    content = roots.read_bytes()
    return content if content.endswith(b"\n") else content + b"\n"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes out: a key of one and a certificate of another do not match."""
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_current(folder: Path, names: list[str]) -> bool:
    """Whether the issued certificate is for these names and not due; without reading certificates.

    Reading them takes a library that loads longer than all else that starts the server.
    """
    expected = ("ca.pem", "ca-key.pem", "server.pem", "server-key.pem")
    try:
        issued = json.loads((folder / "server.json").read_bytes())
        current: bool = issued["names"] == names and issued["renew_at"] > time.time()
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
    return current and all((folder / name).is_file() for name in expected)


def _renew(folder: Path, names: list[str]) -> None:
    from tenantry.server.certificates.authority import Authority

    authority = Authority.load(folder) or Authority.create(folder)
    issued = authority.issue(names)
    atomic.write(folder / "server-key.pem", issued.key, mode=0o600)
    atomic.write(folder / "server.pem", issued.chain, mode=0o600)
    renew_at = issued.not_after - RENEW_DAYS * 86_400
    note = json.dumps({"names": names, "renew_at": renew_at})
    atomic.write(folder / "server.json", note.encode() + b"\n", mode=0o600)
