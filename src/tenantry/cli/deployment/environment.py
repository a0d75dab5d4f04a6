"""The variables that let curl, the four SDKs and our commands use this server from a shell."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tenantry.cli import running
from tenantry.core import atomic
from tenantry.crypto import credentials
from tenantry.server import certificates, program, server_registry

if TYPE_CHECKING:
    from tenantry.settings import Settings

# Programs that read them take one file in the place of the system's roots.
_BUNDLES = (
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",  # gRPC in Python
    "REQUESTS_CA_BUNDLE",  # HTTP in Python
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",  # Go, OpenSSL
)


def variables(settings: Settings) -> dict[str, str]:
    """Return them; ends the command where the client of the first start is not at hand."""
    client = credentials.read(settings.data_dir)
    if client is None:
        if settings.data_dir.is_dir() and not os.access(settings.data_dir, os.R_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(settings.data_dir))
        running.fail(
            f"no client secret is stored in {settings.data_dir.absolute()}: run this where the "
            "server was started, or set TENANTRY_DATA_DIR; or run `tenantry client create` there, "
            "and export SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET"
        )
    server = of_server(settings)
    exported = {
        "SCALEKIT_ENVIRONMENT_URL": server["SCALEKIT_ENVIRONMENT_URL"],
        "SCALEKIT_ENV_URL": server["SCALEKIT_ENVIRONMENT_URL"],
        "SCALEKIT_CLIENT_ID": client.client_id,
        "SCALEKIT_CLIENT_SECRET": client.client_secret,
    }
    return exported | server


def of_server(settings: Settings) -> dict[str, str]:
    """Return the URL of the server, and the root certificates that verify its certificate."""
    # A running server is right; the settings of this shell may be others.
    server = server_registry.find(settings) or server_registry.of(settings)
    exported = {"SCALEKIT_ENVIRONMENT_URL": server.public_url}
    if server.ca:
        certificates.refresh_bundle(certificates.files(settings))
        exported |= dict.fromkeys(_BUNDLES, server.bundle) | {"TENANTRY_CA": server.ca}
    return exported


def of_commands(settings: Settings) -> dict[str, str]:
    """Return the variables by which commands find the server from any folder."""
    found = {"TENANTRY_DATA_DIR": str(settings.data_dir.absolute())}
    config = Path(os.environ.get("TENANTRY_CONFIG") or "tenantry.toml")
    if config.is_file():
        found["TENANTRY_CONFIG"] = str(config.absolute())
    return found


def missing_on_path(settings: Settings) -> str:
    """Return a folder that has our program where a shell would not find it; "" where it does.

    It is a folder of the data folder with a link and nothing else: the one that the program is in
    has a `python` and a `pip` too, which would take the place of the shell's own, and what `pip`
    installs would come into the server's libraries.
    """
    ours = program()
    found = shutil.which("tenantry")
    if found and Path(found).samefile(ours):
        return ""
    folder = settings.data_dir.absolute() / "bin"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        atomic.link(folder / ours.name, ours)
    except OSError:  # of somebody else, who lets this user read it
        return str(ours.parent)
    return str(folder)
