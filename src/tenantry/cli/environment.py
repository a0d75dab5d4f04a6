"""The variables that let curl and the four SDKs use this server from a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import certificates, credentials
from tenantry.cli import running

if TYPE_CHECKING:
    from tenantry.settings import Settings

# Whoever reads them takes one file in the place of the system's roots.
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
        running.fail(
            f"no client's secret is kept in {settings.data_dir}: make a client with `tenantry "
            "client create` and export SCALEKIT_CLIENT_ID and SCALEKIT_CLIENT_SECRET yourself"
        )
    exported = {
        "SCALEKIT_ENVIRONMENT_URL": settings.public_url,
        "SCALEKIT_ENV_URL": settings.public_url,
        "SCALEKIT_CLIENT_ID": client.client_id,
        "SCALEKIT_CLIENT_SECRET": client.client_secret,
    }
    files = certificates.files(settings)
    if files.ca is not None and files.bundle is not None and files.ca.is_file():
        certificates.refresh_bundle(files)
        exported |= dict.fromkeys(_BUNDLES, str(files.bundle)) | {"TENANTRY_CA": str(files.ca)}
    return exported
