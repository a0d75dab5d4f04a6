"""Asking a server on this machine how it is, as a balancer does."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from tenantry import server
from tenantry.server import envoy

if TYPE_CHECKING:
    from tenantry.settings import Settings

SECONDS = 4.0  # it is asked from here; a look at the database has one second


def ask(settings: Settings, path: str) -> tuple[int, str]:
    """Return the status and the body of the server at the address of these settings.

    Raises:
        OSError: nobody listens there, or does not answer in time or in HTTP.

    """
    connection = _connection(server.reachable(settings.host), settings)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read(10_000).decode(errors="replace")
    except http.client.HTTPException as problem:
        raise OSError(f"it does not speak HTTP: {problem!r}") from None
    finally:
        connection.close()


def _connection(host: str, settings: Settings) -> http.client.HTTPConnection:
    if envoy.answers_cleartext(settings):
        return http.client.HTTPConnection(host, settings.port, timeout=SECONDS)
    import ssl

    # The certificate is for its public name. Asked is whether it answers, not whether to trust it.
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=SECONDS, context=trusting)
