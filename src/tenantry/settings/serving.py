"""Settings of the server: addresses, certificates, processes, console, development."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tenantry.settings import values
from tenantry.settings.declaration import setting


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Settings of the server: addresses, certificates, processes, console, development."""

    listen: str = setting(
        "127.0.0.1:8443", values.listen, "Address and port that every wire is served on."
    )
    public_url: str = setting(
        "https://localhost:8443",
        values.public_url,
        "The URL that clients use: issuer of tokens and start of every URL in an answer.",
    )
    data_dir: Path = setting(
        "./data",
        lambda text: Path(text).expanduser(),
        "Folder of the SQLite database, the certificates and the master key.",
    )
    tls_cert: Path | None = setting(
        "", values.file, "Certificate chain in PEM; empty for one from our own private CA."
    )
    tls_key: Path | None = setting("", values.file, "Private key in PEM that belongs to the chain.")
    cleartext: bool = setting(
        "true",
        values.switch,
        "Also answer HTTP without TLS on the same port; from addresses outside loopback only "
        "when the public URL is http:// (a TLS proxy in front).",
    )
    workers: int = setting(
        "1",
        values.count(1, 64),
        "Server processes that share the port; one for each core is enough.",
    )
    drain_seconds: int = setting(
        "2",
        values.count(0, 300),
        "Seconds that a server which got SIGTERM goes on answering while /readyz is 503 and "
        "clients are asked to leave; more than a balancer takes to notice.",
    )
    metrics_listen: str = setting(
        "",
        values.listen_or_none,
        "Address and port of /metrics for Prometheus, such as 127.0.0.1:9464, never the one of "
        "the wires; nothing is counted when empty.",
    )
    metrics_token: str = setting(
        "",
        values.bearer_token,
        "Bearer token that requests for /metrics must carry; required if others can reach it.",
        secret=True,
    )
    background: bool = setting(
        "true",
        values.switch,
        "The server also does the work of `tenantry worker`: it sends mail and looks up domains.",
    )
    console: bool = setting(
        "true",
        values.switch,
        "Serve the operator's console at /console, to operators that sign in alone.",
    )
    console_oidc_issuer: str = setting(
        "",
        values.issuer_or_none,
        "Issuer of an OpenID Provider by which operators sign in to the console, who were invited "
        "by their e-mail address; empty for passkeys alone.",
    )
    console_oidc_client_id: str = setting("", values.line, "Our client id at that provider.")
    console_oidc_client_secret: str = setting(
        "", values.line, "Our client secret at that provider.", secret=True
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
        "How much is logged: debug, info, warning or error; of a module more or less by "
        "info,tenantry.events.webhooks=debug.",
    )
    request_log: bool = setting(
        "true",
        values.switch,
        "A line of the log for each request but health checks: its route, status, duration and "
        "caller, and nothing secret.",
    )
    traces_endpoint: str = setting(
        "",
        values.url_of_collector,
        "Collector of traces, http://host:4318 or https://..., by OpenTelemetry over HTTP; empty "
        "for that of OTEL_EXPORTER_OTLP_ENDPOINT, or none.",
    )
    development: bool = setting(
        "",
        values.switch_or_automatic,
        "Show mail that was not sent at /dev/mail, and its codes and links in the log. Empty: on "
        "where public URL and address are this machine's own and no mail server is set; true is "
        "refused on a public name.",
    )
    simulator: bool = setting(
        "true",
        values.switch,
        "In development, an identity provider at /simulator that vouches for anybody, and from the "
        "first start an organization that signs in by it, with example.com and example.org.",
    )
