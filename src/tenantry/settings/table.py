"""The table of all settings, by subject."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tenantry.core.addresses import is_this_machine
from tenantry.i18n import languages
from tenantry.settings import values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PREFIX = "TENANTRY_"
FILE = "_FILE"  # at the end of a name: the secret stands in the file that is named
# Of `authentication_mode`, by the contract's words.
FULL_STACK_AUTH, MODULAR_AUTH = "FULL_STACK_AUTH", "MODULAR_AUTH"


def _setting(
    default: str,
    parse: Callable[[str], Any],
    help_: str,
    *,
    secret: bool = False,
    stored: bool = False,
) -> Any:
    """Declare one setting: its default as text, how text becomes its value, one line of help.

    One that may be ``stored`` can also be set by the API, where nobody gives it at start.
    """
    return field(
        metadata={
            "default": default,
            "parse": parse,
            "help": help_,
            "secret": secret,
            "stored": stored,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one process, checked."""

    # The names of those that the environment or a file gives: no other source changes these.
    given: frozenset[str] = field(default=frozenset(), compare=False)
    # The files that secrets were read from, absolute, by the names of their settings.
    files: Mapping[str, Path] = field(default_factory=dict, compare=False)

    # Serving
    listen: str = _setting("127.0.0.1:8443", values.listen, "Address and port of all protocols.")
    public_url: str = _setting(
        "https://localhost:8443",
        values.public_url,
        "Public URL: the issuer of tokens and the base of every URL in a response.",
    )
    data_dir: Path = _setting(
        "./data",
        lambda text: Path(text).expanduser(),
        "Directory of the SQLite database, the certificates and the master key.",
    )
    tls_cert: Path | None = _setting(
        "", values.file, "Certificate chain in PEM; empty for one from our own private CA."
    )
    tls_key: Path | None = _setting("", values.file, "Private key of the certificate, in PEM.")
    cleartext: bool = _setting(
        "true",
        values.switch,
        "Also answer HTTP without TLS on the same port; from addresses outside loopback only "
        "when the public URL is http:// (a TLS proxy in front).",
    )
    workers: int = _setting(
        "1",
        values.count(1, 64),
        "Number of server processes; one per core is enough.",
    )
    drain_seconds: int = _setting(
        "2",
        values.count(0, 300),
        "Seconds after SIGTERM in which a server still responds while /readyz returns 503; longer "
        "than a load balancer takes to notice.",
    )
    metrics_listen: str = _setting(
        "",
        values.listen_or_none,
        "Address and port of /metrics for Prometheus, such as 127.0.0.1:9464, different from the "
        "address to listen on; metrics are off when empty.",
    )
    metrics_token: str = _setting(
        "",
        values.bearer_token,
        "Bearer token that requests to /metrics must send; needed where others reach the address.",
        secret=True,
    )
    background: bool = _setting(
        "true",
        values.switch,
        "Run background jobs in the server, such as sending email; otherwise run `tenantry "
        "worker`.",
    )
    console: bool = _setting(
        "true",
        values.switch,
        "Serve the console at /console, for signed-in operators.",
    )
    console_oidc_issuer: str = _setting(
        "",
        values.issuer_or_none,
        "Issuer of an OpenID Provider with which invited operators sign in to the console; empty "
        "for passkeys only.",
    )
    console_oidc_client_id: str = _setting("", values.line, "Client ID at that provider.")
    console_oidc_client_secret: str = _setting(
        "", values.line, "Client secret at that provider.", secret=True
    )
    trusted_proxies: tuple[str, ...] = _setting(
        "",
        values.networks,
        "Networks in CIDR notation, separated by commas, whose X-Forwarded-For names the client.",
    )
    cors_origins: tuple[str, ...] = _setting(
        "",
        values.origins,
        "Origins, separated by commas, whose pages may call the API; none by default.",
    )
    log_level: str = _setting(
        "info",
        values.log_levels,
        "Log level: debug, info, warning or error; for single modules, such as "
        "info,tenantry.events.webhooks=debug.",
    )
    request_log: bool = _setting(
        "true",
        values.switch,
        "Log each request except health checks, with route, status, duration and caller, without "
        "secrets.",
    )
    traces_endpoint: str = _setting(
        "",
        values.url_of_collector,
        "Collector of traces, http://host:4318 or https://..., by OpenTelemetry over HTTP; empty "
        "for that of OTEL_EXPORTER_OTLP_ENDPOINT, or none.",
    )
    development: bool = _setting(
        "",
        values.switch_or_automatic,
        "Show mail that was not sent at /dev/mail, and its codes and links in the log. Empty: on "
        "where public URL and address are this machine's own and no mail server is set; true is "
        "refused on a public name.",
    )
    simulator: bool = _setting(
        "true",
        values.switch,
        "In development, an identity provider at /simulator that vouches for anybody, and from the "
        "first start an organization that signs in by it, with example.com and example.org.",
    )

    # The database, and the key of its secrets
    database_url: str = _setting(
        "",
        values.database_url,
        "postgresql://user:password@host/name, or empty for SQLite in the data folder. Several "
        "servers of one cluster as host,host:port,[::1]:port, of which the one that takes changes "
        "is used. By way of PgBouncer with ?pgbouncer=session or ?pgbouncer=transaction.",
        secret=True,
    )
    database_password: str = _setting(
        "",
        values.secret,
        "Password of the user that a postgresql:// URL names without one, not percent-encoded.",
        secret=True,
    )
    database_replica_url: str = _setting(
        "",
        values.replica_url,
        "postgresql:// URL of a standby of the same database, or of several, for lists and "
        "searches; each sees every change that was acknowledged before it was asked. With the "
        "password of database_url where it names none.",
        secret=True,
    )
    pool_size: int = _setting(
        "10",
        values.count(1, 1000),
        "Maximum number of PostgreSQL connections per process, for TLS and cleartext together.",
    )
    master_key: str = _setting(
        "",
        values.master_key,
        "32 bytes in base64 that wrap the keys of all secrets at rest, or the URL of a key that "
        "stays where it is: aws-kms://, gcp-kms://, vault-transit://. Empty for a file in the "
        "data folder.",
        secret=True,
    )
    master_key_command: str = _setting(
        "",
        values.command,
        "Command that prints the master key, 32 bytes in base64; it runs without a shell.",
    )
    signing_key_days: int = _setting(
        "90",
        values.count(0, 3650),
        "Days until token signing keys are rotated automatically; 0 for never.",
    )

    # Mail
    smtp_url: str = _setting(
        "",
        values.smtp_url,
        "smtp://user:password@host:587 or smtps://..., the server that sends mail. TLS is a must "
        "outside loopback, unless ?starttls=no is added. Empty keeps mail in the database: "
        "`tenantry mail list`.",
        secret=True,
    )
    mail_from: str = _setting(
        "", values.mailbox, "Sender of mail, such as `Example <no-reply@example.com>`."
    )
    mail_templates: Path | None = _setting(
        "", values.folder, "Folder of mail templates that replace ours of the same names."
    )
    mail_language: str = _setting(
        languages.DEFAULT,
        values.one_of(*languages.LANGUAGES),
        "Language of mail to people whose own is not known, and to TENANTRY_ALERT_MAIL: en, de, "
        "fr, es, it, nl or pt.",
    )
    alert_mail: str = _setting(
        "",
        values.mailbox,
        "Address that is notified when a webhook endpoint is disabled or an identity provider's "
        "last certificate expires.",
    )

    # Limits
    memory_mb: int = _setting(
        "0",
        values.count(0, 10_000_000),
        "Memory limit in MiB for all processes of this server together; they reject requests "
        "before they exceed it. 0 for nine tenths of the container's or machine's memory.",
    )
    requests_per_network: int = _setting(
        "256",
        values.count(4, 1_000_000),
        "Requests that each process serves at the same time for one client network (an IPv4 "
        "address, or the /64 of an IPv6 address); more are answered 429.",
    )
    requests_per_process: int = _setting(
        "4096",
        values.count(16, 1_000_000),
        "Requests that each process serves at the same time for all client networks together.",
    )
    rate_limit_client: str = _setting(
        "",
        values.rate,
        "Rate limit per client, such as 6000/minute; no limit when empty.",
    )
    rate_limit_address: str = _setting(
        "",
        values.rate,
        "Rate limit per address, such as 1000/second; no limit when empty.",
    )
    rate_limit_token: str = _setting(
        "",
        values.rate,
        "Rate limit of access tokens per client, such as 60/minute; no limit when empty.",
    )
    rate_limit_failures: str = _setting(
        "100/minute",
        values.rate,
        "Rate limit of invalid client credentials per address; valid ones are always accepted.",
    )
    rate_limit_sign_ins: str = _setting(
        "600/minute",
        values.rate,
        "Rate limit of sign-ins without a session per network; no limit when empty.",
    )
    rate_limit_storage: str = _setting(
        "",
        values.redis_url,
        "redis://host:6379 to share rate limits between processes; per process when empty.",
        secret=True,
    )

    # Tenants: organizations, domains, members
    region: str = _setting(
        "US", values.one_of("US", "EU"), "Region code of every organization in this deployment."
    )
    visible_metadata: tuple[str, ...] = _setting(
        "",
        lambda text: tuple(key.strip() for key in text.split(",") if key.strip()),
        "Keys, separated by commas, of the metadata of organizations, memberships and users that "
        "signed-in people and the admin portal may read by the API; none by default.",
    )
    domain_txt_label: str = _setting(
        "_tenantry-domain-verification",
        values.txt_label,
        "Label of the TXT record that verifies a domain, in front of the domain.",
    )
    dns_resolver: tuple[str, ...] = _setting(
        "",
        values.resolvers,
        "HOST:PORT of the DNS servers, separated by commas, that are asked for TXT records; "
        "empty for the system's.",
    )
    invitation_days: int = _setting(
        "15",
        values.count(1, 30),
        "Days until an invitation expires.",
        stored=True,
    )
    block_disposable_emails: bool = _setting(
        "false",
        values.switch,
        "Reject invitations and members with a disposable email address.",
        stored=True,
    )
    block_public_emails: bool = _setting(
        "false",
        values.switch,
        "Reject invitations and members with an address of a public email provider.",
        stored=True,
    )
    portal_roles: tuple[str, ...] = _setting(
        "",
        values.role_names,
        "Names of the roles, separated by commas, that a link into the admin portal may assign to "
        "groups of a directory; when empty, every role that holds no built-in permission (sk_...) "
        "beyond those of the organization's default member role.",
        stored=True,
    )
    google_workspace_url: str = _setting(
        "",
        values.url_of_gateway,
        "Address of a gateway by which Google Workspace is asked for its people and groups, at "
        "/token and /admin/directory/v1; Google's own when empty.",
    )

    directory_secret_overlap_hours: int = _setting(
        "24",
        values.count(0, 8760),
        "Default number of hours that directory secrets stay valid after they are regenerated.",
    )

    # Access: clients and API tokens
    application_api_access: bool = _setting(
        "true",
        values.switch,
        "The secret of a new application may call the whole management API where its creation "
        "does not say; false is safer, but Scalekit's Python SDK does not start with one then.",
    )
    token_events: str = _setting(
        "first",
        values.one_of("none", "first", "all"),
        "Access tokens that emit an event: none, the first of each client on a day, or all.",
    )
    api_token_prefix: str = _setting(
        "tnat_",
        values.token_prefix,
        "Prefix of new API tokens, for secret scanners.",
    )

    # Events: the log, its streams, webhooks
    event_retention_days: int = _setting(
        "400", values.count(0, 36500), "Days that events are kept; 0 for no limit."
    )
    log_streams: tuple[str, ...] = _setting(
        "",
        values.log_streams,
        "URLs, separated by commas, that every event is copied to: file:///path, "
        "syslog+tcp://host:601, syslog+udp://, syslog+tls://, otlp+https://host/v1/logs.",
        secret=True,
    )
    outgoing_allow: tuple[str, ...] = _setting(
        "",
        values.networks,
        "Networks in CIDR notation, separated by commas, that webhooks may go to although they "
        "are not public, also by http://; none by default.",
    )
    webhook_retries: tuple[int, ...] = _setting(
        "0,5,300,1800,7200,18000,36000,36000",
        values.schedule,
        "Seconds before each delivery attempt, separated by commas.",
    )
    webhook_timeout_seconds: int = _setting(
        "10", values.count(1, 60), "Timeout of a webhook endpoint, in seconds."
    )
    webhook_disable_days: int = _setting(
        "5",
        values.count(0, 365),
        "Days of failed attempts after which a webhook endpoint is disabled; 0 for never.",
    )
    delivery_retention_days: int = _setting(
        "30", values.count(1, 3650), "Days that finished webhook deliveries are kept."
    )

    # Identity: pages, ways to sign in, sessions
    app_name: str = _setting(
        "",
        values.line,
        "Product name on the sign-in pages and in their email; the client's name when empty.",
        stored=True,
    )
    app_logo_url: str = _setting(
        "", values.picture, "https:// URL of its logo on the sign-in pages.", stored=True
    )
    app_color: str = _setting(
        "#1f5eff",
        values.color,
        "Color of the buttons on the sign-in pages, such as #1f5eff.",
        stored=True,
    )
    support_email: str = _setting(
        "",
        values.mailbox,
        "Support email address, shown on the sign-in pages.",
        stored=True,
    )
    organization_name: str = _setting(
        "",
        values.line,
        "Name that the product has for its organizations, such as workspace; for mail.",
        stored=True,
    )
    app_icon_url: str = _setting(
        "",
        values.picture,
        "https:// URL of the icon of all pages; made of the name when empty.",
        stored=True,
    )
    portal_logo_url: str = _setting(
        "",
        values.picture,
        "https:// URL of the logo in the admin portal; the product's when empty.",
        stored=True,
    )
    portal_icon_url: str = _setting(
        "",
        values.picture,
        "https:// URL of the icon of the admin portal; the product's when empty.",
        stored=True,
    )
    portal_color: str = _setting(
        "",
        values.color_or_none,
        "Color of the buttons in the admin portal; the product's when empty.",
        stored=True,
    )
    login_logo_url: str = _setting(
        "",
        values.picture,
        "https:// URL of the logo on the sign-in pages; the product's when empty.",
        stored=True,
    )
    login_icon_url: str = _setting(
        "",
        values.picture,
        "https:// URL of the icon of the sign-in pages; the product's when empty.",
        stored=True,
    )
    login_border_radius: str = _setting(
        "M",
        values.one_of("S", "M", "L"),
        "Corner radius on the sign-in pages: S, M or L.",
        stored=True,
    )
    login_logo_position: str = _setting(
        "OUTSIDE",
        values.one_of("INSIDE", "OUTSIDE"),
        "Logo position on the sign-in pages, relative to the box: INSIDE or OUTSIDE.",
        stored=True,
    )
    login_logo_alignment: str = _setting(
        "CENTER",
        values.one_of("LEFT", "CENTER"),
        "Logo alignment on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_header_alignment: str = _setting(
        "LEFT",
        values.one_of("LEFT", "CENTER"),
        "Heading alignment on the sign-in pages: LEFT or CENTER.",
        stored=True,
    )
    login_social_placement: str = _setting(
        "BOTTOM",
        values.one_of("TOP", "BOTTOM"),
        "Position of the social sign-in buttons: TOP or BOTTOM.",
        stored=True,
    )
    login_background_color: str = _setting(
        "",
        values.color_or_none,
        "Background color of the sign-in pages; the default when empty.",
        stored=True,
    )
    login_background_style: str = _setting(
        "",
        values.background,
        "Background of the sign-in pages, as in the CSS property `background`: colors, gradients "
        "and uploaded pictures; only the color when empty.",
        stored=True,
    )
    organization_branding: bool = _setting(
        "true",
        values.switch,
        "Show the name and logo of an organization with its own branding on its pages.",
        stored=True,
    )
    authentication_mode: str = _setting(
        FULL_STACK_AUTH,
        values.one_of(FULL_STACK_AUTH, MODULAR_AUTH),
        "FULL_STACK_AUTH: users, and all ways to sign in. MODULAR_AUTH: the application keeps its "
        "own users, and takes people from identity providers by way of this server, each known by "
        "its connection and the provider's id; no way to sign in below is in use then.",
    )
    sign_in_methods: tuple[str, ...] = _setting(
        "email,passkey",
        values.some_of("email", "passkey", "password"),
        "Sign-in methods, separated by commas: email (code and link), passkey, password.",
        stored=True,
    )
    sign_up: bool = _setting(
        "true",
        values.switch,
        "Users without an invitation may sign up and create an organization.",
        stored=True,
    )
    organizations_per_user: int = _setting(
        "10",
        values.count(0, 1000),
        "Organizations that one user may create by sign-up; 0 for no limit.",
        stored=True,
    )
    email_code_seconds: int = _setting(
        "300",
        values.count(60, 3600),
        "Seconds that an emailed code or link is valid.",
        stored=True,
    )
    email_same_browser: bool = _setting(
        "true",
        values.switch,
        "An emailed link signs in only in the browser that requested it.",
        stored=True,
    )
    breached_passwords: Path | None = _setting(
        "",
        values.file,
        "File of SHA-1 hashes in upper-case hex, sorted, one a line (HASH or HASH:COUNT), of "
        "passwords that nobody may choose.",
    )
    passkey_origins: tuple[str, ...] = _setting(
        "",
        values.origins,
        "Further origins, separated by commas, whose pages may use the passkeys of this one.",
    )
    access_token_minutes: int = _setting(
        "5",
        values.count(1, 1440),
        "Lifetime of a user's access token, in minutes.",
        stored=True,
    )
    compact_tokens: bool = _setting(
        "true",
        values.switch,
        "Keep a user's tokens small enough for a cookie, without long permission lists and "
        "profiles.",
    )
    fresh_sign_in_minutes: int = _setting(
        "10",
        values.count(1, 1440),
        "Minutes after a sign-in in which a user may change sign-in methods without "
        "reauthentication.",
    )
    sso_clock_skew_seconds: int = _setting(
        "90",
        values.count(0, 600),
        "Allowed clock skew of identity providers, in seconds.",
    )
    session_absolute_minutes: int = _setting(
        "480",
        values.count(2, 525_600),
        "Absolute session lifetime, in minutes.",
        stored=True,
    )
    session_idle_minutes: int = _setting(
        "0",
        values.count(0, 10_080),
        "Idle session timeout, in minutes; 0 for none.",
        stored=True,
    )
    session_cookie_persistent: bool = _setting(
        "true",
        values.switch,
        "Use a persistent session cookie, which outlives the browser.",
        stored=True,
    )
    session_cookie_same_site: str = _setting(
        "lax",
        values.one_of("lax", "none"),
        "SameSite attribute of the session cookie: lax or none.",
        stored=True,
    )
    auth_log_retention_days: int = _setting(
        "90", values.count(1, 3650), "Days that sign-ins and ended sessions are kept."
    )

    @property
    def host(self) -> str:
        """The address part of ``listen``."""
        return self.listen.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """The port part of ``listen``."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_modular(self) -> bool:
        """Whether identity providers alone sign people in, for applications with own users."""
        return self.authentication_mode == MODULAR_AUTH

    @property
    def own_methods(self) -> tuple[str, ...]:
        """The ways to sign in by which this server recognizes people itself."""
        return () if self.is_modular else self.sign_in_methods

    @property
    def may_sign_up(self) -> bool:
        """Whether people whom nobody invited may found an organization."""
        return self.sign_up and not self.is_modular

    @property
    def has_simulator(self) -> bool:
        """Whether the simulated identity provider is served: never but in development."""
        return self.development and self.simulator

    @property
    def has_own_root(self) -> bool:
        """Whether clients meet a certificate that the server has made by itself."""
        return self.tls_cert is None and self.public_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it: its URL and its address are the machine's."""
        url = urlsplit(self.public_url)
        return is_this_machine(url.hostname or "") and ip_address(self.host).is_loopback

    @property
    def database(self) -> str:
        """The database's URL, the default one spelled out, with the password where it has one."""
        if not self.database_url:
            return f"sqlite:///{(self.data_dir / 'tenantry.db').resolve()}"
        return self._with_password(self.database_url)

    @property
    def replica(self) -> str:
        """The URL of the standbys for lists, with the password where there is one; "" for none."""
        return self._with_password(self.database_replica_url)

    def _with_password(self, url: str) -> str:
        scheme, _, rest = url.partition("://")
        user, at, place = rest.partition("@")
        if not (at and self.database_password) or ":" in user:
            return url
        return f"{scheme}://{user}:{quote(self.database_password, safe='')}@{place}"

    def table(self) -> list[tuple[str, str, str, str]]:
        """Rows of (environment name, value with secrets hidden, default, help)."""
        rows = []
        for f in declared():
            value = getattr(self, f.name)
            shown = "(set)" if f.metadata["secret"] and value else spelled(value)
            rows.append((PREFIX + f.name.upper(), shown, f.metadata["default"], f.metadata["help"]))
        return rows

    def environment(self) -> dict[str, str]:
        """The same settings as environment variables, for a process started by this one.

        One that may be stored and that nobody gives is left out: given, it would be fixed there.
        For a secret from a file the file is named, so that no environment holds it.
        """
        named = {
            PREFIX + f.name.upper(): spelled(getattr(self, f.name))
            for f in declared()
            if f.name not in self.files and (f.name in self.given or not f.metadata["stored"])
        }
        return named | {f"{PREFIX}{n.upper()}{FILE}": str(p) for n, p in self.files.items()}


def declared() -> tuple[Field[Any], ...]:
    """Return the fields of all settings, in the order of the table."""
    return tuple(f for f in fields(Settings) if "parse" in f.metadata)


def spelled(value: object) -> str:
    """Return a value as the text that gives it."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(value)
