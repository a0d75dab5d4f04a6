"""Printed by a start once the server answers: its URL, its credentials, the next command."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry import __version__
from tenantry.crypto import credentials
from tenantry.server import program

if TYPE_CHECKING:
    from tenantry.settings import Settings


def text(settings: Settings) -> str:
    """Return the lines; the client is named where its secret lies beside the database."""
    rows = [("URL", settings.public_url), ("Docs", f"{settings.public_url}/docs")]
    if settings.development:
        rows.append(("Mail", f"{settings.public_url}/dev/mail"))
    if settings.has_simulator:
        rows.append(("Simulated IdP", f"{settings.public_url}/simulator"))
    if settings.console:
        rows.append(("Console", _console(settings)))
    if (client := credentials.read(settings.data_dir)) is not None:
        rows.append(("Client ID", client.client_id))
        rows.append(("Run next", _run_next(settings)))
        if settings.has_own_root and not _is_trusted(settings):
            rows.append(("And then", "tenantry trust, so that browsers do not warn"))
    else:
        rows.append(("Run next", f"{_command(settings)} client create"))
    rows += [("Mode", _mode(settings)), ("Version", __version__)]
    return "\n".join(["", "  Tenantry is ready", *(f"  {n:<13} {v}" for n, v in rows), ""])


def _console(settings: Settings) -> str:
    """Return the one-time link that makes the first operator, else where operators sign in."""
    link = next(iter(credentials.FIRST_OPERATOR), "")
    return f"{link} (once)" if link else f"{settings.public_url}/console"


def _mode(settings: Settings) -> str:
    """Return which mode it is, and what to do for the other one."""
    if not settings.development:
        return "production: email is sent, or stored (`tenantry mail list`)"
    whose = "anyone on this machine" if settings.is_local else "anyone who can connect"
    return (
        f"development: {whose} can read its email; set TENANTRY_DEVELOPMENT=false to prevent this"
    )


def _run_next(settings: Settings) -> str:
    """Return the line of a shell that loads the variables of `tenantry env`, from any folder.

    For a server that `make serve` started, it ends with the line of the README.
    """
    folder = Path(os.environ.get("PWD", "."))
    is_clone = program() == folder / ".venv/bin/tenantry" and (folder / "Makefile").is_file()
    if is_clone and settings.data_dir.absolute() == folder / "data":
        return f'cd {shlex.quote(str(folder))} && eval "$(.venv/bin/tenantry env)"'
    return f'eval "$({_command(settings)} env)"'


def _is_trusted(settings: Settings) -> bool:
    """Return whether `tenantry trust` has added the root certificate to a trust store."""
    # A server process that prints no banner does without these.
    from tenantry.server import certificates
    from tenantry.server.certificates import stores

    path = certificates.files(settings).ca
    if path is None:
        return False
    with suppress(OSError, ValueError, RuntimeError):  # no file, no certificate, no home folder
        root = stores.Root.of(path)
        return any(store.has(root) for store in stores.of_machine(Path("/"), Path.home()))
    return False


def _command(settings: Settings) -> str:
    """Return how to run our command for this server, from any folder."""
    folder = shlex.quote(str(settings.data_dir.absolute()))
    return f"TENANTRY_DATA_DIR={folder} {shlex.quote(str(program()))}"
