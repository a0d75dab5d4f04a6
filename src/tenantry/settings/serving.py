"""Settings of the server: addresses, certificates, processes, console, development."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenantry.settings import values
from tenantry.settings.declaration import setting


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Settings of the server: addresses, certificates, processes, console, development."""

    listen: str = setting("127.0.0.1:8443", values.listen, "Address and port of all protocols.")
    public_url: str = setting(
        "https://localhost:8443",
        values.public_url,
        "Public URL: the issuer of tokens and the base of every URL in a response.",
    )
    data_dir: Path = setting(
        "./data",
        lambda text: Path(text).expanduser(),
        "Directory of the SQLite database, the certificates and the master key.",
    )
    tls_cert: Path | None = setting(
        "", values.file, "Certificate chain in PEM; when empty, a private CA issues one."
    )
    tls_key: Path | None = setting("", values.file, "Private key of the certificate, in PEM.")
    cleartext: bool = setting(
        "true",
        values.switch,
        "Also serve HTTP without TLS on the same port; to addresses outside loopback only if the "
        "public URL is http:// (behind a TLS proxy).",
    )
    workers: int = setting(
        "1",
        values.count(1, 64),
        "Number of server processes; one per core is enough.",
    )
    drain_seconds: int = setting(
        "2",
        values.count(0, 300),
        "Seconds after SIGTERM in which a server still responds while /readyz returns 503; "
        "longer than a load balancer takes to notice.",
    )
    metrics_listen: str = setting(
        "",
        values.listen_or_none,
        "Address and port of /metrics for Prometheus, such as 127.0.0.1:9464, different from "
        "the address to listen on; metrics are off when empty.",
    )
    metrics_token: str = setting(
        "",
        values.bearer_token,
        "Bearer token that requests to /metrics must send; required if other machines can reach "
        "the address.",
        secret=True,
    )
    background: bool = setting(
        "true",
        values.switch,
        "Run background jobs in the server, such as sending email; otherwise run `tenantry "
        "worker`.",
    )
    console: bool = setting(
        "true",
        values.switch,
        "Serve the console at /console, for signed-in operators.",
    )
    console_oidc_issuer: str = setting(
        "",
        values.issuer_or_none,
        "Issuer of an OpenID Provider with which invited operators sign in to the console; "
        "empty for passkeys only.",
    )
    console_oidc_client_id: str = setting("", values.line, "Client ID at that provider.")
    console_oidc_client_secret: str = setting(
        "", values.line, "Client secret at that provider.", secret=True
    )
    trusted_proxies: tuple[str, ...] = setting(
        "",
        values.networks,
        "Networks in CIDR notation, separated by commas, whose X-Forwarded-For names the client.",
    )
    cors_origins: tuple[str, ...] = setting(
        "",
        values.origins,
        "Origins, separated by commas, whose pages may call the API; none by default.",
    )
    log_level: str = setting(
        "info",
        values.log_levels,
        "Log level: debug, info, warning or error; for single modules, such as "
        "info,tenantry.events.webhooks=debug.",
    )
    request_log: bool = setting(
        "true",
        values.switch,
        "Log each request except health checks, with route, status, duration and caller, "
        "without secrets.",
    )
    traces_endpoint: str = setting(
        "",
        values.url_of_collector,
        "URL of the OpenTelemetry collector that receives traces over HTTP, http://host:4318 or "
        "https://...; OTEL_EXPORTER_OTLP_ENDPOINT, if set, when empty.",
    )
    development: bool = setting(
        "",
        values.switch_or_automatic,
        "Show unsent email at /dev/mail, and log its codes and links. When empty, enabled if the "
        "public URL and the address are local and no mail server is set; true is rejected with a "
        "public name.",
    )
    simulator: bool = setting(
        "true",
        values.switch,
        "In development, serve a simulated IdP at /simulator that signs in any user, and "
        "create an organization at the first start that uses it, with the domains example.com and "
        "example.org.",
    )
